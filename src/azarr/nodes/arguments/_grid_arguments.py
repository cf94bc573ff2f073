"""The arguments `chunks` and `shards` where chunks differ in length: `[[16, 10], [24, 14]]`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from azarr.codecs import compile_pipeline
from azarr.errors import MetadataError, UsageError
from azarr.model import ArrayMetadata, RectilinearGrid, RegularGrid
from azarr.typing import Shape

MOST_CHECKED = 256
"""Chunk lengths that the codecs are compiled for before an array is created: 0.1 ms each."""


def is_rectilinear(chunks: Any) -> bool:
    """Whether chunks are given by their lengths along some dimension."""
    if isinstance(chunks, str) or not isinstance(chunks, Iterable):
        return False
    return any(isinstance(entry, Iterable) and not isinstance(entry, str) for entry in chunks)


def rectilinear_grid(chunks: Iterable[Any], shape: Shape, name: str = "chunks") -> RectilinearGrid:
    """The grid of chunks given for each dimension by a length, or by a list of lengths.

    In a list, [length, count] stands for several in a row. A missing entry, None and -1 are the
    whole dimension.

    Raises:
        UsageError: lengths that are no positive integers, or do not cover the array.
    """
    given = list(chunks)
    if len(given) > len(shape):
        raise UsageError(f"{name} {given!r}: the array has {len(shape)} dimensions")
    given += [None] * (len(shape) - len(given))
    axes = [
        max(length, 1) if entry is None or (isinstance(entry, int) and entry == -1) else entry
        for entry, length in zip(given, shape, strict=True)
    ]
    try:
        grid = RectilinearGrid.of(axes)
        grid.check(shape)
    except MetadataError as error:
        raise UsageError(f"{name}: {error}") from error
    return grid


def check_multiples(grid: RectilinearGrid, chunk_shape: Shape) -> None:
    """Raise UsageError unless every shard consists of whole chunks."""
    for axis, chunk in zip(grid.axes, chunk_shape, strict=True):
        for length in [axis] if isinstance(axis, int) else [length for length, _ in axis]:
            if length % chunk:
                raise UsageError(
                    f"shards: {length} is not divisible by {chunk}, of the chunks {chunk_shape}"
                )


def check_codecs(metadata: ArrayMetadata, *, allow_pickle: bool) -> None:
    """Compile the codecs for every length that chunks have, so that none is refused later."""
    compile_pipeline(metadata, allow_pickle=allow_pickle)
    grid = metadata.chunk_grid
    if not isinstance(grid, RectilinearGrid):
        return
    shapes = {
        (*grid.chunk_shape[:number], length, *grid.chunk_shape[number + 1 :])
        for number, axis in enumerate(grid.axes)
        if not isinstance(axis, int)
        for length, _ in axis[:MOST_CHECKED]
    }
    for shape in shapes:
        variant = replace(metadata, chunk_grid=RegularGrid(shape))
        compile_pipeline(variant, allow_pickle=allow_pickle)
