"""What a smaller shape leaves out: chunks that lie outside, and the outer parts of those it cuts.

The outside of a box inside a larger one is a union of disjoint boxes, one per axis that shrinks: up
to that axis the smaller extents, on it what is cut off, after it the larger extents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from azarr.model import ChunkGrid
from azarr.plan._axis import BLOCK_ROWS
from azarr.typing import ChunkCoords, Shape


def outside_blocks(counts: Shape, kept: Shape) -> Iterator[list[Sequence[int]]]:
    """The chunks of a grid of `counts` that are not in the grid of `kept`, each once.

    In blocks of indices per dimension whose product is meant, with bounded tables.

    Example:
        >>> list(outside_blocks((2, 3), (1, 2)))
        [[range(1, 2), range(0, 3)], [range(0, 1), range(2, 3)]]
    """
    for axis, (count, keep) in enumerate(zip(counts, kept, strict=True)):
        if keep >= count:
            continue
        box = [range(min(k, c)) for k, c in zip(kept[:axis], counts[:axis], strict=True)]
        box += [range(keep, count), *map(range, counts[axis + 1 :])]
        yield from _blocks(box)


def _blocks(box: list[range]) -> Iterator[list[Sequence[int]]]:
    longest = max(range(len(box)), key=lambda axis: len(box[axis]))
    for start in range(0, len(box[longest]), BLOCK_ROWS):
        block: list[Sequence[int]] = list(box)
        block[longest] = box[longest][start : start + BLOCK_ROWS]
        if all(block):
            yield block


def is_outside(coords: ChunkCoords, kept: Shape) -> bool:
    """Whether a chunk is not in the grid of `kept`."""
    return any(coord >= keep for coord, keep in zip(coords, kept, strict=True))


def cut_regions(old: Shape, new: Shape, grid: ChunkGrid) -> Iterator[tuple[slice, ...]]:
    """Regions of an array of shape `old` that are in kept chunks, but outside of shape `new`.

    Example:
        >>> from azarr.model import RegularGrid
        >>> list(cut_regions((10, 10), (7, 10), RegularGrid((4, 5))))
        [(slice(7, 8, None), slice(0, 10, None))]
    """
    chunk_ends = [*map(min, old, grid.ends(new))]
    for axis, (keep, end) in enumerate(zip(new, chunk_ends, strict=True)):
        if keep < end:
            yield (
                *(slice(0, min(n, o)) for n, o in zip(new[:axis], old[:axis], strict=True)),
                slice(keep, end),
                *(slice(0, end) for end in chunk_ends[axis + 1 :]),
            )
