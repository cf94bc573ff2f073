"""Synchronizers: locks beyond those that every write takes by itself.

Within a process all writers of a key wait for each other (`Runtime.lock`), and stores with
generations refuse a write that would lose another one. A synchronizer is for what is left: stores
without generations that several processes write to, and stores that reach the same values under
different origins.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from types import TracebackType
from typing import Any, Protocol

from azarr.engine.runtimes._blocking import ThreadLock, drive
from azarr.engine.runtimes._runtime import Runtime

FIRST_WAIT, LONGEST_WAIT = 0.001, 0.05
"""Seconds between two looks at a lock that another process holds. File locks cannot be waited for
without blocking a thread; looking costs 10 us."""

_names = count(1)


class Synchronizer(Protocol):
    """Anything with a lock for every key: `synchronizer["foo/0.0"]`."""

    def __getitem__(self, key: str) -> Any:
        """The lock of a key, as `threading.Lock` and `fasteners.InterProcessLock` are ones.

        It has `acquire(blocking=False)`, which returns at once if it is taken, and `release()`.
        """


class ThreadSynchronizer:
    """Locks shared by everything in this process that uses the same synchronizer.

    Arrays need it only where two store objects that do not know of each other hold the same values:
    threads and tasks that use one store, or stores of the same place, wait for each other anyway.

    Example:
        >>> import azarr
        >>> synchronizer = azarr.ThreadSynchronizer()
        >>> azarr.zeros((4, 4), chunks=2, synchronizer=synchronizer)
        <azarr.Array (4, 4) float64>
        >>> with synchronizer["0.0"]:
        ...     pass
    """

    def __init__(self) -> None:
        self.domain = f"thread-synchronizer://{os.getpid()}-{next(_names)}"

    def __getitem__(self, key: str) -> HeldInProcess:
        return HeldInProcess(self.domain, key)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()  # locks stay in their process

    def __repr__(self) -> str:
        return f"<azarr.{type(self).__name__}>"


class ProcessSynchronizer:
    """Locks shared by all processes that use the same folder, as files in it.

    Needed where several processes write to parts of the same chunks, or to the same attributes, in
    a store without generations. The folder's file system must support locks (some network file
    systems do not). A waiting writer looks again after 1 to 50 ms.

    Args:
        path: a folder for the lock files; not the one the array is in. It is made when needed.

    Example:
        >>> import azarr
        >>> synchronizer = azarr.ProcessSynchronizer("example.sync")
        >>> array = azarr.open_array("example.zarr", mode="w", shape=(60,), chunks=20, dtype="i4",
        ...     synchronizer=synchronizer)
        >>> array[10:30] = 1
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    @property
    def domain(self) -> str:
        """Where this process locks a key before its file: the system would grant both of two."""
        return f"process-synchronizer://{os.path.realpath(self.path)}"

    def __getitem__(self, key: str) -> Any:
        from fasteners import InterProcessLock

        return InterProcessLock(os.path.join(self.path, key))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"<azarr.{type(self).__name__} {self.path!r}>"


class HeldInProcess:
    """A lock of this process, for a `with` block."""

    def __init__(self, domain: str, key: str) -> None:
        self._lock = ThreadLock((domain, key))

    def __enter__(self) -> None:
        drive(self._lock.__aenter__())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        drive(self._lock.__aexit__())


def exclusive(
    runtime: Runtime, synchronizer: Synchronizer | None, key: str
) -> AbstractAsyncContextManager[None]:
    """The right to change a key: the lock of this process, then that of the synchronizer."""
    if synchronizer is None:
        return runtime.lock(key)
    return _exclusive(runtime, synchronizer, key)


@asynccontextmanager
async def _exclusive(runtime: Runtime, synchronizer: Synchronizer, key: str) -> AsyncIterator[None]:
    domain = getattr(synchronizer, "domain", f"synchronizer://{id(synchronizer):x}")
    async with runtime.lock(key), runtime.lock(key, domain):
        if isinstance(synchronizer, ThreadSynchronizer):
            yield
            return
        lock = synchronizer[key]
        await _acquire(runtime, lock)
        try:
            yield
        finally:
            lock.release()


async def _acquire(runtime: Runtime, lock: Any) -> None:
    seconds = FIRST_WAIT
    try:
        while not lock.acquire(blocking=False):
            await runtime.sleep(seconds)
            seconds = min(2 * seconds, LONGEST_WAIT)
    except BaseException:
        file = getattr(lock, "lockfile", None)  # fasteners keeps it open between two attempts
        if file is not None:
            file.close()
        raise
