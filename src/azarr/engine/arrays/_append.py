"""Appending: data first, metadata last: nobody sees an array that is longer than its data.

Within a process appends wait for each other, and with a synchronizer between processes too. Without
one, where both stores have generations, an append

1. reads the chunks at the old end, unless it knows them from the append before,
2. claims the array (`_node_documents`), on condition of the metadata that it knows,
3. creates the new chunks, each on condition that there is none, and changes those at the old end on
   condition of what it has read,
4. stores the metadata on condition of its claim.

A chunk that is there already, or has changed, is looked at, the claim is made once more, and only
then the chunk is written on condition of what was seen: so everything that a void claim still
writes was seen before the newer claim was made, and fails where the newer append has written. For
that, an append stores every chunk, also one of nothing but fill values. The reasons are in
docs/decisions/012-append-in-three-round-trips.md.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from os import urandom

from azarr.engine._state import ArrayState
from azarr.engine._synchronizers import ThreadSynchronizer, exclusive
from azarr.engine.arrays._append_attempt import Attempt, Check, lengthened
from azarr.engine.arrays._inventory import at_chunks
from azarr.engine.arrays._write import write
from azarr.engine.hierarchy._node_documents import POLL, NodeDocuments
from azarr.engine.runtimes._runtime import CONFLICTS, Runtime
from azarr.errors import ConflictError
from azarr.model import ArrayMetadata
from azarr.typing import NDArray

ATTEMPTS = 10
"""How often an append that has claimed the array begins again. Others may claim it first as often
as they like: each time one of them gets through."""


async def append(
    runtime: Runtime,
    array: ArrayState,
    data: NDArray,
    axis: int,
    check: Check,
    sole_writer: bool = False,
) -> ArrayMetadata:
    """Make the array longer along an axis by `data`; the result is the new metadata.

    `check` raises if the data does not fit the shape that is stored.

    Round trips between processes (stores with generations that are not memory): claim, chunks,
    metadata; one before for what is not known, which is the metadata the first time, and chunks at
    the old end that were not kept from the last append. Elsewhere, and with a synchronizer: one to
    read (two where chunks at the old end are read in a store without generations), chunks,
    metadata.

    Args:
        sole_writer: nobody else appends or resizes: no claim is needed.

    Raises:
        ConflictError: other processes kept appending or resizing. Nothing was lost.
    """
    documents = NodeDocuments(runtime, array.path, array.metadata)
    conditional = (
        array.store.latency != "memory"
        and array.store.conditional
        and array.chunk_store.conditional
        and data.shape[axis] > 0
    )
    async with exclusive(runtime, array.synchronizer, documents.lock_key):
        if conditional:
            return await _append(runtime, array, documents, data, axis, check, sole_writer)
        for _ in range(ATTEMPTS):
            with suppress(ConflictError):
                return await _append_plainly(runtime, array, documents, data, axis, check)
    raise _conflict(array)


async def _append(
    runtime: Runtime,
    array: ArrayState,
    documents: NodeDocuments,
    data: NDArray,
    axis: int,
    check: Check,
    sole_writer: bool,
) -> ArrayMetadata:
    # Threads that wait for each other say nothing of other processes.
    locked = not isinstance(array.synchronizer, ThreadSynchronizer | None)
    failures = conflicts = 0
    while failures < ATTEMPTS and conflicts < CONFLICTS:
        attempt = Attempt(runtime, array, documents, data, axis)
        try:
            await attempt.look(check, recall=not conflicts and not locked)
            alone = locked or (sole_writer and not conflicts and attempt.knows_edges)
            return await attempt.carry_out(alone)
        except ConflictError:
            conflicts += 1
            failures += attempt.begun
            await runtime.sleep(POLL * urandom(1)[0] / 128)
    raise _conflict(array)


def _conflict(array: ArrayState) -> ConflictError:
    return ConflictError(
        f"{array.name!r} in {array.store!r}: {ATTEMPTS} times in a row another process appended to "
        "it or resized it at the same time; nothing was appended. A ProcessSynchronizer lets "
        "processes wait for each other"
    )


async def _append_plainly(
    runtime: Runtime,
    array: ArrayState,
    documents: NodeDocuments,
    data: NDArray,
    axis: int,
    check: Check,
) -> ArrayMetadata:
    """Where the locks say it all, or there is nothing else to go by."""
    current = await documents.read()
    assert isinstance(current, ArrayMetadata)
    check(current.shape)
    longer, plan = lengthened(current, data.shape, axis)
    if longer.shape == current.shape:
        return current
    if plan is not None:
        chunks = at_chunks(runtime, array)
        await write(chunks, replace(array, metadata=longer), plan, data, None)
    await documents.replace(longer)
    return longer
