"""Reading through the cache: what is kept is not asked for again, and asked for once by many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from azarr import config
from azarr.codecs import Pipeline, ShardLayout
from azarr.engine._failure import located
from azarr.engine._state import ArrayState
from azarr.engine.arrays._read_shards import ShardReader
from azarr.engine.arrays._reading import Reading
from azarr.engine.arrays._scatter import DIRECT_BYTES, LONG_BYTES
from azarr.engine.process._cache import MISSING
from azarr.engine.runtimes._loader import Loaded, Loader
from azarr.engine.runtimes._runtime import Runtime, compute_if
from azarr.errors import ChunkDataError
from azarr.indexing import FieldNames
from azarr.plan import Plan, Step
from azarr.typing import Buffer, Generation, NDArray


def is_cached(array: ArrayState) -> bool:
    """Whether chunks that come from a remote store are kept: not of elements that can change."""
    return config.get().cache_bytes > 0 and not array.metadata.data_type.is_object


def cached_reading(
    runtime: Runtime, array: ArrayState, plan: Plan, out: NDArray, fields: FieldNames
) -> Reading:
    """How to fill `out` from chunks that are kept, or are loaded and then kept."""
    target = plan.target(out)
    read = (_chunk_reader if array.shards is None else _shard_reader)(
        runtime, array, plan, target, fields
    )

    async def work(steps: Iterator[Step[str]]) -> None:
        key = None
        try:
            for step in steps:
                key = step[0]
                await read(step)
        except Exception as error:
            located(error, array, key)
            raise

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    nbytes = array.pipeline.nbytes
    return Reading(work, steps, plan.count, nbytes, array.grain, lambda: plan.finish(target, out))


def _chunk_reader(
    runtime: Runtime, array: ArrayState, plan: Plan, target: NDArray, fields: FieldNames
) -> Callable[[Step[str]], Awaitable[None]]:
    chunks = _Chunks(runtime, array)
    put = _putter(array, plan.flat, target, fields)
    long = array.pipeline.nbytes >= LONG_BYTES

    async def read(step: Step[str]) -> None:
        key, selection, at, _ = step
        (chunk,) = await chunks.get(key, [0])
        await compute_if(runtime, long, put, chunk, selection, at)

    return read


def _shard_reader(
    runtime: Runtime, array: ArrayState, plan: Plan, target: NDArray, fields: FieldNames
) -> Callable[[Step[str]], Awaitable[None]]:
    layout = array.shards
    assert layout is not None
    chunks = _InnerChunks(runtime, array, layout, plan.count)
    long = array.pipeline.nbytes >= LONG_BYTES

    async def read(step: Step[str]) -> None:
        key, selection, at, _ = step
        inner = plan.inner(selection, layout.shape, layout.inner.chunk_shape)
        steps = list(inner.steps(layout))
        found = await chunks.get(key, [number for number, *_ in steps])

        def put_all() -> None:
            piece = np.empty(inner.shape, target.dtype)
            view = inner.target(piece)
            put = _putter(array, inner.flat, view, fields)
            for chunk, (_, part, into, _) in zip(found, steps, strict=True):
                put(chunk, part, into)
            inner.finish(view, piece)
            target[at] = piece

        await compute_if(runtime, long, put_all)

    return read


def _putter(
    array: ArrayState, flat: bool, target: NDArray, fields: FieldNames
) -> Callable[[NDArray | None, Any, Any], None]:
    """The function that puts the selected part of a decoded chunk into the target."""
    fill = array.fill if fields is None else array.fill[fields]

    def put(chunk: NDArray | None, selection: Any, at: Any) -> None:
        if chunk is None:
            target[at] = fill
            return
        chunk = chunk.reshape(-1) if flat else chunk
        target[at] = (chunk if fields is None else chunk[fields])[selection]

    return put


class _Chunks:
    """Decoded chunks by key. A part is what the bytes were decoded as."""

    def __init__(self, runtime: Runtime, array: ArrayState) -> None:
        self._loader = Loader(runtime)
        self._runtime = runtime
        self._pipeline = array.pipeline
        self._form = _form(array)

    async def get(self, key: str, numbers: Sequence[int]) -> list[Any]:
        async def load() -> Loaded:
            runtime = self._runtime
            data: Buffer | None
            generation: Generation | None
            if runtime.store.conditional:
                data, generation = await runtime.get_with_generation(key)
            else:
                data, generation = await runtime.get(key), object()
            if data is None:
                return MISSING, {}
            chunk = await decoded(runtime, self._pipeline, data)
            return generation, {self._form: (chunk, chunk.nbytes)}

        return await self._loader.get(key, [self._form], load, "get")


class _InnerChunks:
    """Decoded inner chunks by key and number."""

    def __init__(
        self, runtime: Runtime, array: ArrayState, layout: ShardLayout, count: int
    ) -> None:
        self._loader = Loader(runtime)
        self._runtime = runtime
        self._layout = layout
        self._reader = ShardReader(runtime, array, layout, None, count)
        self._form = _form(array)

    async def get(self, key: str, numbers: Sequence[int]) -> list[Any]:
        cache, place = self._loader.cache, self._loader.place(key)
        parts = [(self._form, number) for number in numbers]

        async def load() -> Loaded:
            seen = cache.seen(place)
            kept = {
                part: held[0]
                for part in parts
                if seen is not None
                and self._loader.conditional  # else it may be old: nothing can be checked
                and (held := cache.parts(place, seen.generation, [part]))
            }
            missing = [part[1] for part in parts if part not in kept]
            found = await self._reader.pieces(key, missing)
            if found is None:
                return MISSING, {}
            known, data = found
            if seen is not None and kept and known.generation != seen.generation:
                kept, missing = {}, list(numbers)  # those were of another version of the shard
                found = await self._reader.pieces(key, missing)
                if found is None:
                    return MISSING, {}
                known, data = found
            values: dict[Hashable, tuple[Any, int]]
            values = {part: _sized(chunk) for part, chunk in kept.items()}
            for number, piece in zip(missing, data, strict=True):
                values[self._form, number] = _sized(await self._decoded(number, piece))
            return known.generation or object(), values

        return await self._loader.get(key, parts, load, "get_ranges_with_generation")

    async def _decoded(self, number: int, piece: Buffer | None) -> NDArray | None:
        if piece is None:
            return None
        try:
            # A copy: it is a view of everything that was read of the shard.
            return await decoded(self._runtime, self._layout.inner, bytes(piece))
        except ChunkDataError as error:
            raise self._layout.located(error, number) from error


def _sized(chunk: NDArray | None) -> tuple[NDArray | None, int]:
    return chunk, 0 if chunk is None else chunk.nbytes


def _form(array: ArrayState) -> Hashable:
    """What decides into what bytes are decoded: views look at the same bytes in other ways."""
    each = array.metadata
    codecs = (each.filters, each.serializer, each.compressors)
    return repr((each.data_type, array.pipeline.chunk_shape, array.chunks, each.order, codecs))


async def decoded(runtime: Runtime, pipeline: Pipeline, data: Buffer) -> NDArray:
    """A chunk that nobody can change."""
    chunk = await compute_if(runtime, pipeline.nbytes >= DIRECT_BYTES, pipeline.decode, data)
    chunk = chunk.view()
    chunk.flags.writeable = False
    return chunk
