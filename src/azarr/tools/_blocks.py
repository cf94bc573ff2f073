"""How an array is copied piece by piece: large enough for many requests at a time. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from azarr.typing import Shape

Region = tuple[slice, ...]

BLOCK_BYTES = 64 * 1024 * 1024
"""In memory at a time: hundreds of chunks of usual size, which are read and written together."""


def blocks(
    shape: Shape, piece: Shape, itemsize: int, nbytes: int = BLOCK_BYTES
) -> Iterator[Region]:
    """Regions that cover a shape: whole pieces, as many as fit into `nbytes`, last axes first."""
    lengths = list(piece)
    room = nbytes // max(math.prod(piece) * itemsize, 1)
    for axis in reversed(range(len(shape))):
        count = -(-shape[axis] // lengths[axis])
        factor = max(1, min(count, room))
        lengths[axis] *= factor
        room //= factor
        if factor < count:
            break
    axes = (
        [slice(start, min(start + length, end)) for start in range(0, end, length)]
        for end, length in zip(shape, lengths, strict=True)
    )
    return product(*axes)
