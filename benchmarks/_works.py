"""What is measured: the works of the tables, and their data. No implementation is named here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

Action = Literal["read", "write", "region"]
Media = Literal["memory", "local"]
Region = Literal["square", "chunk", "row"]

CNAME: Literal["lz4"] = "lz4"
CLEVEL = 5
SHUFFLE = 1
"""Every work stores Blosc chunks: LZ4, level 5, byte shuffle."""

STEP = 32
"""Longest step of the random walk: 8 KiB of uint16 compress to 5 KB, as measurements do."""


@dataclass(frozen=True, slots=True)
class Data:
    """An array in chunks, or in shards of inner chunks."""

    shape: tuple[int, int]
    chunks: tuple[int, int]
    dtype: str
    shards: tuple[int, int] | None = None

    @property
    def mib(self) -> float:
        return self.shape[0] * self.shape[1] * np.dtype(self.dtype).itemsize / 2**20


@dataclass(frozen=True, slots=True)
class Aim:
    """What azarr is to reach: at most these ratios of others' times, at most so many seconds."""

    of_floor: float | None = None
    of_zarr: float | None = None
    seconds: float | None = None
    of_tensorstore: float | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One row of a table.

    Attributes:
        name: e.g. "B read".
        data, media, action: what is done, where.
        repeat: how often within one sample; the time of one is reported.
        floor_threads: threads of the bare loop over the codec, where more than one help it.
        region: what the action "region" reads; see `region_of`.
    """

    name: str
    data: Data
    media: Media
    action: Action
    aim: Aim = Aim()
    repeat: int = 1
    floor_threads: int = 1
    region: Region = "square"

    def __str__(self) -> str:
        data = self.data
        size = f"{data.dtype} {data.shape[0]}^2 in {data.chunks[0]}^2"
        if data.shards is not None:
            size += f" in {data.shards[0]}^2"
        return f"{self.name:<9}{self.media:<7}{size}"


LARGE = Data((8192, 8192), (1024, 1024), "int32")
SMALL = Data((4096, 4096), (64, 64), "uint16")
SHARDED = Data((8192, 8192), (64, 64), "uint16", (1024, 1024))

WORKS = (
    Work("A read", LARGE, "local", "read", Aim(1.15), floor_threads=2),
    Work("A write", LARGE, "local", "write", floor_threads=2),
    Work("B read", SMALL, "local", "read", Aim(1.3, 0.15)),
    Work("B write", SMALL, "local", "write", Aim(None, 0.15)),
    Work("C read", SMALL, "memory", "read", Aim(1.3, 0.15)),
    Work("C write", SMALL, "memory", "write", Aim(1.3, 0.15)),
    Work("D region", SMALL, "memory", "region", Aim(None, 0.15, 25e-6), repeat=500),
    Work("D region", SMALL, "local", "region", Aim(None, 0.15), repeat=500),
)
"""The aims are those of the project's foundation: A within 1.15x of the floor; B and C within 1.3x;
D under 25 us in memory; B, C and D under 0.15x of zarr-python."""

SHARD_WORKS = (
    Work("G read", SHARDED, "local", "read", Aim(of_zarr=0.1)),
    Work("G write", SHARDED, "local", "write", Aim(of_zarr=0.1)),
    Work(
        "G chunk",
        SHARDED,
        "local",
        "region",
        Aim(of_tensorstore=1.0),
        repeat=500,
        region="chunk",
    ),
    Work("G row", SHARDED, "local", "region", Aim(of_tensorstore=1.0), repeat=50, region="row"),
)
"""The aims are those of the foundation. A row has 128 inner chunks in 8 shards."""


def quick(work: Work) -> Work:
    """The same work on a sixteenth of the data (the region: a tenth of the repetitions)."""
    rows, columns = work.data.shape
    smaller = replace(work.data, shape=(rows // 4, columns // 4))
    return replace(work, data=smaller, repeat=max(1, work.repeat // 10))


def region_of(work: Work) -> tuple[slice, slice]:
    """The region of a work: 16 x 16 elements within one chunk, off its edges; a chunk; a row."""
    data = work.data
    rows, columns = (n // 2 // c * c for n, c in zip(data.shape, data.chunks, strict=True))
    if work.region == "chunk":
        return slice(rows, rows + data.chunks[0]), slice(columns, columns + data.chunks[1])
    row, column = rows + data.chunks[0] // 4, columns + data.chunks[1] // 4
    if work.region == "row":
        return slice(row, row + 1), slice(0, data.shape[1])
    return slice(row, row + 16), slice(column, column + 16)


@lru_cache(maxsize=1)
def random_walk(data: Data) -> np.ndarray:
    """Each row a random walk, read-only. The last one made is kept: works in order share it."""
    rng = np.random.default_rng(0)
    steps = rng.integers(-STEP, STEP + 1, data.shape, dtype="int8")
    walk = np.cumsum(steps, axis=1, dtype=data.dtype)
    walk.flags.writeable = False
    return walk
