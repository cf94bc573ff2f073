"""The JSON of a fill value to an element of a dtype and back, for Zarr v2 and Zarr v3.

Readers take (json, dtype) and raise MetadataError; writers take (element, dtype). Readers of v2
accept what zarr 2 wrote over the years (the number 0 for every family), readers of v3 are strict.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from azarr.model._casts import (
    CASTS,
    FLOAT_NAMES,
    cast_complex,
    cast_float,
    cast_integer,
    cast_object,
    element_of,
    refuse,
)
from azarr.model._families import DType, family_of
from azarr.model._small_types import part_of, small_type
from azarr.typing import JSON

NOT_A_TIME = "NaT"
# The Zarr v3 specification: the NaN that is written "NaN"; another payload is written in hex.
_CANONICAL_NAN = {2: "7e00", 4: "7fc00000", 8: "7ff8000000000000"}
_HEX = re.compile("0x[0-9a-fA-F]+")


def is_integer(value: object) -> bool:
    """Whether JSON is an integer: not a boolean, not 1.0."""
    return isinstance(value, int) and not isinstance(value, bool)


def read_bool(value: Any, dtype: DType) -> Any:
    """true or false."""
    if not isinstance(value, bool):
        refuse(value, dtype, "true or false")
    return np.bool_(value)


def read_bool_v2(value: Any, dtype: DType) -> Any:
    """true, false, or 0 or 1: zarr 2's default fill value was the number 0 for every data type."""
    return read_bool(bool(value) if is_integer(value) and value in (0, 1) else value, dtype)


def write_bool(value: Any, dtype: DType) -> JSON:
    """true or false."""
    return bool(value)


def read_integer(value: Any, dtype: DType) -> Any:
    """A number without fraction, in range."""
    if not is_integer(value):
        refuse(value, dtype, "an integer")
    return cast_integer(value, dtype)


def read_integer_v2(value: Any, dtype: DType) -> Any:
    """A number equal to an integer; unlike v3, the v2 specification does not forbid 0.0."""
    if not is_integer(value) and not isinstance(value, float):
        refuse(value, dtype, "an integer")
    return cast_integer(value, dtype)


def write_integer(value: Any, dtype: DType) -> JSON:
    """A number."""
    return int(value)


def read_float(value: Any, dtype: DType) -> Any:
    """A number, or the name of a non-finite one."""
    is_name = isinstance(value, str) and value in FLOAT_NAMES
    if not is_name and not is_integer(value) and not isinstance(value, float):
        refuse(value, dtype, "a number, 'NaN', 'Infinity' or '-Infinity'")
    return cast_float(value, dtype)


def read_float_v3(value: Any, dtype: DType) -> Any:
    """A number, the name of a non-finite one, or the bits in hex."""
    if not isinstance(value, str) or not value.startswith("0x"):
        return read_float(value, dtype)
    digits = 2 * dtype.itemsize
    if not _HEX.fullmatch(value) or len(value) != 2 + digits:
        refuse(value, dtype, f"'0x' and {digits} hexadecimal digits")
    return element_of(_turned(bytes.fromhex(value[2:])), dtype)


def _turned(raw: bytes) -> bytes:
    """The bytes of one number in the order of this machine, from big-endian or to it."""
    return raw[::-1] if sys.byteorder == "little" else raw


def write_float(value: Any, dtype: DType) -> JSON:
    """A number, or the name of a non-finite one. v2 has no way to write the bits of a NaN."""
    number = float(value)
    if np.isfinite(number):
        return number
    return "NaN" if np.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def write_float_v3(value: Any, dtype: DType) -> JSON:
    """As v2, but a NaN with another payload than the usual one is written as its bits in hex."""
    if not np.isnan(value):
        return write_float(value, dtype)
    bits = np.array(value, dtype.newbyteorder(">")).tobytes().hex()
    return "NaN" if bits == _CANONICAL_NAN[dtype.itemsize] else "0x" + bits


def _part(dtype: DType) -> DType:
    return np.dtype(f"f{dtype.itemsize // 2}")


def read_complex(value: Any, dtype: DType) -> Any:
    """A pair of floats, or one float (v2 only ever wrote pairs, but read both)."""
    if not isinstance(value, list):
        value = [value, 0.0]
    return _read_pair(value, dtype, read_float)


def read_complex_v3(value: Any, dtype: DType) -> Any:
    """A pair of floats."""
    return _read_pair(value, dtype, read_float_v3)


def read_small_float(value: Any, dtype: DType) -> Any:
    """A number, the name of a non-finite one, or the bits in hex."""
    if isinstance(value, str) and value.startswith("0x"):
        return read_float_v3(value, dtype)
    return CASTS["small float"](read_float(value, np.dtype(np.float64)), dtype)


