"""Fields of structured data types: told apart from indices, checked, and turned into a dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from azarr.errors import SelectionError

FieldNames: TypeAlias = str | list[str] | None
"""One field (the result has its dtype), several (it is structured), or None: whole elements."""


def split_fields(selection: Any) -> tuple[FieldNames, Any]:
    """Separate field names from indices: `('f', slice(2))` stays, `'f'` -> `('f', ())`."""
    if type(selection) is not tuple:
        return (selection, ()) if isinstance(selection, str) else (None, selection)
    for item in selection:
        if type(item) is str or type(item) is np.str_:
            break
    else:
        return None, selection
    names = [item for item in selection if isinstance(item, str)]
    indices = tuple(item for item in selection if not isinstance(item, str))
    return names[0] if len(names) == 1 else names, indices


def checked_fields(fields: str | Sequence[str] | None, dtype: np.dtype[Any]) -> FieldNames:
    """The field names, all known to `dtype`.

    Raises:
        SelectionError: no structured data type, or an unknown field; names the fields there are.
    """
    if fields is None or (not isinstance(fields, str) and len(fields) == 0):
        return None
    if dtype.names is None:
        raise SelectionError(
            f"fields {fields!r} asked of the data type {dtype}, which has no fields"
        )
    names = [fields] if isinstance(fields, str) else list(fields)
    for name in names:
        if name not in dtype.names:
            known = ", ".join(map(repr, dtype.names))
            raise SelectionError(f"no field {name!r}; the data type has {known}")
    return names[0] if len(names) == 1 else names


def field_dtype(fields: FieldNames, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the result; several fields are packed without the gaps of the others."""
    if fields is None:
        return dtype
    if isinstance(fields, str):
        return dtype[fields]
    from numpy.lib.recfunctions import repack_fields  # with numpy.ma, 9 ms

    return np.dtype(repack_fields(dtype[fields]))
