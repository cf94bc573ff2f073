"""`azarr info` and `azarr tree`: what is at a path, and what is under it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

import numpy as np

import azarr
from azarr.cli._command import Command
from azarr.cli._text import bytes_text, name_text, shape_text
from azarr.typing import ZarrFormat


def _add_path(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="a folder or a URL with an array or a group")


def _info(arguments: argparse.Namespace) -> None:
    node = azarr.open(arguments.path, mode="r")
    rows = _describe_array(node) if isinstance(node, azarr.Array) else _describe_group(node)
    for label, text in rows:
        print(f"{label:<13}{text}")


def _describe_array(array: azarr.Array) -> Iterator[tuple[str, str]]:
    metadata = array.metadata
    serializer = () if metadata.serializer is None else (metadata.serializer,)
    codecs = [spec.name for spec in (*metadata.filters, *serializer, *metadata.compressors)]
    yield "kind", f"array, {_format(array.zarr_format)}"
    yield "shape", shape_text(array.shape)
    yield "data type", _data_type(array)
    yield "size", f"{array.size} elements" if array.dtype.hasobject else bytes_text(array.nbytes)
    yield "chunks", f"{array.nchunks} of {shape_text(array.chunks)}"
    yield "codecs", ", ".join(map(name_text, codecs)) or "none"
    yield "fill value", name_text(_value_text(array.fill_value))
    if array.dimension_names:
        yield "dimensions", ", ".join(name_text(name or "-") for name in array.dimension_names)
    yield from _describe_attributes(array)


def _data_type(array: azarr.Array) -> str:
    element = array.metadata.data_type.element
    return str(array.dtype) if element is None else f"variable-length {element}"


def _value_text(value: object) -> str:
    return str(value) if isinstance(value, np.generic) else repr(value)  # 0, not np.int16(0)


def _format(zarr_format: ZarrFormat) -> str:
    return "N5" if zarr_format == "n5" else f"Zarr v{zarr_format}"


def _describe_group(group: azarr.Group) -> Iterator[tuple[str, str]]:
    yield "kind", f"group, {_format(group.zarr_format)}"
    yield "members", ", ".join(map(name_text, group)) or "none"
    yield from _describe_attributes(group)


def _describe_attributes(node: azarr.Array | azarr.Group) -> Iterator[tuple[str, str]]:
    for name, value in sorted(node.metadata.attributes.items()):
        yield "attribute", f"{name_text(name)} = {json.dumps(value)}"


def _tree(arguments: argparse.Namespace) -> None:
    root = azarr.open(arguments.path, mode="r")
    print(_tree_line("/", root))
    if isinstance(root, azarr.Group):
        _print_members(root, "  ")


def _print_members(group: azarr.Group, indent: str) -> None:
    for name, node in group.members().items():
        print(indent + _tree_line(name_text(name), node))
        if isinstance(node, azarr.Group):
            _print_members(node, indent + "  ")


def _tree_line(name: str, node: azarr.Array | azarr.Group) -> str:
    if isinstance(node, azarr.Array):
        return f"{name}  {shape_text(node.shape)}  {_data_type(node)}"
    return name if name == "/" else f"{name}/"


INFO = Command("info", "describe the array or group at a path", _add_path, _info)
TREE = Command(
    "tree",
    "list everything under a path",
    _add_path,
    _tree,
    "Groups end in a slash; arrays show shape and data type.\nCosts two round trips a group.",
)
