"""Work in a worker thread, awaited. Imports anyio, so it is imported where it is used."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from azarr.engine.process._background import setter

T = TypeVar("T")


async def in_thread(
    function: Callable[..., T],
    *args: Any,
    limiter: anyio.CapacityLimiter | None = None,
    stop: Callable[[], object] | None = None,
) -> T:
    """What a function gives in a worker thread.

    Whoever is cancelled waits until the function has ended: it may be writing to the memory or the
    store of its caller. anyio's own shield does not hold against `asyncio.timeout` and
    `task.cancel()`.

    Args:
        limiter: how many threads there may be; None: anyio's own.
        stop: tells the function that it is cancelled.
    """
    work = _Work(function, args)
    try:
        return await anyio.to_thread.run_sync(work.run, abandon_on_cancel=True, limiter=limiter)
    except anyio.get_cancelled_exc_class():
        if not work.withdraw():
            if stop is not None:
                stop()
            with anyio.CancelScope(shield=True):
                await work.end()
        raise


class _Work:
    """A function that is run by one thread, or withdrawn by another: the first one decides."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._function = function
        self._args = args
        self._offered = [True]
        self._ended = Event()
        self._wakes: list[Callable[[], object]] = []

    def _take(self) -> bool:
        try:
            return self._offered.pop()
        except IndexError:
            return False

    def withdraw(self) -> bool:
        """Whether it will never run. False: it runs, or has ended."""
        return self._take()

    def run(self) -> Any:
        """Run it, in the thread."""
        if not self._take():
            return None
        try:
            return self._function(*self._args)
        finally:
            self._ended.set()
            for wake in self._wakes:
                wake()

    async def end(self) -> None:
        """Wait until it has ended."""
        ended = anyio.Event()
        self._wakes.append(setter(ended))  # before looking, as `run` looks after ending
        if not self._ended.is_set():
            await ended.wait()
