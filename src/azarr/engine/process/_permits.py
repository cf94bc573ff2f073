"""Permits: named, counted, handed over in order, shared by threads, tasks and event loops.

One mechanism serves what must be limited in the whole process: requests in flight per store origin
(capacity n), bytes in flight (capacity in bytes), and the right to change one chunk (capacity 1).
It is a semaphore whose waiters may live in different threads and event loops, so it cannot be
anyio's or threading's own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable


class Waiter:
    """Somebody waiting for permits: `wake()` is called, once, when they are theirs.

    Args:
        capacity: how many may be held in all, asked each time when some become free.
        amount: how many are wanted.

    Attributes:
        gone: it could not be woken, so it has no permits to give back.
    """

    __slots__ = ("amount", "capacity", "gone", "wake")

    def __init__(
        self,
        wake: Callable[[], object],
        capacity: Callable[[], int] = lambda: 1,
        amount: int = 1,
    ) -> None:
        self.wake = wake
        self.capacity = capacity
        self.amount = amount
        self.gone = False


class Permits:
    """A number of permits per name, first come first served.

    Whoever wants more than there are gets them when nobody else holds any. A name costs memory only
    while one of its permits is held. All methods return at once.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[Waiter]] = {}

    def held(self, name: Hashable) -> int:
        """How many permits of a name are taken."""
        return self._held.get(name, 0)

    def try_acquire(self, name: Hashable, capacity: int = 1, amount: int = 1) -> bool:
        """Take permits if they are free and nobody waits for one."""
        with self._mutex:
            held = self._held.get(name, 0)
            if (held and held + amount > capacity) or name in self._waiting:
                return False
            self._held[name] = held + amount
            return True

    def acquire_or_wait(self, name: Hashable, waiter: Waiter) -> bool:
        """True: the permits are taken. False: `waiter` is in the queue and will be woken."""
        with self._mutex:
            held = self._held.get(name, 0)
            if (held and held + waiter.amount > waiter.capacity()) or name in self._waiting:
                self._waiting.setdefault(name, deque()).append(waiter)
                return False
            self._held[name] = held + waiter.amount
            return True

    def release(self, name: Hashable, amount: int = 1) -> None:
        """Give permits back; the first waiters get them directly, as many as there are."""
        with self._mutex:
            self._held[name] -= amount
            if name not in self._waiting:
                if not self._held[name]:
                    del self._held[name]
                return
        self._hand_over(name)

    def _hand_over(self, name: Hashable) -> None:
        while True:
            with self._mutex:
                queue, held = self._waiting.get(name), self._held.get(name, 0)
                if not queue or (held and held + queue[0].amount > queue[0].capacity()):
                    if not held:
                        self._held.pop(name, None)
                    return
                waiter = queue.popleft()
                if not queue:
                    del self._waiting[name]
                self._held[name] = held + waiter.amount
            try:
                waiter.wake()
            except RuntimeError:  # its event loop was closed: the next one in the queue
                with self._mutex:
                    self._held[name] -= waiter.amount
                    waiter.gone = True

    def abandon(self, name: Hashable, waiter: Waiter) -> None:
        """A waiter gives up; permits that it was handed meanwhile go to the next one."""
        with self._mutex:
            queue = self._waiting.get(name)
            if waiter.gone:
                return
            waits = queue is not None and waiter in queue
            if queue is not None and waits:
                queue.remove(waiter)
                if not queue:
                    del self._waiting[name]
        if waits:
            self._hand_over(name)  # it may have been in the way of a smaller one
        else:
            self.release(name, waiter.amount)
