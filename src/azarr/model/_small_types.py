"""The numbers of the Zarr v3 registry that NumPy has from the optional package `ml_dtypes`.

One row for each name: what it is called there, its family, how many bits count, its usual NaN. The
package is imported when a data type of that name is asked for; a dtype that a user has made with it
is recognised by where its type comes from.
https://github.com/zarr-developers/zarr-extensions/tree/main/data-types
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from azarr.errors import UnknownDataTypeError

PACKAGE = "ml_dtypes"


class SmallType(NamedTuple):
    """One row.

    Attributes:
        family: see `_families`.
        bits: bits of a number (of a complex one, of either part); it takes a byte or two in memory.
        nan: the bits that are written "NaN", in hex; None: it has no NaN.
        attribute: its name in ml_dtypes, where that is another one.
    """

    family: str
    bits: int
    nan: str | None = None
    attribute: str | None = None


SMALL_TYPES: dict[str, SmallType] = {
    "bfloat16": SmallType("small float", 16, "7fc0"),
    "float8_e3m4": SmallType("small float", 8, "78"),
    "float8_e4m3": SmallType("small float", 8, "7c"),
    "float8_e4m3b11fnuz": SmallType("small float", 8, "80"),
    "float8_e4m3fnuz": SmallType("small float", 8, "80"),
    "float8_e5m2": SmallType("small float", 8, "7e"),
    "float8_e5m2fnuz": SmallType("small float", 8, "80"),
    "float8_e8m0fnu": SmallType("small float", 8, "ff"),
    "float6_e2m3fn": SmallType("small float", 6),
    "float6_e3m2fn": SmallType("small float", 6),
    "float4_e2m1fn": SmallType("small float", 4),
    "int2": SmallType("small integer", 2),
    "int4": SmallType("small integer", 4),
    "uint2": SmallType("small integer", 2),
    "uint4": SmallType("small integer", 4),
    "complex_float16": SmallType("small complex", 16, "7e00", "complex32"),
    "complex_bfloat16": SmallType("small complex", 16, "7fc0", "bcomplex32"),
}

# Registered, and in no package for NumPy.
_PARTS = [name for name, row in SMALL_TYPES.items() if row.family == "small float" and row.bits < 9]
NOT_IN_NUMPY = frozenset(f"complex_{name}" for name in _PARTS)

_NAMES = {row.attribute or name: name for name, row in SMALL_TYPES.items()}


def small_name(dtype: np.dtype[Any]) -> str | None:
    """The v3 name of a dtype of ml_dtypes; None for any other dtype."""
    kind = dtype.type
    return _NAMES.get(kind.__name__) if kind.__module__ == PACKAGE else None


def small_type(dtype: np.dtype[Any]) -> SmallType | None:
    """The row of a dtype of ml_dtypes; None for any other dtype."""
    name = small_name(dtype)
    return None if name is None else SMALL_TYPES[name]


def small_dtype(name: str) -> np.dtype[Any]:
    """The dtype of that name.

    Raises:
        UnknownDataTypeError: ml_dtypes is not installed, or too old to have it.
    """
    attribute = SMALL_TYPES[name].attribute or name
    try:
        dtype: np.dtype[Any] = np.dtype(getattr(import_module(PACKAGE), attribute))
    except (ImportError, AttributeError) as error:
        raise UnknownDataTypeError(
            f"data type {name!r} is {attribute!r} of the package {PACKAGE}, which is missing or "
            "too old: pip install -U 'azarr[ml_dtypes]'"
        ) from error
    return dtype


def part_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the real and of the imaginary part of a small complex number."""
    name = small_name(dtype)
    return np.dtype(np.float16) if name == "complex_float16" else small_dtype("bfloat16")


def number_range(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The lowest and the highest finite number."""
    ml_dtypes = import_module(PACKAGE)
    if SMALL_TYPES[small_name(dtype) or ""].family == "small integer":
        integers = ml_dtypes.iinfo(dtype)
        return int(integers.min), int(integers.max)
    floats = ml_dtypes.finfo(dtype)
    return float(floats.min), float(floats.max)


def in_memory_order(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """A dtype in the byte order of this machine; those of ml_dtypes have only that one."""
    return dtype.newbyteorder("=") if small_name(dtype) is None else np.dtype(dtype.type)
