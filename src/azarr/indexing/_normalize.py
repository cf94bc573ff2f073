"""One function per kind of selection: what the user wrote and a shape in, a `Selection` out.

NumPy is the oracle for every rule, except where zarr 2 is narrower (no negative steps, no newaxis)
or where the kind itself differs (orthogonal and block selections, NumPy NEP 21).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import accumulate
from reprlib import repr as brief
from typing import Any

import numpy as np

from azarr.errors import SelectionError
from azarr.indexing._selection import Axis, CoordinateSelection, OrthogonalSelection
from azarr.typing import NDArray, Shape


def basic_selection(selection: Any, shape: Shape) -> OrthogonalSelection:
    """Integers, slices with positive steps and at most one Ellipsis.

    Example:
        >>> basic_selection((slice(2, None), -1), (5, 4))
        OrthogonalSelection(axes=(slice(2, 5, 1), 3), shape=(3,))

    Raises:
        SelectionError: out of bounds, too many indices, a negative step, or another kind of index.
    """
    # On the way of every small read: tuples are joined, which calls no function as appending does.
    axes: tuple[Axis, ...] = ()
    result: Shape = ()
    for axis, (item, length) in enumerate(zip(_expanded(selection, shape), shape, strict=True)):
        if type(item) is slice:
            normalized, count = _slice(item, length, axis)
            axes += (normalized,)
            result += (count,)
        else:
            axes += (_index(item, length, axis),)
    return OrthogonalSelection(axes, result)


def orthogonal_selection(selection: Any, shape: Shape) -> OrthogonalSelection:
    """Integers, slices, integer arrays and Boolean arrays, each acting on its own axis.

    A list or array of integers selects in the order given, repeats included. A Boolean array must
    be as long as its axis.

    Raises:
        SelectionError: as `basic_selection`; also an array of the wrong type, dimension or length.
    """
    axes: list[Axis] = []
    result: list[int] = []
    indices: int | None = None
    for axis, (item, length) in enumerate(zip(_expanded(selection, shape), shape, strict=True)):
        if isinstance(item, slice):
            normalized, count = _slice(item, length, axis)
            axes.append(normalized)
            result.append(count)
        elif _is_arraylike(item):
            array = _index_array(item, length, axis)
            axes.append(array)
            result.append(len(array))
            indices = (indices or 0) + len(array)
        else:
            axes.append(_index(item, length, axis))
    return OrthogonalSelection(tuple(axes), tuple(result), indices)


def coordinate_selection(selection: Any, shape: Shape) -> CoordinateSelection:
    """One integer array per dimension, broadcast against each other; the result has their shape.

    Raises:
        SelectionError: not one array per dimension, not integers, not broadcastable, out of bounds.
    """
    items = selection if isinstance(selection, tuple) else (selection,)
    if len(items) != len(shape):
        raise SelectionError(
            f"a coordinate selection needs one integer array per dimension: the array has "
            f"{len(shape)} dimensions, {len(items)} were given"
        )
    arrays = [_integers(item, axis) for axis, item in enumerate(items)]
    try:
        broadcast = np.broadcast_arrays(*arrays) if arrays else []
    except ValueError:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise SelectionError(f"coordinate arrays of shapes {shapes} do not broadcast") from None
    result = broadcast[0].shape if broadcast else ()
    flat = tuple(
        _wrapped(array.reshape(-1), length, axis)
        for axis, (array, length) in enumerate(zip(broadcast, shape, strict=True))
    )
    return CoordinateSelection(flat, result)


def mask_selection(mask: Any, shape: Shape) -> CoordinateSelection:
    """A Boolean array of the array's own shape; the result is 1-D, in C order.

    Raises:
        SelectionError: not Boolean, or of another shape.
    """
    if isinstance(mask, tuple) and len(mask) == 1:
        mask = mask[0]
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.shape != shape:
        raise SelectionError(
            f"a mask selection needs a Boolean array of the array's shape {shape}, "
            f"not {array.dtype} of shape {array.shape}"
        )
    if array.ndim == 0:  # NumPy: one item or none, and np.nonzero refuses 0-d arrays
        return CoordinateSelection((), (int(array),))
    coordinates = np.nonzero(array)
    return CoordinateSelection(coordinates, coordinates[0].shape)


def block_selection(
    selection: Any, shape: Shape, chunk_shape: Sequence[int | Sequence[int]]
) -> OrthogonalSelection:
    """Integers and slices (of step 1) that count whole chunks along each axis.

    An integer selects one chunk and keeps its axis, as `blocks` in zarr 2 does.

    Args:
        chunk_shape: the length of the chunks along each axis, or of each of them.

    Raises:
        SelectionError: a chunk out of bounds, a step other than 1, another kind of index.
    """
    axes: list[Axis] = []
    result: list[int] = []
    items = _expanded(selection, shape)
    for axis, (item, length, chunk) in enumerate(zip(items, shape, chunk_shape, strict=True)):
        if isinstance(chunk, int):
            count = -(-length // chunk) if chunk else 0
            bounds: Sequence[int] = range(0, (count + 1) * chunk or 1, chunk or 1)
        else:
            bounds = [0, *accumulate(chunk)]
            count = len(chunk)
        if isinstance(item, slice):
            blocks, _ = _slice(item, count, axis)
            if blocks.step != 1:
                raise SelectionError(
                    f"a block selection needs a step of 1, not {item} (axis {axis})"
                )
            start, stop = blocks.start, blocks.stop
        else:
            start = _index(item, count, axis, "chunks")
            stop = start + 1
        region = slice(min(bounds[start], length), min(bounds[stop], length), 1)
        axes.append(region)
        result.append(region.stop - region.start)
    return OrthogonalSelection(tuple(axes), tuple(result))


def _expanded(selection: Any, shape: Shape) -> tuple[Any, ...]:
    """One item per dimension: Ellipsis and missing trailing items become full slices."""
    items = selection if type(selection) is tuple else (selection,)
    ndim = len(shape)
    if len(items) == ndim:
        for item in items:
            if item is Ellipsis:
                break
        else:
            return items
    ellipses = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(ellipses) > 1:
        raise SelectionError("an index can only have a single ellipsis ('...')")
    given = len(items) - len(ellipses)
    if given > ndim:
        raise SelectionError(
            f"too many indices for array: the array has {ndim} dimensions, {given} were indexed"
        )
    at = ellipses[0] if ellipses else len(items)
    full = (slice(None),) * (ndim - given)
    return items[:at] + full + items[at + 1 :]


def _slice(item: slice, length: int, axis: int) -> tuple[slice, int]:
    try:
        start, stop, step = item.indices(length)
    except (TypeError, ValueError) as error:
        raise SelectionError(f"{item} is no slice of integers (axis {axis}): {error}") from None
    if step < 1:
        raise SelectionError(f"only slices with step >= 1 are supported, not {item} (axis {axis})")
    if step == 1:
        return (
            (slice(start, stop, 1), stop - start) if stop > start else (slice(start, start, 1), 0)
        )
    count = max(0, (stop - start + step - 1) // step)
    return slice(start, start + (count - 1) * step + 1 if count else start, step), count


def _index(item: Any, length: int, axis: int, of: str = "") -> int:
    if isinstance(item, (bool, np.bool_)) or item is None:
        raise SelectionError(_unsupported(item, axis))
    try:
        index = operator.index(item)
    except TypeError:
        raise SelectionError(_unsupported(item, axis)) from None
    if -length <= index < length:
        return index if index >= 0 else index + length
    raise SelectionError(_out_of_bounds(index, axis, f"{length} {of}" if of else f"size {length}"))


def _out_of_bounds(index: int, axis: int, extent: str) -> str:
    return f"index {index} is out of bounds for axis {axis} with {extent}"


def _unsupported(item: Any, axis: int) -> str:
    hint = "; for arrays use oindex, vindex or blocks" if _is_arraylike(item) else ""
    return (
        f"unsupported index {brief(item)} (axis {axis}): "
        f"an integer, a slice or an Ellipsis is allowed{hint}"
    )


def _is_arraylike(item: Any) -> bool:
    return isinstance(item, list) or (hasattr(item, "__array__") and np.ndim(item) > 0)


def _index_array(item: Any, length: int, axis: int) -> NDArray:
    array = np.asarray(item)
    if array.ndim != 1:
        raise SelectionError(
            f"an orthogonal selection needs 1-D arrays, not one of shape {array.shape} "
            f"(axis {axis})"
        )
    if array.dtype == np.bool_:
        if len(array) != length:
            raise SelectionError(
                f"a Boolean array must be as long as its axis: axis {axis} has size {length}, "
                f"the array has {len(array)} items"
            )
        return np.nonzero(array)[0]
    return _wrapped(_integers(array, axis), length, axis)


def _integers(item: Any, axis: int) -> NDArray:
    array = np.asarray(item)
    if array.size == 0 and array.dtype == np.float64:  # np.asarray([]) has no type of its own
        array = array.astype(np.intp)
    if array.dtype.kind not in "iu":
        raise SelectionError(
            f"an index array must hold integers, not {array.dtype} (axis {axis}): {brief(item)}"
        )
    return array


def _wrapped(array: NDArray, length: int, axis: int) -> NDArray:
    """Bounds checked, negative indices counted from the end; never the caller's own array."""
    if array.size:
        low, high = int(array.min()), int(array.max())
        if low < -length or high >= length:
            bad = high if high >= length else low
            raise SelectionError(_out_of_bounds(bad, axis, f"size {length}"))
        if low < 0:
            return np.where(array < 0, array + length, array).astype(np.intp, copy=False)
    return array.astype(np.intp)
