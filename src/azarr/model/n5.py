"""N5 documents: `attributes.json`, which holds what describes an array and the user's attributes.

https://github.com/saalfeldlab/n5#file-system-specification, version 4.0.0. Any directory is a group
and needs no document. Dimensions are written in N5's order, x first: the reverse of NumPy's.
"""

from __future__ import annotations

import re
from typing import Any

from azarr.errors import MetadataError
from azarr.model import _spelling_n5 as spelling
from azarr.model._json_document import Document, dump
from azarr.model._node_format import Documents, NodeFormat
from azarr.model._show import show
from azarr.model.chunk_grids import RegularGrid
from azarr.model.chunk_keys import ChunkKeyEncoding, Separator
from azarr.model.codec_specs import CodecSpec
from azarr.model.metadata import ArrayMetadata, GroupMetadata

ATTRIBUTES = "attributes.json"

_VERSION = "n5"
_WRITTEN_VERSION = "4.0.0"
_LARGEST_MAJOR = 4
_find_major = re.compile(r"\d{1,9}").match

# What N5 up to version 1 had in place of `compression`.
_LEGACY_COMPRESSION = "compressionType"
_ARRAY_FIELDS = ("dimensions", "blockSize", "dataType", "compression")
_RESERVED = frozenset({_VERSION, _LEGACY_COMPRESSION, *_ARRAY_FIELDS})
_LARGEST_BLOCK = 2**31 - 1  # a Java int


def parse(
    documents: Documents, path: str, separator: Separator = "/"
) -> ArrayMetadata | GroupMetadata | None:
    """The node that `attributes.json` describes; None if it is missing."""
    data = documents.get(ATTRIBUTES)
    if data is None:
        return None
    document = Document(path, ATTRIBUTES, data)
    extensions = _version(document)
    if _describes_array(document.fields):
        return _parse_array(document, extensions)
    attributes = {name: value for name, value in document.fields.items() if name != _VERSION}
    return GroupMetadata(zarr_format="n5", attributes=attributes, extensions=extensions)


def _version(document: Document) -> dict[str, Any]:
    """The version as it is written; one that is no version means 0.0.0, as in the Java library."""
    if _VERSION not in document.fields:
        return {}
    version = document.require(_VERSION, "a version string", lambda v: isinstance(v, str))
    major = _find_major(version)
    if major and int(major[0]) > _LARGEST_MAJOR:
        raise MetadataError(
            f"{document.location}: n5 is {show(version)}: this version of N5 is not known; "
            f"expected {_LARGEST_MAJOR}.x.x or an earlier one"
        )
    return {_VERSION: version}


def _describes_array(fields: dict[str, Any]) -> bool:
    """A group may have any of these names among its attributes: BigDataViewer writes `dataType`."""
    return "dimensions" in fields and any(name in fields for name in _ARRAY_FIELDS[1:])


def _parse_array(document: Document, extensions: dict[str, Any]) -> ArrayMetadata:
    shape = document.shape("dimensions")[::-1]
    block = document.require(
        "blockSize",
        f"a list of integers from 1 to {_LARGEST_BLOCK}",
        lambda value: isinstance(value, list) and all(map(_is_block_length, value)),
    )
    with document.at("dataType"):
        data_type = spelling.parse_data_type(document.fields.get("dataType"))
    with document.at():
        return ArrayMetadata(
            zarr_format="n5",
            shape=shape,
            data_type=data_type,
            chunk_grid=RegularGrid(tuple(block[::-1])),
            chunk_key_encoding=ChunkKeyEncoding("n5", "/"),
            fill_value=data_type.zero,
            serializer=spelling.BLOCK,
            compressors=_compressors(document),
            attributes={k: v for k, v in document.fields.items() if k not in _RESERVED},
            extensions=extensions,
        )


def _is_block_length(value: object) -> bool:
    return type(value) is int and 1 <= value <= _LARGEST_BLOCK


def _compressors(document: Document) -> tuple[CodecSpec, ...]:
    if "compression" not in document.fields and _LEGACY_COMPRESSION in document.fields:
        kind = document.require(
            _LEGACY_COMPRESSION, "a string", lambda value: isinstance(value, str)
        )
        return spelling.parse_compression({"type": kind})
    compression = document.require(
        "compression",
        "an object with a 'type'",
        lambda value: isinstance(value, dict) and isinstance(value.get("type"), str),
    )
    return spelling.parse_compression(compression)


def node_documents(metadata: ArrayMetadata | GroupMetadata) -> dict[str, bytes]:
    """`attributes.json`. Groups have one too: in an object store it makes an empty group exist."""
    fields = {**metadata.extensions}
    if isinstance(metadata, ArrayMetadata):
        fields |= _array_fields(metadata)
        taken = _RESERVED
    else:
        taken = frozenset({_VERSION})
    reserved = sorted(taken & metadata.attributes.keys())
    if not reserved and isinstance(metadata, GroupMetadata):
        # Such attributes would make an array of the group.
        reserved = ["dimensions"] if _describes_array(metadata.attributes) else []
    if reserved:
        raise MetadataError(
            f"attribute {reserved[0]!r} cannot be set: N5 keeps attributes beside its own keys, "
            f"which are {', '.join(sorted(_RESERVED))}"
        )
    return {ATTRIBUTES: dump({**fields, **metadata.attributes})}


def attribute_documents(metadata: ArrayMetadata | GroupMetadata) -> dict[str, bytes | None]:
    """The same document: attributes have none of their own."""
    return {**node_documents(metadata)}


def _array_fields(metadata: ArrayMetadata) -> dict[str, Any]:
    return {
        "dimensions": metadata.shape[::-1],
        "blockSize": metadata.chunk_shape[::-1],
        "dataType": spelling.spell_data_type(metadata.data_type),
        "compression": spelling.spell_compression(metadata.compressors),
    }


FORMAT = NodeFormat(
    (ATTRIBUTES,),
    parse,
    node_documents,
    attribute_documents,
    ATTRIBUTES,
    container=True,
    root_fields={_VERSION: _WRITTEN_VERSION},
)
