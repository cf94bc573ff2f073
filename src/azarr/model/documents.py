"""A node's documents to metadata and back: the one place that knows which formats there are."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from azarr.errors import MetadataError
from azarr.model import n5, zarr_v2, zarr_v3
from azarr.model._node_format import Documents, Node, NodeFormat
from azarr.model._show import show
from azarr.model.chunk_keys import Separator
from azarr.model.metadata import GroupMetadata
from azarr.typing import ZarrFormat

N = TypeVar("N", bound=Node)

# In the order of preference where a node has documents of several formats.
_FORMATS: dict[ZarrFormat, NodeFormat] = {3: zarr_v3.FORMAT, 2: zarr_v2.FORMAT, "n5": n5.FORMAT}


def document_keys(zarr_format: ZarrFormat | None = None) -> tuple[str, ...]:
    """The names of the documents to ask for at a node, all at once; None: of every Zarr format.

    Those of N5 are asked for by name only: any directory could be an N5 group.

    Example:
        >>> document_keys(2)
        ('.zarray', '.zgroup', '.zattrs')
    """
    if zarr_format is not None:
        return _format(zarr_format).names
    formats = [node_format for node_format in _FORMATS.values() if not node_format.container]
    return tuple(name for node_format in formats for name in node_format.names)


def attribute_key(zarr_format: ZarrFormat) -> str:
    """The name of the document that holds attributes."""
    return _format(zarr_format).attributes


def is_container(zarr_format: ZarrFormat | None) -> bool:
    """Whether every directory is a group of this format, also without documents.

    The version of the format is then in the document of the root.
    """
    return zarr_format is not None and _format(zarr_format).container


def is_settled(documents: Documents) -> bool:
    """Whether documents of a node tell what it is, whatever its other documents hold.

    Example:
        >>> is_settled({"zarr.json": b"{}"}), is_settled({"zarr.json": None, ".zarray": b"{}"})
        (True, False)
    """
    for node_format in _FORMATS.values():
        if not documents.keys() >= {*node_format.names}:
            return False
        if any(documents[name] is not None for name in node_format.names):
            return True
    return False


def parse_node(
    documents: Documents,
    path: str,
    *,
    v2_separator: Separator = ".",
    is_directory: bool = False,
) -> Node | None:
    """The array or group that a node's documents describe; None: they are all missing.

    Args:
        documents: name to bytes, or to None where the store says that it is missing.
        path: of the node; for error messages.
        v2_separator: of a v2 array whose document names none ("/" in old nested stores).
        is_directory: the path is known to exist, which makes it a group where a format whose
            documents were asked for says so.

    A v3 document is preferred to v2 ones. Raises MetadataError naming path, document, field, value
    and what was allowed; nothing else, whatever the bytes are.
    """
    for node_format in _FORMATS.values():
        node = node_format.parse(documents, path, v2_separator)
        if node is not None:
            return node
    for zarr_format, node_format in _FORMATS.items():
        if is_directory and node_format.container and documents.keys() >= {*node_format.names}:
            return GroupMetadata(zarr_format=zarr_format)
    return None


def as_root(metadata: N) -> N:
    """The metadata of the root of a hierarchy, which may have more to say than other nodes."""
    fields = {**_format(metadata.zarr_format).root_fields, **metadata.extensions}
    return replace(metadata, extensions=fields)


def node_documents(metadata: Node) -> dict[str, bytes]:
    """Every document to write for a node: name to bytes."""
    return _format(metadata.zarr_format).node_documents(metadata)


def attribute_documents(metadata: Node) -> dict[str, bytes | None]:
    """Only the documents that hold attributes: name to bytes, or to None to delete it."""
    return _format(metadata.zarr_format).attribute_documents(metadata)


def entry_count(metadata: Node) -> int:
    """How many attributes, and nodes whose metadata it repeats, a node's documents have."""
    consolidated = metadata.consolidated if isinstance(metadata, GroupMetadata) else None
    nodes = (consolidated or {}).get("metadata")
    return len(metadata.attributes) + (len(nodes) if isinstance(nodes, dict) else 0)


def _format(zarr_format: ZarrFormat) -> NodeFormat:
    if zarr_format not in _FORMATS:
        raise MetadataError(
            f"zarr_format is {show(zarr_format)}; expected one of {', '.join(map(repr, _FORMATS))}"
        )
    return _FORMATS[zarr_format]
