"""The plan of a coordinate selection: points grouped by chunk, each chunk touched once.

Points are put into chunk order by one stable sort, so that repeated points keep the caller's order
and the last value written wins, as in NumPy. The result is gathered in chunk order into contiguous
memory and put back into the caller's order by a single subscript at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod

import numpy as np

from azarr.indexing import CoordinateSelection
from azarr.plan._rectilinear import chunk_of
from azarr.plan._step import K, KeyEncoding, Step
from azarr.typing import NDArray, Shape


class CoordinatePlan:
    """Chunks that hold at least one of the points, in C order of the chunk grid.

    Attributes:
        shape: the shape of the result.
        count: the number of steps, one per chunk.
        flat: True: the chunk selections are offsets into the chunk raveled in C order.
    """

    __slots__ = ("_bounds", "_chunks", "_offsets", "_order", "count", "shape")

    flat, sliced = True, False

    def __init__(
        self,
        selection: CoordinateSelection,
        shape: Shape,
        chunk_shape: Sequence[int | NDArray],
    ) -> None:
        """`chunk_shape`: a chunk length for each dimension, or the bounds of its chunks."""
        self.shape = selection.shape
        points = prod(selection.shape)
        linear = np.zeros(points, np.int64)
        offsets = np.zeros(points, np.int64)
        per_axis: list[NDArray] = []
        for axis, length, chunk in zip(selection.coordinates, shape, chunk_shape, strict=True):
            if not points:
                break
            if isinstance(chunk, np.ndarray):
                index = chunk_of(axis, chunk)
                linear = linear * (len(chunk) - 1) + index
                offsets = offsets * (chunk[index + 1] - chunk[index]) + (axis - chunk[index])
            else:
                index = axis // chunk
                linear = linear * (-(-length // chunk)) + index
                offsets = offsets * chunk + (axis - index * chunk)
            per_axis.append(index)
        self._order: NDArray | None = None
        if points > 1 and bool(np.any(linear[1:] < linear[:-1])):
            self._order = np.argsort(linear, kind="stable")
            linear, offsets = linear[self._order], offsets[self._order]
            per_axis = [index[self._order] for index in per_axis]
        starts = (
            np.concatenate([[0], np.flatnonzero(np.diff(linear)) + 1])
            if points
            else np.zeros(0, int)
        )
        self._offsets = offsets
        self._bounds = [*starts.tolist(), points]
        self._chunks = [index[starts].tolist() for index in per_axis]
        self.count = len(starts)

    def target(self, out: NDArray) -> NDArray:
        """Memory for the points in chunk order: `out` itself where its order is the same."""
        if self._order is None and out.flags.c_contiguous:
            return out.reshape(-1)
        return np.empty_like(out, shape=(out.size,))

    def finish(self, target: NDArray, out: NDArray) -> None:
        """Put the points from chunk order back into the caller's order."""
        if self._order is not None:
            result = np.empty_like(target)
            result[self._order] = target
            out[...] = result.reshape(out.shape)
        elif not np.shares_memory(target, out):
            out[...] = target.reshape(out.shape)

    def source(self, value: NDArray) -> NDArray:
        """The values in chunk order."""
        flat = value.reshape(-1)
        return flat if self._order is None else flat[self._order]

    def steps(self, encoding: KeyEncoding[K], prefix: str = "") -> Iterator[Step[K]]:
        """`(key, offsets in the chunk, slice of the points, whole)` per chunk."""
        if not self.count:
            return iter(())
        columns, bounds, offsets = self._chunks, self._bounds, self._offsets
        keys = encoding.keys_at(columns, prefix) if columns else encoding.keys((), prefix)
        return (
            (key, offsets[low:high], slice(low, high), False)
            for key, (low, high) in zip(keys, pairwise(bounds), strict=True)
        )

    def inner(self, offsets: NDArray, shape: Shape, chunk_shape: Shape) -> CoordinatePlan:
        """The plan of one step's offsets inside a chunk of `shape` that is divided once more."""
        coordinates = np.unravel_index(offsets, shape) if shape else ()
        return CoordinatePlan(CoordinateSelection(coordinates, offsets.shape), shape, chunk_shape)
