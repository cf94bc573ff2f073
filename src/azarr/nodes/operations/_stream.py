"""Arrays by pieces: regions of an array, and the reads of one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from azarr.engine import ArrayState, Operation
from azarr.errors import UsageError
from azarr.indexing import OrthogonalSelection
from azarr.model import ChunkGrid, RegularGrid
from azarr.nodes.arguments._arguments import normalize_chunks
from azarr.nodes.operations._array import get, get_bracket
from azarr.typing import Shape

Region = tuple[slice, ...]
"""A slice for each dimension."""


def regions(array: ArrayState, shape: Any = None) -> Iterator[Region]:
    """The regions of a shape that the array divides into, in C order; those at its ends are cut.

    The default shape is that of the stored values: shards, or chunks.
    """
    lengths = array.metadata.shape
    grid: ChunkGrid = array.metadata.chunk_grid
    if shape is not None:
        grid = RegularGrid(normalize_chunks(shape, lengths, array.metadata.dtype.itemsize))
    return product(*(grid.slices(axis, length) for axis, length in enumerate(lengths)))


def reads(
    array: ArrayState, selections: Iterable[Any] | None
) -> Iterator[tuple[Any, Operation[Any]]]:
    """Each selection (by default each region) with the operation that reads it, made lazily."""
    chosen = regions(array) if selections is None else selections
    return ((selection, get_bracket(array, selection)) for selection in chosen)


def check_ahead(ahead: Any) -> int:
    """Raises UsageError for a number of reads that cannot be under way."""
    if isinstance(ahead, bool) or not isinstance(ahead, int) or ahead < 0:
        raise UsageError(f"prefetch {ahead!r}: an integer of at least 0 is needed")
    return ahead


def blocks(array: ArrayState, start: int | None, end: int | None) -> Iterator[Operation[Any]]:
    """Reads of rows [start, end), each of one row of chunks, so that every chunk is read once."""
    shape = array.metadata.shape
    if not shape:
        raise TypeError("iteration over a 0-d array")
    first, last = _row(start, 0, "start"), min(_row(end, shape[0], "end"), shape[0])
    step = array.chunks[0] or 1
    grid = array.metadata.chunk_grid
    while first < last:
        stop = (first // step + 1) * step
        if array.varied and not array.shards:
            stop = grid.ends((first + 1, *shape[1:]))[0]
        yield get(array, _rows(slice(first, min(stop, last), 1), shape))
        first = min(stop, last)


def _rows(rows: slice, shape: Shape) -> OrthogonalSelection:
    rest = shape[1:]
    axes = (rows, *(slice(0, length, 1) for length in rest))
    return OrthogonalSelection(axes, (rows.stop - rows.start, *rest))


def _row(row: Any, default: int, name: str) -> int:
    if row is None:
        return default
    if isinstance(row, bool) or not isinstance(row, int) or row < 0:
        raise UsageError(f"{name} {row!r}: an integer of at least 0 is needed")
    return row