def write_small_float(value: Any, dtype: DType) -> JSON:
    """As `write_float_v3`; each of these data types has a usual NaN of its own."""
    row = small_type(dtype)
    bits = _turned(value.tobytes()).hex()
    if row is None or not np.isnan(value) or bits == row.nan:
        return write_float(value, dtype)
    return "0x" + bits


def read_small_integer(value: Any, dtype: DType) -> Any:
    """A number without fraction, in range."""
    return CASTS["small integer"](read_integer(value, np.dtype(np.int64)), dtype)


def read_small_complex(value: Any, dtype: DType) -> Any:
    """A pair of floats."""
    if not isinstance(value, list) or len(value) != 2:
        refuse(value, dtype, "a pair [real, imaginary]")
    part = part_of(dtype)
    read = read_float_v3 if small_type(part) is None else read_small_float
    return CASTS["small complex"]([read(each, part) for each in value], dtype)


def write_small_complex(value: Any, dtype: DType) -> JSON:
    """A pair of floats."""
    part = part_of(dtype)
    write = write_float_v3 if small_type(part) is None else write_small_float
    return [write(each, part) for each in np.array([value]).view(part)]


def refuse_in_v2(value: Any, dtype: DType) -> Any:
    """Zarr v2 has no name for the data type."""
    refuse(value, dtype, "a data type that Zarr v2 can spell")


def _read_pair(value: Any, dtype: DType, read: Callable[[Any, DType], Any]) -> Any:
    if not isinstance(value, list) or len(value) != 2:
        refuse(value, dtype, "a pair [real, imaginary]")
    return cast_complex([read(part, _part(dtype)) for part in value], dtype)


def write_complex(value: Any, dtype: DType) -> JSON:
    """A pair of floats."""
    return [write_float(part, _part(dtype)) for part in (value.real, value.imag)]


def write_complex_v3(value: Any, dtype: DType) -> JSON:
    """A pair of floats as v3 writes them."""
    return [write_float_v3(part, _part(dtype)) for part in (value.real, value.imag)]


def read_time(value: Any, dtype: DType) -> Any:
    """A 64-bit count of units, or "NaT"."""
    if value != NOT_A_TIME and not is_integer(value):
        refuse(value, dtype, "an integer or 'NaT'")
    return CASTS[family_of(dtype)](-(2**63) if value == NOT_A_TIME else value, dtype)


def write_time(value: Any, dtype: DType) -> JSON:
    """The count of units; NaT is -2**63, the form that every reader knows."""
    return int(value.view("i8"))


def decode_base64(value: Any, dtype: DType) -> bytes:
    """The bytes of a base64 string."""
    if not isinstance(value, str):
        refuse(value, dtype, "a base64 string")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        refuse(value, dtype, "a base64 string")


def read_base64(value: Any, dtype: DType) -> Any:
    """The bytes of an element in base64."""
    return CASTS[family_of(dtype)](decode_base64(value, dtype), dtype)


def write_base64(value: Any, dtype: DType) -> JSON:
    """The bytes of an element in base64; those of a fixed-length string without trailing NULs."""
    raw = value if isinstance(value, bytes) else value.tobytes()
    return base64.b64encode(raw).decode("ascii")


def write_padded_base64(value: Any, dtype: DType) -> JSON:
    """The bytes of a fixed-length string in base64, with trailing NULs.

    zarr-python 2 left them out and reads both forms; tensorstore reads only the full length.
    """
    return write_base64(bytes(value).ljust(dtype.itemsize, b"\0"), dtype)


def read_text(value: Any, dtype: DType) -> Any:
    """A JSON string that fits."""
    if not isinstance(value, str):
        refuse(value, dtype, "a string")
    return CASTS["string" if dtype.hasobject else "fixed string"](value, dtype)


def write_text(value: Any, dtype: DType) -> JSON:
    """A JSON string."""
    return str(value)


def read_raw_v3(value: Any, dtype: DType) -> Any:
    """The bytes as an array of integers, or in base64."""
    return CASTS["raw"](_octets(value, dtype), dtype)


def write_octets(value: Any, dtype: DType) -> JSON:
    """The bytes as an array of integers, as the core specification has it for raw bits."""
    return list(value.tobytes())


def read_bytes(value: Any, dtype: DType) -> bytes:
    """Variable-length bytes in base64."""
    return decode_base64(value, dtype)


def read_bytes_v3(value: Any, dtype: DType) -> bytes:
    """Variable-length bytes as an array of integers, or in base64."""
    return _octets(value, dtype)


def _octets(value: Any, dtype: DType) -> bytes:
    if not isinstance(value, list):
        return decode_base64(value, dtype)
    if not all(is_integer(octet) and 0 <= octet < 256 for octet in value):
        refuse(value, dtype, "an array of integers from 0 to 255")
    return bytes(value)


def read_object(value: Any, dtype: DType) -> Any:
    """Any JSON, as it is."""
    return cast_object(value, dtype)


def write_object(value: Any, dtype: DType) -> JSON:
    """Any JSON, as it is."""
    json: JSON = value
    return json
