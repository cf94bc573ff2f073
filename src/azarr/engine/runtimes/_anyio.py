"""The asynchronous runtimes, on anyio: the same code under asyncio and trio.

`AnyioRuntime` speaks to async stores with a fixed number of workers in one task group.
`InlineRuntime` speaks to in-memory stores on the event loop itself: there is nothing to wait for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

from azarr import config
from azarr.engine.process._cache import Changing
from azarr.engine.process._permit import Permit
from azarr.engine.process._process import process
from azarr.engine.runtimes._adapters import async_store
from azarr.engine.runtimes._blocking import BlockingRuntime
from azarr.engine.runtimes._listing import Listing
from azarr.engine.runtimes._loader import cached_document
from azarr.engine.runtimes._requests import Requests
from azarr.engine.runtimes._runtime import Children, Keys, Ranges, Work
from azarr.engine.runtimes._threads import computed
from azarr.errors import StoreError
from azarr.stores import AsyncStore, Store, absolute, copy_into
from azarr.typing import Buffer, ByteRange, Generation

T = TypeVar("T")

SMALL_BYTES = 64 * 1024
"""Steps of less than this do without a share of the bytes in flight: as many as there may be
requests hold 64 MiB, and asking would take a fifth of the time of a small one. Only such steps make
further operations of their own, so nobody who holds a share waits for another."""

MORE_WORKERS = 64
"""Tasks beyond those that may have a request in flight: while theirs decode, or the limit grows.
A task takes 10 KB; as many as there could ever be requests would be 10 MB."""


class AnyioRuntime:
    """Requests of an async store, as many at once as its origin's limit allows."""

    __slots__ = ("_documents_kept", "_requests", "store")

    def __init__(self, store: AsyncStore, documents_kept: bool = True) -> None:
        self.store = store
        self._documents_kept = documents_kept
        self._requests = Requests(store)

    async def get(self, key: str) -> Buffer | None:
        return await self._requests.send("get", key, partial(self.store.get, key))

    async def get_into(self, key: str, memory: memoryview) -> int | None:
        return copy_into(memory, await self.get(key))

    async def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        buffers: list[Buffer] = []
        while True:
            some = ranges[: self._requests.capacity]
            call = partial(self.store.get_ranges_with_generation, key, some, generation)
            kind, count = "get_ranges_with_generation", max(1, len(some))
            found = await self._requests.send(kind, key, call, count=count)
            if found is None or len(some) == len(ranges):
                return found and (buffers + found[0], found[1])
            buffers += found[0]
            ranges, generation = ranges[len(some) :], found[1]

    async def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        call = partial(self.store.get_with_generation, key)
        return await self._requests.send("get_with_generation", key, call)

    async def get_document(self, key: str, opened: bool = False) -> Buffer | None:
        settings = config.get()
        if settings.cache_bytes and settings.cache_max_age != 0 and self._documents_kept:
            return await cached_document(self, key)
        store = self.store
        # One that knows documents beforehand has no generations of them.
        if not opened or store.read_only or not store.conditional or store.uncached is not store:
            return await self.get(key)
        value, generation = await self.get_with_generation(key)
        if value is not None:
            document = bytes(value), generation, False
            process().documents.put((store.origin, key), document, len(document[0]))
        return value

    async def set(self, key: str, value: Buffer) -> None:
        call = partial(self.store.set, key, value)
        with self._changing(key):
            await self._requests.send("set", key, call, memoryview(value).nbytes)

    async def set_many(self, values: Iterable[tuple[str, Buffer | None]]) -> None:
        for key, value in values:
            await (self.delete(key) if value is None else self.set(key, value))

    async def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        with self._changing(key):
            return await self._requests.set_if(key, value, generation)

    async def delete(self, key: str) -> None:
        with self._changing(key):
            await self._requests.send("delete", key, partial(self.store.delete, key))

    async def delete_if(self, key: str, generation: Generation) -> None:
        with self._changing(key):
            await self._requests.delete_if(key, generation)

    async def delete_prefix(self, prefix: str) -> None:
        call = partial(self.store.delete_prefix, prefix)
        await self._delete("delete_prefix", prefix, call)

    async def delete_many(self, prefix: str, keys: Keys, first: int) -> None:
        call = partial(self.store.delete_many, keys, first)
        await self._delete("delete_many", prefix, call)

    async def _delete(self, kind: str, prefix: str, call: Callable[[], Awaitable[None]]) -> None:
        cache, place = process().cache, absolute(self.store.origin, prefix)
        cache.forget_under(place)
        try:
            await self._requests.send(kind, prefix, call)
        finally:
            cache.forget_under(place)

    def _changing(self, key: str) -> Changing:
        return Changing(process().cache, absolute(self.store.origin, key))

    async def list(self, prefix: str) -> Keys:
        async def listed() -> Keys:
            return [key async for key in self.store.list(prefix)]

        return await self._requests.send("list", prefix, listed)

    async def list_children(self, prefix: str) -> Children:
        call = partial(self.store.list_children, prefix)
        return await self._requests.send("list_children", prefix, call)

    async def size(self, key: str) -> int | None:
        return await self._requests.send("size", key, partial(self.store.size, key))

    async def scan(self, prefix: str) -> AsyncGenerator[Keys, None]:
        listing = Listing(self.store, prefix)
        try:
            while not listing.ended:
                yield await self._requests.send("list", prefix, listing.batch)
        finally:
            await listing.close()

    def beside(self, store: Store) -> AnyioRuntime:
        return AnyioRuntime(async_store(store))

    @property
    def uncached(self) -> AnyioRuntime:
        return AnyioRuntime(self.store.uncached, documents_kept=False)

    def lock(self, key: str, domain: str | None = None) -> Permit:
        return Permit((domain or self.store.origin, key))

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return await computed(function, *args)

    async def for_each(
        self, work: Work, steps: Iterator[Any], count: int, nbytes: int, grain: int = 0
    ) -> None:
        workers = min(workers_worth(count, nbytes), self._requests.capacity + MORE_WORKERS)
        if nbytes >= SMALL_BYTES:
            work = _within_bytes(work, nbytes)
        if workers <= 1:
            await work(steps)
            return
        await self._requests.hedging(partial(_shared, work, steps, workers))


