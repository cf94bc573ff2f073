"""The argument `shards` of the creation functions: how inner chunks are put together. Pure."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from azarr.errors import UsageError
from azarr.model import ChunkGrid, RegularGrid
from azarr.nodes.arguments._grid_arguments import check_multiples, is_rectilinear, rectilinear_grid
from azarr.typing import Shape

SHARD_BYTES = 64 * 1024 * 1024
"""The decoded size that "auto" stays under. Writing a part of a shard moves all of it; at 100 MB/s
64 MiB take less than a second. Fewer and larger objects than that gain nothing: a request of 50 ms
is less than a tenth of it already."""

_KEYS = ("shape", "index_location")
_LOCATIONS = ("start", "end")


def shard_arguments(
    shards: Any, shape: Shape, chunk_shape: Shape, itemsize: int
) -> tuple[ChunkGrid, str]:
    """The grid of the shards, and whether their index is at their start or at their end.

    Args:
        shards: a length for each dimension (or a list of the length of each shard), or one for
            all; "auto"; or a dict with one of these as `shape`, and an `index_location` of "start"
            or "end".

    Raises:
        UsageError: anything else, or lengths that are no multiples of those of the chunks.
    """
    location: Any = "end"
    if isinstance(shards, Mapping):
        unknown = sorted(map(str, shards.keys() - {*_KEYS}))
        if unknown:
            raise UsageError(f"shards: unknown key {unknown[0]!r}; {', '.join(_KEYS)} are allowed")
        location = shards.get("index_location", "end")
        if location not in _LOCATIONS:
            raise UsageError(f"shards: index_location {location!r}; 'start' and 'end' are allowed")
        shards = shards.get("shape", "auto")
    if shards is True or (isinstance(shards, str) and shards == "auto"):
        return RegularGrid(guess_shards(shape, chunk_shape, itemsize)), location
    if is_rectilinear(shards):
        grid = rectilinear_grid(shards, shape, "shards")
        check_multiples(grid, chunk_shape)
        return grid, location
    return RegularGrid(_checked(shards, chunk_shape)), location


def _checked(shards: Any, chunk_shape: Shape) -> Shape:
    lengths = shards if isinstance(shards, Iterable) else (shards,) * len(chunk_shape)
    try:
        given = tuple(operator.index(length) for length in lengths)
    except TypeError:
        raise UsageError(f"shards {shards!r}: integers or 'auto' are needed") from None
    if len(given) != len(chunk_shape) or any(length < 1 for length in given):
        raise UsageError(
            f"shards {shards!r}: a positive length is needed for each of the {len(chunk_shape)} "
            "dimensions"
        )
    for length, chunk in zip(given, chunk_shape, strict=True):
        if length % chunk:
            raise UsageError(
                f"shards {given} are no multiples of the chunks {chunk_shape}: "
                f"{length} is not divisible by {chunk}"
            )
    return given


def guess_shards(shape: Shape, chunk_shape: Shape, itemsize: int) -> Shape:
    """Whole chunks, doubled along each axis in turn while a shard stays under `SHARD_BYTES`.

    No shard reaches further than to the end of the chunk at the edge of the array.

    Example:
        >>> guess_shards((10_000, 10_000), (100, 100), 8)
        (1600, 3200)
    """
    counts = [1] * len(shape)
    most = [max(1, -(-length // chunk)) for length, chunk in zip(shape, chunk_shape, strict=True)]
    nbytes = prod(chunk_shape) * max(itemsize, 1)
    grown = True
    while grown:
        grown = False
        for axis in reversed(range(len(shape))):
            wider = min(2 * counts[axis], most[axis])
            total = nbytes * prod(counts) // counts[axis] * wider
            if wider > counts[axis] and total <= SHARD_BYTES:
                counts[axis] = wider
                grown = True
    return tuple(count * chunk for count, chunk in zip(counts, chunk_shape, strict=True))
