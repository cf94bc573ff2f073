"""The metadata of a Zarr v2 array as Zarr v3 has it, for the same chunks. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from azarr.codecs._pipeline import compile_pipeline
from azarr.codecs._registry import find_codec
from azarr.codecs._specs import native, spec_of
from azarr.errors import MetadataError
from azarr.model import ArrayMetadata, CodecSpec, DataType, GroupMetadata, node_documents

# Of the numcodecs codecs on elements, what says the data type that they make.
_ENCODED = ("astype", "encode_dtype", "dtype")
_SERIALIZERS = {"numcodecs.vlen-utf8": "vlen-utf8", "numcodecs.vlen-bytes": "vlen-bytes"}
_XARRAY_NAMES = "_ARRAY_DIMENSIONS"


def as_zarr_v3(metadata: ArrayMetadata | GroupMetadata) -> ArrayMetadata | GroupMetadata:
    """The metadata in Zarr v3 that read the same chunks, at the same keys.

    The names that xarray gives dimensions in an attribute become those of the array.

    Raises:
        MetadataError: Zarr v3 cannot express something; the message says what.
    """
    if isinstance(metadata, GroupMetadata):
        return GroupMetadata(zarr_format=3, attributes=metadata.attributes)
    data_type = metadata.data_type
    _check_layout(data_type)
    filters, serializer, compressors = _codecs(metadata)
    migrated = ArrayMetadata(
        zarr_format=3,
        shape=metadata.shape,
        data_type=data_type.native,
        chunk_grid=metadata.chunk_grid,
        chunk_key_encoding=metadata.chunk_key_encoding,
        fill_value=data_type.native.cast_fill(_fill_value(metadata)),
        filters=filters,
        serializer=serializer,
        compressors=compressors,
        dimension_names=_dimension_names(metadata),
        attributes=metadata.attributes,
    )
    compile_pipeline(migrated)
    node_documents(migrated)  # raises where v3 has no name for the data type
    return migrated


def _fill_value(metadata: ArrayMetadata) -> Any:
    value = metadata.fill_value
    if value is None:
        return metadata.data_type.zero
    if isinstance(value, np.generic) and value.dtype.kind != "V":
        return value.astype(value.dtype.newbyteorder("="))
    return value


def _check_layout(data_type: DataType) -> None:
    dtype = data_type.dtype
    if data_type.native.itemsize != dtype.itemsize:
        raise MetadataError(f"data type {dtype} has padding, which Zarr v3 cannot store")
    if len({*_byte_orders(dtype)}) > 1:
        raise MetadataError(f"data type {dtype} has fields of different byte orders")


def _byte_orders(dtype: np.dtype[Any]) -> Iterator[str]:
    """The byte order of every part that has one: "<" or ">"."""
    if dtype.subdtype is not None:
        yield from _byte_orders(dtype.subdtype[0])
    elif dtype.names is not None:
        for name in dtype.names:
            yield from _byte_orders(dtype[name])
    elif dtype.newbyteorder("<") != dtype.newbyteorder(">"):
        yield ">" if dtype == dtype.newbyteorder(">") else "<"


def _codecs(
    metadata: ArrayMetadata,
) -> tuple[tuple[CodecSpec, ...], CodecSpec, tuple[CodecSpec, ...]]:
    """Filters on elements, then the serializer, then whatever works on bytes."""
    specs = [*metadata.filters, *metadata.compressors]
    filters: list[CodecSpec] = []
    if metadata.order == "F" and metadata.ndim > 1:
        filters.append(CodecSpec("transpose", {"order": [*reversed(range(metadata.ndim))]}))
    stored = metadata.dtype
    if metadata.data_type.is_object:
        name = specs[0].name if specs else "none"
        if name not in _SERIALIZERS:
            raise MetadataError(f"object codec {name!r} has no counterpart in Zarr v3")
        serializer = CodecSpec(_SERIALIZERS[name])
        del specs[0]
    else:
        while specs and find_codec(specs[0].name).kind == "array->array":
            spec = specs.pop(0)
            stored = _encoded(spec, stored)
            filters.append(native(spec))
        serializer = CodecSpec("bytes", _endian(stored))
    for spec in specs:
        if find_codec(spec.name).kind != "bytes->bytes":
            raise MetadataError(
                f"codec {spec.name!r} works on elements, but stands after one that makes bytes: "
                "Zarr v3 has no such order"
            )
    data_type = metadata.data_type if stored.hasobject else DataType.of(stored)
    return tuple(filters), serializer, tuple(spec_of(spec, 3, data_type) for spec in specs)


def _endian(dtype: np.dtype[Any]) -> dict[str, Any]:
    orders = {*_byte_orders(dtype)}
    return {"endian": "big" if ">" in orders else "little"} if orders else {}


def _encoded(spec: CodecSpec, decoded: np.dtype[Any]) -> np.dtype[Any]:
    """The data type of the elements that a codec makes."""
    if spec.name == "numcodecs.packbits":
        return np.dtype(np.uint8)
    for field in _ENCODED:
        named = spec.configuration.get(field)
        if named is not None:
            return np.dtype(str(named))
    return decoded


def _dimension_names(metadata: ArrayMetadata) -> tuple[str | None, ...] | None:
    named = metadata.attributes.get(_XARRAY_NAMES)
    if not isinstance(named, list) or len(named) != metadata.ndim:
        return None
    names = tuple(name for name in named if isinstance(name, str))
    return names if names and len(names) == len(named) else None
