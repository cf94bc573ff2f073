"""Reading shards: whole in one request, or the index and then only the byte ranges that are needed.

A small shard whose index is not known is read whole, whatever is needed of it. Parsed indexes are
kept, and used again on condition that they are still those of the shard, so that the second access
to a shard costs one round trip and never mixes two versions of it. The condition is the generation
of the shard; in a store that has none, the index itself, read together with the ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, TypeAlias, TypeVar

import numpy as np

from azarr import config
from azarr.codecs import Entry, Index, ShardLayout, coalesce, cut_entries
from azarr.engine._failure import located
from azarr.engine._state import ArrayState
from azarr.engine.arrays._batch import Batch
from azarr.engine.arrays._destination import Destination, Row
from azarr.engine.arrays._inner_plans import InnerPlan, InnerPlans
from azarr.engine.arrays._reading import Reading
from azarr.engine.arrays._scatter import DIRECT_BYTES, LONG_BYTES, scatterer, view_of
from azarr.engine.process._process import process
from azarr.engine.runtimes._runtime import CONFLICTS, Runtime, compute_if
from azarr.errors import ChunkDataError, ConflictError, ShortReadError
from azarr.indexing import FieldNames
from azarr.plan import Plan, Step
from azarr.typing import Buffer, ByteRange, Generation, NDArray

T = TypeVar("T")

GAP_BYTES = {"memory": 0, "local": 16 * 1024, "remote": 1024 * 1024}
"""Unneeded bytes that are read rather than starting another range. Local: a further `pread` costs
3 us, in which 16 KiB are copied at 5 GB/s. Remote: a further request of 50 ms costs more than 10 ms
for 1 MiB at 100 MB/s. A shard of no more is read whole while its index is not known; of 16 KiB on
local disk, that takes 70 us and not 80, for the file is opened once."""


SHORT_READS = 3
"""So often may a shard be shorter than its index says, and again what it was right afterwards."""


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


_Found: TypeAlias = tuple[KnownIndex, list[Entry | None], list[Entry], Sequence[Buffer]]
"""The index, where inner chunks are, and byte ranges with their bytes, all of one version."""

_EntriesIn: TypeAlias = Callable[[Index], "list[Entry | None]"]


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
    index the first time. Two round trips the first time, one when the indexes are known, or when
    the shards are small.
    """
    target = plan.target(out)
    reader = ShardReader(runtime, array, layout, fields, plan.count)
    inner_plans = InnerPlans(plan, layout)

    async def work(steps: Iterator[Step[str]]) -> None:
        batch, key = reader.batch(), None
        try:
            for key, selection, out_selection, whole in steps:
                inner = inner_plans.of(selection)
                view = view_of(target, out_selection)
                if view is not None:
                    await reader.read(key, inner, view, whole, batch)
                else:
                    piece = np.empty(inner.plan.shape, target.dtype)
                    await reader.read(key, inner, piece, whole, batch)
                    batch.flush()
                    target[out_selection] = piece
            batch.flush()
        except Exception as error:
            located(error, array, key)
            raise

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    nbytes = array.pipeline.nbytes
    return Reading(work, steps, plan.count, nbytes, array.grain, lambda: plan.finish(target, out))


