"""Selections against chunks of different lengths: the tables of `_axis`, with bounds for a length.

The mathematics: with bounds b, chunk i holds the elements [b[i], b[i+1]). An axis whose chunks all
have one length comes as that length and goes to `_axis`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from azarr.indexing import Axis
from azarr.plan._axis import (
    BLOCK_ROWS,
    AxisTable,
    array_rows,
    axis_blocks,
    axis_table,
    count_chunks,
)
from azarr.plan._orthogonal import OrthogonalPlan
from azarr.typing import NDArray

Bounds = int | NDArray


def chunk_of(indices: NDArray, bounds: NDArray) -> NDArray:
    """The chunk of each index."""
    chunks: NDArray = np.searchsorted(bounds, indices, side="right") - 1
    return chunks


def bounded_count(axis: Axis, chunk: Bounds) -> int:
    """How many rows the table of this axis has."""
    if isinstance(chunk, int):
        return count_chunks(axis, chunk)
    if isinstance(axis, slice):
        return len(_runs(axis, chunk)[0])
    return len(np.unique(chunk_of(np.atleast_1d(axis), chunk)))


def bounded_table(axis: Axis, chunk: Bounds, length: int) -> AxisTable:
    """The whole table of an axis."""
    if isinstance(chunk, int):
        return axis_table(axis, chunk, length)
    if isinstance(axis, slice):
        return _slice_table(axis, chunk, length)

    def bounds_of(index: int) -> tuple[int, int]:
        return int(chunk[index]), min(int(chunk[index + 1]), length)

    if isinstance(axis, np.ndarray):
        return array_rows(axis, chunk_of(axis, chunk), bounds_of)
    index = int(chunk_of(np.array(axis), chunk))
    start, stop = bounds_of(index)
    return (index,), (axis - start,), (), (stop - start == 1,)


def bounded_blocks(axis: Axis, chunk: Bounds, length: int) -> Iterator[AxisTable]:
    """The table of an axis, in order, at most `BLOCK_ROWS` rows at a time."""
    if isinstance(chunk, int):
        yield from axis_blocks(axis, chunk, length)
        return
    indices, insides, outs, whole = bounded_table(axis, chunk, length)
    for start in range(0, len(indices), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        yield indices[rows], insides[rows], outs[rows], whole[rows]


def _runs(axis: slice, bounds: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Of a slice, the chunks that hold some of it, and the first and the end of what each holds.

    Both count the elements of the slice.
    """
    if axis.start == axis.stop:
        return (np.zeros(0, np.int64),) * 3
    first, last = chunk_of(np.array([axis.start, axis.stop - 1]), bounds).tolist()
    edges = np.clip(bounds[first : last + 2], axis.start, axis.stop) - axis.start
    counted = -(-edges // axis.step)
    held = counted[1:] > counted[:-1]
    return np.arange(first, last + 1)[held], counted[:-1][held], counted[1:][held]


def _slice_table(axis: slice, bounds: NDArray, length: int) -> AxisTable:
    chunks, begins, ends = _runs(axis, bounds)
    starts = bounds[chunks]
    heads = axis.start + begins * axis.step - starts
    tails = heads + (ends - begins - 1) * axis.step + 1
    whole = ends - begins == np.minimum(bounds[chunks + 1], length) - starts
    steps = [axis.step] * len(chunks)
    insides = [*map(slice, heads.tolist(), tails.tolist(), steps)]
    outs = [*map(slice, begins.tolist(), ends.tolist(), [1] * len(chunks))]
    return chunks.tolist(), insides, outs, whole.tolist()


class RectilinearPlan(OrthogonalPlan):
    """The plan of an orthogonal selection where chunks have different lengths."""

    __slots__ = ()

    _count = staticmethod(bounded_count)
    _table = staticmethod(bounded_table)
    _tables = staticmethod(bounded_blocks)
