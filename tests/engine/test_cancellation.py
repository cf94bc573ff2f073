"""Cancelling, timeouts and Ctrl-C: no further request begins, and nothing is left running."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.storage import MemoryStore
from azarr.testing import CountingStore, LatencyStore

pytestmark = pytest.mark.alone

LOOPS = ["asyncio", "trio"]
LIMIT = 8


class Unanswered(LatencyStore):
    """Answers `answers` requests for chunks; the later ones wait until they are cancelled."""

    def __init__(self, store: MemoryStore, answers: int) -> None:
        super().__init__(store, 0)
        self.answers = answers
        self.chunks = 0
        self.waiting = 0
        self.on_all_waiting: Callable[[], object] = lambda: None

    async def _request(self, kind: str, key: str, sent: int, call: Any, *arguments: Any) -> Any:
        if "zarr.json" in key:
            return await super()._request(kind, key, sent, call, *arguments)
        self.chunks += 1
        if self.chunks > self.answers:
            self.waiting += 1
            if self.waiting == LIMIT:
                self.on_all_waiting()
            with self.log.record(kind, key, sent):
                await anyio.sleep_forever()
        return await super()._request(kind, key, sent, call, *arguments)


def thousand_chunks(store: Any, **kwargs: Any) -> azarr.Array:
    return azarr.create_array(store, shape=1000, chunks=1, dtype="u1", fill_value=1, **kwargs)


async def until_others_have_run() -> None:
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("backend", LOOPS)
def test_cancelling_an_async_store_ends_the_requests_in_flight(backend: str, write: bool) -> None:
    store = Unanswered(MemoryStore(), 20)
    array = thousand_chunks(store).async_array

    async def main() -> None:
        tasks = len(anyio.get_running_tasks())
        with anyio.CancelScope() as scope, azarr.config.using(requests=LIMIT):
            store.on_all_waiting = scope.cancel
            await (array.setitem(..., 5) if write else array.getitem(...))
        assert scope.cancelled_caught
        assert store.chunks == 20 + LIMIT
        assert store.log.in_flight == 0
        assert len(anyio.get_running_tasks()) == tasks
        await until_others_have_run()
        assert store.chunks == 20 + LIMIT
        store.answers = 10**6  # and the permits were given back
        with azarr.config.using(requests=LIMIT):
            np.testing.assert_array_equal((await array.getitem(...))[900:], [1] * 100)

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", LOOPS)
def test_a_timeout_ends_the_requests_in_flight(backend: str) -> None:
    store = Unanswered(MemoryStore(), 20)
    array = thousand_chunks(store).async_array

    async def main() -> None:
        with azarr.config.using(requests=LIMIT):
            with pytest.raises(TimeoutError):
                with anyio.fail_after(0.05):
                    await array.getitem(...)
            assert store.chunks == 20 + LIMIT
            assert store.log.in_flight == 0
            with anyio.move_on_after(0.05) as scope:
                await array.setitem(slice(100, 200), 1)
        assert scope.cancelled_caught
        assert store.chunks == 20 + 2 * LIMIT
        assert store.log.in_flight == 0

    anyio.run(main, backend=backend)


class Held(MemoryStore):
    """A blocking store that takes time: its 20th request for a chunk waits for `go`."""

    latency = "local"

    def __init__(self) -> None:
        super().__init__()
        self.chunks = 0
        self.held = threading.Event()
        self.go = threading.Event()

    def _count(self, key: str) -> None:
        if "zarr.json" not in key:
            self.chunks += 1
            if self.chunks == 20:
                self.held.set()
                self.go.wait(20)

    def get(self, key: str, default: Any = None) -> Any:
        self._count(key)
        return super().get(key, default)

    def set(self, key: str, value: Any) -> None:
        self._count(key)
        super().set(key, value)


async def wait_for(event: threading.Event) -> None:
    while not event.is_set():
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("timeout", ["cancel", "move_on_after", "fail_after"])
@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("backend", LOOPS)
def test_cancelling_a_blocking_store_stops_before_the_next_request(
    backend: str, write: bool, timeout: str
) -> None:
    store = Held()
    array = thousand_chunks(store).async_array
    outcome: list[Any] = []

    async def work() -> None:
        await (array.setitem(..., 5) if write else array.getitem(...))

    async def main() -> None:
        async def reader() -> None:
            try:
                if timeout == "fail_after":
                    with anyio.fail_after(None) as scope:
                        scopes.append(scope)
                        await work()
                else:
                    with anyio.CancelScope() as scope:
                        scopes.append(scope)
                        await work()
                    outcome.append("cancelled" if scope.cancelled_caught else "finished")
            except TimeoutError:
                outcome.append("cancelled")

        scopes: list[anyio.CancelScope] = []
        async with anyio.create_task_group() as group:
            group.start_soon(reader)
            await wait_for(store.held)
            if timeout == "cancel":
                scopes[0].cancel()
            else:
                scopes[0].deadline = anyio.current_time()
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)  # deadlines are clock work of the event loop
                await until_others_have_run()
                store.go.set()

    anyio.run(main, backend=backend)
    assert outcome == ["cancelled"]
    assert store.chunks == 20


@pytest.mark.parametrize("backend", LOOPS)
def test_a_cancelled_group_of_tasks_is_cancelled_and_nothing_else(backend: str) -> None:
    """The error of the sibling is what the user sees, not one from inside azarr."""
    store = Held()
    array = thousand_chunks(store).async_array

    class SiblingError(Exception):
        pass

    async def main() -> None:
        async def fail() -> None:
            await wait_for(store.held)
            try:
                raise SiblingError
            finally:
                threading.Timer(0.05, store.go.set).start()

        async with anyio.create_task_group() as group:
            group.start_soon(array.getitem, ...)
            group.start_soon(fail)

    with pytest.raises(BaseExceptionGroup) as caught:
        anyio.run(main, backend=backend)
    assert [type(error) for error in caught.value.exceptions] == [SiblingError]


@pytest.mark.parametrize("backend", LOOPS)
def test_cancelling_a_task_that_waits_for_a_chunk_lock_leaves_the_lock_usable(backend: str) -> None:
    array = azarr.create_array({}, shape=4, chunks=4, dtype="u1")

    async def main() -> None:
        from azarr.engine.runtimes._anyio import Permit

        lock = Permit((array.store.origin, "c/0"))
        async with lock:
            with anyio.move_on_after(0.02) as scope:
                async with lock:
                    pytest.fail("two holders")
            assert scope.cancelled_caught
        await array.async_array.setitem(0, 1)

    anyio.run(main, backend=backend)
    assert array[0] == 1


def in_subprocess(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


INTERRUPTED = """
    import os, signal, sys, threading, time
    import anyio
    import azarr
    from azarr.storage import LocalStore, MemoryStore
    from azarr.testing import LatencyStore

    chunks = 0

    def interrupt_at_50(key):
        global chunks
        if "zarr.json" not in key:
            chunks += 1
            if chunks == 50:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.2)  # the main thread sees it; on a busy machine that takes a while

    class Local(LocalStore):
        def get(self, key, default=None):
            interrupt_at_50(key)
            return super().get(key, default)

    class Remote(LatencyStore):
        async def get(self, key, default=None):
            interrupt_at_50(key)
            if chunks >= 50:
                await anyio.sleep_forever()
            return await super().get(key, default)
