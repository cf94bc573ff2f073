"""Deleting nodes: two round trips, and never half of a node that reads as a whole one.

What is to go is listed while the node is read. Then its documents are deleted, and nothing else
before they are: an interrupted deletion leaves no node, not one whose chunks read as fill values.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from azarr.engine._failure import located_node
from azarr.engine.hierarchy._hierarchy import Metadata, at_once, node_key, open_node, set_many
from azarr.engine.runtimes._runtime import Runtime
from azarr.model import (
    ArrayMetadata,
    attribute_documents,
    document_keys,
    is_container,
    node_documents,
)
from azarr.stores import Store
from azarr.typing import ZarrFormat

DOCUMENTS = frozenset((*document_keys(), *document_keys("n5")))
"""What documents are called in any format."""


class Below:
    """Everything under a path, in a store and in the one that holds chunks, if that is another.

    In a remote store it is listed beforehand, with whatever else is asked at that time.
    """

    def __init__(self, runtime: Runtime, path: str, chunk_store: Store | None = None) -> None:
        self._path = path
        self._runtime = runtime
        self._runtimes = [runtime]
        if chunk_store is not None:
            self._runtimes.append(runtime.beside(chunk_store))
        self._keys: dict[Runtime, list[str]] = {}

    @property
    def looks(self) -> list[Callable[[], Awaitable[None]]]:
        """The listings, to be awaited together with other requests."""

        def look(runtime: Runtime) -> Callable[[], Awaitable[None]]:
            async def listed() -> None:
                self._keys[runtime] = await runtime.list(self._path)

            return listed

        return [look(each) for each in self._runtimes if each.store.latency == "remote"]

    async def delete(self, node: Metadata | None = None) -> None:
        """Delete all of it, the documents of the node at the path and below first.

        One round trip; two in a store that cannot delete so many keys with one request.
        """
        for runtime in self._runtimes:
            keys = self._keys.get(runtime)
            if keys is None:
                if node is not None and runtime is self._runtime:
                    await set_many(runtime, dict.fromkeys(await self._documents(node)))
                await runtime.delete_prefix(self._path)
            elif keys:
                documents = [key for key in keys if _is_document(key)]
                rest = set(keys).difference(documents)
                await runtime.delete_many(self._path, [*documents, *rest], len(documents))

    async def _documents(self, node: Metadata) -> list[str]:
        """The documents of a node; of a group that others can see, also those below it."""
        if isinstance(node, ArrayMetadata) or self._runtime.store.latency == "memory":
            return [node_key(self._path, name) for name in node_documents(node)]
        return [key for key in await self._runtime.list(self._path) if _is_document(key)]

    async def make_room(self, old: Metadata | None, new: Metadata) -> None:
        """Delete what a new node at the path would replace, or would show by mistake."""
        await (self._delete_remains(new) if old is None else self.delete(old))

    async def _delete_remains(self, metadata: Metadata) -> None:
        """What a failed deletion may have left at a path without a node, and a new one would show.

        At the root only what the new node would read is deleted: nothing says that the rest was
        Zarr's.
        """
        if self._path:
            await self.delete()
            return
        names = {**node_documents(metadata), **attribute_documents(metadata)}
        for runtime in self._runtimes:
            listed = self._keys.get(runtime)
            found = await runtime.list("") if listed is None else listed
            keys = [key for key in found if key in names or _is_chunk(metadata, key)]
            await set_many(runtime, dict.fromkeys(keys))


def _is_document(key: str) -> bool:
    return key.rpartition("/")[2] in DOCUMENTS


def _is_chunk(metadata: Metadata, key: str) -> bool:
    return (
        isinstance(metadata, ArrayMetadata)
        and metadata.chunk_key_encoding.parse(key, metadata.ndim) is not None
    )


@located_node
async def delete_node(
    runtime: Runtime,
    path: str,
    zarr_format: ZarrFormat | None = None,
    chunk_store: Store | None = None,
) -> bool:
    """Delete a node and everything under it, also in `chunk_store`; False if there was none.

    Two round trips; three where a store deletes at most some of the keys with one request.
    """
    runtime = runtime.uncached
    there = Below(runtime, path, chunk_store)
    found: list[Metadata | None] = []

    async def look() -> None:
        sought = zarr_format if is_container(zarr_format) else None
        found.append(await open_node(runtime, path, sought))

    await at_once(runtime, look, *there.looks)
    if found[0] is None:
        return False
    await there.delete(found[0])
    return True
