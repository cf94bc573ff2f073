"""Data types in Zarr v2 documents: NumPy type strings, lists of fields, and "|O" with its codec.

https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html#data-type-encoding
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from azarr.errors import MetadataError, UnknownDataTypeError
from azarr.model._families import DType, family_of
from azarr.model._show import show
from azarr.model._small_types import small_name
from azarr.model.codec_specs import CodecSpec
from azarr.model.data_types import DataType, check_fixed_size
from azarr.model.fill_values import RULES
from azarr.typing import JSON

_UNIT = r"(\[([1-9]\d{0,9})?(Y|M|W|D|h|m|s|ms|us|μs|ns|ps|fs|as|generic)\])?"
_TYPE_STRING = re.compile(
    rf"[<>|]?(b1|[iu]1|V\d{{1,10}}|S\d{{1,10}})|[<>]([iu][248]|f[248]|c(8|16)|[mM]8{_UNIT}|U\d{{1,10}})"
)
_OBJECT = re.compile(r"\|?O\d?")


def parse_data_type(spec: object, object_codec: CodecSpec | None) -> DataType:
    """The data type of a v2 document; `object_codec` is its first filter."""
    if isinstance(spec, str) and _OBJECT.fullmatch(spec):
        if object_codec is not None and "dtype" in object_codec.configuration:
            _dtype(object_codec.configuration["dtype"])  # stricter than np.dtype
        return DataType.for_object_codec(object_codec)
    dtype = _dtype(spec)
    check_fixed_size(dtype)
    return DataType(dtype)


def spell_data_type(data_type: DataType) -> JSON:
    """The `dtype` of a v2 document."""
    return "|O" if data_type.is_object else _spell(data_type.dtype)


def read_fill(value: JSON, data_type: DataType) -> Any:
    """The fill value that v2 JSON stands for; null is "undefined"."""
    if value is None:
        return None
    dtype = data_type.item or data_type.dtype
    return RULES[family_of(data_type.dtype, data_type.element)].read_v2(value, dtype)


def spell_fill(value: Any, data_type: DataType) -> JSON:
    """The v2 JSON of a fill value."""
    if value is None:
        return None
    dtype = data_type.item or data_type.dtype
    return RULES[family_of(data_type.dtype, data_type.element)].write_v2(value, dtype)


def _dtype(spec: object) -> DType:
    if isinstance(spec, list):
        return _structured(spec)
    if not isinstance(spec, str) or not _TYPE_STRING.fullmatch(spec):
        raise UnknownDataTypeError(
            f"data type {show(spec)} is unknown; expected a NumPy type string such as '<i4', "
            "or a list of fields"
        )
    return _built(spec, spec)


def _structured(fields: list[Any]) -> DType:
    """A structured dtype. Fields without a name are the padding that `dtype.descr` writes."""
    names: list[str] = []
    formats: list[DType] = []
    offsets: list[int] = []
    end = 0
    for entry in fields:
        name, dtype = _field(entry)
        if name:
            names.append(name)
            formats.append(dtype)
            offsets.append(end)
        end += dtype.itemsize
    if not names:
        raise MetadataError(f"data type {show(fields)} has no fields")
    if len(set(names)) < len(names):
        raise MetadataError(f"data type {show(fields)} has two fields of the same name")
    layout = {"names": names, "formats": formats, "offsets": offsets, "itemsize": end}
    return _built(layout, fields)


def _field(entry: object) -> tuple[str, DType]:
    if not isinstance(entry, list) or len(entry) not in (2, 3) or not isinstance(entry[0], str):
        raise UnknownDataTypeError(
            f"field {show(entry)}: expected [name, type] or [name, type, shape]"
        )
    base = _dtype(entry[1])
    if len(entry) == 2:
        return entry[0], base
    shape = entry[2]
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        raise MetadataError(f"field {show(entry)}: its shape must be a list of positive integers")
    return entry[0], _built((base, tuple(shape)), entry)


def _built(layout: Any, spec: object) -> DType:
    try:
        dtype: DType = np.dtype(layout)
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise UnknownDataTypeError(f"data type {show(spec)}: {error}") from error
    return dtype


def _spell(dtype: DType) -> JSON:
    if dtype.names is None:
        if small_name(dtype) is not None:
            raise UnknownDataTypeError(f"Zarr v2 has no data type for elements of {dtype}")
        return dtype.str
    fields: list[JSON] = []
    end = 0
    for name in dtype.names:
        field, offset = dtype.fields[name][:2]  # type: ignore[index]
        fields += _padding(offset - end)
        base, shape = field.subdtype or (field, ())
        fields.append([name, _spell(base), list(shape)] if shape else [name, _spell(base)])
        end = offset + field.itemsize
    return fields + _padding(dtype.itemsize - end)


def _padding(nbytes: int) -> list[JSON]:
    return [["", f"|V{nbytes}"]] if nbytes else []
