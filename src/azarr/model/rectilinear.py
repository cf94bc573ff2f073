"""Chunk grids whose chunks have lengths of their own along each dimension.

https://github.com/zarr-developers/zarr-extensions/tree/main/chunk-grids/rectilinear
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from azarr.errors import MetadataError
from azarr.model._show import show
from azarr.model.chunk_grids import LARGEST, RegularGrid, extents
from azarr.typing import JSON, ChunkCoords, NDArray, Shape

Run: TypeAlias = tuple[int, int]
"""A length, and how many chunks in a row have it."""

MOST_CHUNKS = 2**24
"""Chunks along a dimension where lengths differ: their bounds take 128 MiB. Metadata that asks for
more is a mistake or an attack."""


@dataclass(frozen=True, slots=True)
class RectilinearGrid:
    """Along each dimension a sequence of chunk lengths; a chunk is the product of one of each.

    Args:
        axes: for each dimension a length, which is that of all chunks, or the runs of a sequence
            that covers the array. What of a sequence lies beyond the array has no elements.

    Attributes:
        chunk_shape: the largest chunk.
        is_regular: whether all chunks have that shape after all.
        bounds: where chunks begin along each dimension, and the last one ends; a length where it
            is the same for all.

    Example:
        >>> grid = RectilinearGrid.of([[16, 10], 24])
        >>> grid.counts((26, 38)), grid.shape_at((1, 0)), grid.inside((1, 1), (26, 38))
        ((2, 2), (10, 24), (10, 14))
    """

    axes: tuple[int | tuple[Run, ...], ...]
    chunk_shape: Shape = field(init=False, repr=False, compare=False)
    is_regular: bool = field(init=False, repr=False, compare=False)
    bounds: tuple[int | NDArray, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bounds = tuple(_bounds(axis, number) for number, axis in enumerate(self.axes))
        object.__setattr__(self, "bounds", bounds)
        object.__setattr__(self, "is_regular", all(isinstance(each, int) for each in bounds))
        largest = tuple(
            axis if isinstance(axis, int) else max(length for length, _ in axis)
            for axis in self.axes
        )
        object.__setattr__(self, "chunk_shape", largest)

    @classmethod
    def of(cls, chunk_shapes: object) -> RectilinearGrid:
        """From `chunk_shapes` as documents have it: lengths, or lists of lengths and [length, n].

        Raises:
            MetadataError: it is anything else.
        """
        if not isinstance(chunk_shapes, list | tuple):
            raise MetadataError(f"chunk_shapes is {show(chunk_shapes)}; expected a list")
        return cls(tuple(_axis(axis, number) for number, axis in enumerate(chunk_shapes)))

    @property
    def chunk_shapes(self) -> list[JSON]:
        """What `of` takes."""
        return [
            axis
            if isinstance(axis, int)
            else [length if count == 1 else [length, count] for length, count in axis]
            for axis in self.axes
        ]

    def lengths(self, shape: Shape) -> tuple[tuple[int, ...], ...]:
        """The lengths of the chunks along each dimension, as they are stored."""
        return tuple(
            (bounds,) * count
            if isinstance(bounds, int)
            else tuple(np.diff(bounds[: count + 1]).tolist())
            for bounds, count in zip(self.bounds, self.counts(shape), strict=True)
        )

    def counts(self, shape: Shape) -> tuple[int, ...]:
        """The number of chunks along each dimension of an array of this shape."""
        return tuple(
            -(-extent // bounds)
            if isinstance(bounds, int)
            else int(np.searchsorted(bounds[1:], extent)) + 1
            if extent
            else 0
            for extent, bounds in zip(shape, self.bounds, strict=True)
        )

    def ends(self, shape: Shape) -> Shape:
        """Where the last chunks of an array of this shape end."""
        return tuple(
            count * bounds if isinstance(bounds, int) else int(bounds[count])
            for bounds, count in zip(self.bounds, self.counts(shape), strict=True)
        )

    def shape_at(self, coords: ChunkCoords) -> Shape:
        """The shape of the chunk at these coordinates, as it is stored."""
        return tuple(
            bounds if isinstance(bounds, int) else int(bounds[index + 1] - bounds[index])
            for index, bounds in zip(coords, self.bounds, strict=True)
        )

    def inside(self, coords: ChunkCoords, shape: Shape) -> Shape:
        """How much of a chunk lies in an array of this shape, in elements along each dimension."""
        return tuple(
            min(
                length, extent - (index * bounds if isinstance(bounds, int) else int(bounds[index]))
            )
            for length, index, bounds, extent in zip(
                self.shape_at(coords), coords, self.bounds, shape, strict=True
            )
        )

    def slices(self, axis: int, extent: int) -> list[slice]:
        """The elements of each chunk along a dimension, cut off at the extent."""
        bounds = self.bounds[axis]
        starts = (
            range(0, extent, bounds)
            if isinstance(bounds, int)
            else bounds[bounds < extent].tolist()
        )
        return [
            slice(start, stop) for start, stop in zip(starts, [*starts[1:], extent], strict=False)
        ]

    def check(self, shape: Shape) -> None:
        """Raise MetadataError unless the grid covers an array of this shape."""
        if len(shape) != len(self.axes):
            raise MetadataError(
                f"chunk_shapes has {len(self.axes)} dimensions, shape {show(shape)} has "
                f"{len(shape)}"
            )
        for number, (axis, extent) in enumerate(zip(self.axes, shape, strict=True)):
            covered = extent if isinstance(axis, int) else sum(size * count for size, count in axis)
            if covered < extent:
                raise MetadataError(
                    f"chunk_shapes[{number}] covers {covered} elements, but shape[{number}] is "
                    f"{extent}; the lengths of further chunks are not defined"
                )


ChunkGrid: TypeAlias = RegularGrid | RectilinearGrid


def _axis(axis: object, number: int) -> int | tuple[Run, ...]:
    name = f"chunk_shapes[{number}]"
    if not isinstance(axis, Iterable) or isinstance(axis, str):
        return _positive([axis], name)[0]
    runs: list[Run] = []
    for entry in axis:
        if isinstance(entry, list | tuple):
            if len(entry) != 2:
                raise MetadataError(f"{name}: {show(entry)}; expected a pair [length, count]")
            length, count = _positive(entry, name)
        else:
            ((length,), count) = _positive([entry], name), 1
        if runs and runs[-1][0] == length:
            runs[-1] = length, runs[-1][1] + count
        else:
            runs.append((length, count))
    if not runs:
        raise MetadataError(f"{name} is empty; expected lengths of chunks")
    return tuple(runs)


def _positive(values: Sequence[object], name: str) -> Shape:
    lengths = extents(values, name)
    if 0 in lengths:
        raise MetadataError(f"{name}: {show(values)}; expected integers of at least 1")
    return lengths


def _bounds(axis: int | tuple[Run, ...], number: int) -> int | NDArray:
    if isinstance(axis, int):
        return axis
    if len(axis) == 1:
        return axis[0][0]
    total = sum(length * count for length, count in axis)
    chunks = sum(count for _, count in axis)
    if chunks > MOST_CHUNKS or total > LARGEST:
        raise MetadataError(
            f"chunk_shapes[{number}] has {chunks} chunks of {total} elements; at most "
            f"{MOST_CHUNKS} chunks of different lengths and 2**63 - 1 elements are supported"
        )
    lengths = np.repeat(*np.array(axis, np.int64).T)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
