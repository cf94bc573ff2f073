"""Appending: data first, metadata last: nobody sees an array that is longer than its data.

Within a process appends wait for each other, and with a synchronizer between processes too. Without
one, processes agree through generations, where both stores have them. Two of them that read one
shape would write to the same places, so each first *claims* the array: it stores the metadata
document as it is, with other white space at its end. That changes the document's generation; an
earlier claim is void, and what depends on it fails. For each window of chunks an append

1. reads the generations of the chunks,
2. checks that its claim still stands,
3. writes the chunks on condition of these generations,

and at the end the metadata on condition of its claim. Whatever a void claim writes after step 2 was
read in step 1, before the newer claim was made: it is overwritten by the newer append, or it fails.
So the rows of an append that succeeds are its own. The one that fails removes the chunks that it
made, waits, and begins again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from os import urandom

from azarr.engine._hierarchy import NodeDocuments
from azarr.engine._inventory import at_chunks
from azarr.engine._merge import Merger, merger
from azarr.engine._runtime import Runtime
from azarr.engine._state import ArrayState
from azarr.engine._synchronizers import exclusive
from azarr.engine._write import write
from azarr.errors import ConflictError
from azarr.indexing import basic_selection
from azarr.model import ArrayMetadata
from azarr.plan import Plan, Step, plan_selection
from azarr.typing import Buffer, Generation, NDArray, Shape

ATTEMPTS = 10
PATIENCE = 0.5
"""Seconds that an append waits for the one that has claimed the array before, from its last sign of
life: a new claim or a new shape. A claim whose process died is stepped over after that."""

POLL = 0.01
WINDOW = 256
"""Chunks per check of the claim: one request more for this many."""


async def append(
    runtime: Runtime,
    array: ArrayState,
    data: NDArray,
    axis: int,
    check: Callable[[Shape], None],
) -> ArrayMetadata:
    """Make the array longer along an axis by `data`; the result is the new metadata.

    `check` raises if the data does not fit the shape that is stored.

    Requests: two for the metadata, one per new chunk, two per chunk at the old end. Between
    processes (stores with generations that are not memory, no synchronizer): two more for the
    metadata, one more per chunk, one per 256 chunks.

    Raises:
        ConflictError: other processes kept appending or resizing. Nothing was lost.
    """
    documents = NodeDocuments(runtime, array.path, array.metadata)
    chunks = at_chunks(runtime, array)
    shared = (
        array.synchronizer is None
        and array.store.latency != "memory"
        and array.store.conditional
        and array.chunk_store.conditional
    )
    async with exclusive(runtime, array.synchronizer, documents.lock_key):
        for _ in range(ATTEMPTS):
            current = await (_unclaimed(runtime, documents) if shared else documents.read())
            assert isinstance(current, ArrayMetadata)
            check(current.shape)
            longer = replace(current, shape=_longer(current.shape, data.shape, axis))
            if longer.shape == current.shape:
                return current
            start = current.shape[axis]
            region = (*[slice(None)] * axis, slice(start, longer.shape[axis]))
            plan = plan_selection(
                basic_selection(region, longer.shape), longer.shape, longer.chunk_grid
            )
            state = replace(array, metadata=longer)
            try:
                if shared and plan.count:
                    await _ClaimedAppend(chunks, state, documents, plan).carry_out(data, longer)
                else:
                    if plan.count:
                        await write(chunks, state, plan, data, None)
                    await documents.replace(longer)
            except ConflictError:
                await runtime.sleep(POLL * urandom(1)[0] / 128)
                continue
            return longer
    raise ConflictError(
        f"{array.name!r} in {array.store!r}: {ATTEMPTS} times in a row another process appended to "
        "it or resized it at the same time; nothing was appended. A ProcessSynchronizer lets "
        "processes wait for each other"
    )


def _longer(shape: Shape, data: Shape, axis: int) -> Shape:
    return (*shape[:axis], shape[axis] + data[axis], *shape[axis + 1 :])


async def _unclaimed(runtime: Runtime, documents: NodeDocuments) -> ArrayMetadata:
    """The metadata, once nobody else's append is under way, or seems to be dead."""
    seen: bytes | None = None
    waited = 0.0
    while True:
        current = await documents.read()
        text = documents.text
        if not is_claimed(text) or (text == seen and waited >= PATIENCE):
            assert isinstance(current, ArrayMetadata)
            return current
        waited = waited + POLL if text == seen else 0.0
        seen = text
        await runtime.sleep(POLL)


def claim_on(text: bytes) -> bytes:
    """A document with other white space at its end: 64 random bits, as spaces and tabs."""
    bits = format(int.from_bytes(urandom(8)), "064b")
    return text.rstrip() + b"\n" + bits.replace("0", " ").replace("1", "\t").encode()


def is_claimed(text: bytes) -> bool:
    """Whether a document ends as `claim_on` leaves it."""
    return len(text) - len(text.rstrip(b" \t")) == 64


class _ClaimedAppend:
    """One attempt: see the module's docstring for why it loses nothing."""

    def __init__(
        self, runtime: Runtime, array: ArrayState, documents: NodeDocuments, plan: Plan
    ) -> None:
        self._runtime = runtime
        self._array = array
        self._documents = documents
        self._plan = plan
        self._made: list[tuple[str, Generation]] = []
        self._merge: Merger = merger(array, plan, None)

    async def carry_out(self, data: NDArray, longer: ArrayMetadata) -> None:
        """Claim, write the chunks, store the metadata.

        Raises:
            ConflictError: another claim was made; what this one made is removed again.
        """
        original = self._documents.text
        await self._documents.replace_text(claim_on(original))
        try:
            await self._write(self._plan.source(data))
            await self._documents.replace(longer)
        except Exception:
            await self._undo(original)
            raise

    async def _write(self, source: NDArray) -> None:
        array = self._array
        steps = self._plan.steps(array.metadata.chunk_key_encoding, array.prefix)
        stored: dict[str, tuple[Buffer | None, Generation | None]] = {}

        async def look(window: Iterator[Step[str]]) -> None:
            for key, _, _, whole in window:
                old, generation = await self._runtime.get_with_generation(key)
                stored[key] = (None if whole else old, generation)

        async def put(window: Iterator[Step[str]]) -> None:
            for key, selection, out_selection, _ in window:
                part = source[out_selection]
                await self._put(key, *stored[key], selection, part)

        nbytes = array.pipeline.nbytes
        while window := list(islice(steps, WINDOW)):
            await self._runtime.for_each(look, iter(window), len(window), nbytes, array.grain)
            await self._documents.check_unchanged()
            await self._runtime.for_each(put, iter(window), len(window), nbytes, array.grain)
            stored.clear()

    async def _put(
        self,
        key: str,
        old: Buffer | None,
        generation: Generation | None,
        selection: object,
        part: NDArray,
    ) -> None:
        merge = self._merge.at(key)
        new = await self._runtime.compute(merge.merged, old, selection, part)
        if new is None and generation is not None and not self._runtime.store.atomic_delete_if:
            new = await self._runtime.compute(merge.empty)
        if new is not None:
            now = await self._runtime.set_if(key, new, generation)
            if generation is None:
                self._made.append((key, now))
        elif generation is not None:
            await self._runtime.delete_if(key, generation)

    async def _undo(self, original: bytes) -> None:
        """As far as nobody else has changed it since."""
        for key, generation in self._made:
            try:
                await self._runtime.delete_if(key, generation)
            except ConflictError:
                continue
        try:
            await self._documents.replace_text(original)
        except ConflictError:
            return
