"""All process-global state of azarr, in one place, with one fork hook.

Threads and event loops do not survive a fork, and locks may be held by threads that are gone: the
child starts with fresh ones. Nothing is started before it is needed.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from math import prod
from threading import Barrier, Lock, Thread
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from azarr import config
from azarr.engine.process._background import BackgroundLoop
from azarr.engine.process._cache import Cache
from azarr.engine.process._lru import LruCache
from azarr.engine.process._observers import Observer
from azarr.engine.process._origin import Origin
from azarr.engine.process._permits import Permits
from azarr.engine.process._result_memory import LARGE_BYTES, ResultMemory
from azarr.typing import NDArray, Shape

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


SHARD_INDEX_BYTES = 64 * 1024 * 1024
"""Parsed shard indexes that are kept: about 400,000 inner chunks."""

DOCUMENT_BYTES = 4 * 1024 * 1024
"""Documents of arrays that are kept with their generations: some thousands."""

EDGE_BYTES = 32 * 1024 * 1024
"""Chunks at the ends of arrays that are kept with their generations, for the next append."""


class Process:
    """What one process has: permits, what it has seen, a thread pool, one background event loop."""

    def __init__(self) -> None:
        self.permits = Permits()
        self.shard_indexes = LruCache(SHARD_INDEX_BYTES)
        self.shards_on_their_way: set[Hashable] = set()
        self.documents = LruCache(DOCUMENT_BYTES)
        self.edges = LruCache(EDGE_BYTES)
        self.cache = Cache()
        self.result_memory = ResultMemory()
        self.batch_memory: list[NDArray] = []
        self.origins: dict[str, Origin] = {}
        self.observers: tuple[Observer, ...] = ()
        self._mutex = Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._background: BackgroundLoop | None = None

    @property
    def cores(self) -> int:
        """Processors this process may run on."""
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )

    def origin(self, name: str) -> Origin:
        """What is known about a store origin."""
        origin = self.origins.get(name)
        return self.origins.setdefault(name, Origin()) if origin is None else origin

    def pool(self) -> ThreadPoolExecutor:
        """Threads that help the calling thread with decoding and encoding."""
        if self._pool is None:
            with self._mutex:
                if self._pool is None:
                    self._pool = self._start_pool()
        return self._pool

    def _start_pool(self) -> ThreadPoolExecutor:
        from concurrent.futures import ThreadPoolExecutor

        # By a thread of its own: Ctrl-C inside `submit`, while a thread starts, leaves one behind
        # that its executor does not know, and that the interpreter waits for in vain at its end.
        pool = ThreadPoolExecutor(self.cores, thread_name_prefix="azarr")
        starter = Thread(target=_start_threads, args=(pool, self.cores), daemon=True)
        starter.start()
        starter.join()
        return pool

    def background(self) -> BackgroundLoop:
        """The event loop that blocking calls use for stores that are only async."""
        if self._background is None:
            with self._mutex:
                if self._background is None:
                    self._background = BackgroundLoop()
        return self._background

    def close(self) -> None:
        """Stop the event loop; pool threads are joined by `concurrent.futures` itself."""
        if self._background is not None:
            self._background.close()
            self._background = None


def _start_threads(pool: ThreadPoolExecutor, count: int) -> None:
    """As many tasks that wait for each other: an executor starts a thread where none is idle."""
    together = Barrier(count)
    try:
        for _ in range(count):
            pool.submit(together.wait)
    except RuntimeError:  # at the exit of the interpreter
        together.abort()


_current = Process()


def process() -> Process:
    """The state of this process."""
    return _current


def new_result(shape: Shape, dtype: np.dtype[Any], order: Literal["C", "F"]) -> NDArray:
    """Memory for the result of a read, with anything in it."""
    if prod(shape) * dtype.itemsize < LARGE_BYTES:
        return np.empty(shape, dtype, order)
    return _current.result_memory.empty(shape, dtype, order, config.get().kept_result_bytes)


def stats() -> dict[str, dict[str, Any]]:
    """What this process has asked of remote stores, per origin, since it started.

    Requests, failures, retries, hedges, answers that asked for fewer requests ("throttled"), the
    most requests in flight and those now, and the limit that the origin's answers have led to. Of
    the cache (`config.cache_bytes`): values that were kept (hits, some after a check by the store)
    or had to be loaded (misses), and the bytes kept of all origins together.
    """
    kept = {"cache_bytes": _current.cache.nbytes}
    return {name: origin.statistics() | kept for name, origin in [*_current.origins.items()]}


@contextmanager
def observing(observer: Observer) -> Iterator[Observer]:
    """Tell an observer about all requests of this process to remote stores, in a `with` block."""
    _current.observers = (*_current.observers, observer)
    try:
        yield observer
    finally:
        _current.observers = tuple(each for each in _current.observers if each is not observer)


def _start_afresh() -> None:
    global _current
    parent, _current = _current, Process()
    _current.observers = parent.observers
    _current.result_memory = parent.result_memory
    _current.result_memory.start_afresh()


def _close() -> None:
    _current.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_afresh)
atexit.register(_close)
