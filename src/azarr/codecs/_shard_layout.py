"""Where the inner chunks of a shard are: its index parsed, its parts cut out and put together.

Pure functions of a shard's bytes. Which inner chunks a selection needs is for the layers above;
how the codec is configured for `_sharding`.
https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from math import prod
from typing import TypeAlias, overload

import numpy as np

from azarr.codecs._pipeline import Pipeline
from azarr.errors import ChunkDataError, DecodeError
from azarr.typing import Buffer, ByteRange, ChunkCoords, NDArray, Shape

Entry: TypeAlias = tuple[int, int]
"""`(offset, nbytes)` of an inner chunk in its shard."""

EMPTY = 2**64 - 1
"""Offset and size of an inner chunk that is not stored."""

_ANY_SIZE = 2**63


class Index(Sequence[Entry | None]):
    """An entry per inner chunk in C order; None: the inner chunk is its fill value.

    It takes 16 bytes an entry: a list of tuples would take 150, and its making 0.1 us each.
    """

    __slots__ = ("_adjacent", "_words")

    def __init__(self, entries: NDArray) -> None:
        # A copy: the array may be a view of all that a store returned.
        self._words = memoryview(np.array(entries, np.uint64).tobytes()).cast("Q")
        self._adjacent: bool | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of memory it takes."""
        return self._words.nbytes

    def __len__(self) -> int:
        return len(self._words) // 2

    @overload
    def __getitem__(self, number: int) -> Entry | None: ...
    @overload
    def __getitem__(self, number: slice) -> list[Entry | None]: ...
    def __getitem__(self, number: int | slice) -> Entry | None | list[Entry | None]:
        if isinstance(number, slice):
            return [*self][number]
        offset, nbytes = self._words[2 * number], self._words[2 * number + 1]
        return None if offset == nbytes == EMPTY else (offset, nbytes)

    def __iter__(self) -> Iterator[Entry | None]:
        words = self._words.tolist()
        for entry in zip(words[::2], words[1::2], strict=True):
            yield None if entry == (EMPTY, EMPTY) else entry

    def entries(self, numbers: Iterable[int]) -> list[Entry | None]:
        """The entries of several inner chunks: half of the time of asking for each."""
        words = self._words
        # `check` allows the size 2**64 - 1 only together with that offset.
        return [
            None if (nbytes := words[2 * number + 1]) == EMPTY else (words[2 * number], nbytes)
            for number in numbers
        ]

    @property
    def adjacent(self) -> bool:
        """Whether all inner chunks are stored, each where the one before it ends."""
        if self._adjacent is None:
            offsets, sizes = self.array().T
            stored = (sizes != EMPTY).all()
            self._adjacent = bool(stored and (offsets[1:] == offsets[:-1] + sizes[:-1]).all())
        return self._adjacent

    def spans(self, runs: Iterable[tuple[int, int]]) -> list[Entry]:
        """Where runs of adjacent inner chunks lie, given the first and the last number of each."""
        words, found = self._words, []
        for first, last in runs:
            offset = words[2 * first]
            found.append((offset, words[2 * last] + words[2 * last + 1] - offset))
        return found

    def sizes(self, first: int, last: int) -> list[int]:
        """The bytes of each inner chunk from the first to the last of these."""
        return self._words[2 * first + 1 : 2 * last + 2 : 2].tolist()

    def array(self) -> NDArray:
        """Offsets and sizes as a read-only array of shape (n, 2)."""
        return np.frombuffer(self._words, np.uint64).reshape(-1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class ShardLayout:
    """How the inner chunks of a shard are laid out.

    Attributes:
        shape: the shape of a shard.
        inner: the pipeline of an inner chunk.
        counts: inner chunks along each dimension of a shard.
        index_nbytes: bytes of the stored index, the same in every shard.
    """

    shape: Shape
    inner: Pipeline
    counts: Shape
    index_nbytes: int
    index: Pipeline
    index_at_end: bool

    @property
    def index_range(self) -> ByteRange:
        """The byte range of the index in any shard."""
        return (-self.index_nbytes, None) if self.index_at_end else (0, self.index_nbytes)

    def is_small(self, shards: int, gap: int, most: int) -> bool:
        """Whether shards are read whole, rather than an index of each first and then its ranges.

        The rule of `coalesce` with decoded bytes, which are known before anything is read: `gap`
        more bytes are read rather than ask again, and all the shards have at most `most`, for they
        arrive over one line, and their indexes in one round trip.
        """
        if self.inner.data_type.is_object:  # of any length
            return False
        nbytes = prod(self.counts) * self.inner.nbytes
        return nbytes <= gap and shards * nbytes <= most

    def parse_index(self, data: Buffer, shard_nbytes: int | None = None) -> Index:
        """The index from the bytes of its range.

        Raises:
            ChunkDataError: wrong checksum, half an entry, an inner chunk outside of the shard, or
                one that is larger than an encoded inner chunk can be.
        """
        try:
            index = Index(self.index.decode(data))
        except ChunkDataError as error:
            raise type(error)(f"shard index: {error}") from error
        self.check(index, shard_nbytes)
        return index

    def check(self, index: Index, shard_nbytes: int | None = None) -> None:
        """Raise DecodeError, naming the inner chunk, for an entry that cannot be right."""
        entries = index.array()
        offsets, sizes = entries[:, 0], entries[:, 1]
        stored = (offsets != EMPTY) | (sizes != EMPTY)
        end = np.uint64(_ANY_SIZE if shard_nbytes is None else shard_nbytes)
        beyond = stored & ((offsets > end) | (sizes > end - np.minimum(offsets, end)))
        size = self.inner.stored
        # Where the size depends on the data (strings), nothing can be said before decoding.
        too_large = stored & (sizes > np.uint64(_ANY_SIZE if size.per_byte else size.nbytes))
        for wrong, problem in (
            (beyond, f"reaches beyond the shard of {end} bytes"),
            (too_large, f"is larger than an inner chunk can be ({size} bytes)"),
        ):
            if wrong.any():
                number = int(wrong.argmax())
                raise DecodeError(
                    f"shard index: inner chunk {self.coords(number)} at offset {offsets[number]} "
                    f"with {sizes[number]} bytes {problem}"
                )

    def index_of(self, shard: Buffer) -> Index:
        """The index of a whole shard."""
        self.check_room(len(shard))
        start, stop = self.index_range
        return self.parse_index(memoryview(shard)[start:stop], len(shard))

    def check_room(self, shard_nbytes: int) -> None:
        """Raise DecodeError for a shard that is smaller than its index."""
        if shard_nbytes < self.index_nbytes:
            raise DecodeError(
                f"a shard of {shard_nbytes} bytes cannot hold its index of {self.index_nbytes} "
                "bytes"
            )

    def coords(self, number: int) -> ChunkCoords:
        """The coordinates of an inner chunk in its shard."""
        coords = []
        for count in reversed(self.counts):
            number, coord = divmod(number, count)
            coords.append(coord)
        return tuple(reversed(coords))

    def located(self, error: ChunkDataError, number: int) -> ChunkDataError:
        """The error of one inner chunk, with its coordinates in front."""
        return type(error)(f"inner chunk {self.coords(number)}: {error}")

    def split(self, shard: Buffer | None) -> list[Buffer | None]:
        """The encoded inner chunks of a shard in C order; all None if there is no shard.

        Raises:
            ChunkDataError: the index is wrong, or inner chunks overlap so often that the shard put
                together again would be larger than its array.
        """
        if shard is None:
            return [None] * prod(self.counts)
        view = memoryview(shard)
        index = self.index_of(shard)
        total = sum(entry[1] for entry in index if entry is not None)
        most = 2 * prod(self.counts) * self.inner.nbytes + len(shard)
        if total > most:
            raise DecodeError(
                f"shard index: the inner chunks overlap and have {total} bytes in all, more than "
                f"{most}"
            )
        return [None if entry is None else view[entry[0] : sum(entry)] for entry in index]

    def assemble(self, chunks: Sequence[Buffer | None]) -> bytes | None:
        """A shard of the encoded inner chunks in C order; None if there are none.

        The inner chunks lie in C order without gaps, so that neighbours are read together.
        """
        parts = [chunk for chunk in chunks if chunk is not None]
        if not parts:
            return None
        nbytes = np.fromiter(map(_nbytes, parts), np.uint64, len(parts))
        stored = [chunk is not None for chunk in chunks]
        entries = np.full((len(chunks), 2), EMPTY, np.uint64)
        start = np.uint64(0 if self.index_at_end else self.index_nbytes)
        entries[stored, 0] = np.cumsum(nbytes) - nbytes + start
        entries[stored, 1] = nbytes
        index = bytes(self.index.encode(entries.reshape(*self.counts, 2)))
        return b"".join([*parts, index] if self.index_at_end else [index, *parts])

    def blocks(self, shard: NDArray) -> Iterator[NDArray]:
        """The inner chunks of a shard's array in C order, each contiguous.

        One copy for each row of them along the first dimension.
        """
        inner, counts = self.inner.chunk_shape, self.counts
        ndim = len(inner)
        split = (inner[0], *chain(*zip(counts[1:], inner[1:], strict=True)))
        axes = (*range(1, 2 * ndim - 1, 2), *range(0, 2 * ndim - 1, 2))
        for start in range(0, self.shape[0], inner[0]):
            row = shard[start : start + inner[0]].reshape(split).transpose(axes)
            yield from np.ascontiguousarray(row).reshape(-1, *inner)

    def view(self, shard: Buffer, index: Index) -> NDArray | None:
        """A shard's array as it lies in the bytes of a whole shard, if it does.

        That is where inner chunks are stored as they are in memory, all of them, in C order.

        Returns:
            Of shape `(count, length, count, length, ...)`: an axis of the shard is two of them.
        """
        inner = self.inner
        if not inner.plain:
            return None
        offsets, sizes = index.array().T
        first = offsets[0]
        if (sizes != inner.nbytes).any():
            return None
        if (offsets != np.arange(len(offsets), dtype=np.uint64) * sizes[0] + first).any():
            return None
        shape, ndim = (*self.counts, *inner.chunk_shape), len(self.counts)
        stored: NDArray = np.ndarray(shape, inner.data_type.dtype, shard, int(first))
        return stored.transpose(*chain(*((axis, ndim + axis) for axis in range(ndim))))

    def slices(self) -> Iterator[tuple[slice, ...]]:
        """Where each inner chunk lies in the shard's array, in C order."""
        tables = [
            [slice(i * chunk, (i + 1) * chunk) for i in range(count)]
            for chunk, count in zip(self.inner.chunk_shape, self.counts, strict=True)
        ]
        return product(*tables)

    def keys(self, indices: Sequence[Sequence[int]], prefix: str = "") -> Iterator[int]:
        """The numbers of the product of inner chunk indices, in place of keys in a plan."""
        strides = [prod(self.counts[axis + 1 :]) for axis in range(len(self.counts))]
        scaled = [
            [index * stride for index in axis]
            for axis, stride in zip(indices, strides, strict=True)
        ]
        return map(sum, product(*scaled))

    def keys_at(self, indices: Sequence[Sequence[int]], prefix: str = "") -> Iterator[int]:
        """The numbers of single inner chunks, given one column of indices per dimension."""
        strides = [prod(self.counts[axis + 1 :]) for axis in range(len(self.counts))]
        return (
            sum(index * stride for index, stride in zip(row, strides, strict=True))
            for row in zip(*indices, strict=True)
        )


def _nbytes(data: Buffer) -> int:
    return len(data) if type(data) is bytes else memoryview(data).nbytes


def coalesce(ranges: Iterable[Entry], gap: int, most: int) -> list[tuple[int, int]]:
    """Byte ranges `(start, stop)` that cover the entries, with neighbours read together.

    Two entries share a range if at most `gap` bytes lie between them and the range stays within
    `most` bytes. Entries may overlap and be in any order.

    Example:
        >>> coalesce([(0, 10), (12, 8), (100, 5)], gap=4, most=1000)
        [(0, 20), (100, 105)]
    """
    merged: list[tuple[int, int]] = []
    start = stop = -1
    for offset, nbytes in sorted(ranges):
        end = offset + nbytes
        if end <= stop:
            continue
        if start < 0:
            start = offset
        elif offset > stop + gap or end - start > most:
            merged.append((start, stop))
            start = offset
        stop = end
    if start >= 0:
        merged.append((start, stop))
    return merged


def cut_entries(
    entries: Iterable[Entry | None], ranges: Sequence[tuple[int, int]], buffers: Sequence[Buffer]
) -> list[memoryview | None]:
    """The bytes of entries in the byte ranges that were read, which are sorted and cover them."""
    views = [memoryview(buffer) for buffer in buffers]
    if len(ranges) == 1:
        (start, _), view = ranges[0], views[0]
        return [
            None if entry is None else view[entry[0] - start : entry[0] - start + entry[1]]
            for entry in entries
        ]
    starts = [start for start, _ in ranges]

    def cut(entry: Entry) -> memoryview:
        offset, nbytes = entry
        at = bisect_right(starts, offset) - 1
        begin = offset - starts[at]
        return views[at][begin : begin + nbytes]

    return [None if entry is None else cut(entry) for entry in entries]
