"""Stores in the other shape, for an array whose two stores are not of the same one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from azarr.stores import AsyncStore, BlockingStore, Store
from azarr.typing import Buffer, ByteRange, Generation

T = TypeVar("T")


class ThreadedStore(AsyncStore):
    """A blocking store to be awaited: every request is one hop to a worker thread, 30 to 100 us.

    Only an array with its chunks in an async store and its metadata in a blocking one (or the
    reverse) needs it. With one store, a whole operation makes one hop.
    """

    def __init__(self, store: BlockingStore) -> None:
        self.blocking = store
        self._describe_as(store)

    @property
    def uncached(self) -> ThreadedStore:
        uncached = self.blocking.uncached
        return self if uncached is self.blocking else ThreadedStore(uncached)

    async def _hop(self, function: Callable[..., T], *args: Any) -> T:
        from azarr.engine.runtimes._threads import in_thread

        return await in_thread(function, *args)

    async def get(self, key: str, default: Any = None) -> Buffer | Any:
        return await self._hop(self.blocking.get, key, default)

    async def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Any:
        return await self._hop(self.blocking.get_ranges, key, ranges)

    async def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Any:
        return await self._hop(self.blocking.get_ranges_with_generation, key, ranges, generation)

    async def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        return await self._hop(self.blocking.get_with_generation, key)

    async def set(self, key: str, value: Buffer) -> None:
        await self._hop(self.blocking.set, key, value)

    async def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        return await self._hop(self.blocking.set_if, key, value, generation)

    async def delete(self, key: str) -> None:
        await self._hop(self.blocking.delete, key)

    async def delete_if(self, key: str, generation: Generation | None) -> None:
        await self._hop(self.blocking.delete_if, key, generation)

    async def delete_prefix(self, prefix: str) -> None:
        await self._hop(self.blocking.delete_prefix, prefix)

    async def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        await self._hop(self.blocking.delete_many, keys, first)

    async def list(self, prefix: str = "") -> AsyncIterator[str]:
        for key in await self._hop(lambda: [*self.blocking.list(prefix)]):
            yield key

    async def list_children(self, prefix: str = "") -> Any:
        return await self._hop(self.blocking.list_children, prefix)

    async def size(self, key: str) -> int | None:
        return await self._hop(self.blocking.size, key)

    def __repr__(self) -> str:
        return repr(self.blocking)


def unadapted(store: Store) -> Store:
    """The store that somebody has given, whatever shape it is used in."""
    return store.blocking if isinstance(store, ThreadedStore) else store


def async_store(store: Store) -> AsyncStore:
    """The store itself if it is async, else through threads."""
    if isinstance(store, AsyncStore):
        return store
    assert isinstance(store, BlockingStore)
    return ThreadedStore(store)
