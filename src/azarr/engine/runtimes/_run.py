"""An operation is what is to be done; `run` and `run_async` are the two ways of doing it.

This module alone chooses the runtime: by the shape of the store (blocking or async), by its
latency, and by how long the operation should take.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from azarr import config
from azarr.engine.process._background import BackgroundCall
from azarr.engine.process._process import process
from azarr.engine.process._turns import take_turns
from azarr.engine.runtimes._adapters import async_store
from azarr.engine.runtimes._blocking import BlockingRuntime, drive
from azarr.engine.runtimes._runtime import Runtime
from azarr.stores import BlockingStore, Store

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

STEP_SECONDS = 10e-6
"""What a step costs beside its bytes: a small blosc chunk, measured 4 to 8 us in memory."""

BYTE_SECONDS = 1e-9
"""What decoding and copying a byte costs, about 1 GB/s with slow codecs."""


MANY_STEPS = 1000
"""Of an operation of unknown size: too many to do on an event loop."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[T_co]):
    """Something to be done with one store, or with the two of an array.

    Attributes:
        store: the store whose requests it makes.
        beside: another store that its body also turns to, by `runtime.beside(store)`.
        reads: it only reads, and may be begun again.
        body: the core coroutine, given the runtime to await.
        steps: how many chunks it works on.
        nbytes: how many decoded bytes, or what counts them, where that takes time.
    """

    store: Store
    body: Callable[[Runtime], Coroutine[Any, Any, T_co]]
    steps: int = 1
    nbytes: int | Callable[[], int] = 0
    beside: Store | None = None
    reads: bool = False

    @property
    def latency(self) -> str:
        """That of the slower of its stores, as far as it matters here: memory or not."""
        return (
            self.store.latency
            if self.beside is None or self.beside.latency == "memory"
            else self.beside.latency
        )

    @property
    def awaits(self) -> bool:
        """Whether it needs an event loop: for a store that is only async, or a remote one.

        Hundreds of requests in flight are cheap on a loop, and the loop has the limits and retries;
        a remote store that only blocks is called in worker threads.
        """
        store, beside = self.store, self.beside
        # As `awaits`, without the call.
        one = store.is_async or store.latency == "remote"
        return one or (beside is not None and awaits(beside))

    def takes_at_most(self, seconds: float) -> bool:
        """Whether an upper estimate of the time it takes, beside waiting for the store, is so."""
        seconds -= self.steps * STEP_SECONDS
        if seconds < 0:
            return False
        nbytes = self.nbytes if isinstance(self.nbytes, int) else self.nbytes()
        return nbytes * BYTE_SECONDS <= seconds


def awaits(store: Store) -> bool:
    """Whether requests to a store need an event loop."""
    return store.is_async or store.latency == "remote"


def run(operation: Operation[T]) -> T:
    """Do it now, in this thread, or on the background event loop if the store is async only."""
    if operation.awaits:
        return start_operation(operation).result()
    return drive(operation.body(BlockingRuntime(operation.store)))  # type: ignore[arg-type]


async def run_async(operation: Operation[T]) -> T:
    """Do it without blocking the event loop of the calling task."""
    store = operation.store
    if operation.awaits:
        from azarr.engine.runtimes._anyio import AnyioRuntime

        if _is_elsewhere(operation):
            return await start_operation(operation).wait()
        return await operation.body(AnyioRuntime(async_store(store)))
    assert isinstance(store, BlockingStore)
    inline = store if operation.latency == "memory" else None
    if operation.reads and operation.latency == "local":
        inline = store.page_cached
    if inline is not None and operation.takes_at_most(config.get().inline_seconds):
        from azarr.engine.runtimes._anyio import InlineRuntime

        await take_turns()
        try:
            return await operation.body(InlineRuntime(inline))
        except BlockingIOError:
            pass  # it would have to wait for the disk: a thread can
    return await _run_in_thread(operation, store)


async def compute_async(takes_long: bool, function: Callable[..., T], *args: Any) -> T:
    """What a pure function gives before there is an operation, computed where it blocks nobody."""
    if not takes_long:
        return function(*args)
    from azarr.engine.runtimes._threads import computed

    return await computed(function, *args)


def _is_elsewhere(operation: Operation[Any]) -> bool:
    """Whether a store needs asyncio, and this is not it: trio."""
    beside = operation.beside
    if operation.store.event_loop == "any" and (beside is None or beside.event_loop == "any"):
        return False
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


async def _run_in_thread(operation: Operation[T], store: BlockingStore) -> T:
    """One hop for the whole operation. When cancelled, it stops before its next step."""
    from azarr.engine.runtimes._threads import in_thread

    stop = threading.Event()

    def body() -> T:
        return drive(operation.body(BlockingRuntime(store, stop)))

    return await in_thread(body, stop=stop.set)


def start(body: Callable[[], Coroutine[Any, Any, T]]) -> BackgroundCall[T]:
    """Begin something on the background event loop."""
    return BackgroundCall(process().background(), body)


def start_operation(operation: Operation[T]) -> BackgroundCall[T]:
    """Begin an operation of which a store is async."""
    from azarr.engine.runtimes._anyio import AnyioRuntime

    store = async_store(operation.store)
    return start(lambda: operation.body(AnyioRuntime(store)))
