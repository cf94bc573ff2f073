"""The blocking runtime: `async def` methods that never suspend, driven in the caller's thread."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from azarr import config
from azarr.engine.process._permits import Waiter
from azarr.engine.process._process import process
from azarr.engine.runtimes._runtime import SCAN_KEYS, Children, Keys, Ranges, Work
from azarr.stores import BlockingStore, Store
from azarr.typing import Buffer, ByteRange, Generation

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

LOOK = 0.05
"""Seconds between two looks at whether somebody still waits for this thread."""

SMALL_BYTES = 64 * 1024
ROW = 64
WORTH_A_THREAD = 60e-6
"""Small steps are carried out by several threads if the first 64 took more than 60 us each: the
system then worked or waited for most of it, and needs no interpreter lock for that. Measured with
files of 5 KB, one thread and two: RAM disk 29 us and 36 us to write, ext4 (busy) 690 and 330."""


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never suspends: no event loop, any thread, after any fork.

    Raises:
        RuntimeError: it suspended, which is a bug in azarr.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("azarr: a core coroutine suspended under the blocking runtime")


class Stopped(Exception):
    """Whoever waited for this work has gone; nobody sees this error."""


class BlockingRuntime:
    """Requests of a blocking store, one after the other, or from a few threads for large chunks.

    Args:
        stop: set by another thread to stop the work before its next step.
    """

    __slots__ = ("_stop", "store")

    def __init__(self, store: BlockingStore, stop: threading.Event | None = None) -> None:
        self.store = store
        self._stop = stop

    async def get(self, key: str) -> Buffer | None:
        return self.store.get(key)

    async def get_document(self, key: str, opened: bool = False) -> Buffer | None:
        return self.store.get(key)

    async def get_into(self, key: str, memory: memoryview) -> int | None:
        return self.store.get_into(key, memory)

    async def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        return self.store.get_ranges_with_generation(key, ranges, generation)

    async def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        return self.store.get_with_generation(key)

    async def set(self, key: str, value: Buffer) -> None:
        self.store.set(key, value)

    async def set_many(self, values: Iterable[tuple[str, Buffer | None]]) -> None:
        self.store.set_many(values)

    async def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        return self.store.set_if(key, value, generation)

    async def delete(self, key: str) -> None:
        self.store.delete(key)

    async def delete_if(self, key: str, generation: Generation) -> None:
        self.store.delete_if(key, generation)

    async def delete_prefix(self, prefix: str) -> None:
        self.store.delete_prefix(prefix)

    async def delete_many(self, prefix: str, keys: Keys, first: int) -> None:
        self.store.delete_many(keys, first)

    async def list(self, prefix: str) -> Keys:
        return list(self.store.list(prefix))

    async def list_children(self, prefix: str) -> Children:
        return self.store.list_children(prefix)

    async def size(self, key: str) -> int | None:
        return self.store.size(key)

    async def scan(self, prefix: str) -> AsyncGenerator[Keys, None]:
        keys = iter(self.store.list(prefix))
        while batch := list(islice(keys, SCAN_KEYS)):
            yield batch

    def beside(self, store: Store) -> BlockingRuntime:
        assert isinstance(store, BlockingStore)  # `run` takes the loop if one of two is async
        return type(self)(store, self._stop)

    @property
    def uncached(self) -> BlockingRuntime:
        store = self.store.uncached
        return self if store is self.store else type(self)(store, self._stop)

    def lock(self, key: str, domain: str | None = None) -> ThreadLock:
        return ThreadLock((domain or self.store.origin, key), self._stop)

    async def sleep(self, seconds: float) -> None:
        if self._stop is None:
            time.sleep(seconds)  # noqa: ASYNC251 - there is no event loop here
        elif self._stop.wait(seconds):
            raise Stopped

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)

    async def for_each(
        self, work: Work, steps: Iterator[Any], count: int, nbytes: int, grain: int = 0
    ) -> None:
        threads, row = threads_worth(count, grain) if count > 1 else 1, 1
        mine = steps if self._stop is None else _until(self._stop, steps)
        if threads == 1 and count > 2 * ROW and self._may_wait(nbytes):
            start = time.perf_counter()
            await work(islice(mine, ROW))
            if time.perf_counter() - start > ROW * WORTH_A_THREAD:
                threads, row = threads_worth(count // ROW), ROW
        if threads > 1:
            _for_each_in_threads(work, mine, threads, row)
        else:
            await work(mine)

    def _may_wait(self, nbytes: int) -> bool:
        """Whether small steps could take long for what the file system does, or has to wait for."""
        return nbytes < SMALL_BYTES and self.store.latency == "local"


class ThreadLock:
    """A chunk lock that blocks the calling thread; an async context manager only in form.

    Args:
        stop: set by another thread when nobody waits for the lock any more.
    """

    __slots__ = ("_name", "_stop")

    def __init__(self, name: tuple[str, str], stop: threading.Event | None = None) -> None:
        self._name = name
        self._stop = stop

    async def __aenter__(self) -> None:
        permits = process().permits
        if permits.try_acquire(self._name):
            return
        handed_over = threading.Event()
        waiter = Waiter(handed_over.set)
        if permits.acquire_or_wait(self._name, waiter):
            return
        try:
            while not handed_over.wait(None if self._stop is None else LOOK):
                if self._stop is not None and self._stop.is_set():
                    raise Stopped
        except BaseException:  # or Ctrl-C
            permits.abandon(self._name, waiter)
            raise

    async def __aexit__(self, *exc: object) -> None:
        process().permits.release(self._name)


def threads_worth(count: int, grain: int | None = None) -> int:
    """How many threads to carry out `count` steps with, whose codecs take `grain` bytes a call.

    None: the system makes each wait, so that more threads than cores may be worthwhile; for codecs
    they are not (1 MiB chunks on two cores, reading: 8 threads take 1.5 times as long as 2).
    """
    settings = config.get()
    cores = process().cores
    if grain is None:
        return min(count, settings.threads or cores)
    if count < 2 or grain < settings.threaded_chunk_bytes:
        return 1
    return min(count, settings.threads or cores, cores)


def _until(stop: threading.Event, steps: Iterator[T]) -> Iterator[T]:
    for step in steps:
        if stop.is_set():
            raise Stopped
        yield step


class _SharedSteps:
    """One iterator of steps for several threads, and the first error of any of them."""

    def __init__(self, steps: Iterator[Any], row: int) -> None:
        self._steps = steps
        self._row = row
        self._mutex = threading.Lock()
        self._stopped = False
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        with self._mutex:
            self.error = self.error or error
            self._stopped = True

    def __iter__(self) -> Iterator[Any]:
        while not self._stopped:
            with self._mutex:
                row = list(islice(self._steps, self._row))
            if not row:
                return
            yield from row


def _for_each_in_threads(work: Work, steps: Iterator[Any], threads: int, row: int) -> None:
    """The caller's thread is one of the workers: a busy pool slows it down but never blocks it."""
    shared = _SharedSteps(steps, row)

    def run() -> None:
        try:
            drive(work(iter(shared)))  # type: ignore[arg-type]
        except BaseException as error:
            shared.fail(error)

    helpers: list[Future[None]] = []
    try:
        with suppress(RuntimeError):  # at the exit of the interpreter there are no more threads
            for _ in range(threads - 1):
                helpers.append(process().pool().submit(run))
        run()
        _finish(helpers)
    except BaseException as error:  # Ctrl-C, while this thread was at none of the steps
        shared.fail(error)
        _finish(helpers)
        raise
    if shared.error is not None:
        raise shared.error


def _finish(helpers: list[Future[None]]) -> None:
    for helper in helpers:
        if not helper.cancel():
            helper.result()
