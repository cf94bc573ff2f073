"""The plan of an orthogonal selection: the product of one table per axis, taken lazily.

Whatever NumPy needs special forms for (several index arrays in one subscript, integers beside them)
is put into the tables, so that every step is scattered by the one statement
`out[out_selection] = chunk[chunk_selection]`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product, repeat
from math import prod
from typing import Any, ClassVar

import numpy as np

from azarr.indexing import OrthogonalSelection
from azarr.plan._axis import (
    BLOCK_ROWS,
    AxisSelection,
    AxisTable,
    axis_blocks,
    axis_table,
    count_chunks,
)
from azarr.plan._step import K, KeyEncoding, Step
from azarr.typing import NDArray, Shape


class OrthogonalPlan:
    """Chunks of an orthogonal selection, in C order of the chunk grid.

    Attributes:
        shape: the shape of the result.
        count: the number of steps, one per chunk.
        flat: False: the chunk selections index the chunk's own dimensions.
        sliced: whether no axis is selected by an index array.
    """

    __slots__ = (
        "_axes",
        "_chunk_shape",
        "_counts",
        "_expand",
        "_extent",
        "count",
        "shape",
        "sliced",
    )

    flat = False
    # How an axis is tabulated against what `chunk_shape` says of it; see `_axis`.
    _count: ClassVar[Any] = staticmethod(count_chunks)
    _table: ClassVar[Any] = staticmethod(axis_table)
    _tables: ClassVar[Any] = staticmethod(axis_blocks)

    def __init__(self, selection: OrthogonalSelection, shape: Shape, chunk_shape: Any) -> None:
        self.shape = selection.shape
        self._axes = selection.axes
        self._extent = shape
        self._chunk_shape = chunk_shape
        self.sliced = selection.indices is None
        self._expand: tuple[Any, ...] | None = None
        if selection.indices is not None:
            # Beside index arrays an integer would move axes around; a slice of length 1 does not.
            self._expand = tuple(None if type(axis) is int else slice(None) for axis in self._axes)
            self._axes = tuple(
                slice(axis, axis + 1, 1) if type(axis) is int else axis for axis in self._axes
            )
        self._counts = (*map(self._count, self._axes, chunk_shape),)
        self.count = 0 if 0 in self.shape else prod(self._counts)

    def target(self, out: NDArray) -> NDArray:
        """The view of `out` that the steps' out selections index."""
        return out if self._expand is None else out[self._expand]

    def finish(self, target: NDArray, out: NDArray) -> None:
        """Nothing is left to do: `target` is a view of `out`."""

    def source(self, value: NDArray) -> NDArray:
        """The view of a value of the selection's shape that the steps' out selections index."""
        return value if self._expand is None else value[self._expand]

    def steps(self, encoding: KeyEncoding[K], prefix: str = "") -> Iterator[Step[K]]:
        """`(key, chunk selection, out selection, whole)` per chunk, at C speed once per block."""
        if not self.count:
            return
        for tables in self._blocks():
            indices, chunk_selections, out_selections, whole = (
                zip(*tables, strict=True) if tables else ((),) * 4
            )
            if self._expand is not None:
                chunk_selections = _subscripts(chunk_selections)
                out_selections = _subscripts(out_selections)
            yield from zip(
                encoding.keys(indices, prefix),
                product(*chunk_selections),
                product(*filter(None, out_selections)),
                map(all, product(*whole)),
                strict=True,
            )

    def inner(self, selection: Any, shape: Shape, chunk_shape: Shape) -> OrthogonalPlan:
        """The plan of one step's chunk selection inside a chunk that is divided once more."""
        axes = tuple(
            axis.reshape(-1) if isinstance(axis, np.ndarray) else axis for axis in selection
        )
        lengths = tuple(_length(axis) for axis in axes if type(axis) is not int)
        arrays = [len(axis) for axis in axes if type(axis) is np.ndarray]
        selected = OrthogonalSelection(axes, lengths, sum(arrays) if arrays else None)
        return OrthogonalPlan(selected, shape, chunk_shape)

    def _blocks(self) -> Iterator[list[AxisTable]]:
        """Tables of all axes, whose products one after the other are all chunks in C order.

        The last axis with very many chunks comes in blocks, and those before it row by row, so that
        tables stay small.
        """
        axes, chunks, extent = self._axes, self._chunk_shape, self._extent
        if self.count <= BLOCK_ROWS or max(self._counts) <= BLOCK_ROWS:
            yield [*map(self._table, axes, chunks, extent)]
            return
        pivot = max(axis for axis, count in enumerate(self._counts) if count > BLOCK_ROWS)
        tails = [*map(self._table, axes[pivot + 1 :], chunks[pivot + 1 :], extent[pivot + 1 :])]
        for head in self._rows(pivot):
            for block in self._tables(axes[pivot], chunks[pivot], extent[pivot]):
                yield [*head, block, *tails]

    def _rows(self, stop: int) -> Iterator[list[AxisTable]]:
        """The product of the axes before `stop`, each as a table of one row."""
        if not stop:
            yield []
            return
        axis = stop - 1
        for head in self._rows(axis):
            for block in self._tables(
                self._axes[axis], self._chunk_shape[axis], self._extent[axis]
            ):
                for row in zip(*(column or repeat(None) for column in block), strict=False):
                    index, inside, out, whole = ([] if item is None else [item] for item in row)
                    yield [*head, (index, inside, out, whole)]


def _subscripts(columns: tuple[Any, ...]) -> tuple[Any, ...]:
    """Columns in a form whose rows may stand together in one NumPy subscript.

    With at most one axis of index arrays, slices beside it keep their places. With several, every
    row becomes an array shaped to broadcast as an outer product (what `numpy.ix_` makes).
    """
    arrays = [
        axis for axis, column in enumerate(columns) if any(type(row) is not slice for row in column)
    ]
    if len(arrays) < 2:
        return columns
    ndim = len(columns)
    return tuple([_outer(row, axis, ndim) for row in column] for axis, column in enumerate(columns))


def _outer(row: AxisSelection, axis: int, ndim: int) -> NDArray:
    indices = (
        np.arange(row.start, row.stop, row.step) if isinstance(row, slice) else np.asarray(row)
    )
    return indices.reshape((-1,) + (1,) * (ndim - 1 - axis))


def _length(axis: AxisSelection) -> int:
    if isinstance(axis, slice):
        return len(range(axis.start, axis.stop, axis.step))
    return len(axis)  # type: ignore[arg-type]
