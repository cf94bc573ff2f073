"""Zarr v2 documents: `.zarray`, `.zgroup` and `.zattrs`.

https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html. Fields that the specification does not
know are ignored, as it asks for.
"""

from __future__ import annotations

from typing import Any

from azarr.model import _spelling_v2 as spelling
from azarr.model._alike import parsed_once
from azarr.model._json_document import Document, dump
from azarr.model._node_format import Documents, NodeFormat
from azarr.model.chunk_grids import RegularGrid
from azarr.model.chunk_keys import ChunkKeyEncoding, Separator
from azarr.model.codec_specs import CodecSpec
from azarr.model.metadata import ArrayMetadata, GroupMetadata

ARRAY, GROUP, ATTRIBUTES = ".zarray", ".zgroup", ".zattrs"


def parse(
    documents: Documents, path: str, separator: Separator
) -> ArrayMetadata | GroupMetadata | None:
    """The node that these documents describe. `separator`: where `.zarray` names none."""
    array, group, attributes = map(documents.get, (ARRAY, GROUP, ATTRIBUTES))
    if array is None and group is None:
        return None
    attrs = {} if attributes is None else Document(path, ATTRIBUTES, attributes).fields
    if array is not None:
        document = Document(path, ARRAY, array)
        _check_format(document)
        return parse_array(document, attrs, separator)
    document = Document(path, GROUP, group or b"")
    _check_format(document)
    return GroupMetadata(zarr_format=2, attributes=attrs)


def _check_format(document: Document) -> None:
    document.require("zarr_format", "2", lambda value: type(value) is int and value == 2)


def parse_array(
    document: Document, attributes: dict[str, Any], separator: Separator
) -> ArrayMetadata:
    """The array of a document. `separator`: where it names none."""
    return parsed_once(
        document.fields,
        attributes,
        lambda: _read_array(document, attributes, separator),
        separator,
    )


def _read_array(
    document: Document, attributes: dict[str, Any], separator: Separator
) -> ArrayMetadata:
    shape, chunk_shape = document.shape("shape"), document.shape("chunks")
    filters = _filters(document)
    dtype = document.require(
        "dtype", "a type string or a list", lambda v: isinstance(v, str | list)
    )
    with document.at("dtype"):
        data_type = spelling.parse_data_type(dtype, filters[0] if filters else None)
    with document.at("fill_value"):
        fill_value = spelling.read_fill(document.fields.get("fill_value"), data_type)
    order = document.require("order", "'C' or 'F'", lambda value: value in ("C", "F"))
    if "dimension_separator" in document.fields:
        separator = document.require(
            "dimension_separator", "'.' or '/'", lambda value: value in (".", "/")
        )
    with document.at():
        return ArrayMetadata(
            zarr_format=2,
            shape=shape,
            data_type=data_type,
            chunk_grid=RegularGrid(chunk_shape),
            chunk_key_encoding=ChunkKeyEncoding("v2", separator),
            fill_value=fill_value,
            order=order,
            filters=filters,
            compressors=_compressors(document),
            attributes=attributes,
        )


def _filters(document: Document) -> tuple[CodecSpec, ...]:
    configs = document.fields.get("filters")
    if configs is None:
        return ()
    if not isinstance(configs, list):
        document.fail("filters", "null or a list of codecs")
    with document.at("filters"):
        return tuple(map(CodecSpec.from_v2, configs))


def _compressors(document: Document) -> tuple[CodecSpec, ...]:
    config = document.fields.get("compressor")
    with document.at("compressor"):
        return () if config is None else (CodecSpec.from_v2(config),)


def node_documents(metadata: ArrayMetadata | GroupMetadata) -> dict[str, bytes]:
    """The documents of a node; `.zattrs` only where there are attributes."""
    if isinstance(metadata, ArrayMetadata):
        documents = {ARRAY: dump(_array_fields(metadata), sort_keys=True)}
    else:
        documents = {GROUP: dump({"zarr_format": 2})}
    if metadata.attributes:
        documents[ATTRIBUTES] = _attributes(metadata)
    return documents


def attribute_documents(metadata: ArrayMetadata | GroupMetadata) -> dict[str, bytes | None]:
    """`.zattrs`; None where there are no attributes."""
    return {ATTRIBUTES: _attributes(metadata) if metadata.attributes else None}


def _attributes(metadata: ArrayMetadata | GroupMetadata) -> bytes:
    return dump(metadata.attributes, sort_keys=True)


def _array_fields(metadata: ArrayMetadata) -> dict[str, Any]:
    compressors = [spec.to_v2() for spec in metadata.compressors]
    separator = metadata.chunk_key_encoding.separator
    fields = {
        "zarr_format": 2,
        "shape": metadata.shape,
        "chunks": metadata.chunk_shape,
        "dtype": spelling.spell_data_type(metadata.data_type),
        "fill_value": spelling.spell_fill(metadata.fill_value, metadata.data_type),
        "order": metadata.order,
        "filters": [spec.to_v2() for spec in metadata.filters] or None,
        "compressor": compressors[0] if compressors else None,
    }
    # The default goes without saying: zarr 2 writes the same bytes, on which its digests depend.
    return fields if separator == "." else {**fields, "dimension_separator": separator}


FORMAT = NodeFormat(
    (ARRAY, GROUP, ATTRIBUTES), parse, node_documents, attribute_documents, ATTRIBUTES
)
