"""Fill values: a user's value to an element, and an element to and from each format's JSON.

One row of `RULES` per family of data types. Its functions know a dtype and a value, nothing about
documents. Rules: Zarr v2 specification, "Fill value encoding"; Zarr v3 core specification,
"Fill value", and https://github.com/zarr-developers/zarr-extensions/tree/main/data-types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from azarr.model import _json_scalars as js
from azarr.model._casts import CASTS, refuse
from azarr.model._families import DType, family_of
from azarr.typing import JSON

Read: TypeAlias = Callable[[Any, DType], Any]
Write: TypeAlias = Callable[[Any, DType], JSON]


class FillRules(NamedTuple):
    """One row: how the fill values of a family are read and written.

    Attributes:
        read_v2, read_v3: the element that a document's JSON stands for (never null).
        write_v2, write_v3: the JSON of an element.
    """

    read_v2: Read
    write_v2: Write
    read_v3: Read
    write_v3: Write


def cast_fill(value: Any, dtype: DType, element: str | None = None) -> Any:
    """The element for a value that a user gave. For ragged arrays, `dtype` is that of the items."""
    return CASTS[family_of(dtype, element)](value, dtype)


def read_fields(value: Any, dtype: DType) -> Any:
    """A JSON object with the fill value of every field; base64 is what zarr-python 3.1 wrote."""
    if isinstance(value, str):
        return js.read_base64(value, dtype)
    names = dtype.names or ()
    if not isinstance(value, dict) or value.keys() != set(names):
        refuse(value, dtype, f"an object with the fields {', '.join(names)}")
    fields = {
        name: RULES[family_of(dtype[name])].read_v3(value[name], dtype[name]) for name in names
    }
    return CASTS["structured"](fields, dtype)


def write_fields(value: Any, dtype: DType) -> JSON:
    """A JSON object with the fill value of every field."""
    return {
        name: RULES[family_of(dtype[name])].write_v3(value[name], dtype[name])
        for name in dtype.names or ()
    }


def read_items(value: Any, item: DType) -> Any:
    """A JSON list of items, as v2 spells each; 0 is the empty array."""
    if not isinstance(value, list):
        refuse(value, item, "a list of items")
    return CASTS["array"]([RULES[family_of(item)].read_v2(entry, item) for entry in value], item)


def write_items(value: Any, item: DType) -> JSON:
    """A JSON list of items, as v2 spells each."""
    return [RULES[family_of(item)].write_v2(entry, item) for entry in value]


def _zero_or(family: str, read: Read) -> Read:
    """A reader that also takes the number 0, which zarr 2 wrote as the default of every family."""

    def read_or_zero(value: Any, dtype: DType) -> Any:
        is_zero = js.is_integer(value) and value == 0
        return CASTS[family](0, dtype) if is_zero else read(value, dtype)

    return read_or_zero


def _refuse_in_v3(value: Any, dtype: DType) -> Any:
    refuse(value, dtype, "a data type that Zarr v3 can spell")


_time = FillRules(js.read_time, js.write_time, js.read_time, js.write_time)

RULES: dict[str, FillRules] = {
    "bool": FillRules(js.read_bool_v2, js.write_bool, js.read_bool, js.write_bool),
    "integer": FillRules(js.read_integer_v2, js.write_integer, js.read_integer, js.write_integer),
    "float": FillRules(js.read_float, js.write_float, js.read_float_v3, js.write_float_v3),
    "complex": FillRules(
        js.read_complex, js.write_complex, js.read_complex_v3, js.write_complex_v3
    ),
    "small integer": FillRules(
        js.refuse_in_v2, js.refuse_in_v2, js.read_small_integer, js.write_integer
    ),
    "small float": FillRules(
        js.refuse_in_v2, js.refuse_in_v2, js.read_small_float, js.write_small_float
    ),
    "small complex": FillRules(
        js.refuse_in_v2, js.refuse_in_v2, js.read_small_complex, js.write_small_complex
    ),
    "datetime": _time,
    "timedelta": _time,
    "fixed bytes": FillRules(
        _zero_or("fixed bytes", js.read_base64),
        js.write_padded_base64,
        js.read_base64,
        js.write_base64,
    ),
    "fixed string": FillRules(
        _zero_or("fixed string", js.read_text), js.write_text, js.read_text, js.write_text
    ),
    "raw": FillRules(
        _zero_or("raw", js.read_base64), js.write_base64, js.read_raw_v3, js.write_octets
    ),
    "structured": FillRules(
        _zero_or("structured", js.read_base64), js.write_base64, read_fields, write_fields
    ),
    "string": FillRules(
        _zero_or("string", js.read_text), js.write_text, js.read_text, js.write_text
    ),
    "bytes": FillRules(
        _zero_or("bytes", js.read_bytes), js.write_base64, js.read_bytes_v3, js.write_base64
    ),
    "object": FillRules(js.read_object, js.write_object, _refuse_in_v3, _refuse_in_v3),
    "array": FillRules(_zero_or("array", read_items), write_items, _refuse_in_v3, _refuse_in_v3),
}
