"""The documents of one node: read with their generations, and changed on condition of them.

Who changes what an array's chunks depend on *claims* the array first: the document that says what
the node is gets other white space at its end. That changes its generation, so an earlier claim is
void, and what depends on it fails. Whoever finds a claim waits for it to go, or to look dead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from os import urandom
from time import monotonic

from azarr.engine._failure import located_node
from azarr.engine._synchronizers import Synchronizer, exclusive
from azarr.engine.hierarchy._hierarchy import (
    DOCUMENT_BYTES,
    Metadata,
    computed,
    get_many,
    node_key,
    worth,
)
from azarr.engine.process._process import process
from azarr.engine.runtimes._runtime import CONFLICTS, Runtime
from azarr.errors import ConflictError, NodeNotFoundError
from azarr.model import (
    GroupMetadata,
    attribute_documents,
    entry_count,
    node_documents,
    parse_node,
)
from azarr.typing import Buffer, Generation

POLL = 0.01
"""Seconds between two looks at a claim, beside the time that a look takes."""

PATIENCE = 2.0
"""A claim that has not changed for so many seconds and looks is taken to be dead: nobody who
claims takes a quarter of that for a request, or between two claims."""

LOOKS = 10


def claim_on(text: bytes) -> bytes:
    """A document with other white space at its end: 64 random bits, as spaces and tabs.

    Random, because the ETag of an object store may be a hash: the same bytes would be the same
    generation.
    """
    bits = format(int.from_bytes(urandom(8)), "064b")
    return text.rstrip() + b"\n" + bits.replace("0", " ").replace("1", "\t").encode()


def is_claimed(text: bytes) -> bool:
    """Whether a document ends as `claim_on` leaves it."""
    return len(text) - len(text.rstrip(b" \t")) == 64


class Unchanged:
    """Something that whoever is at it would change: if it stays the same for long, nobody is."""

    def __init__(self) -> None:
        self._seen: object = None
        self._since, self._looks = 0.0, 0

    def for_long(self, seen: object) -> bool:
        """Whether that is what has been seen for `PATIENCE`, and more than so many looks."""
        if seen != self._seen:
            self._seen, self._since, self._looks = seen, monotonic(), 0
        self._looks += 1
        return self._looks > LOOKS and monotonic() - self._since > PATIENCE


class NodeDocuments:
    """The documents of one node, read with their generations and replaced on condition of them."""

    def __init__(self, runtime: Runtime, path: str, metadata: Metadata) -> None:
        names = {**node_documents(metadata), **attribute_documents(metadata)}
        self._runtime = runtime.uncached
        self._path = path
        self._keys = {name: node_key(path, name) for name in names}
        self._stored: dict[str, tuple[Buffer | None, Generation | None]] = {}
        self._metadata = metadata
        self._unclaimed = b""

    @property
    def lock_key(self) -> str:
        """What everybody locks who changes the node: not the key of a chunk."""
        return self._keys[min(self._keys)]

    async def read(self) -> Metadata:
        """The node's metadata as it is stored now. One round trip."""
        self._stored = await get_many_with_generations(self._runtime, self._keys.values())
        texts = {name: self._stored[key][0] for name, key in self._keys.items()}
        current = await computed(self._runtime, worth(texts.values()), self._parsed, texts)
        if current is None or type(current) is not type(self._metadata):
            kind = "group" if isinstance(self._metadata, GroupMetadata) else "array"
            where = f"{'/' + self._path!r} is gone from {self._runtime.store!r}"
            raise NodeNotFoundError(f"the {kind} {where}")
        self._metadata = current
        self._remember(is_own=False)
        return current

    async def read_unclaimed(self) -> Metadata:
        """The same, once nobody else's claim is there, or it seems to be dead."""
        claim = Unchanged()
        while True:
            current = await self.read()
            if isinstance(current, GroupMetadata) or not is_claimed(self.text):
                return current
            if claim.for_long(self.text):
                return current
            await self._runtime.sleep(POLL)

    def recall(self) -> Metadata | None:
        """The metadata as this process read or stored it last, None if it did neither. No request.

        Only a change on its condition shows that it is still what is stored. A claim of this
        process whose append was cancelled is not waited for. Attributes that have a document of
        their own are those that were known to whoever made this object.
        """
        known = process().documents.get((self._runtime.store.origin, self._main))
        if known is None:
            return None
        text, generation, is_own = known
        if is_claimed(text) and not is_own:
            return None
        self._stored = dict.fromkeys(self._keys.values(), (None, None))
        self._stored[self._main] = text, generation
        found: dict[str, Buffer | None] = dict.fromkeys(self._keys)
        for name, key in self._keys.items():
            found[name] = self._stored[key][0]
        current = self._parsed(found)
        if current is not None and len(self._keys) > 1:
            current = replace(current, attributes=self._metadata.attributes)
        if current is not None:
            self._metadata = current
        return current

    def _parsed(self, found: dict[str, Buffer | None]) -> Metadata | None:
        # A group that has no document yet is given one.
        is_group = isinstance(self._metadata, GroupMetadata)
        return parse_node(found, self._path, is_directory=is_group)

    @property
    def generation(self) -> Generation | None:
        """That of the document that says what the node is, as it was read or written last."""
        return self._stored[self._main][1]

    @property
    def text(self) -> bytes:
        """The document that says what the node is, as it was read or written last."""
        return bytes(self._stored[self._main][0] or b"")

    async def claim(self) -> None:
        """Claim the node, or show that the claim made before still stands.

        Raises:
            ConflictError: another version is there now.
        """
        text = self.text
        if not is_claimed(text):
            self._unclaimed = text
        await self._replace_main(claim_on(text))

    async def release(self) -> None:
        """Take a claim back, and leave the document as it was.

        Raises:
            ConflictError: another version is there now.
        """
        await self._replace_main(self._unclaimed or self.text.rstrip())

    async def _replace_main(self, text: bytes) -> None:
        generation = await self._runtime.set_if(self._main, text, self._stored[self._main][1])
        self._stored[self._main] = (text, generation)
        self._remember(is_own=True)

    def _remember(self, is_own: bool) -> None:
        if isinstance(self._metadata, GroupMetadata):
            return
        text, generation = self._stored[self._main]
        if text is not None and generation is not None:
            place = self._runtime.store.origin, self._main
            process().documents.put(place, (self.text, generation, is_own), len(self.text))

    @property
    def _main(self) -> str:
        return self._keys[next(iter(node_documents(self._metadata)))]

    async def replace(self, changed: Metadata) -> None:
        """Store what differs from what was read last.

        Raises:
            ConflictError: the store has generations, and another version is there now.
        """
        before, after = await computed(
            self._runtime, entry_count(changed), _texts, self._metadata, changed
        )
        for name, text in after.items():
            if text != before.get(name):
                key = self._keys[name]
                now = await replace_value(self._runtime, key, text, self._stored[key][1])
                self._stored[key] = text, now
        self._metadata = changed
        self._remember(is_own=True)


