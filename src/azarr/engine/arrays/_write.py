"""Writing: carry out a plan by merging, encoding and storing its chunks.

A chunk that is written whole is stored without reading; one that reaches out of the array, on
condition that there is none yet. A part of a chunk is read-modify-write: serialised per key within
the process, and a conditional write on the generation that was read where the store has
generations, repeated when somebody else was first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from math import prod
from typing import Any

import numpy as np

from azarr.engine._failure import located
from azarr.engine._state import ArrayState
from azarr.engine._synchronizers import exclusive
from azarr.engine.arrays._merge import MergerOf, mergers
from azarr.engine.arrays._scatter import DIRECT_BYTES, LONG_BYTES, Scratch, copy_into
from azarr.engine.runtimes._runtime import CONFLICTS, Runtime, compute_if
from azarr.errors import ConflictError
from azarr.indexing import FieldNames
from azarr.plan import Plan, Step
from azarr.typing import Buffer, Generation, NDArray


async def write(
    runtime: Runtime,
    array: ArrayState,
    plan: Plan,
    value: NDArray,
    fields: FieldNames,
    only_stored: bool = False,
) -> None:
    """Store `value`, of the plan's shape, into the array's chunks; `only_stored`: create none.

    Requests: one per chunk that is written whole, two per chunk that is written in part (more only
    when another process changes the same chunk at the same time). Three per chunk that exists and
    reaches out of the array.
    """
    source = await compute_if(runtime, value.nbytes >= LONG_BYTES, plan.source, value)
    merge = mergers(array, plan, fields)
    chunks = _ChunkWriter(runtime, array, merge)
    whole_allowed = fields is None and not plan.flat and not only_stored
    in_rows = whole_allowed and chunks.in_rows

    async def work(steps: Iterator[Step[str]]) -> None:
        key = None
        rest: list[Step[str]] = []

        def row() -> Iterator[tuple[str, Buffer | None]]:
            nonlocal key
            for step in steps:
                key, chunk_selection, out_selection, whole = step
                part = source[out_selection]
                if not whole or chunks.reaches_out(key, part):
                    rest.append(step)
                    return
                yield key, merge(key).encoded(chunk_selection, part)

        async def one(step: Step[str]) -> None:
            nonlocal key
            key, chunk_selection, out_selection, whole = step
            part = source[out_selection]
            if not (whole and whole_allowed):
                await chunks.update(key, chunk_selection, part, create=not only_stored)
            elif chunks.reaches_out(key, part):
                await chunks.create_or_update(key, chunk_selection, part)
            else:
                await chunks.replace(key, chunk_selection, part)

        try:
            while in_rows:
                await runtime.set_many(row())
                if not rest:
                    return
                await one(rest.pop())
            for step in steps:
                await one(step)
        except Exception as error:
            located(error, array, key)
            raise

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    await runtime.for_each(work, steps, plan.count, array.pipeline.nbytes, array.grain)


class _ChunkWriter:
    """Stores the values of single keys."""

    def __init__(self, runtime: Runtime, array: ArrayState, merge: MergerOf) -> None:
        self._runtime = runtime
        self._array = array
        self._merge = merge
        self._chunk_shape = array.pipeline.chunk_shape
        self._chunk_size = prod(self._chunk_shape)
        self._conditional = runtime.store.conditional
        self._synchronizer = array.synchronizer
        self._large = array.pipeline.nbytes >= DIRECT_BYTES
        layout = array.pipeline.layout
        self._copies = self._large and layout is not None and not array.varied
        self._scratch = Scratch(array.pipeline, layout or "C")

    @property
    def in_rows(self) -> bool:
        """Whether whole chunks are stored one after the other, encoded where the writer runs."""
        free = self._conditional and self._synchronizer is None
        return free and not self._large and not self._runtime.store.is_async

    async def replace(self, key: str, selection: Any, part: NDArray) -> None:
        """Store a chunk of which everything inside the array is given."""
        encoded = self._merge(key).encoded
        memory = self._memory_for(part)
        if memory is None:
            value = await self._run(encoded, selection, part)
        else:
            value = await self._run(_encoded_from, memory, encoded, selection, part)
        if self._conditional and self._synchronizer is None:
            await self._store(key, value)  # a partial write at the same time will notice
        else:
            async with exclusive(self._runtime, self._synchronizer, key):
                await self._store(key, value)
        if memory is not None:
            self._scratch.give(memory)

    def _memory_for(self, part: NDArray) -> NDArray | None:
        """Memory to copy a large chunk into that does not lie in one piece; None: not needed."""
        if not self._copies or part.shape != self._chunk_shape or self._scratch.is_like(part):
            return None
        return self._scratch.take()

    def reaches_out(self, key: str, part: Any) -> bool:
        """Whether a chunk of which everything inside the array is given has more outside of it."""
        array = self._array
        size = prod(array.at(key).pipeline.chunk_shape) if array.varied else self._chunk_size
        # A single element comes as itself.
        return (part.size if isinstance(part, np.ndarray) else 1) != size

    async def create_or_update(self, key: str, selection: Any, part: NDArray) -> None:
        """Store such a chunk: the rest of it is data if others have made the array longer since.

        Requests: one if it does not exist yet, as when an array is filled for the first time.
        """
        if self._conditional and self._synchronizer is None:
            value = await self._run(self._merge(key).encoded, selection, part)
            if value is not None:
                try:
                    await self._runtime.set_if(key, value, None)
                    return
                except ConflictError:
                    pass
        await self.update(key, selection, part)

    async def update(self, key: str, selection: Any, part: NDArray, create: bool = True) -> None:
        """Change a part of a chunk; other parts keep what anybody else wrote to them."""
        merge = self._merge(key)
        # Where deleting on condition takes two steps, an update in between would be lost.
        deletes = self._runtime.store.atomic_delete_if
        async with exclusive(self._runtime, self._synchronizer, key):
            if not self._conditional:
                old = await self._runtime.get(key)
                if old is not None or create:
                    new = await self._run(merge.merged, old, selection, part)
                    await self._store(key, new)
                return
            for attempt in count():
                old, generation = await self._runtime.get_with_generation(key)
                if old is None and not create:
                    return
                new = await self._run(merge.merged, old, selection, part)
                if new is None and generation is not None and not deletes:
                    new = await self._run(merge.empty)
                try:
                    await self._store_if(key, new, generation)
                    return
                except ConflictError:
                    if attempt == CONFLICTS:
                        raise

    async def _store(self, key: str, value: Buffer | None) -> None:
        if value is None:
            await self._runtime.delete(key)
        else:
            await self._runtime.set(key, value)

    async def _store_if(
        self, key: str, value: Buffer | None, generation: Generation | None
    ) -> None:
        if value is not None:
            await self._runtime.set_if(key, value, generation)
        elif generation is not None:
            await self._runtime.delete_if(key, generation)

    async def _run(self, function: Callable[..., Buffer | None], *args: Any) -> Buffer | None:
        return await compute_if(self._runtime, self._large, function, *args)


def _encoded_from(
    memory: NDArray, encoded: Callable[..., Buffer | None], selection: Any, part: NDArray
) -> Buffer | None:
    copy_into(memory, part)
    return encoded(selection, memory)
