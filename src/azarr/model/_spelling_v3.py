"""Data types in Zarr v3 documents: one table of names, each with how it is read and written.

https://zarr-specs.readthedocs.io/en/latest/v3/data-types/index.html for the core names,
https://github.com/zarr-developers/zarr-extensions/tree/main/data-types for the registered ones.
Names that only zarr-python writes are read, and kept where an array was read with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from azarr.errors import MetadataError, UnknownDataTypeError
from azarr.model import _json_scalars as js
from azarr.model._families import DType, family_of
from azarr.model._show import show
from azarr.model._small_types import (
    NOT_IN_NUMPY,
    SMALL_TYPES,
    in_memory_order,
    small_dtype,
    small_name,
)
from azarr.model.data_types import DataType, check_fixed_size
from azarr.model.fill_values import RULES
from azarr.typing import JSON

Configuration = Mapping[str, Any]


class Spelling(NamedTuple):
    """One row: a v3 name.

    Attributes:
        family: the key of the row in `fill_values.RULES` whose data types the name spells.
        read: configuration to data type; KeyError, TypeError and ValueError mean "malformed".
        write: data type to configuration; None where the name alone says everything.
        keys: the names in the configuration, all required.
        write_fill: how this spelling writes fill values, where it differs from the family's way.
    """

    family: str
    read: Callable[[Configuration], DataType]
    write: Callable[[DataType], dict[str, JSON] | None]
    keys: frozenset[str] = frozenset()
    write_fill: Callable[[Any, DType], JSON] | None = None


def parse_data_type(spec: object) -> DataType:
    """The data type that `data_type` of a v3 document names: a string, or an extension object."""
    name, configuration = _named(spec)
    row = SPELLINGS.get(name)
    raw_bits = _RAW_BITS.fullmatch(name)
    if raw_bits and int(raw_bits[1]) % 8 == 0:
        row, configuration = SPELLINGS[RAW_BITS], {**configuration, "bits": int(raw_bits[1])}
    elif name in NOT_IN_NUMPY:
        raise UnknownDataTypeError(f"data type {show(name)} is one that NumPy has no dtype for")
    elif row is None or name == RAW_BITS:
        raise UnknownDataTypeError(
            f"data type {show(name)} is unknown; expected one of {', '.join(SPELLINGS)}"
        )
    if configuration.keys() != row.keys:
        raise MetadataError(
            f"data type {show(name)}: configuration {show(configuration)}; expected the keys "
            f"{sorted(row.keys)}"
        )
    try:
        data_type = row.read(configuration)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, MetadataError):
            raise
        raise MetadataError(
            f"data type {show(name)}: configuration {show(configuration)}: {error}"
        ) from error
    if not data_type.is_object:
        check_fixed_size(data_type.dtype)
    return data_type


def spell_data_type(data_type: DataType) -> JSON:
    """The `data_type` of a v3 document; UnknownDataTypeError where v3 has no name for it."""
    name, row = _spelling_of(data_type)
    configuration = row.write(data_type)
    if name == RAW_BITS:
        return f"r{8 * data_type.itemsize}"
    return name if configuration is None else {"name": name, "configuration": configuration}


def read_fill(value: JSON, data_type: DataType) -> Any:
    """The fill value that v3 JSON stands for; null is not one."""
    if value is None:
        raise MetadataError(f"fill value null does not fit data type {data_type.dtype}")
    return RULES[family_of(data_type.dtype, data_type.element)].read_v3(value, data_type.dtype)


def spell_fill(value: Any, data_type: DataType) -> JSON:
    """The v3 JSON of a fill value."""
    row = _spelling_of(data_type)[1]
    write = row.write_fill or RULES[row.family].write_v3
    return write(value, data_type.dtype)


def spelled(data_type: DataType, name: str) -> DataType:
    """The same data type under another of its v3 names, e.g. "structured" instead of "struct"."""
    family = family_of(data_type.dtype, data_type.element)
    if name not in SPELLINGS or SPELLINGS[name].family != family:
        allowed = [other for other, row in SPELLINGS.items() if row.family == family]
        raise MetadataError(
            f"{show(name)} does not spell data type {data_type.dtype}; expected one of {allowed}"
        )
    return DataType(data_type.dtype, data_type.element, data_type.item, name)


def _named(spec: object) -> tuple[str, Configuration]:
    if isinstance(spec, str):
        return spec, {}
    if not isinstance(spec, dict) or not isinstance(spec.get("name"), str):
        raise MetadataError(f"data type {show(spec)}: expected a name or an object with a 'name'")
    unknown = spec.keys() - {"name", "configuration", "must_understand"}
    configuration = spec.get("configuration", {})
    if unknown or not isinstance(configuration, dict):
        raise MetadataError(
            f"data type {show(spec)}: expected only 'name' and an object 'configuration'"
        )
    return spec["name"], configuration


def _spelling_of(data_type: DataType) -> tuple[str, Spelling]:
    family = family_of(data_type.dtype, data_type.element)
    core = small_name(data_type.dtype) or _CORE_NAMES.get(in_memory_order(data_type.dtype))
    name = data_type.spelling or core or _PREFERRED.get(family)
    if name is None:
        what = data_type.element or data_type.dtype
        raise UnknownDataTypeError(f"Zarr v3 has no data type for elements of kind {what}")
    return name, SPELLINGS[name]


def _core(name: str) -> Spelling:
    dtype = np.dtype(name)
    return Spelling(family_of(dtype), lambda _: DataType(dtype), lambda _: None)


def _small(name: str) -> Spelling:
    """A number of ml_dtypes, which is imported only when the name is read."""
    return Spelling(SMALL_TYPES[name].family, lambda _: DataType(small_dtype(name)), lambda _: None)


def _synonym(core: str, name: str) -> Spelling:
    """A registered name of a data type of the core."""
    dtype = np.dtype(core)
    return Spelling(family_of(dtype), lambda _: DataType(dtype, spelling=name), lambda _: None)


def _variable(element: Any, name: str) -> Spelling:
    def read(_: Configuration) -> DataType:
        return DataType(np.dtype(object), element, spelling=name)

    return Spelling(element, read, lambda _: None)


def _fixed_length(kind: str, width: int, spelling: str | None = None) -> dict[str, Any]:
    """The columns of a name whose only parameter is `length_bytes`."""
    family = family_of(np.dtype(f"{kind}1"))

    def read(configuration: Configuration) -> DataType:
        length = configuration["length_bytes"]
        if not js.is_integer(length) or not 0 < length < 2**31 or length % width:
            raise MetadataError(
                f"length_bytes is {show(length)}; expected a positive multiple of {width}"
            )
        return DataType(np.dtype(f"{kind}{length // width}"), spelling=spelling)

    def write(data_type: DataType) -> dict[str, JSON]:
        return {"length_bytes": data_type.itemsize}

    return {"family": family, "read": read, "write": write, "keys": frozenset({"length_bytes"})}


def _time(kind: str) -> Spelling:
    def read(configuration: Configuration) -> DataType:
        unit, scale = configuration["unit"], configuration["scale_factor"]
        if unit not in _UNITS or not js.is_integer(scale) or not 0 < scale < 2**31:
            raise MetadataError(
                f"unit {show(unit)} and scale_factor {show(scale)}; expected one of "
                f"{', '.join(_UNITS)} and an integer from 1 to 2**31 - 1"
            )
        return DataType(np.dtype(f"{kind}8" if unit == "generic" else f"{kind}8[{scale}{unit}]"))

    def write(data_type: DataType) -> dict[str, JSON]:
        unit, scale = np.datetime_data(data_type.dtype)
        return {"unit": unit, "scale_factor": scale}

    return Spelling(family_of(np.dtype(f"{kind}8")), read, write, _TIME_KEYS)


def _read_raw_bits(configuration: Configuration) -> DataType:
    return DataType(np.dtype(f"V{configuration['bits'] // 8}"))


def _read_fields(configuration: Configuration) -> DataType:
    fields = configuration["fields"]
    if not isinstance(fields, list) or not fields:
        raise MetadataError(f"fields is {show(fields)}; expected a list of fields")
    pairs = [_field(field) for field in fields]
    return DataType(np.dtype([(name, data_type.dtype) for name, data_type in pairs]))


def _read_structured(configuration: Configuration) -> DataType:
    return DataType(_read_fields(configuration).dtype, spelling="structured")


def _field(field: Any) -> tuple[str, DataType]:
    """A field as the registry has it, an object, or as zarr-python 3.1 has it, a pair."""
    if isinstance(field, dict) and field.keys() == {"name", "data_type"}:
        field = [field["name"], field["data_type"]]
    if not isinstance(field, list) or len(field) != 2 or not isinstance(field[0], str):
        raise MetadataError(f"field {show(field)}: expected an object with 'name' and 'data_type'")
    data_type = parse_data_type(field[1])
    if not field[0] or data_type.is_object:
        raise MetadataError(f"field {show(field)}: expected a name and a type of fixed size")
    return field[0], data_type


def _write_struct(data_type: DataType) -> dict[str, JSON]:
    return {
        "fields": [
            {"name": name, "data_type": _spell_field(data_type.dtype[name])}
            for name in data_type.dtype.names or ()
        ]
    }


def _write_structured(data_type: DataType) -> dict[str, JSON]:
    return {
        "fields": [
            [name, _spell_field(data_type.dtype[name], structured="structured", raw="raw_bytes")]
            for name in data_type.dtype.names or ()
        ]
    }


def _spell_field(dtype: DType, structured: str | None = None, raw: str | None = None) -> JSON:
    if dtype.subdtype is not None:
        raise UnknownDataTypeError(f"Zarr v3 has no data type for the sub-array {dtype}")
    spelling = {"structured": structured, "raw": raw}.get(family_of(dtype))
    return spell_data_type(DataType(dtype, spelling=spelling))


RAW_BITS = "r<N>"
_RAW_BITS = re.compile(r"r([1-9]\d{0,9})")
_UNITS = "Y M W D h m s ms us μs ns ps fs as generic".split()
_FIELDS = frozenset({"fields"})
_TIME_KEYS = frozenset({"unit", "scale_factor"})
_CORE = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
    "float16 float32 float64 complex64 complex128"
).split()

SPELLINGS: dict[str, Spelling] = {
    **{name: _core(name) for name in _CORE},
    **{name: _small(name) for name in SMALL_TYPES},
    "complex_float32": _synonym("complex64", "complex_float32"),
    "complex_float64": _synonym("complex128", "complex_float64"),
    RAW_BITS: Spelling("raw", _read_raw_bits, lambda _: None, frozenset({"bits"})),
    "raw_bytes": Spelling(**_fixed_length("V", 1, "raw_bytes"), write_fill=js.write_base64),
    "null_terminated_bytes": Spelling(**_fixed_length("S", 1)),
    "fixed_length_utf32": Spelling(**_fixed_length("U", 4)),
    "numpy.datetime64": _time("M"),
    "numpy.timedelta64": _time("m"),
    "struct": Spelling("structured", _read_fields, _write_struct, _FIELDS),
    "structured": Spelling(
        "structured", _read_structured, _write_structured, _FIELDS, write_fill=js.write_base64
    ),
    "string": _variable("string", "string"),
    "bytes": _variable("bytes", "bytes"),
    "variable_length_bytes": _variable("bytes", "variable_length_bytes"),
}

_CORE_NAMES: dict[DType, str] = {np.dtype(name): name for name in _CORE}
# What is written where a family has several names: the first of its rows, which is the one that
# the specification or the registry has.
_PREFERRED = {SPELLINGS[name].family: name for name in reversed(SPELLINGS) if name not in _CORE}
