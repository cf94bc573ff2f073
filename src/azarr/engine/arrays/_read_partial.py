"""Reading parts of large Blosc chunks: the header, then only the blocks that a selection needs.

Asked for with `partial_decompress=True`: it takes one more round trip, so it pays where few bytes
of large chunks are needed. What would not read less is read whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import numpy as np

from azarr.codecs import head_nbytes, parse_blosc, touched_bytes
from azarr.engine._failure import located
from azarr.engine._state import ArrayState
from azarr.engine.arrays._reading import Reading
from azarr.engine.arrays._scatter import scatterer
from azarr.engine.runtimes._runtime import Runtime
from azarr.errors import ConflictError, ShortReadError
from azarr.indexing import FieldNames
from azarr.plan import Plan, Step
from azarr.typing import NDArray

MISSING: Final = "missing"


def partial_reading(
    runtime: Runtime, array: ArrayState, plan: Plan, out: NDArray, fields: FieldNames
) -> Reading:
    """How to fill `out` from parts of chunks.

    Requests: two for a chunk of which less than half of the blocks are needed (three where its
    header says that it is not worthwhile), one for any other.
    """
    pipeline = array.pipeline
    target = plan.target(out)
    scatter = scatterer(pipeline, array.metadata.order, plan.flat, target, fields)
    fill = array.fill if fields is None else array.fill[fields]

    def scatter_part(chunk: NDArray, selection: Any, out_selection: Any) -> None:
        flat = chunk.reshape(-1) if plan.flat else chunk
        target[out_selection] = (flat if fields is None else flat[fields])[selection]

    async def work(steps: Iterator[Step[str]]) -> None:
        key = None
        try:
            for key, selection, out_selection, _ in steps:
                part = await _part(runtime, array, key, selection, plan.flat)
                if isinstance(part, np.ndarray):
                    await runtime.compute(scatter_part, part, selection, out_selection)
                    continue
                data = None if part is MISSING else await runtime.get(key)
                if data is None:
                    target[out_selection] = fill
                else:
                    await runtime.compute(scatter, data, selection, out_selection)
        except Exception as error:
            located(error, array, key)
            raise

    steps = plan.steps(array.metadata.chunk_key_encoding, array.prefix)
    nbytes = pipeline.nbytes
    return Reading(work, steps, plan.count, nbytes, nbytes, lambda: plan.finish(target, out))


async def _part(
    runtime: Runtime, array: ArrayState, key: str, selection: Any, flat: bool
) -> NDArray | Literal["missing"] | None:
    """The chunk, with only what the selection needs; None: the chunk is to be read whole."""
    pipeline = array.pipeline
    # Without generations, the blocks could be those of another version than the header.
    touched = touched_bytes(pipeline, selection, flat) if runtime.store.conditional else None
    if touched is None:
        return None
    try:
        head = await runtime.get_ranges_with_generation(key, [(0, head_nbytes(pipeline))])
        if head is None:
            return MISSING
        (data,), generation = head
        parts = parse_blosc(data, touched, pipeline)
        if parts is None or 2 * parts.nbytes > parts.whole:
            return None
        blocks = await runtime.get_ranges_with_generation(key, parts.ranges, generation)
    except (ShortReadError, ConflictError):  # a very small chunk; another version of it meanwhile
        return None
    if blocks is None:
        return MISSING
    return await runtime.compute(parts.decode, blocks[0], pipeline)
