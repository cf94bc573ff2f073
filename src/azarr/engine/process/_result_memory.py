"""Memory of large results that were let go, used again for the next ones.

The system gives new memory page by page, and clears each page first: 8 GB/s, which takes as long as
reading. Allocators use again what was freed, but not pieces of 32 MiB and more (glibc:
`DEFAULT_MMAP_THRESHOLD_MAX`). Those are kept here, and marked as free (`MADV_FREE`): the system
takes them back when it needs memory, and until then they are there without being cleared again.
Only on Linux, where that was measured; elsewhere every result has memory of its own.
"""

from __future__ import annotations

import mmap
from collections import deque
from contextlib import suppress
from math import prod
from threading import RLock
from typing import Any, Literal

import numpy as np

from azarr.typing import NDArray, Shape

LARGE_BYTES = 32 * 1024 * 1024
"""Allocators keep smaller pieces by themselves: to fill 31 MiB takes 0.9 ms when they are new, and
0.8 ms the second time; 33 MiB 3.7 and 1.2 ms."""

CAN_KEEP = {"MADV_FREE", "MADV_HUGEPAGE"} <= vars(mmap).keys()


class ResultMemory:
    """Gives memory to results, and keeps it when a result and all of its views are gone."""

    def __init__(self) -> None:
        self.start_afresh()

    def start_afresh(self) -> None:
        """Keep nothing. After a fork, another thread may have held the lock, which has no end.

        What is lent refers to this object, so it has to be the same one.
        """
        # A result may end at any moment, also within these methods: by garbage collection.
        self._mutex = RLock()
        self._kept: deque[mmap.mmap] = deque()

    @property
    def nbytes(self) -> int:
        """How many bytes are kept."""
        with self._mutex:
            return sum(map(len, self._kept))

    def empty(
        self, shape: Shape, dtype: np.dtype[Any], order: Literal["C", "F"], most: int
    ) -> NDArray:
        """An array with anything in it, like `numpy.empty`, that does not own its memory.

        Args:
            most: how many bytes may be kept.
        """
        nbytes = prod(shape) * dtype.itemsize
        self._make_room(most)
        if nbytes > most or dtype.hasobject or not CAN_KEEP:
            return np.empty(shape, dtype, order)
        lent = np.asarray(_Lent(self, self._take(nbytes), most))
        return np.ndarray(shape, dtype, lent, order=order)

    def give(self, memory: mmap.mmap, most: int) -> None:
        """Take memory back from a result that is gone."""
        with self._mutex:
            self._make_room(most - len(memory))
            with suppress(OSError):  # not every kernel can
                memory.madvise(mmap.MADV_FREE)
                self._kept.append(memory)

    def _take(self, nbytes: int) -> mmap.mmap:
        """The smallest memory that has so many bytes, but not more than twice as many."""
        with self._mutex:
            fit = [each for each in self._kept if nbytes <= len(each) <= 2 * nbytes]
            if fit:
                memory = min(fit, key=len)
                self._kept.remove(memory)
                return memory
        try:
            # Not shared: a forked process has copies.
            memory = mmap.mmap(-1, nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        except OSError as error:
            raise MemoryError(f"no memory for a result of {nbytes} bytes") from error
        with suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
        return memory

    def _make_room(self, most: int) -> None:
        """Give what was kept for longest to the system, until no more than so much is left."""
        with self._mutex:
            while self._kept and self.nbytes > most:
                self._kept.popleft()


class _Lent:
    """Memory that a result has, which refers to this, and so do its views."""

    def __init__(self, owner: ResultMemory, memory: mmap.mmap, most: int) -> None:
        self.__array_interface__ = np.frombuffer(memory, np.uint8).__array_interface__
        self._owner, self._memory, self._most = owner, memory, most

    def __del__(self) -> None:
        self._owner.give(self._memory, self._most)
