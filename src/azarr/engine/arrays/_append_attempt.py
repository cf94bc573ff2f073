"""One attempt at an append in stores with generations: why it loses nothing is in `_append`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from time import monotonic
from typing import TypeAlias

import numpy as np

from azarr.engine._failure import located
from azarr.engine._state import ArrayState
from azarr.engine.arrays._inventory import at_chunks
from azarr.engine.arrays._merge import MergerOf, mergers
from azarr.engine.arrays._read import reading
from azarr.engine.arrays._scatter import DIRECT_BYTES
from azarr.engine.hierarchy._hierarchy import DOCUMENT_BYTES, at_once
from azarr.engine.hierarchy._node_documents import PATIENCE, NodeDocuments
from azarr.engine.process._process import EDGE_BYTES, process
from azarr.engine.runtimes._runtime import Runtime, compute_if
from azarr.errors import ChunkDataError, ConflictError, ShapeMismatchError, StoreError
from azarr.indexing import basic_selection
from azarr.model import ArrayMetadata
from azarr.plan import Plan, Step, plan_selection
from azarr.typing import Buffer, Generation, NDArray, Shape

Seen: TypeAlias = tuple[Buffer | None, Generation | None]
Check: TypeAlias = Callable[[Shape], None]
"""Raises if the data do not fit an array of that shape."""

TRIES = 3
"""How often a chunk is looked at again that somebody else is writing to."""

WINDOW = 256
"""Chunks whose stored values are held at a time."""

ALIVE = PATIENCE / 4
"""After so many seconds an append that is still writing chunks claims the array again."""


def lengthened(
    metadata: ArrayMetadata, data: Shape, axis: int
) -> tuple[ArrayMetadata, Plan | None]:
    """The metadata of the longer array, and the plan of what is new; None: no chunk is."""
    shape = metadata.shape
    longer = replace(metadata, shape=(*shape[:axis], shape[axis] + data[axis], *shape[axis + 1 :]))
    region = (*[slice(None)] * axis, slice(shape[axis], longer.shape[axis]))
    selection = basic_selection(region, longer.shape)
    plan = plan_selection(selection, longer.shape, longer.chunk_grid)
    return longer, plan if plan.count else None


class Attempt:
    """One attempt at an append in stores with generations."""

    def __init__(
        self,
        runtime: Runtime,
        array: ArrayState,
        documents: NodeDocuments,
        data: NDArray,
        axis: int,
    ) -> None:
        self._chunks = at_chunks(runtime, array)
        self._origin = array.chunk_store.origin
        self._documents = documents
        self._data = data
        self._axis = axis
        self._made: list[tuple[str, Buffer | None, Generation]] = []
        self._ends: dict[str, tuple[bytes, Generation]] = {}
        self._ends_bytes = 0
        self._alive = float("inf")
        self._may_claim = [True]
        self._large = array.pipeline.nbytes >= DIRECT_BYTES
        self._seen: dict[str, Seen] = {}
        self._recalled: set[str] = set()
        self.knows_edges = True
        self.begun = False
        self._aim(array, array.metadata)

    def _aim(self, array: ArrayState, current: ArrayMetadata) -> None:
        longer, self._plan = lengthened(current, self._data.shape, self._axis)
        self._array = replace(array, metadata=longer)
        if self._plan is not None:
            self._merge: MergerOf = mergers(self._array, self._plan, None)
            self._source = self._plan.source(self._data)

    async def look(self, check: Check, recall: bool) -> None:
        """Find out what is stored: one round trip, none if this process knows it.

        The chunks at the old end are read together with the metadata, where the array says it is.
        """
        array = self._array
        current = self._documents.recall() if recall else None
        if isinstance(current, ArrayMetadata) and _fits(check, current.shape):
            self._aim(array, current)
            await self._look_at_edges(remembered=True)
            return

        async def read() -> None:
            nonlocal current
            current = await self._documents.read_unclaimed()

        await at_once(self._chunks, read, self._look_at_edges)
        assert isinstance(current, ArrayMetadata)
        check(current.shape)
        self._aim(array, current)
        await self._look_at_edges()

    async def _look_at_edges(self, remembered: bool = False) -> None:
        """What is stored of the chunks at the old end, as far as that is not known."""
        edges = list(islice((step for step in self._steps() if not step[3]), WINDOW + 1))
        if len(edges) > WINDOW:  # too many to hold: they are looked at under the claim
            self.knows_edges = False
            return
        if remembered:
            generation = self._documents.generation
            for key, *_ in edges:
                if (found := process().edges.get((self._origin, key))) is not None:
                    self._seen[key] = found[0]
                    self._recalled.add(key)
                    # Without a claim nothing else would show that both are of one time.
                    self.knows_edges = self.knows_edges and found[1] == generation
        unknown = [step for step in edges if step[0] not in self._seen]
        if unknown:
            self.knows_edges = False
            self._seen |= await self._look_at(unknown)

    def _steps(self) -> Iterator[Step[str]]:
        if self._plan is None:
            return iter(())
        return self._plan.steps(self._array.metadata.chunk_key_encoding, self._array.prefix)

    async def _look_at(self, steps: list[Step[str]]) -> dict[str, Seen]:
        seen: dict[str, Seen] = {}

        async def work(steps: Iterator[Step[str]]) -> None:
            for key, _, _, whole in steps:
                if whole:  # a request without a body, where there is one
                    found = await self._chunks.get_ranges_with_generation(key, ())
                    seen[key] = None, found and found[1]
                else:
                    seen[key] = await self._chunks.get_with_generation(key)

        await self._chunks.for_each(work, iter(steps), len(steps), DOCUMENT_BYTES)
        return seen

    async def carry_out(self, alone: bool) -> ArrayMetadata:
        """Claim, write the chunks, store the metadata.

        Raises:
            ConflictError: somebody else appended; what this one made is removed again.
        """
        if not alone:
            await self._claim()
        self.begun = True
        longer = self._array.metadata
        try:
            if self._plan is not None:
                await self._write(self._plan)
        except Exception:
            await self._undo()
            raise
        # After another failure than a conflict, nobody knows whether the array is longer now.
        try:
            await self._documents.replace(longer)
        except ConflictError as error:
            if not error.answer_lost:
                await self._undo()
            elif await self._is_there():
                return longer
            raise
        for key in self._seen:
            process().edges.drop((self._origin, key))
        for key, end in self._ends.items():
            known = end, self._documents.generation
            process().edges.put((self._origin, key), known, len(end[0]))
        return longer

    async def _claim(self) -> None:
        await self._documents.claim()
        self._alive = monotonic()

    async def _write(self, plan: Plan) -> None:
        refused: list[Step[str]] = []

        async def put(steps: Iterator[Step[str]]) -> None:
            for step in steps:
                await self._show_life()
                seen = (None, None) if step[3] else self._seen.get(step[0])
                if seen is None or not await self._put(step, seen):
                    refused.append(step)

        nbytes, grain = self._array.pipeline.nbytes, self._array.grain
        await self._chunks.for_each(put, self._steps(), plan.count, nbytes, grain)
        for _ in range(TRIES):
            if not refused:
                return
            refused = await self._write_carefully(refused)
        raise ConflictError(f"chunks of {self._array.name!r} change again and again")

    async def _write_carefully(self, steps: list[Step[str]]) -> list[Step[str]]:
        """Write over what is there; the result is what has changed meanwhile."""
        refused: list[Step[str]] = []
        seen: dict[str, Seen] = {}
        self._recalled.clear()

        async def put(steps: Iterator[Step[str]]) -> None:
            for step in steps:
                if not await self._put(step, seen[step[0]]):
                    refused.append(step)

        nbytes, grain = self._array.pipeline.nbytes, self._array.grain
        for at in range(0, len(steps), WINDOW):
            window = steps[at : at + WINDOW]
            seen = await self._look_at(window)
            await self._claim()
            await self._chunks.for_each(put, iter(window), len(window), nbytes, grain)
        return refused

    async def _show_life(self) -> None:
        if monotonic() - self._alive < ALIVE:
            return
        try:
            self._may_claim.pop()  # one worker is enough
        except IndexError:
            return
        try:
            await self._claim()
        finally:
            self._may_claim.append(True)

    async def _put(self, step: Step[str], seen: Seen) -> bool:
        """Store a chunk on condition of what was seen of it; whether that was still there."""
        key, selection, out_selection, whole = step
        old, generation = seen
        part = self._source[out_selection]
        merge = self._merge(key)
        try:
            if whole:
                new = await self._run(merge.encoded, selection, part)
            else:
                new = await self._run(merge.merged, old, selection, part)
            if new is None:
                new = await self._run(merge.empty)
            assert new is not None
            now = await self._chunks.set_if(key, new, generation)
        except ConflictError:
            return False
        except Exception as error:
            # What is remembered may be of an array that was here before, with other chunks.
            if isinstance(error, ChunkDataError) and key in self._recalled:
                return False
            located(error, self._array, key)
            raise
        self._made.append((key, old, now))
        self._keep(key, new, now)
        return True

    async def _run(self, function: Callable[..., Buffer | None], *args: object) -> Buffer | None:
        return await compute_if(self._chunks, self._large, function, *args)

    def _keep(self, key: str, value: Buffer, generation: Generation) -> None:
        """Remember a chunk that the next append changes."""
        nbytes = self._ends_bytes + memoryview(value).nbytes
        if nbytes > EDGE_BYTES // 8:
            return
        metadata = self._array.metadata
        coords = metadata.chunk_key_encoding.parse(key[len(self._array.prefix) :], metadata.ndim)
        assert coords is not None  # the plan made the key
        inside = metadata.chunk_grid.inside(coords, metadata.shape)
        if inside[self._axis] < metadata.chunk_grid.shape_at(coords)[self._axis]:
            self._ends[key] = bytes(value), generation
            self._ends_bytes = nbytes

    async def _is_there(self) -> bool:
        """Whether the array has got these rows, by its shape and what is stored."""
        current = await self._documents.read()
        assert isinstance(current, ArrayMetadata)
        ends = zip(current.shape, self._array.metadata.shape, strict=True)
        if self._plan is None or any(now < end for now, end in ends):
            return False
        found = np.empty(self._data.shape, self._array.metadata.dtype)
        read = reading(self._chunks, self._array, self._plan, found, None)
        await read.carry_out(self._chunks)
        given = self._data.astype(found.dtype)
        # Bits, for NaN; what objects hold is not in their bits.
        return given.tobytes() == found.tobytes() or np.array_equal(found, given)

    async def _undo(self) -> None:
        """Put back what was there, as far as nobody else has changed it since.

        If the claim is void, a newer append sees to what this one has made. An ETag that is a hash
        cannot tell that append's chunk from an equal one of this, so it is left alone where
        generations are ETags, which is where deleting on condition is not one step.
        """
        with suppress(ConflictError, StoreError):
            stands = await self._stands()
            if stands or self._chunks.store.atomic_delete_if:
                made = iter(self._made)
                await self._chunks.for_each(self._restore, made, len(self._made), DOCUMENT_BYTES)
            if stands:
                await self._documents.release()

    async def _stands(self) -> bool:
        try:
            await self._claim()
        except ConflictError:
            return False
        return True

    async def _restore(self, made: Iterator[tuple[str, Buffer | None, Generation]]) -> None:
        for key, old, generation in made:
            with suppress(ConflictError):
                if old is None and self._chunks.store.atomic_delete_if:
                    await self._chunks.delete_if(key, generation)
                else:
                    value = self._merge(key).empty() if old is None else old
                    await self._chunks.set_if(key, value, generation)


def _fits(check: Check, shape: Shape) -> bool:
    try:
        check(shape)
    except ShapeMismatchError:
        return False
    return True
