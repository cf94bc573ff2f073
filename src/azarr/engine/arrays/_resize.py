"""Changing an array's shape: what lies outside of a smaller one goes first, then the metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from azarr.engine._state import ArrayState
from azarr.engine.arrays._inventory import at_chunks, stored_chunks
from azarr.engine.arrays._write import write
from azarr.engine.hierarchy._hierarchy import DOCUMENT_BYTES, Metadata
from azarr.engine.hierarchy._node_documents import update_node
from azarr.engine.runtimes._runtime import Runtime
from azarr.indexing import basic_selection
from azarr.model import ArrayMetadata
from azarr.plan import cut_regions, is_outside, outside_blocks, plan_selection
from azarr.typing import NDArray, Shape

DELETE_UNSEEN = 1000
"""Up to this many chunks are deleted without asking which exist. For more, a listing (on S3 one
request per 1000 keys) costs less than the deletions of what is not there, and is bounded by it."""


async def change_array(
    runtime: Runtime,
    array: ArrayState,
    change: Callable[[ArrayMetadata], ArrayMetadata],
) -> ArrayMetadata:
    """Change an array's metadata; what a smaller shape leaves out is removed first.

    Chunks outside are deleted, and in chunks that the new edge cuts, what is outside is set to the
    fill value. So growing again shows the fill value, never old data. Interrupted, the array keeps
    its old shape, and what was asked to go may be gone.

    `change` is given the metadata as it is stored now, and is called again after a conflict.

    Requests: two to four for the metadata; one per chunk outside, or a listing where those may be
    many; two per stored chunk that the new edge cuts.
    """
    chunks = at_chunks(runtime, array)

    def changed(metadata: Metadata) -> Metadata:
        assert isinstance(metadata, ArrayMetadata)
        return change(metadata)

    async def prepare(old: Metadata, new: Metadata) -> None:
        assert isinstance(old, ArrayMetadata)
        assert isinstance(new, ArrayMetadata)
        await _remove_outside(chunks, replace(array, metadata=old), new.shape)

    result = await update_node(
        runtime, array.path, array.metadata, changed, array.synchronizer, prepare
    )
    assert isinstance(result, ArrayMetadata)
    return result


async def _remove_outside(runtime: Runtime, array: ArrayState, shape: Shape) -> None:
    old = array.metadata.shape
    if all(new >= length for new, length in zip(shape, old, strict=True)):
        return
    counts = array.metadata.chunk_counts
    kept = array.metadata.chunk_grid.counts(shape)
    outside = prod(counts) - prod(map(min, counts, kept))
    if outside > DELETE_UNSEEN:
        async with aclosing(stored_chunks(runtime, array)) as batches:
            async for batch in batches:
                # What lies beyond the old shape may be of an append that is under way.
                inside = [each for each in batch if not is_outside(each[1], counts)]
                await _delete(runtime, [key for key, coords in inside if is_outside(coords, kept)])
    elif outside:
        keys = array.metadata.chunk_key_encoding.keys
        for block in outside_blocks(counts, kept):
            await _delete(runtime, list(keys(block, array.prefix)))
    await _clear_cut_chunks(runtime, array, shape)


async def _delete(runtime: Runtime, keys: list[str]) -> None:
    async def work(steps: Iterator[str]) -> None:
        for key in steps:
            await runtime.delete(key)

    await runtime.for_each(work, iter(keys), len(keys), DOCUMENT_BYTES)


async def _clear_cut_chunks(runtime: Runtime, array: ArrayState, shape: Shape) -> None:
    metadata = array.metadata
    fill = filled(array)
    smaller = replace(array, metadata=replace(metadata, shape=shape))
    for region in cut_regions(metadata.shape, shape, metadata.chunk_grid):
        plan = plan_selection(
            basic_selection(region, metadata.shape), metadata.shape, metadata.chunk_grid
        )
        if plan.count:
            value = np.broadcast_to(fill, plan.shape)
            await write(runtime, smaller, plan, value, None, only_stored=True)


def filled(array: ArrayState) -> NDArray:
    """The fill value as an array without dimensions."""
    fill: NDArray = np.empty((), array.metadata.dtype)
    value: Any = array.fill
    fill[()] = value
    return fill