def _texts(*nodes: Metadata) -> list[dict[str, bytes | None]]:
    return [{**attribute_documents(node), **node_documents(node)} for node in nodes]


@located_node
async def update_node(
    runtime: Runtime,
    path: str,
    metadata: Metadata,
    change: Callable[[Metadata], Metadata],
    synchronizer: Synchronizer | None = None,
    prepare: Callable[[Metadata, Metadata], Awaitable[None]] | None = None,
) -> Metadata:
    """Change a node's metadata without losing anybody else's change. Two round trips.

    `change` is given the metadata as it is stored now, and is called again after a conflict; so is
    `prepare`, with the old and the new metadata, before these are stored. An append by another
    process is waited for: a change would make it begin again.
    """
    documents = NodeDocuments(runtime, path, metadata)
    async with exclusive(runtime, synchronizer, documents.lock_key):
        conflicts = 0
        while True:
            current = await documents.read_unclaimed()
            changed = change(current)
            if prepare is not None:
                await prepare(current, changed)
            try:
                await documents.replace(changed)
            except ConflictError:
                conflicts += 1
                if conflicts > CONFLICTS:
                    raise
            else:
                return changed


async def get_many_with_generations(
    runtime: Runtime, keys: Iterable[str]
) -> dict[str, tuple[Buffer | None, Generation | None]]:
    """Values with their generations, where the store has these. One round trip."""
    if not runtime.store.conditional:
        return {key: (value, None) for key, value in (await get_many(runtime, keys)).items()}
    values: dict[str, tuple[Buffer | None, Generation | None]] = {}

    async def work(steps: Iterator[str]) -> None:
        for key in steps:
            values[key] = await runtime.get_with_generation(key)

    keys = list(keys)
    await runtime.for_each(work, iter(keys), len(keys), DOCUMENT_BYTES)
    return values


async def replace_value(
    runtime: Runtime, key: str, value: Buffer | None, generation: Generation | None
) -> Generation | None:
    """Store or delete a value, on condition of its generation where the store has generations."""
    if not runtime.store.conditional:
        await (runtime.delete(key) if value is None else runtime.set(key, value))
    elif value is not None:
        return await runtime.set_if(key, value, generation)
    elif generation is not None:
        await runtime.delete_if(key, generation)
    return None