async def _shared(work: Work, steps: Iterator[Any], workers: int) -> None:
    """Work that several tasks do together. The first error stops the others."""
    errors: list[Exception] = []
    ended = 0

    async def worker() -> None:
        nonlocal ended
        try:
            await work(steps)
            ended += 1
        except Exception as error:
            errors.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for _ in range(workers):
            group.start_soon(worker)
    if errors:
        raise errors[0]
    if ended < workers:  # a cancelled task ends its group without an error, its step undone
        raise StoreError("a client has cancelled its own request", transient=True)


def workers_worth(count: int, nbytes: int) -> int:
    """How many tasks to carry out `count` steps of `nbytes` decoded bytes with."""
    settings = config.get()
    return min(count, settings.requests, max(1, settings.bytes_in_flight // max(nbytes, 1)))


def _within_bytes(work: Work, nbytes: int) -> Work:
    """The same work, each step of which waits for its share of the bytes in flight."""
    limit = config.get().bytes_in_flight
    share = Permit(("bytes",), lambda: limit, nbytes)

    async def one_by_one(steps: Iterator[Any]) -> None:
        for step in steps:
            async with share:
                await work(iter((step,)))

    return one_by_one


class InlineRuntime(BlockingRuntime):
    """Requests of an in-memory store on the event loop; locks and long computations suspend."""

    __slots__ = ()

    def lock(self, key: str, domain: str | None = None) -> Permit:  # type: ignore[override]
        return Permit((domain or self.store.origin, key))

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return await computed(function, *args)

    async def for_each(
        self, work: Work, steps: Iterator[Any], count: int, nbytes: int, grain: int = 0
    ) -> None:
        await work(steps)
