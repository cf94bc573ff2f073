"""Reading shards: whole in one request, or the index and then only the byte ranges that are needed.

Parsed indexes are kept, and used again on condition that they are still those of the shard, so
that the second access to a shard costs one round trip and never mixes two versions of it. The
condition is the generation of the shard; in a store that has none, the index itself, read together
with the ranges.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from azarr import config
from azarr.codecs import Entry, Index, ShardLayout, coalesce
from azarr.engine._failure import located
from azarr.engine._process import process
from azarr.engine._reading import Reading
from azarr.engine._runtime import Runtime
from azarr.engine._scatter import DIRECT_BYTES, scatterer
from azarr.engine._state import ArrayState
from azarr.errors import ChunkDataError, ConflictError, ShortReadError
from azarr.indexing import FieldNames
from azarr.plan import Plan, Step
from azarr.typing import Buffer, ByteRange, Generation, NDArray

GAP_BYTES = {"memory": 0, "local": 16 * 1024, "remote": 1024 * 1024}
"""Unneeded bytes that are read rather than starting another range. Local: a further `pread` costs
3 us, in which 16 KiB are copied at 5 GB/s. Remote: a further request of 50 ms costs more than 10 ms
for 1 MiB at 100 MB/s."""


@dataclass(frozen=True, slots=True)
class KnownIndex:
    """A parsed index that is kept.

    Attributes:
        generation: of the shard, where the store has generations.
        data: else the bytes that were parsed.
    """

    index: Index
    generation: Generation | None
    data: bytes | None


def index_name(origin: str, key: str, layout: ShardLayout) -> Hashable:
    """What an index is kept under. An array that is created anew may have other shards."""
    return origin, key, layout.counts, layout.index_range


def shard_reading(
    runtime: Runtime,
    array: ArrayState,
    layout: ShardLayout,
    plan: Plan,
    out: NDArray,
    fields: FieldNames,
) -> Reading:
    """How to fill `out` from the inner chunks of the array's shards.

    Requests: one per shard that is read whole; for others one per coalesced range, and one for the
    index the first time. Two round trips the first time, one when the indexes are known.
    """
    target = plan.target(out)
    reader = _ShardReader(runtime, array, layout, fields)

    async def work(steps: Iterator[Step[str]]) -> None:
        key = None
        try:
            for key, selection, out_selection, whole in steps:
                inner = plan.inner(selection, layout.shape, layout.inner.chunk_shape)
                if _is_view(out_selection):
                    await reader.read(key, inner, target[_with_ellipsis(out_selection)], whole)
                else:
                    piece = np.empty(inner.shape, target.dtype)
                    await reader.read(key, inner, piece, whole)
                    target[out_selection] = piece
        except Exception as error:
            located(error, array, key)
            raise

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    nbytes = array.pipeline.nbytes
    return Reading(work, steps, plan.count, nbytes, array.grain, lambda: plan.finish(target, out))


class _ShardReader:
    """Reads selections of single shards into arrays of the selection's shape."""

    def __init__(
        self, runtime: Runtime, array: ArrayState, layout: ShardLayout, fields: FieldNames
    ) -> None:
        self._runtime = runtime
        self._layout = layout
        self._fields = fields
        self._fill = array.fill if fields is None else array.fill[fields]
        self._origin = array.chunk_store.origin
        self._large = array.pipeline.nbytes >= DIRECT_BYTES

    async def read(self, key: str, plan: Plan, out: NDArray, whole: bool) -> None:
        """Read a selection of a shard; `whole`: it is all of the shard that lies in the array."""
        steps = list(plan.steps(self._layout))
        if whole or len(steps) == prod(self._layout.counts):
            shard = await self._runtime.get(key)
            if shard is None:
                out[...] = self._fill
            else:
                await self._run(self._scatter_whole, plan, steps, out, shard)
            return
        found = await self._ranges(key, steps)
        if found is None:
            out[...] = self._fill
        else:
            await self._run(self._scatter, plan, steps, out, *found)

    async def _ranges(
        self, key: str, steps: list[Step[int]]
    ) -> tuple[Index, Callable[[Entry], Buffer]] | None:
        """The index, and the bytes of the entries that the steps need; None: there is no shard."""
        settings = config.get()
        gap = settings.coalesce_gap
        if gap is None:
            gap = GAP_BYTES[self._runtime.store.latency]
        while True:
            known = await self._known(key)
            if known is None:
                return None
            index = known.index
            entries = [entry for number, *_ in steps if (entry := index[number]) is not None]
            ranges = coalesce(entries, gap, settings.coalesce_bytes)
            if not ranges:
                return index, _finder([], [])
            buffers = await self._buffers(key, known, ranges)
            if buffers is not None:
                return index, _finder(ranges, buffers)
            process().shard_indexes.drop(self._name(key))

    async def _buffers(
        self, key: str, known: KnownIndex, ranges: Sequence[ByteRange]
    ) -> Sequence[Buffer] | None:
        """The bytes of the ranges; None: the shard is another one since its index was read."""
        if known.generation is None:
            ranges = [self._layout.index_range, *ranges]
        try:
            read = await self._runtime.get_ranges_with_generation(key, ranges, known.generation)
        except ConflictError:
            return None
        except ShortReadError:
            if await self._is_unchanged(key, known):
                raise
            return None
        if read is None:
            return None
        if known.generation is not None:
            return read[0]
        index, *buffers = read[0]
        return buffers if index == known.data else None

    async def _is_unchanged(self, key: str, known: KnownIndex) -> bool:
        """After a short read: whether the shard is still that of the index.

        Raises:
            DecodeError: it is, and the index says that it is larger.
        """
        process().shard_indexes.drop(self._name(key))
        fresh = await self._known(key)
        if fresh is None or fresh.generation != known.generation or fresh.data != known.data:
            return False
        nbytes = await self._runtime.size(key)
        if nbytes is not None:
            self._layout.check(known.index, nbytes)
        return True

    async def _known(self, key: str) -> KnownIndex | None:
        """The index of a shard, from memory or from the store; None: there is no shard."""
        indexes, name = process().shard_indexes, self._name(key)
        known = indexes.get(name)
        if known is not None:
            return known  # type: ignore[no-any-return]
        try:
            read = await self._runtime.get_ranges_with_generation(key, [self._layout.index_range])
        except ShortReadError:
            nbytes = await self._runtime.size(key)
            if nbytes is not None:
                self._layout.check_room(nbytes)
            raise
        if read is None:
            return None
        (data,), generation = read
        index = self._layout.parse_index(data)
        # A copy: it may be a view of the whole shard.
        known = KnownIndex(index, generation, None if generation is not None else bytes(data))
        indexes.put(name, known, 300 + index.nbytes * (1 if known.data is None else 2))
        return known

    def _name(self, key: str) -> Hashable:
        return index_name(self._origin, key, self._layout)

    async def _run(self, scatter: Callable[..., None], *args: Any) -> None:
        if self._large:
            await self._runtime.compute(scatter, *args)
        else:
            scatter(*args)

    def _scatter_whole(
        self, plan: Plan, steps: list[Step[int]], out: NDArray, shard: Buffer
    ) -> None:
        self._scatter(plan, steps, out, self._layout.index_of(shard), _finder([(0, 0)], [shard]))

    def _scatter(
        self,
        plan: Plan,
        steps: list[Step[int]],
        out: NDArray,
        index: Index,
        find: Callable[[Entry], Buffer],
    ) -> None:
        target = plan.target(out)
        scatter = scatterer(self._layout.inner, "C", plan.flat, target, self._fields)
        number = 0
        try:
            for number, selection, out_selection, _ in steps:
                entry = index[number]
                if entry is None:
                    target[out_selection] = self._fill
                else:
                    scatter(find(entry), selection, out_selection)
        except ChunkDataError as error:
            raise self._layout.located(error, number) from error
        plan.finish(target, out)


def _finder(ranges: list[tuple[int, int]], buffers: Sequence[Buffer]) -> Callable[[Entry], Buffer]:
    """Finds the bytes of an entry in ranges that were read, sorted by where they start."""
    views = [memoryview(buffer) for buffer in buffers]
    starts = [start for start, _ in ranges]

    def find(entry: Entry) -> Buffer:
        offset, nbytes = entry
        at = bisect_right(starts, offset) - 1
        begin = offset - starts[at]
        return views[at][begin : begin + nbytes]

    return find


def _is_view(selection: Any) -> bool:
    items = selection if isinstance(selection, tuple) else (selection,)
    return all(type(item) is slice for item in items)


def _with_ellipsis(selection: Any) -> Any:
    """Also a 0-d result is then a view and not a scalar."""
    return (*selection, ...) if isinstance(selection, tuple) else selection
