"""Reading: carry out a plan by getting, decoding and scattering its chunks."""

from __future__ import annotations

from collections.abc import Iterator

from azarr.codecs import has_blosc_parts
from azarr.engine._failure import located
from azarr.engine._state import ArrayState
from azarr.engine.arrays._read_batched import batched_reading, is_batched
from azarr.engine.arrays._read_cached import cached_reading, is_cached
from azarr.engine.arrays._read_partial import partial_reading
from azarr.engine.arrays._read_plain import is_plain, plain_reading
from azarr.engine.arrays._read_shards import shard_reading
from azarr.engine.arrays._reading import Reading
from azarr.engine.arrays._scatter import DIRECT_BYTES, LONG_BYTES, scatterer
from azarr.engine.runtimes._runtime import Runtime, compute_if
from azarr.indexing import FieldNames
from azarr.plan import OneStep, Plan, Step
from azarr.typing import NDArray


def reading(
    runtime: Runtime, array: ArrayState, plan: Plan, out: NDArray, fields: FieldNames
) -> Reading:
    """How to fill `out`, of the plan's shape, from the array's chunks.

    A chunk whose key the store says does not exist is its fill value; every other failure raises,
    with store, key, array and chunk coordinates in its notes.

    Requests: one per chunk of the plan; all of them are one round trip.
    """
    if array.varied:
        return _varied_reading(runtime, array, plan, out, fields)
    if array.shards is not None and not (runtime.store.latency == "remote" and is_cached(array)):
        return shard_reading(runtime, array, array.shards, plan, out, fields)
    if array.partial_decompress and has_blosc_parts(array.pipeline):
        return partial_reading(runtime, array, plan, out, fields)
    if runtime.store.latency == "remote" and is_cached(array):
        return cached_reading(runtime, array, plan, out, fields)
    if is_plain(runtime, array, plan, fields):
        return plain_reading(runtime, array, plan, out)
    if is_batched(runtime, array, plan):
        return batched_reading(runtime, array, plan, out, fields)
    pipeline = array.pipeline
    target = plan.target(out)
    scatter = scatterer(pipeline, array.metadata.order, plan.flat, target, fields)
    fill = array.fill if fields is None else array.fill[fields]
    in_place, fills_long = pipeline.nbytes < DIRECT_BYTES, pipeline.nbytes >= LONG_BYTES

    async def work(steps: Iterator[Step[str]]) -> None:
        get, compute = runtime.get, runtime.compute
        key = None
        try:
            for key, chunk_selection, out_selection, _ in steps:
                data = await get(key)
                if data is None:
                    await compute_if(runtime, fills_long, target.__setitem__, out_selection, fill)
                elif in_place:
                    scatter(data, chunk_selection, out_selection)
                else:
                    await compute(scatter, data, chunk_selection, out_selection)
        except Exception as error:
            located(error, array, key)
            raise

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    nbytes = pipeline.nbytes
    return Reading(work, steps, plan.count, nbytes, nbytes, lambda: plan.finish(target, out))


def _varied_reading(
    runtime: Runtime, array: ArrayState, plan: Plan, out: NDArray, fields: FieldNames
) -> Reading:
    """How to fill `out` where chunks have different shapes: each as if all had its own."""
    target = plan.target(out)

    async def work(steps: Iterator[Step[str]]) -> None:
        for step in steps:
            one = OneStep(plan, step)
            await reading(runtime, array.at(step[0]), one, target, fields).work(iter((step,)))

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    nbytes = array.pipeline.nbytes
    return Reading(work, steps, plan.count, nbytes, nbytes, lambda: plan.finish(target, out))


FEW_SHARDS = 8
"""Counting the inner chunks of a shard takes 10 us; what reads more shards takes long anyway."""


def decoded_bytes(plan: Plan, array: ArrayState) -> int:
    """Bytes that reading by the plan decodes at most: the measure of how long it may take."""
    layout = array.shards
    if layout is None or plan.count > FEW_SHARDS:
        return plan.count * array.pipeline.nbytes
    steps = plan.steps(array.metadata.chunk_key_encoding)
    shape, inner = layout.shape, layout.inner
    counts = (plan.inner(each, shape, inner.chunk_shape).count for _, each, *_ in steps)
    return sum(counts) * inner.nbytes
