"""Zarr v3 documents: `zarr.json`, parsed strictly.

https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from azarr.errors import MetadataError
from azarr.model import _spelling_v3 as spelling
from azarr.model._alike import parsed_once
from azarr.model._json_document import Document, dump
from azarr.model._node_format import Documents, Node, NodeFormat
from azarr.model._show import show
from azarr.model.chunk_grids import RegularGrid
from azarr.model.chunk_keys import ChunkKeyEncoding, Separator
from azarr.model.codec_specs import CodecSpec, split_codecs
from azarr.model.metadata import ArrayMetadata, GroupMetadata
from azarr.model.rectilinear import ChunkGrid, RectilinearGrid
from azarr.typing import JSON

DOCUMENT = "zarr.json"

_COMMON = {"zarr_format", "node_type", "attributes"}
_GROUP_FIELDS = _COMMON | {"consolidated_metadata"}
_ARRAY_FIELDS = _COMMON | {
    "shape",
    "data_type",
    "chunk_grid",
    "chunk_key_encoding",
    "fill_value",
    "codecs",
    "dimension_names",
    "storage_transformers",
}


def parse(documents: Documents, path: str, separator: Separator) -> Node | None:
    """The node that `zarr.json` describes. A v3 array always says its separator itself."""
    data = documents.get(DOCUMENT)
    if data is None:
        return None
    document = Document(path, DOCUMENT, data)
    document.require("zarr_format", "3", lambda value: type(value) is int and value == 3)
    node_type = document.require(
        "node_type", "'array' or 'group'", lambda value: value in ("array", "group")
    )
    return _parse_array(document) if node_type == "array" else _parse_group(document)


def _parse_group(document: Document) -> GroupMetadata:
    consolidated = document.fields.get("consolidated_metadata")
    if consolidated is not None and not isinstance(consolidated, dict):
        document.fail("consolidated_metadata", "an object or null")
    return GroupMetadata(
        zarr_format=3,
        attributes=document.object("attributes"),
        consolidated=consolidated,
        extensions=_extensions(document, _GROUP_FIELDS),
    )


def _parse_array(document: Document) -> ArrayMetadata:
    attributes = document.object("attributes")
    fields = {name: value for name, value in document.fields.items() if name != "attributes"}
    return parsed_once(fields, attributes, lambda: _read_array(document, attributes))


def _read_array(document: Document, attributes: dict[str, JSON]) -> ArrayMetadata:
    extensions = _extensions(document, _ARRAY_FIELDS)
    if document.fields.get("storage_transformers", []) != []:
        document.fail("storage_transformers", "none: no storage transformer is known")
    if "fill_value" not in document.fields:
        document.fail("fill_value", "a value of the data type")
    codecs = document.require("codecs", "a list of codecs", lambda value: isinstance(value, list))
    spec = document.require("data_type", "a name or an object", lambda v: isinstance(v, str | dict))
    with document.at("data_type"):
        data_type = spelling.parse_data_type(spec)
    with document.at("fill_value"):
        fill_value = spelling.read_fill(document.fields["fill_value"], data_type)
    with document.at("codecs"):
        filters, serializer, compressors = split_codecs(list(map(CodecSpec.from_v3, codecs)))
    shape = document.shape("shape")
    chunk_grid = _chunk_grid(document)
    chunk_key_encoding = _chunk_key_encoding(document)
    with document.at():
        return ArrayMetadata(
            zarr_format=3,
            shape=shape,
            data_type=data_type,
            chunk_grid=chunk_grid,
            chunk_key_encoding=chunk_key_encoding,
            fill_value=fill_value,
            filters=filters,
            serializer=serializer,
            compressors=compressors,
            dimension_names=_dimension_names(document),
            attributes=attributes,
            extensions=extensions,
        )


def _extensions(document: Document, known: set[str]) -> dict[str, JSON]:
    """The fields beyond the known ones, all of which must say that they may be ignored."""
    extensions = {name: document.fields[name] for name in document.fields.keys() - known}
    for name in sorted(extensions):
        value = extensions[name]
        if not isinstance(value, dict) or value.get("must_understand") is not False:
            document.fail(name, f"one of {sorted(known)}, or an object with must_understand false")
    return extensions


def _named(document: Document, field: str, keys: set[str]) -> tuple[str, dict[str, Any]]:
    """The name and the configuration of an extension point."""
    spec = document.fields.get(field)
    if isinstance(spec, str):
        spec = {"name": spec}
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        document.fail(field, "a name, or an object with a 'name'")
    configuration = spec.get("configuration", {})
    if spec.keys() - {"name", "configuration", "must_understand"} or not isinstance(
        configuration, dict
    ):
        document.fail(field, "an object with a 'name' and, if need be, a 'configuration' object")
    if configuration.keys() - keys:
        document.fail(field, f"a configuration with no other keys than {sorted(keys)}")
    return spec["name"], configuration


def _chunk_grid(document: Document) -> ChunkGrid:
    name, configuration = _named(document, "chunk_grid", {"chunk_shape", "chunk_shapes", "kind"})
    if name not in _CHUNK_GRIDS:
        document.fail("chunk_grid", f"one of {', '.join(_CHUNK_GRIDS)}")
    if configuration.keys() - _CHUNK_GRIDS[name][1]:
        document.fail(
            "chunk_grid", f"a configuration with no other keys than {_CHUNK_GRIDS[name][1]}"
        )
    with document.at("chunk_grid"):
        return _CHUNK_GRIDS[name][0](configuration)


def _regular(configuration: Mapping[str, Any]) -> ChunkGrid:
    chunk_shape = configuration.get("chunk_shape")
    if not isinstance(chunk_shape, list):
        raise MetadataError(f"chunk_shape is {show(chunk_shape)}; expected a list of integers")
    return RegularGrid(tuple(chunk_shape))


def _rectilinear(configuration: Mapping[str, Any]) -> ChunkGrid:
    kind = configuration.get("kind")
    if kind != "inline":
        raise MetadataError(f"kind is {show(kind)}; expected 'inline'")
    return RectilinearGrid.of(configuration.get("chunk_shapes"))


# Of each kind of grid: how its configuration is read, and the keys it has.
_CHUNK_GRIDS: dict[str, tuple[Callable[[Mapping[str, Any]], ChunkGrid], tuple[str, ...]]] = {
    "regular": (_regular, ("chunk_shape",)),
    "rectilinear": (_rectilinear, ("kind", "chunk_shapes")),
}


def _grid_fields(grid: ChunkGrid) -> dict[str, Any]:
    if isinstance(grid, RegularGrid):
        return {"name": "regular", "configuration": {"chunk_shape": grid.chunk_shape}}
    configuration = {"kind": "inline", "chunk_shapes": grid.chunk_shapes}
    return {"name": "rectilinear", "configuration": configuration}


def _chunk_key_encoding(document: Document) -> ChunkKeyEncoding:
    name, configuration = _named(document, "chunk_key_encoding", {"separator"})
    separator = configuration.get("separator")
    if name not in ("default", "v2"):
        document.fail("chunk_key_encoding", "'default' or 'v2'")
    if "separator" in configuration and separator not in ("/", "."):
        document.fail("chunk_key_encoding", "a separator of '/' or '.'")
    return ChunkKeyEncoding.named(name, separator)


def _dimension_names(document: Document) -> tuple[str | None, ...] | None:
    names = document.fields.get("dimension_names")
    if names is None:
        return None
    if not isinstance(names, list):
        document.fail("dimension_names", "a list with a string or null per dimension")
    return tuple(names)


def node_documents(metadata: Node) -> dict[str, bytes]:
    """`zarr.json` of a node."""
    fields = (
        _array_fields(metadata) if isinstance(metadata, ArrayMetadata) else _group_fields(metadata)
    )
    return {DOCUMENT: dump({**fields, **metadata.extensions})}


def attribute_documents(metadata: Node) -> dict[str, bytes | None]:
    """`zarr.json`: it holds the attributes too."""
    return dict(node_documents(metadata))


def _group_fields(metadata: GroupMetadata) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": metadata.attributes,
    }
    if metadata.consolidated is not None:
        fields["consolidated_metadata"] = metadata.consolidated
    return fields


def _array_fields(metadata: ArrayMetadata) -> dict[str, Any]:
    encoding = metadata.chunk_key_encoding
    fields: dict[str, Any] = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": metadata.shape,
        "data_type": spelling.spell_data_type(metadata.data_type),
        "chunk_grid": _grid_fields(metadata.chunk_grid),
        "chunk_key_encoding": {
            "name": encoding.name,
            "configuration": {"separator": encoding.separator},
        },
        "fill_value": spelling.spell_fill(metadata.fill_value, metadata.data_type),
        "codecs": [spec.to_v3() for spec in metadata.codecs],
        "attributes": metadata.attributes,
    }
    if metadata.dimension_names is not None:
        fields["dimension_names"] = metadata.dimension_names
    return fields


FORMAT = NodeFormat((DOCUMENT,), parse, node_documents, attribute_documents, DOCUMENT)
