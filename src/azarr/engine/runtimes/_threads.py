"""Work in a worker thread, awaited. Imports anyio, so it is imported where it is used."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread

from azarr.engine.process._background import setter
from azarr.engine.process._process import process

T = TypeVar("T")

_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar(
    "azarr_compute_limiter"
)


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
        if not work.take():
            if stop is not None:
                stop()
            with anyio.CancelScope(shield=True):
                await work.end()
        raise


async def computed(function: Callable[..., T], *args: Any) -> T:
    """What a pure function gives in one of the threads of this event loop that are for that.

    There are as many as cores: more that decode or encode would only fight.
    """
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(process().cores)
        _limiter.set(limiter)
    return await in_thread(function, *args, limiter=limiter)


class _Work:
    """A function that is run by one thread, or withdrawn by another: whoever takes it decides."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._function = function
        self._args = args
        self._offered = [True]
        self._ended = Event()
        self._wakes: list[Callable[[], object]] = []

    def take(self) -> bool:
        """Whether the caller is the first."""
        try:
            return self._offered.pop()
        except IndexError:
            return False

    def run(self) -> Any:
        """Run it, in the thread."""
        if not self.take():
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
