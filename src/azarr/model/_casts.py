"""A user's fill value to an element of a dtype, exactly or not at all.

Every function takes (value, dtype) and returns a NumPy scalar of that dtype (or the Python object
that an element of an object array is), or raises MetadataError. The number 0 stands for the zero of
every family, as it does in zarr 2. Rounding a float is no loss; overflow and truncation are.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from numbers import Complex, Real
from typing import Any, NoReturn

import numpy as np

from azarr.errors import MetadataError
from azarr.model._families import DType, family_of
from azarr.model._show import show
from azarr.model._small_types import number_range, part_of, small_type
from azarr.typing import NDArray

FLOAT_NAMES = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def refuse(value: object, dtype: DType, expected: str) -> NoReturn:
    """Raise the MetadataError of a fill value that the data type cannot hold."""
    raise MetadataError(
        f"fill value {show(value)} does not fit data type {show(dtype)}; expected {expected}"
    )


def is_zero(value: object) -> bool:
    """Whether a value is the number 0 (not False, nor an empty string)."""
    return is_number(value) and not isinstance(value, bool) and value == 0


def is_number(value: object) -> bool:
    """Whether a value is a real number or a boolean. NumPy files durations under the integers."""
    return isinstance(value, Real | np.bool_) and not isinstance(value, np.timedelta64)


def cast_bool(value: Any, dtype: DType) -> Any:
    """True, False, or a number equal to one of them."""
    if not is_number(value) or value not in (0, 1):
        refuse(value, dtype, "true or false")
    return np.bool_(value)


def cast_integer(value: Any, dtype: DType) -> Any:
    """An integer in range, or a float without a fraction."""
    info = np.iinfo(dtype)
    try:
        number = int(value) if is_number(value) else None
    except (ValueError, OverflowError):  # a NaN, an infinity
        number = None
    if number is None or not info.min <= number <= info.max or number != value:
        refuse(value, dtype, f"an integer from {info.min} to {info.max}")
    return dtype.type(number)


def cast_float(value: Any, dtype: DType) -> Any:
    """A real number, or the name of a non-finite one. A NaN of the same width keeps its bits."""
    if isinstance(value, np.floating) and value.dtype.type is dtype.type:
        return value
    number: Any = FLOAT_NAMES.get(value, value) if isinstance(value, str) else value
    if not is_number(number):
        refuse(value, dtype, "a real number, 'NaN', 'Infinity' or '-Infinity'")
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            scalar = dtype.type(float(number))
    except OverflowError:
        scalar = dtype.type(math.inf)
    if np.isinf(scalar) and not _is_infinite(number):
        refuse(value, dtype, "a number in the range of the data type")
    return scalar


def _is_infinite(number: Any) -> bool:
    return isinstance(number, float | np.floating) and bool(np.isinf(number))


def cast_complex(value: Any, dtype: DType) -> Any:
    """A complex or real number, or a pair (real, imaginary)."""
    if isinstance(value, np.complexfloating) and value.dtype.type is dtype.type:
        return value
    part = np.dtype(f"f{dtype.itemsize // 2}")
    if isinstance(value, list | tuple) and len(value) == 2:
        parts = value
    elif isinstance(value, Complex) and not isinstance(value, Real):
        parts = (value.real, value.imag)
    else:
        parts = (value, 0.0)
    pair = np.array([cast_float(number, part) for number in parts], part)
    return pair.view(f"c{dtype.itemsize}")[0]


def cast_small_integer(value: Any, dtype: DType) -> Any:
    """An integer in range, or a float without a fraction."""
    if isinstance(value, np.generic) and small_type(value.dtype) is not None:
        value = value.item()
    number = cast_integer(value, np.dtype(np.int64))
    low, high = number_range(dtype)
    if not low <= number <= high:
        refuse(value, dtype, f"an integer from {low} to {high}")
    return dtype.type(int(number))


def cast_small_float(value: Any, dtype: DType) -> Any:
    """A real number in range, or the name of a non-finite one that the data type has.

    What is too large for a type without infinity would become its NaN, or its largest number.
    """
    if isinstance(value, np.generic) and value.dtype.type is dtype.type:
        return value
    if isinstance(value, np.generic) and small_type(value.dtype) is not None:
        value = value.item()
    if is_zero(value) and not math.copysign(1, value) < 0:
        return np.zeros((), dtype)[()]  # float8_e8m0fnu has no zero: 2**-127
    number = float(cast_float(value, np.dtype(np.float64)))
    low, high = number_range(dtype)
    row = small_type(dtype)
    if math.isnan(number):
        fits = row is not None and row.nan is not None
    else:
        fits = low <= number <= high
    with np.errstate(all="ignore"):
        scalar = dtype.type(number)
    if not fits and not (math.isinf(number) and math.isinf(float(scalar))):
        refuse(value, dtype, f"a number from {low} to {high}, or a special one that it has")
    return scalar


def cast_small_complex(value: Any, dtype: DType) -> Any:
    """As `cast_complex`."""
    if isinstance(value, np.generic) and value.dtype.type is dtype.type:
        return value
    part = part_of(dtype)
    cast = cast_float if small_type(part) is None else cast_small_float
    if isinstance(value, list | tuple) and len(value) == 2:
        parts = value
    elif isinstance(value, Complex) and not isinstance(value, Real):
        parts = (value.real, value.imag)
    else:
        parts = (value, 0.0)
    return np.array([cast(number, part) for number in parts], part).view(dtype)[0]


_TIMES = {"M": (str, date, np.datetime64), "m": (str, timedelta, np.timedelta64)}


def cast_time(value: Any, dtype: DType) -> Any:
    """A datetime64 or timedelta64, an ISO string, a `datetime` object, or a count of units."""
    native = dtype.newbyteorder("=")
    if is_number(value) and not isinstance(value, bool | np.bool_):
        return cast_integer(value, np.dtype(np.int64)).view(native)
    if not isinstance(value, _TIMES[dtype.kind]):
        refuse(value, dtype, "a time, a count of units or 'NaT'")
    try:
        if isinstance(value, datetime) and value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)  # datetime64 is UTC
        given = dtype.type(value)  # in its own unit, to see whether this dtype's can hold it
        scalar = np.array(given, native)[()]
        exact = _same_time(scalar, given)
    except (ValueError, TypeError, OverflowError) as error:
        raise MetadataError(
            f"fill value {show(value)} does not fit data type {dtype}: {error}"
        ) from error
    if not exact:
        refuse(value, dtype, "a value that the unit can hold")
    return scalar


def _same_time(scalar: Any, value: Any) -> bool:
    back = scalar.astype(value.dtype)
    return bool(back == value) or bool(np.isnat(value) and np.isnat(back))


def cast_fixed_bytes(value: Any, dtype: DType) -> Any:
    """Bytes, or an ASCII string, of at most the itemsize; trailing NULs do not count."""
    text = b"" if is_zero(value) else value
    if isinstance(text, str) and text.isascii():
        text = text.encode()
    if not isinstance(text, bytes | bytearray) or len(bytes(text).rstrip(b"\0")) > dtype.itemsize:
        refuse(value, dtype, f"at most {dtype.itemsize} bytes")
    return np.bytes_(bytes(text).rstrip(b"\0"))


def cast_fixed_string(value: Any, dtype: DType) -> Any:
    """A string of at most as many code points as the dtype holds; trailing NULs do not count."""
    text = "" if is_zero(value) else value
    length = dtype.itemsize // 4
    if not isinstance(text, str) or len(text.rstrip("\0")) > length:
        refuse(value, dtype, f"a string of at most {length} code points")
    return np.str_(text.rstrip("\0"))


def cast_raw(value: Any, dtype: DType) -> Any:
    """Exactly as many bytes as the itemsize."""
    if is_zero(value):
        value = bytes(dtype.itemsize)
    raw = value.tobytes() if isinstance(value, np.void) else value
    if not isinstance(raw, bytes | bytearray | memoryview) or len(raw) != dtype.itemsize:
        refuse(value, dtype, f"exactly {dtype.itemsize} bytes")
    return element_of(raw, dtype)


def cast_structured(value: Any, dtype: DType) -> Any:
    """A record, a sequence or mapping with one value per field, or the bytes of an element."""
    names = dtype.names or ()
    if isinstance(value, np.void) and value.dtype == dtype:
        return value
    if is_zero(value):
        value = bytes(dtype.itemsize)
    if isinstance(value, bytes | bytearray):
        return cast_raw(value, dtype)
    if isinstance(value, np.void) and value.dtype.names is not None:
        value = {name: value[name] for name in value.dtype.names}
    if isinstance(value, list | tuple) and len(value) == len(names):
        value = dict(zip(names, value, strict=True))
    if not isinstance(value, Mapping) or value.keys() != set(names):
        refuse(value, dtype, f"one value for each of the fields {show(names)}")
    record = np.zeros((), dtype)
    for name in names:
        record[name] = cast_field(value[name], dtype[name])
    return record[()]


def cast_field(value: Any, dtype: DType) -> Any:
    """The value of one field of a structured element; a sub-array takes what broadcasts to it."""
    if dtype.subdtype is None:
        return CASTS[family_of(dtype)](value, dtype)
    base, shape = dtype.subdtype
    try:
        items = np.asarray(value, base if base.names is not None else object)
        cast = [cast_field(item, base) for item in items.ravel()]
        return np.broadcast_to(np.array(cast, base).reshape(items.shape), shape)
    except (ValueError, TypeError, OverflowError) as error:
        raise MetadataError(
            f"fill value {show(value)} does not fit sub-array {dtype}: {error}"
        ) from error


def cast_string(value: Any, dtype: DType) -> str:
    """A string that UTF-8 can encode."""
    text = "" if is_zero(value) else value
    if not isinstance(text, str) or not _is_utf8(text):
        refuse(value, dtype, "a string")
    return str(text)


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def cast_bytes(value: Any, dtype: DType) -> bytes:
    """Any bytes."""
    data = b"" if is_zero(value) else value
    if not isinstance(data, bytes | bytearray | memoryview):
        refuse(value, dtype, "bytes")
    return bytes(data)


def cast_object(value: Any, dtype: DType) -> Any:
    """Whatever JSON can write: the fill value of an object array is stored as it is."""
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        refuse(value, dtype, "a value that JSON can hold")
    return value


def cast_ragged(value: Any, item: DType) -> NDArray:
    """A 1-d array of the item dtype, or a sequence of its items; 0 is the empty array."""
    items = () if is_zero(value) else value
    if not isinstance(items, list | tuple | np.ndarray) or np.ndim(items) > 1:
        refuse(value, item, "a one-dimensional sequence of items")
    array = np.array([cast_field(entry, item) for entry in items], item)
    array.flags.writeable = False
    return array


def element_of(raw: bytes | bytearray | memoryview, dtype: DType) -> Any:
    """The scalar whose memory these bytes are."""
    return np.frombuffer(bytes(raw), dtype).copy()[0]


CASTS: dict[str, Callable[[Any, DType], Any]] = {
    "bool": cast_bool,
    "integer": cast_integer,
    "float": cast_float,
    "complex": cast_complex,
    "small integer": cast_small_integer,
    "small float": cast_small_float,
    "small complex": cast_small_complex,
    "datetime": cast_time,
    "timedelta": cast_time,
    "fixed bytes": cast_fixed_bytes,
    "fixed string": cast_fixed_string,
    "raw": cast_raw,
    "structured": cast_structured,
    "string": cast_string,
    "bytes": cast_bytes,
    "object": cast_object,
    "array": cast_ragged,
}
"""One row per family of data types; the last four are what an element of an object array can be."""
