"""How an array is divided into chunks: pure arithmetic on shapes, no keys and no bytes.

A chunk grid is a frozen value with the methods of `RegularGrid`. A further kind of grid is a class
with the same methods, and one row in the table of the format that can spell it: `rectilinear`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import index
from typing import ClassVar

from azarr.errors import MetadataError
from azarr.model._show import show
from azarr.typing import ChunkCoords, Shape

LARGEST = 2**63 - 1
"""NumPy's largest index: no extent, and no number of elements or bytes, may exceed it."""


def extents(values: Iterable[object], field: str) -> Shape:
    """The values as a tuple of ints in [0, 2**63 - 1]; MetadataError names the field and the entry.

    NumPy integers are accepted; a bool, a float or a string is not an extent.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise MetadataError(f"{field} is {show(values)}; expected a sequence of integers >= 0")
    return tuple(_extent(value, f"{field}[{axis}]") for axis, value in enumerate(values))


def _extent(value: object, field: str) -> int:
    try:
        extent = -1 if isinstance(value, bool) else index(value)  # type: ignore[arg-type]
    except TypeError:
        extent = -1
    if not 0 <= extent <= LARGEST:
        raise MetadataError(f"{field} is {show(value)}; expected an integer from 0 to 2**63 - 1")
    return extent


@dataclass(frozen=True, slots=True)
class RegularGrid:
    """Every chunk has the same shape; a chunk at the upper edge may reach beyond the array.

    An entry of 0 is legal only along a dimension whose extent is 0 (it has no chunks).

    Example:
        >>> RegularGrid((4, 3)).counts((8, 10))
        (2, 4)
    """

    chunk_shape: Shape
    is_regular: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "chunk_shape", extents(self.chunk_shape, "chunk_shape"))

    def lengths(self, shape: Shape) -> tuple[tuple[int, ...], ...]:
        """The lengths of the chunks along each dimension, as they are stored."""
        counts = self.counts(shape)
        return tuple((chunk,) * n for n, chunk in zip(counts, self.chunk_shape, strict=True))

    def counts(self, shape: Shape) -> tuple[int, ...]:
        """The number of chunks along each dimension of an array of this shape."""
        return tuple(
            -(-extent // chunk) if chunk else 0
            for extent, chunk in zip(shape, self.chunk_shape, strict=True)
        )

    def ends(self, shape: Shape) -> Shape:
        """Where the last chunks of an array of this shape end."""
        counts = self.counts(shape)
        return tuple(n * chunk for n, chunk in zip(counts, self.chunk_shape, strict=True))

    def shape_at(self, coords: ChunkCoords) -> Shape:
        """The shape of the chunk at these coordinates, as it is stored."""
        return self.chunk_shape

    def inside(self, coords: ChunkCoords, shape: Shape) -> Shape:
        """How much of a chunk lies in an array of this shape, in elements along each dimension."""
        rows = zip(coords, self.chunk_shape, shape, strict=True)
        return tuple(min(chunk, extent - index * chunk) for index, chunk, extent in rows)

    def slices(self, axis: int, extent: int) -> list[slice]:
        """The elements of each chunk along a dimension, cut off at the extent."""
        step = self.chunk_shape[axis] or 1
        return [slice(i, min(i + step, extent)) for i in range(0, extent, step)]

    def check(self, shape: Shape) -> None:
        """Raise MetadataError unless the grid can divide an array of this shape."""
        if len(shape) != len(self.chunk_shape):
            raise MetadataError(
                f"chunk_shape {show(self.chunk_shape)} has {len(self.chunk_shape)} dimensions, "
                f"shape {show(shape)} has {len(shape)}"
            )
        for axis, (extent, chunk) in enumerate(zip(shape, self.chunk_shape, strict=True)):
            if chunk == 0 and extent != 0:
                raise MetadataError(
                    f"chunk_shape[{axis}] is 0; that is legal only where the extent is 0, "
                    f"and shape[{axis}] is {extent}"
                )
