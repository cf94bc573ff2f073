"""What square brackets on an array mean: basic, or the fancy indexing that is unambiguous.

zarr 2.13 and later accept in brackets what NumPy and orthogonal indexing agree on: coordinate
arrays for every dimension, one mask of the array's shape, or one array among slices.
"""

from __future__ import annotations

from reprlib import repr as brief
from typing import Any

import numpy as np

from azarr.errors import SelectionError
from azarr.indexing._normalize import (
    basic_selection,
    coordinate_selection,
    mask_selection,
    orthogonal_selection,
)
from azarr.indexing._selection import Selection
from azarr.typing import Shape

_BASIC = frozenset({int, slice, type(Ellipsis)})


def bracket_selection(selection: Any, shape: Shape) -> Selection:
    """The selection that `array[selection]` means.

    Raises:
        SelectionError: also for a mixture whose meaning differs between NumPy and orthogonal
            indexing; the message names `oindex` and `vindex`.
    """
    items = selection if type(selection) is tuple else (selection,)
    for item in items:
        if type(item) not in _BASIC and _is_array(item):
            return _fancy_selection(items, shape)
    return basic_selection(selection, shape)


def _fancy_selection(items: tuple[Any, ...], shape: Shape) -> Selection:
    arrays = [np.asarray(item) for item in items if _is_array(item)]
    dimensions = arrays[0].ndim
    if len(items) == 1 and arrays[0].dtype == np.bool_ and dimensions == len(shape) != 1:
        return mask_selection(items[0], shape)
    scalars = all(_is_array(item) or _is_integer(item) for item in items)
    if scalars and len(items) == len(shape) and all(array.dtype.kind in "iu" for array in arrays):
        return coordinate_selection(items, shape)
    if len(arrays) == 1 and arrays[0].ndim == 1 and not any(_is_integer(item) for item in items):
        return orthogonal_selection(items, shape)
    raise SelectionError(
        f"unsupported mixture of indices {brief(items)}: use oindex to select along each axis on "
        f"its own, or vindex to select single points with one integer array per dimension"
    )


def _is_array(item: Any) -> bool:
    return isinstance(item, list) or (hasattr(item, "__array__") and np.ndim(item) > 0)


def _is_integer(item: Any) -> bool:
    return isinstance(item, (int, np.integer)) and not isinstance(item, bool)
