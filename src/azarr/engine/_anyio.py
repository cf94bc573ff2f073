"""The asynchronous runtimes, on anyio: the same code under asyncio and trio.

`AnyioRuntime` speaks to async stores with a fixed number of workers in one task group.
`InlineRuntime` speaks to in-memory stores on the event loop itself: there is nothing to wait for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from azarr import config
from azarr.engine._adapters import async_store
from azarr.engine._blocking import BlockingRuntime
from azarr.engine._permits import Waiter
from azarr.engine._process import process
from azarr.engine._runtime import SCAN_KEYS, Children, Keys, Ranges, Work
from azarr.stores import AsyncStore, Store
from azarr.typing import Buffer, ByteRange, Generation

T = TypeVar("T")

BYTES_IN_FLIGHT = 512 * 1024 * 1024
"""Decoded bytes that one operation may be working on at once."""

_compute_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar(
    "azarr_compute_limiter"
)


class Permit:
    """Holds one permit of a name; waiting for it suspends only the calling task."""

    __slots__ = ("_capacity", "_name")

    def __init__(self, name: tuple[str, ...], capacity: int = 1) -> None:
        self._name = name
        self._capacity = capacity

    async def __aenter__(self) -> None:
        permits = process().permits
        if permits.try_acquire(self._name, self._capacity):
            return
        handed_over = anyio.Event()
        waiter = Waiter(setter(handed_over))
        if permits.acquire_or_wait(self._name, self._capacity, waiter):
            return
        try:
            await handed_over.wait()
        except BaseException:
            permits.abandon(self._name, waiter)
            raise

    async def __aexit__(self, *exc: object) -> None:
        process().permits.release(self._name)


def setter(event: anyio.Event) -> Callable[[], object]:
    """Sets an event from any thread: the loops of asyncio and trio each have one safe way in."""
    loop: Any = anyio.lowlevel.current_token().native_token
    enter = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon
    return lambda: enter(event.set)


class AnyioRuntime:
    """Requests of an async store, as many at once as its origin's limit allows."""

    __slots__ = ("_permit", "store")

    def __init__(self, store: AsyncStore) -> None:
        self.store = store
        self._permit = Permit(("requests", store.origin), config.get().requests)

    async def get(self, key: str) -> Buffer | None:
        async with self._permit:
            return await self.store.get(key)

    async def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        async with self._permit:
            return await self.store.get_ranges_with_generation(key, ranges, generation)

    async def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        async with self._permit:
            return await self.store.get_with_generation(key)

    async def set(self, key: str, value: Buffer) -> None:
        async with self._permit:
            await self.store.set(key, value)

    async def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        async with self._permit:
            return await self.store.set_if(key, value, generation)

    async def delete(self, key: str) -> None:
        async with self._permit:
            await self.store.delete(key)

    async def delete_if(self, key: str, generation: Generation) -> None:
        async with self._permit:
            await self.store.delete_if(key, generation)

    async def delete_prefix(self, prefix: str) -> None:
        async with self._permit:
            await self.store.delete_prefix(prefix)

    async def list(self, prefix: str) -> Keys:
        async with self._permit:
            return [key async for key in self.store.list(prefix)]

    async def list_children(self, prefix: str) -> Children:
        async with self._permit:
            return await self.store.list_children(prefix)

    async def size(self, key: str) -> int | None:
        async with self._permit:
            return await self.store.size(key)

    async def scan(self, prefix: str) -> AsyncGenerator[Keys, None]:
        batch: Keys = []
        async for key in self.store.list(prefix):
            batch.append(key)
            if len(batch) >= SCAN_KEYS:
                yield batch
                batch = []
        if batch:
            yield batch

    def beside(self, store: Store) -> AnyioRuntime:
        return AnyioRuntime(async_store(store))

    def lock(self, key: str, domain: str | None = None) -> Permit:
        return Permit((domain or self.store.origin, key))

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return await anyio.to_thread.run_sync(function, *args, limiter=_compute_threads())

    async def for_each(self, work: Work, steps: Iterator[Any], count: int, nbytes: int, grain: int = 0) -> None:
        workers = workers_worth(count, nbytes)
        if workers <= 1:
            await work(steps)
            return
        errors: list[Exception] = []

        async def worker() -> None:
            try:
                await work(steps)
            except Exception as error:
                errors.append(error)
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            for _ in range(workers):
                group.start_soon(worker)
        if errors:
            raise errors[0]


def workers_worth(count: int, nbytes: int) -> int:
    """How many tasks to carry out `count` steps of `nbytes` decoded bytes with."""
    return min(count, config.get().requests, max(1, BYTES_IN_FLIGHT // max(nbytes, 1)))


class InlineRuntime(BlockingRuntime):
    """Requests of an in-memory store on the event loop; only a chunk lock may suspend."""

    __slots__ = ()

    def lock(self, key: str, domain: str | None = None) -> Permit:  # type: ignore[override]
        return Permit((domain or self.store.origin, key))

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    async def for_each(self, work: Work, steps: Iterator[Any], count: int, nbytes: int, grain: int = 0) -> None:
        await work(steps)


def _compute_threads() -> anyio.CapacityLimiter:
    """Threads of this event loop that decode and encode: more than cores would only fight."""
    try:
        return _compute_limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(process().cores)
        _compute_limiter.set(limiter)
        return limiter
