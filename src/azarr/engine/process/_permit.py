"""A permit of the process, held by a task: waiting for it suspends only that task."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from azarr.engine.process._background import setter
from azarr.engine.process._permits import Waiter
from azarr.engine.process._process import process


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
