"""Writing: carry out a plan by merging, encoding and storing its chunks.

A chunk that is written whole is stored without reading. A part of a chunk is read-modify-write:
serialised per key within the process, and a conditional write on the generation that was read where
the store has generations, repeated when somebody else was first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from azarr.engine._failure import located
from azarr.engine._merge import Merger, merger
from azarr.engine._runtime import CONFLICTS, Runtime
from azarr.engine._scatter import DIRECT_BYTES
from azarr.engine._state import ArrayState
from azarr.engine._synchronizers import exclusive
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
    when another process changes the same chunk at the same time).
    """
    source = plan.source(value)
    chunks = _ChunkWriter(runtime, array, merger(array, plan, fields))
    whole_allowed = fields is None and not plan.flat

    async def work(steps: Iterator[Step[str]]) -> None:
        key = None
        try:
            for key, chunk_selection, out_selection, whole in steps:
                part = source[out_selection]
                if only_stored:
                    await chunks.update(key, chunk_selection, part, create=False)
                elif whole and whole_allowed:
                    await chunks.replace(key, chunk_selection, part)
                else:
                    await chunks.update(key, chunk_selection, part)
        except Exception as error:
            located(error, array, key)
            raise

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    await runtime.for_each(work, steps, plan.count, array.pipeline.nbytes, array.grain)


class _ChunkWriter:
    """Stores the values of single keys."""

    def __init__(self, runtime: Runtime, array: ArrayState, merge: Merger) -> None:
        self._runtime = runtime
        self._merge = merge
        self._conditional = runtime.store.conditional
        self._synchronizer = array.synchronizer
        self._large = array.pipeline.nbytes >= DIRECT_BYTES

    async def replace(self, key: str, selection: Any, part: NDArray) -> None:
        """Store a chunk of which everything inside the array is given."""
        value = await self._run(self._merge.at(key).encoded, selection, part)
        if self._conditional and self._synchronizer is None:
            await self._store(key, value)  # a partial write at the same time will notice
        else:
            async with exclusive(self._runtime, self._synchronizer, key):
                await self._store(key, value)

    async def update(self, key: str, selection: Any, part: NDArray, create: bool = True) -> None:
        """Change a part of a chunk; other parts keep what anybody else wrote to them."""
        merge = self._merge.at(key)
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
        if self._large:
            return await self._runtime.compute(function, *args)
        return function(*args)
