"""Writing: carry out a plan by merging, encoding and storing its chunks.

A chunk that is written whole is stored without reading. A part of a chunk is read-modify-write:
serialised per key within the process, and a conditional write on the generation that was read where
the store has generations, repeated when somebody else was first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import numpy as np

from azarr.engine._failure import located
from azarr.engine._read import DIRECT_BYTES, fill_value
from azarr.engine._runtime import Runtime
from azarr.engine._state import ArrayState
from azarr.errors import ConflictError
from azarr.indexing import FieldNames
from azarr.plan import Plan, Step
from azarr.typing import Buffer, Generation, NDArray


async def write(
    runtime: Runtime, array: ArrayState, plan: Plan, value: NDArray, fields: FieldNames
) -> None:
    """Store `value`, of the plan's shape, into the array's chunks.

    Requests: one per chunk that is written whole, two per chunk that is written in part (more only
    when another process changes the same chunk at the same time).
    """
    source = plan.source(value)
    chunks = _ChunkWriter(runtime, array, plan.flat, fields)
    whole_allowed = fields is None and not plan.flat

    async def work(steps: Iterator[Step]) -> None:
        key = None
        try:
            for key, chunk_selection, out_selection, whole in steps:
                part = source[out_selection]
                if whole and whole_allowed:
                    await chunks.replace(key, chunk_selection, part)
                else:
                    await chunks.update(key, chunk_selection, part)
        except Exception as error:
            located(error, array, key)
            raise

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    await runtime.for_each(work, steps, plan.count, array.pipeline.nbytes)


class _ChunkWriter:
    """Stores single chunks of one array."""

    def __init__(self, runtime: Runtime, array: ArrayState, flat: bool, fields: FieldNames) -> None:
        self._runtime = runtime
        self._pipeline = array.pipeline
        self._conditional = runtime.store.conditional
        self._flat = flat
        self._fields = fields
        self._fill = fill_value(array)
        self._is_empty = None if array.write_empty_chunks else emptiness(array)
        self._compute = runtime.compute if array.pipeline.nbytes >= DIRECT_BYTES else None

    async def replace(self, key: str, selection: Any, part: NDArray) -> None:
        """Store a chunk of which everything inside the array is given."""
        data = await self._run(self._encoded, selection, part)
        async with self._lock_without_generations(key):
            if data is None:
                await self._runtime.delete(key)
            else:
                await self._runtime.set(key, data)

    async def update(self, key: str, selection: Any, part: NDArray) -> None:
        """Change a part of a chunk; other parts keep what anybody else wrote to them."""
        async with self._runtime.lock(key):
            while True:
                if self._conditional:
                    old, generation = await self._runtime.get_with_generation(key)
                else:
                    old, generation = await self._runtime.get(key), None
                new = await self._run(self._merged, old, selection, part)
                if new is None and old is None:
                    return
                try:
                    await self._store_if(key, new, generation)
                    return
                except ConflictError:
                    continue

    async def _store_if(self, key: str, data: Buffer | None, generation: Generation | None) -> None:
        if not self._conditional:
            await (self._runtime.delete(key) if data is None else self._runtime.set(key, data))
        elif data is None:
            await self._runtime.delete_if(key, generation)
        else:
            await self._runtime.set_if(key, data, generation)

    async def _run(self, function: Callable[..., Buffer | None], *args: Any) -> Buffer | None:
        if self._compute is None:
            return function(*args)
        return await self._compute(function, *args)

    def _lock_without_generations(self, key: str) -> AbstractAsyncContextManager[Any]:
        """A conditional write notices a whole write in between; without, both need the lock."""
        return nullcontext() if self._conditional else self._runtime.lock(key)

    def _encoded(self, selection: Any, part: NDArray) -> Buffer | None:
        pipeline = self._pipeline
        if part.shape == pipeline.chunk_shape and part.dtype == pipeline.data_type.dtype:
            return self._encode(part)
        chunk = self._filled()
        chunk[selection] = part
        return self._encode(chunk)

    def _merged(self, old: Buffer | None, selection: Any, part: NDArray) -> Buffer | None:
        if old is None:
            chunk = self._filled()
        else:
            chunk = np.array(self._pipeline.decode(old), order="C" if self._flat else "K")
        view = chunk.reshape(-1) if self._flat else chunk
        if self._fields is None:
            view[selection] = part
        else:
            for name in [self._fields] if isinstance(self._fields, str) else self._fields:
                view[name][selection] = part if isinstance(self._fields, str) else part[name]
        return self._encode(chunk)

    def _filled(self) -> NDArray:
        pipeline = self._pipeline
        chunk = np.empty(pipeline.chunk_shape, pipeline.data_type.dtype)
        chunk[...] = self._fill
        return chunk

    def _encode(self, chunk: NDArray) -> Buffer | None:
        if self._is_empty is not None and self._is_empty(chunk):
            return None
        return self._pipeline.encode(chunk)


def emptiness(array: ArrayState) -> Callable[[NDArray], bool]:
    """Tells whether a chunk is nothing but the fill value, bit for bit.

    Bits, not `==`: -0.0 and NaNs with a payload are data where the fill value is 0.0 or NaN.
    """
    fill = np.empty((), array.metadata.dtype)
    fill[...] = fill_value(array)
    if array.metadata.dtype.hasobject:
        return lambda chunk: all(item == fill[()] for item in chunk.flat)
    pattern = np.frombuffer(fill.tobytes(), np.uint8)

    def is_empty(chunk: NDArray) -> bool:
        if not chunk.size or not len(pattern):
            return True
        if chunk[(0,) * chunk.ndim].tobytes() != pattern.tobytes():
            return False
        rows = np.ascontiguousarray(chunk).reshape(-1).view(np.uint8).reshape(-1, len(pattern))
        return bool((rows == pattern).all())

    return is_empty
