"""One axis of a selection against one axis of the chunk grid: a table with a row per chunk.

The mathematics: chunk i of an axis with chunk length c holds the elements [i*c, (i+1)*c). A row
says which of them are selected, and where they go along the same axis of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np

from azarr.indexing import Axis
from azarr.typing import NDArray

BLOCK_ROWS = 4096
"""Rows of a table made at a time, so that a plan over 10^6 chunks holds under 1 MB of tables."""

AxisSelection = int | slice | NDArray


AxisTable: TypeAlias = tuple[
    Sequence[int], Sequence[AxisSelection], Sequence[slice | NDArray], Sequence[bool]
]
"""Columns of equal length, a row per chunk: the chunk's index along this axis; what to take of the
chunk; where it goes in the result (the column is empty when an integer drops the axis); whether
everything of the chunk that lies inside the array is selected."""


def count_chunks(axis: Axis, chunk: int) -> int:
    """How many rows the table of this axis has."""
    if type(axis) is int:
        return 1
    if type(axis) is slice:
        if axis.start == axis.stop:
            return 0
        if axis.step <= chunk:
            return int((axis.stop - 1) // chunk - axis.start // chunk + 1)
        return len(range(axis.start, axis.stop, axis.step))
    return len(np.unique(axis // chunk)) if len(axis) else 0  # type: ignore[arg-type]


def axis_blocks(axis: Axis, chunk: int, length: int) -> Iterator[AxisTable]:
    """The table of an axis, in order, at most about `BLOCK_ROWS` rows at a time."""
    if not isinstance(axis, slice) or axis.stop - axis.start <= BLOCK_ROWS * chunk:
        yield axis_table(axis, chunk, length)
        return
    start, step, out = axis.start, axis.step, 0
    while start < axis.stop:
        # The first selected element at or after the end of this block of chunks opens the next one.
        end = min((start // chunk + BLOCK_ROWS) * chunk, axis.stop)
        count = (end - start + step - 1) // step
        yield axis_table(slice(start, start + (count - 1) * step + 1, step), chunk, length, out)
        out += count
        start += count * step


def axis_table(axis: Axis, chunk: int, length: int, out: int = 0) -> AxisTable:
    """The whole table of an axis; `out` is the position in the result of its first element."""
    if type(axis) is int:
        index = axis // chunk
        whole = chunk == 1 or length - index * chunk == 1
        return (index,), (axis - index * chunk,), (), (whole,)
    if type(axis) is not slice:
        return _array_table(axis, chunk, length)  # type: ignore[arg-type]
    start, stop, step = axis.start, axis.stop, axis.step
    if start == stop:
        return (), (), (), ()
    first, last = start // chunk, (stop - 1) // chunk
    if first == last:
        base = first * chunk
        inside = slice(start - base, stop - base, step)
        count = (stop - 1 - start) // step + 1
        whole = count == chunk or count == length - base
        return (first,), (inside,), (slice(out, out + count, 1),), (whole,)
    if step == 1:
        return _contiguous_table(start, stop, first, last, chunk, length, out)
    return _strided_table(axis, chunk, length, out)


def _contiguous_table(
    start: int, stop: int, first: int, last: int, chunk: int, length: int, out: int
) -> AxisTable:
    full = slice(0, chunk, 1)
    tail = stop - last * chunk
    inner = last - first - 1
    head = slice(start - first * chunk, chunk, 1)
    edges = range((first + 1) * chunk - start + out, last * chunk - start + out + 1, chunk)
    selections = [head, *[full] * inner, slice(0, tail, 1)]
    outs = [
        slice(out, edges[0], 1),
        *map(slice, edges, edges[1:], [1] * inner),
        slice(edges[-1], edges[-1] + tail, 1),
    ]
    whole = [head.start == 0, *[True] * inner, tail == min(chunk, length - last * chunk)]
    return range(first, last + 1), selections, outs, whole


def _strided_table(axis: slice, chunk: int, length: int, out: int) -> AxisTable:
    indices: list[int] = []
    selections: list[AxisSelection] = []
    outs: list[slice | NDArray] = []
    whole: list[bool] = []
    position, stop, step = axis.start, axis.stop, axis.step
    while position < stop:
        index = position // chunk
        base = index * chunk
        end = min(base + chunk, stop)
        count = (end - 1 - position) // step + 1
        indices.append(index)
        selections.append(slice(position - base, position - base + (count - 1) * step + 1, step))
        outs.append(slice(out, out + count, 1))
        whole.append(count == min(chunk, length - base))
        out += count
        position += count * step
    return indices, selections, outs, whole


def _array_table(axis: NDArray, chunk: int, length: int) -> AxisTable:
    return array_rows(
        axis,
        axis // chunk,
        lambda index: (index * chunk, min(index * chunk + chunk, length)),
    )


def array_rows(
    axis: NDArray, chunks: NDArray, bounds_of: Callable[[int], tuple[int, int]]
) -> AxisTable:
    """Index arrays: one row per chunk touched, whatever the order of the indices.

    Args:
        chunks: the chunk of each index.
        bounds_of: where a chunk begins, and where what of it lies in the array ends.
    """
    order: NDArray | None = None
    if len(axis) > 1 and bool(np.any(chunks[1:] < chunks[:-1])):
        order = np.argsort(chunks, kind="stable")
        axis, chunks = axis[order], chunks[order]
    bounds = [0, *(np.flatnonzero(np.diff(chunks)) + 1).tolist(), len(axis)] if len(axis) else [0]
    indices = chunks[bounds[:-1]].tolist()
    selections: list[AxisSelection] = []
    outs: list[slice | NDArray] = []
    whole: list[bool] = []
    for index, low, high in zip(indices, bounds[:-1], bounds[1:], strict=True):
        start, stop = bounds_of(index)
        inside = _as_slice(axis[low:high] - start)
        selections.append(inside)
        outs.append(slice(low, high, 1) if order is None else _as_slice(order[low:high]))
        whole.append(type(inside) is slice and inside.step == 1 and high - low == stop - start)
    return indices, selections, outs, whole


def _as_slice(indices: NDArray) -> slice | NDArray:
    """An ascending arithmetic progression as a slice, which NumPy copies several times faster."""
    first, last, count = int(indices[0]), int(indices[-1]), len(indices)
    if count == 1:
        return slice(first, first + 1, 1)
    step, rest = divmod(last - first, count - 1)
    if rest or step < 1:
        return indices
    if step > 1 or count > 2:
        steps = np.diff(indices)
        if not bool((steps == step).all()):
            return indices
    return slice(first, last + 1, step)
