"""Reading many small chunks from a store that blocks: fetched one by one, decoded together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from azarr.engine._failure import located
from azarr.engine._state import ArrayState
from azarr.engine.arrays._batch import FEW, Batch
from azarr.engine.arrays._destination import Destination
from azarr.engine.arrays._reading import Reading
from azarr.engine.arrays._scatter import scatterer
from azarr.engine.runtimes._runtime import Runtime
from azarr.indexing import FieldNames
from azarr.plan import Plan, Step
from azarr.typing import NDArray


def is_batched(runtime: Runtime, array: ArrayState, plan: Plan) -> bool:
    """Whether there are enough chunks that can be decoded together.

    Not from an async store, where a worker may wait long between two of them.
    """
    together = array.pipeline.decode_together is not None
    return together and plan.count >= FEW and not runtime.store.is_async


def batched_reading(
    runtime: Runtime, array: ArrayState, plan: Plan, out: NDArray, fields: FieldNames
) -> Reading:
    """How to fill `out`, of the plan's shape, from such chunks. Requests: one per chunk."""
    pipeline = array.pipeline
    nbytes = pipeline.nbytes
    target = plan.target(out)
    scatter = scatterer(pipeline, array.metadata.order, plan.flat, target, fields)
    fill = array.fill if fields is None else array.fill[fields]

    def fail(error: Exception, key: str) -> NoReturn:
        located(error, array, key)
        raise error

    destination = Destination(plan, target, fields, scatter, fail)

    async def work(steps: Iterator[Step[str]]) -> None:
        get, batch, key = runtime.get, Batch(pipeline), None
        try:
            for step in steps:
                key = step[0]
                data = await get(key)
                if data is None:
                    target[step[2]] = fill
                else:
                    batch.add(data, step, destination)
            batch.flush()
        except Exception as error:
            located(error, array, key)  # unless it is that of a chunk that waited
            raise

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    return Reading(work, steps, plan.count, nbytes, nbytes, lambda: plan.finish(target, out))
