"""An operation is what is to be done; `run` and `run_async` are the two ways of doing it.

This module alone chooses the runtime: by the shape of the store (blocking or async), by its latency,
and by how long the operation should take.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar

from azarr import config
from azarr.engine._blocking import BlockingRuntime, drive
from azarr.engine._process import process
from azarr.engine._runtime import Runtime
from azarr.stores import AsyncStore, BlockingStore, Store

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

STEP_SECONDS = 10e-6
"""What a step costs beside its bytes: a small blosc chunk, measured 4 to 8 us in memory."""

BYTE_SECONDS = 1e-9
"""What decoding and copying a byte costs, about 1 GB/s with slow codecs."""

YIELD_SECONDS = 0.005
"""An event loop is given back after at most this long, however many awaited reads were inline."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[T_co]):
    """Something to be done with one store.

    Attributes:
        store: the store whose requests it makes.
        body: the core coroutine, given the runtime to await.
        steps, nbytes: how many chunks, and how many decoded bytes, it works on.
    """

    store: Store
    body: Callable[[Runtime], Coroutine[Any, Any, T_co]]
    steps: int = 1
    nbytes: int = 0

    @property
    def seconds(self) -> float:
        """An upper estimate of the time it takes beside waiting for the store."""
        return self.steps * STEP_SECONDS + self.nbytes * BYTE_SECONDS


def run(operation: Operation[T]) -> T:
    """Do it now, in this thread, or on the background event loop if the store is async only."""
    store = operation.store
    if isinstance(store, BlockingStore):
        return drive(operation.body(BlockingRuntime(store)))
    return _run_on_portal(operation)


async def run_async(operation: Operation[T]) -> T:
    """Do it without blocking the event loop of the calling task."""
    store = operation.store
    if isinstance(store, AsyncStore):
        from azarr.engine._anyio import AnyioRuntime

        return await operation.body(AnyioRuntime(store))
    assert isinstance(store, BlockingStore)
    if store.latency == "memory" and operation.seconds <= config.get().inline_seconds:
        from azarr.engine._anyio import InlineRuntime

        await _yield_now_and_then()
        return await operation.body(InlineRuntime(store))
    return await _run_in_thread(operation, store)


class _LastYield(threading.local):
    at = 0.0


_last_yield = _LastYield()


async def _yield_now_and_then() -> None:
    """Inline operations never suspend: in a loop of them, other tasks and cancellation get a turn."""
    now = monotonic()
    if now - _last_yield.at > YIELD_SECONDS:
        import anyio.lowlevel

        await anyio.lowlevel.checkpoint()
        _last_yield.at = monotonic()


async def _run_in_thread(operation: Operation[T], store: BlockingStore) -> T:
    """One hop for the whole operation. When cancelled, it stops before its next step."""
    import anyio
    import anyio.to_thread

    stop = threading.Event()

    def body() -> T:
        return drive(operation.body(BlockingRuntime(store, stop)))

    if operation.steps <= 1:
        return await anyio.to_thread.run_sync(body)
    outcome: list[T | Exception] = []

    async def set_stop_when_cancelled() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stop.set()

    async with anyio.create_task_group() as group:
        group.start_soon(set_stop_when_cancelled)
        try:
            outcome.append(await anyio.to_thread.run_sync(body))
        except Exception as error:
            outcome.append(error)
        group.cancel_scope.cancel()
    result = outcome[0]
    if isinstance(result, Exception):
        raise result
    return result


def _run_on_portal(operation: Operation[T]) -> T:
    """One hop for the whole operation. Ctrl-C cancels it and waits until it has ended."""
    from azarr.engine._anyio import AnyioRuntime

    store = operation.store
    assert isinstance(store, AsyncStore)
    ended = threading.Event()

    async def body() -> T:
        try:
            return await operation.body(AnyioRuntime(store))
        finally:
            ended.set()

    future = process().portal().start_task_soon(body)
    try:
        return future.result()
    except BaseException:
        if not future.done():
            future.cancel()
            ended.wait()
        raise