class ShardReader:
    """Reads selections of single shards into arrays of the selection's shape.

    Args:
        count: how many shards are read at the same time.
    """

    def __init__(
        self,
        runtime: Runtime,
        array: ArrayState,
        layout: ShardLayout,
        fields: FieldNames,
        count: int,
    ) -> None:
        settings = config.get()
        gap = settings.coalesce_gap
        self._runtime = runtime
        self._array = array
        self._layout = layout
        self._fields = fields
        self._fill = array.fill if fields is None else array.fill[fields]
        self._origin = array.chunk_store.origin
        self._large = array.pipeline.nbytes >= DIRECT_BYTES
        # Where requests are awaited, decoding takes a thread of its own, and others want some too.
        self._waits = runtime.store.is_async
        self._alone = count == 1 and not self._waits
        self._gap = GAP_BYTES[runtime.store.latency] if gap is None else gap
        self._most = settings.coalesce_bytes
        self._small = layout.is_small(count, self._gap, self._most)

    def batch(self) -> Batch:
        """For a worker's inner chunks, of all the shards that it reads."""
        return Batch(self._layout.inner)

    def _fail(self, key: str, error: Exception, number: int) -> NoReturn:
        if isinstance(error, ChunkDataError):
            inner = self._layout.located(error, number)
            located(inner, self._array, key)
            raise inner from error
        raise error

    async def read(
        self, key: str, inner: InnerPlan, out: NDArray, whole: bool, batch: Batch
    ) -> None:
        """Read a selection of a shard; it is all in `out` when the batch has been flushed.

        Args:
            whole: it is all of the shard that lies in the array.
        """
        if whole or inner.whole:
            shard = await self._runtime.get(key)
            if shard is None:
                await self._fill_all(out)
                return
            index = await self._run(self._copied, shard, inner, out)
            if index is not None:
                pieces = cut_entries(inner.entries(index), [(0, len(shard))], [shard])
                rows = zip(pieces, inner.rows_in(index), strict=True)
                await self._scatter(key, inner, out, batch, index, rows)
            return
        found = await self._ranges(key, partial(inner.entries, most=self._most))
        if found is None:
            await self._fill_all(out)
            return
        known, entries, ranges, buffers = found
        pieces = cut_entries(entries, ranges, buffers)
        rows = zip(pieces, inner.rows_in(known.index, self._most), strict=True)
        await self._scatter(key, inner, out, batch, known.index, rows)

    async def pieces(
        self, key: str, numbers: Sequence[int]
    ) -> tuple[KnownIndex, list[Buffer | None]] | None:
        """The index, and the bytes of inner chunks, all of one version; None: there is no shard."""
        found = await self._ranges(key, lambda index: index.entries(numbers))
        if found is None:
            return None
        known, entries, ranges, buffers = found
        return known, list(cut_entries(entries, ranges, buffers))

    async def _ranges(self, key: str, entries_in: _EntriesIn) -> _Found | None:
        """Where inner chunks are, and byte ranges with their bytes; None: there is no shard."""
        name, on_their_way = self._name(key), process().shards_on_their_way
        for _ in range(CONFLICTS):
            remembered = process().shard_indexes.get(name)
            # One of those who want other parts of a shard at the same time is enough.
            if remembered is None and self._small and name not in on_their_way:
                on_their_way.add(name)
                try:
                    return await self._of_whole(key, entries_in)
                finally:
                    on_their_way.discard(name)
            known = await self._read_index(key) if remembered is None else remembered
            if known is None:
                return None
            entries = entries_in(known.index)
            ranges = coalesce(filter(None, entries), self._gap, self._most)
            # An index that was just read says what is missing; a remembered one has to be asked.
            if not ranges and (remembered is None or await self._is_current(key, known)):
                return known, entries, [], []
            buffers = await self._buffers(key, known, ranges) if ranges else None
            if buffers is not None:
                return known, entries, ranges, buffers
            process().shard_indexes.drop(name)
        raise ConflictError(f"{key!r} is another shard each time that it is read")

    async def _of_whole(self, key: str, entries_in: _EntriesIn) -> _Found | None:
        """The same from all of a shard, whose index is remembered from now on. One request."""
        if self._runtime.store.conditional:
            shard, generation = await self._runtime.get_with_generation(key)
        else:
            shard, generation = await self._runtime.get(key), None
        if shard is None:
            return None
        layout, nbytes = self._layout, len(shard)
        layout.check_room(nbytes)
        start, stop = layout.index_range
        data = memoryview(shard)[start:stop]
        index = layout.parse_index(data)
        entries = entries_in(index)
        if any(entry is not None and sum(entry) > nbytes for entry in entries):
            layout.check(index, nbytes)
        known = self._remember(key, index, data, generation)
        return known, entries, [(0, nbytes)], [shard]

    async def _buffers(
        self, key: str, known: KnownIndex, ranges: Sequence[ByteRange]
    ) -> Sequence[Buffer] | None:
        """The bytes of the ranges; None: the shard is another one since its index was read."""
        if known.generation is None:
            # As the last one: where ranges are read in turn, it speaks for those before it.
            ranges = [*ranges, self._layout.index_range]
        for attempts_left in reversed(range(SHORT_READS)):
            try:
                read = await self._runtime.get_ranges_with_generation(key, ranges, known.generation)
                break
            except ConflictError:
                return None
            except ShortReadError:
                if not await self._is_unchanged(key, known):
                    return None
                # It was shorter in between, and is again what it was.
                if not attempts_left:
                    raise
        if read is None:
            return None
        if known.generation is not None:
            return read[0]
        *buffers, index = read[0]
        return buffers if index == known.data else None

    async def _is_current(self, key: str, known: KnownIndex) -> bool:
        """Whether a remembered index is still that of the shard. One request."""
        if known.generation is None:
            return await self._buffers(key, known, []) is not None
        read = await self._runtime.get_ranges_with_generation(key, [])
        return read is not None and read[1] == known.generation

    async def _is_unchanged(self, key: str, known: KnownIndex) -> bool:
        """After a short read: whether the shard is still, or again, that of the index.

        Raises:
            DecodeError: it is, and the index says that it is larger.
        """
        process().shard_indexes.drop(self._name(key))
        fresh = await self._read_index(key)
        if fresh is None or fresh.generation != known.generation or fresh.data != known.data:
            return False
        nbytes = await self._runtime.size(key)
        if nbytes is not None:
            self._layout.check(known.index, nbytes)
        return True

    async def _read_index(self, key: str) -> KnownIndex | None:
        """The index of a shard, remembered from now on; None: there is no shard."""
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
        return self._remember(key, self._layout.parse_index(data), data, generation)

    def _remember(
        self, key: str, index: Index, data: Buffer, generation: Generation | None
    ) -> KnownIndex:
        # A copy: it may be a view of the whole shard.
        known = KnownIndex(index, generation, None if generation is not None else bytes(data))
        nbytes = 300 + index.nbytes * (1 if known.data is None else 2)
        process().shard_indexes.put(self._name(key), known, nbytes)
        return known

    def _name(self, key: str) -> Hashable:
        return index_name(self._origin, key, self._layout)

    def _copied(self, shard: Buffer, inner: InnerPlan, out: NDArray) -> Index | None:
        """The index of a whole shard; None: it is in `out`, for all of it could be copied at once.

        That takes a fifth of the time of small chunks.
        """
        layout = self._layout
        index = layout.index_of(shard)
        if not inner.in_order or out.shape != layout.shape or self._fields is not None:
            return index
        found = layout.view(shard, index)
        if found is None:
            return index
        out.reshape(found.shape)[...] = found
        return None

    async def _fill_all(self, out: NDArray) -> None:
        long = out.nbytes >= LONG_BYTES
        await compute_if(self._runtime, long, out.__setitem__, ..., self._fill)

    async def _run(self, function: Callable[..., T], *args: Any) -> T:
        return await compute_if(self._runtime, self._large, function, *args)

    async def _scatter(
        self,
        key: str,
        inner: InnerPlan,
        out: NDArray,
        batch: Batch,
        index: Index,
        rows: Iterator[tuple[Buffer | None, Row]],
    ) -> None:
        """Decode what was read into the output; by several threads if there is one shard only."""
        layout = self._layout
        target = inner.plan.target(out)
        scatter = scatterer(layout.inner, "C", inner.plan.flat, target, self._fields)
        destination = Destination(
            inner.plan, target, self._fields, scatter, partial(self._fail, key)
        )

        def put(rows: Iterator[tuple[Buffer | None, Row]], batch: Batch) -> None:
            for piece, steps in rows:
                if piece is None:
                    target[steps[0][2]] = self._fill
                elif len(steps) == 1:
                    batch.add(piece, steps[0], destination)
                else:
                    sizes = index.sizes(steps[0][0], steps[-1][0])
                    batch.add_row(piece, sizes, steps, destination)

        def put_at_once(rows: Iterator[Any]) -> None:
            own = self.batch()
            put(rows, own)
            own.flush()

        async def work(rows: Iterator[Any]) -> None:
            put_at_once(rows)

        nbytes = layout.inner.nbytes
        if self._alone:
            await self._runtime.for_each(work, rows, len(inner.numbers), nbytes, nbytes)
        elif self._waits or inner.plan.flat:
            await self._run(put_at_once, rows)
        else:
            put(rows, batch)
        inner.plan.finish(target, out)
