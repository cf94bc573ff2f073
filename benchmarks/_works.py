"""What is measured: a row for each work. No implementation is named here, and nothing imported."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import prod
from typing import Any, Literal

Codec = Literal["blosc", "zstd", "none"]
Media = Literal["memory", "local"]
Size = Literal["quick", "default", "large"]
Selection = tuple[slice, ...]

CNAME: Literal["lz4"] = "lz4"
CLEVEL = 5
SHUFFLE = 1
"""Codec "blosc" is LZ4, level 5, byte shuffle."""

ZSTD_LEVEL = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """An array in chunks, or in shards of inner chunks.

    Attributes:
        values: what its numbers are, see `_data`.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    dtype: str
    codec: Codec = "blosc"
    shards: tuple[int, ...] | None = None
    values: Literal["walk", "formula"] = "walk"

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.itemsize

    @property
    def chunk_bytes(self) -> int:
        return prod(self.chunks) * self.itemsize

    @property
    def itemsize(self) -> int:
        return int(self.dtype[-1])

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape of what is one value in the store."""
        return self.shards or self.chunks

    def __str__(self) -> str:
        parts = " in ".join(
            _power(shape) for shape in (self.shape, self.chunks, self.shards) if shape is not None
        )
        dtype = {"i4": "int32", "u2": "uint16"}[self.dtype]
        return f"{dtype} {parts}, {'uncompressed' if self.codec == 'none' else self.codec}"


def _power(shape: tuple[int, ...]) -> str:
    if len({*shape}) > 1:
        return " x ".join(map(str, shape))
    return f"{shape[0]}{('', '', '²', '³')[len(shape)]}"


@dataclass(frozen=True, slots=True)
class Work:
    """One row of a table.

    Attributes:
        name: e.g. "B read"; its first word is what `--works` takes.
        action: a name in `_actions.ACTIONS`.
        media: where; "local" is files.
        layout: of the array; None for works on groups.
        concurrency: how many reads are in flight.
        count: nodes of a group, or points.
    """

    name: str
    action: str
    media: Media
    layout: Layout | None
    concurrency: int = 1
    count: int = 0

    @property
    def group(self) -> str:
        return self.name.split()[0]

    @property
    def writes(self) -> bool:
        return self.action in {"write", "round_trip", "create_nodes"}

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, document: dict[str, Any]) -> Work:
        layout = document["layout"]
        if layout is not None:
            shapes = {
                name: tuple(layout[name])
                for name in ("shape", "chunks", "shards")
                if layout[name] is not None
            }
            document = {**document, "layout": Layout(**{**layout, **shapes})}
        return cls(**document)


LARGE = Layout((8192, 8192), (1024, 1024), "i4")
SMALL = Layout((4096, 4096), (64, 64), "u2")
SHARDED = Layout((8192, 8192), (64, 64), "u2", shards=(1024, 1024))

WORKS = (
    Work("A read", "read", "local", LARGE),
    Work("A write", "write", "local", LARGE),
    Work("B read", "read", "local", SMALL),
    Work("B write", "write", "local", SMALL),
    Work("C read", "read", "memory", SMALL),
    Work("C write", "write", "memory", SMALL),
    Work("D memory", "region", "memory", SMALL),
    Work("D local", "region", "local", SMALL),
    Work("E points", "points", "memory", SMALL, count=10_000),
    Work("F oindex", "orthogonal", "memory", SMALL, count=512),
    Work("G read", "read", "local", SHARDED),
    Work("G write", "write", "local", SHARDED),
    Work("G chunk", "inner_chunk", "local", SHARDED),
    Work("G row", "row", "local", SHARDED),
)
"""Works A to G."""

EDGE = 256
SIDES: dict[Size, int] = {"quick": 256, "default": 512, "large": 1024}


def public_works(side: int) -> tuple[Work, ...]:
    """The set of https://github.com/zarrs/zarr_benchmarks on a cube of `side`^3 uint16."""
    shape, edge = (side,) * 3, (min(EDGE, side // 2),) * 3
    plain = Layout(shape, edge, "u2", "none", values="formula")
    zstd = replace(plain, codec="zstd")
    layouts = {"U": plain, "zstd": zstd, "S": replace(zstd, chunks=(64,) * 3, shards=edge)}
    rows = []
    for name, layout in layouts.items():
        rows += [
            Work(f"{name} read", "read", "local", layout),
            Work(f"{name} chunks by 1", "each_stored", "local", layout),
            Work(f"{name} chunks by 8", "each_stored", "local", layout, concurrency=8),
        ]
        if layout.shards:
            rows.append(Work(f"{name} inner chunks", "each_inner", "local", layout))
        rows.append(Work(f"{name} round trip", "round_trip", "local", layout))
    return tuple(rows)


NODES = 100

GROUP_WORKS = (
    Work("groups create memory", "create_nodes", "memory", None, count=NODES),
    Work("groups list memory", "list_nodes", "memory", None, count=NODES),
    Work("groups create local", "create_nodes", "local", None, count=NODES),
    Work("groups list local", "list_nodes", "local", None, count=NODES),
)


def works(size: Size) -> tuple[Work, ...]:
    """Every work whose contenders take turns."""
    lettered = [quick(work) for work in WORKS] if size == "quick" else WORKS
    return (*lettered, *public_works(SIDES[size]), *GROUP_WORKS)


def quick(work: Work) -> Work:
    """The same work on a sixteenth of the data."""
    assert work.layout is not None
    layout = replace(work.layout, shape=tuple(n // 4 for n in work.layout.shape))
    return replace(work, layout=layout)


def middle(layout: Layout, shape: tuple[int, ...], offset: int = 0) -> Selection:
    """So many elements in the middle, from `offset` after the lower corner of an inner chunk on."""
    corner = (n // 2 // c * c + offset for n, c in zip(layout.shape, layout.chunks, strict=True))
    return tuple(slice(start, start + n) for start, n in zip(corner, shape, strict=True))


def pieces(shape: tuple[int, ...], piece: tuple[int, ...]) -> list[Selection]:
    """The selections of all pieces of an array, in C order."""
    from itertools import product

    ranges = [range(0, n, c) for n, c in zip(shape, piece, strict=True)]
    return [
        tuple(slice(i, i + c) for i, c in zip(corner, piece, strict=True))
        for corner in product(*ranges)
    ]