"""


def interrupted(store: str, settings: str, catch: bool) -> subprocess.CompletedProcess[str]:
    read = f"""
    store = {store}
    array = azarr.create_array(store, shape=1000, chunks=1, dtype="u1")
    azarr.config.set(requests=8)
    """
    if not catch:
        return in_subprocess(INTERRUPTED + read + "\n    array[:]\n")
    return in_subprocess(
        INTERRUPTED
        + read
        + f"""
    try:
        with azarr.config.using({settings}):
            array[:]
    except KeyboardInterrupt:
        seen = chunks
        time.sleep(0.1)
        assert chunks == seen, (chunks, seen)
        assert seen <= 50 + 8, seen
        chunks = -10**6
        array[:]  # works again
        print("interrupted")
    """
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("store", "settings"),
    [
        ("Local(sys.argv[0] + '/tmp')", ""),
        ("Local(sys.argv[0] + '/tmp')", "threads=2, threaded_chunk_bytes=1"),
        ("Remote(MemoryStore(), 0.001)", ""),
    ],
    ids=["local", "local with threads", "portal"],
)
def test_ctrl_c_stops_a_read(store: str, settings: str, tmp_path: Any) -> None:
    done = interrupted(store.replace("sys.argv[0] + '/tmp'", repr(str(tmp_path))), settings, True)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    assert done.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("store", ["Local('PATH')", "Remote(MemoryStore(), 0.001)"])
def test_ctrl_c_that_nobody_catches_ends_the_program_at_once(store: str, tmp_path: Any) -> None:
    done = interrupted(store.replace("PATH", str(tmp_path)), "", False)
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert done.returncode == -signal.SIGINT


def test_a_program_ends_while_the_background_loop_is_alive() -> None:
    done = in_subprocess("""
        import atexit
        import azarr
        from azarr.storage import MemoryStore
        from azarr.testing import LatencyStore

        array = azarr.create_array(LatencyStore(MemoryStore(), 0), shape=4, chunks=2, dtype="i4")
        array[:] = 7
        atexit.register(lambda: print(array[:]))
    """)
    assert (done.stdout, done.stderr) == ("[7 7 7 7]\n", "")


def test_reading_large_chunks_at_exit_needs_no_pool() -> None:
    done = in_subprocess("""
        import atexit
        import azarr

        array = azarr.create_array({}, shape=400_000, chunks=200_000, dtype="i4", fill_value=1)
        atexit.register(lambda: print(array[:].sum()))
    """)
    assert (done.stdout, done.stderr) == ("400000\n", "")


def test_a_stopped_blocking_read_leaves_other_readers_alone() -> None:
    store = CountingStore(MemoryStore())
    array = thousand_chunks(store)
    for _ in range(3):
        np.testing.assert_array_equal(array[:], [1] * 1000)
    assert store.log.in_flight == 0


@pytest.mark.fork
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_forked_child_that_ends_in_the_ordinary_way_does_not_hang() -> None:
    """The interpreter finalizes what the child took over, the parent's event loop included."""
    done = in_subprocess("""
        import os, sys
        import azarr
        from azarr.storage import MemoryStore
        from azarr.testing import LatencyStore

        array = azarr.create_array(LatencyStore(MemoryStore(), 0), shape=4, chunks=2, dtype="i4")
        array[:] = 7
        pid = os.fork()
        if pid == 0:
            array[:] = 8
            sys.exit(int(array[:].sum()))
        _, status = os.waitpid(pid, 0)
        print(os.WEXITSTATUS(status))
    """)
    assert (done.stdout, done.stderr) == ("32\n", "")
