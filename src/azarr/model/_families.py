"""Families of data types: the data types whose elements are handled alike.

A family is the key of a row in every table about data types. A further NumPy scalar type is one row
here; those of ml_dtypes, such as bfloat16, stand in `_small_types`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from azarr.model._small_types import small_type

DType: TypeAlias = np.dtype[Any]

# Long double is missing on purpose: its 10 to 16 bytes mean something else on each platform.
_FAMILIES: dict[type[np.generic], str] = {
    np.bool_: "bool",
    **{np.dtype(code).type: "integer" for code in np.typecodes["AllInteger"]},
    **dict.fromkeys((np.float16, np.float32, np.float64), "float"),
    **dict.fromkeys((np.complex64, np.complex128), "complex"),
    np.datetime64: "datetime",
    np.timedelta64: "timedelta",
    np.bytes_: "fixed bytes",
    np.str_: "fixed string",
    np.void: "raw",
}


def family_of(dtype: DType, element: str | None = None) -> str:
    """The family of a data type; "" for one that cannot be stored.

    Example:
        >>> family_of(np.dtype("<u2"))
        'integer'
    """
    if element is not None:
        return element
    if dtype.names is not None:
        return "structured"
    family = _FAMILIES.get(dtype.type)
    if family is None:
        row = small_type(dtype)
        family = "" if row is None else row.family
    return family
