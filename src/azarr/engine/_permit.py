"""A permit of the process, held by a task: waiting for it suspends only that task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel

from azarr.engine._permits import Waiter
from azarr.engine._process import process


class Permit:
    """Holds permits of a name; waiting for them suspends only the calling task.

    Args:
        name: of what.
        capacity: how many may be held in all.
        amount: how many are wanted.
    """

    __slots__ = ("_amount", "_capacity", "_name")

    def __init__(
        self,
        name: tuple[str, ...],
        capacity: Callable[[], int] = lambda: 1,
        amount: int = 1,
    ) -> None:
        self._name = name
        self._capacity = capacity
        self._amount = amount

    async def __aenter__(self) -> None:
        permits = process().permits
        if permits.try_acquire(self._name, self._capacity(), self._amount):
            return
        handed_over = anyio.Event()
        waiter = Waiter(setter(handed_over), self._capacity, self._amount)
        if permits.acquire_or_wait(self._name, waiter):
            return
        try:
            await handed_over.wait()
        except BaseException:
            permits.abandon(self._name, waiter)
            raise

    async def __aexit__(self, *exc: object) -> None:
        process().permits.release(self._name, self._amount)


def setter(event: anyio.Event) -> Callable[[], object]:
    """Sets an event from any thread: the loops of asyncio and trio each have one safe way in.

    From the same asyncio loop it is set directly: the safe way costs a system call.
    """
    token: Any = anyio.lowlevel.current_token()
    loop: Any = getattr(token, "native_token", token)  # itself the native one before anyio 4.11
    enter = getattr(loop, "call_soon_threadsafe", None)
    if enter is None:
        return lambda: loop.run_sync_soon(event.set)
    from asyncio import _get_running_loop as running

    return lambda: event.set() if running() is loop else enter(event.set)
