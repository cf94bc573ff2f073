"""Permits: named, counted, handed over in order, shared by threads, tasks and event loops.

One mechanism serves both things that must be limited in the whole process: requests in flight per
store origin (capacity n) and the right to change one chunk (capacity 1). It is a semaphore whose
waiters may live in different threads and event loops, so it cannot be anyio's or threading's own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable


class Waiter:
    """Somebody waiting for a permit: `wake()` is called, once, when it is theirs."""

    __slots__ = ("wake",)

    def __init__(self, wake: Callable[[], object]) -> None:
        self.wake = wake


class Permits:
    """`capacity` permits per name, first come first served.

    A name costs memory only while one of its permits is held. All methods return at once.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[Waiter]] = {}

    def try_acquire(self, name: Hashable, capacity: int = 1) -> bool:
        """Take a permit if one is free and nobody waits for it."""
        with self._mutex:
            held = self._held.get(name, 0)
            if held >= capacity:
                return False
            self._held[name] = held + 1
            return True

    def acquire_or_wait(self, name: Hashable, capacity: int, waiter: Waiter) -> bool:
        """True: the permit is taken. False: `waiter` is in the queue and will be woken."""
        with self._mutex:
            held = self._held.get(name, 0)
            if held < capacity:
                self._held[name] = held + 1
                return True
            self._waiting.setdefault(name, deque()).append(waiter)
            return False

    def release(self, name: Hashable) -> None:
        """Give a permit back; the first waiter, if any, gets it directly."""
        while True:
            with self._mutex:
                queue = self._waiting.get(name)
                if not queue:
                    held = self._held[name] - 1
                    if held:
                        self._held[name] = held
                    else:
                        del self._held[name]
                    return
                waiter = queue.popleft()
                if not queue:
                    del self._waiting[name]
            try:
                waiter.wake()
            except RuntimeError:  # its event loop was closed: the next one in the queue
                continue
            return

    def abandon(self, name: Hashable, waiter: Waiter) -> None:
        """A waiter gives up; a permit that it was handed meanwhile goes to the next one."""
        with self._mutex:
            queue = self._waiting.get(name)
            if queue and waiter in queue:
                queue.remove(waiter)
                if not queue:
                    del self._waiting[name]
                return
        self.release(name)
