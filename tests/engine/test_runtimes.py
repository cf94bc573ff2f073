"""The same reads and writes, in every way azarr can be called, on every kind of store."""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.engine.process._process import process
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import LatencyStore


async def everything(api: Any, store: Any, name: str = "group", zarr_format: int = 3) -> None:
    """Create, write, read, list, change attributes and delete, each step compared with NumPy."""
    rng = np.random.default_rng(0)
    expected = np.full((13, 9), 7, "i4")
    group = await api.group(
        store, path=name, zarr_format=zarr_format, attributes={"a": 1}, overwrite=True
    )
    array = await api.create(
        store,
        name=f"{name}/array",
        shape=expected.shape,
        chunks=(4, 5),
        dtype="i4",
        fill_value=7,
    )
    np.testing.assert_array_equal(await api.get(array), expected)
    writes = [
        ((slice(0, 4), slice(0, 5)), rng.integers(0, 100, (4, 5))),
        ((slice(2, 11), slice(3, 8)), rng.integers(0, 100, (9, 5))),
        ((slice(None, None, 3), 1), rng.integers(0, 100, 5)),
        ((12, 8), 41),
        (..., rng.integers(0, 100, (13, 9))),
        ((slice(5, 6),), -3),
    ]
    for selection, value in writes:
        await api.set(array, selection, value)
        expected[selection] = value
        np.testing.assert_array_equal(await api.get(array), expected)
    for selection in [(3, 4), slice(2, 7), (slice(1, None, 4), slice(None, None, 2)), (..., -1)]:
        np.testing.assert_array_equal(await api.get(array, selection), expected[selection])
    await api.update_attributes(group, b=[2, None])
    again = await api.open(store, path=name)
    assert dict(again.metadata.attributes) == {"a": 1, "b": [2, None]}
    assert await api.keys(again) == ["array"]
    reopened = await api.open(store, path=f"{name}/array", mode="r")
    np.testing.assert_array_equal(await api.get(reopened), expected)
    await api.delete(again, "array")
    assert await api.keys(again) == []


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_every_operation_works_on_every_runtime_and_store(
    runtime: Any, make_store: Any, zarr_format: int
) -> None:
    runtime(everything, make_store(), "group", zarr_format)


async def large_chunks(api: Any, store: Any) -> None:
    """Chunks above every threshold for threads, the event loop and decoding in place."""
    expected = np.random.default_rng(0).integers(0, 1000, (700, 600)).astype("i4")
    array = await api.create(
        store, shape=expected.shape, chunks=(256, 256), dtype="i4", overwrite=True
    )
    await api.set(array, ..., expected)
    np.testing.assert_array_equal(await api.get(array), expected)
    await api.set(array, (slice(100, 650, 3), slice(255, 513)), 5)
    expected[100:650:3, 255:513] = 5
    np.testing.assert_array_equal(await api.get(array), expected)
    np.testing.assert_array_equal(await api.get(array, 257), expected[257])


def test_chunks_large_enough_for_threads_work_on_every_runtime(
    runtime: Any, make_store: Any
) -> None:
    runtime(large_chunks, make_store())


@pytest.mark.parametrize("pool", [False, True])
def test_eight_threads_at_once(make_store: Any, driven: Any, pool: bool) -> None:
    store = make_store()
    azarr.create_group(store)
    together = threading.Barrier(8, timeout=20)

    def work(i: int) -> None:
        together.wait()
        settings = {"threads": 2, "threaded_chunk_bytes": 1} if pool else {}
        with azarr.config.using(**settings):
            driven(everything, store, f"thread{i}")

    with ThreadPoolExecutor(8) as pool_of_callers:
        list(pool_of_callers.map(work, range(8)))
    assert sorted(azarr.open_group(store)) == [f"thread{i}" for i in range(8)]


def test_eight_threads_with_an_event_loop_each(make_store: Any) -> None:
    store = make_store()
    azarr.create_array(store, shape=(64,), chunks=8, dtype="i4")
    together = threading.Barrier(8, timeout=20)

    def work(i: int) -> None:
        async def main() -> None:
            array = await azarr.aio.open_array(store)
            async with anyio.create_task_group() as group:
                for k in range(8):  # a part of every chunk: all threads share all chunks
                    group.start_soon(array.setitem, 8 * k + i, 100 * i + k)

        together.wait()
        anyio.run(main, backend="trio" if i % 2 else "asyncio")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    expected = [100 * i + k for k in range(8) for i in range(8)]
    np.testing.assert_array_equal(azarr.open_array(store)[:], expected)


def test_an_array_opened_by_one_facade_serves_the_other(make_store: Any) -> None:
    blocking = azarr.create_array(make_store(), shape=(6,), chunks=2, dtype="i4")
    blocking[:3] = 1

    async def main() -> Any:
        array = blocking.async_array
        await array.setitem(slice(3, 6), 2)
        blocking[5] = 3  # the blocking facade inside the running loop
        return await array.getitem(...)

    for backend in ("asyncio", "trio", "asyncio"):
        np.testing.assert_array_equal(anyio.run(main, backend=backend), [1, 1, 1, 2, 2, 3])
    np.testing.assert_array_equal(blocking[:], [1, 1, 1, 2, 2, 3])


def in_fork(work: Any, seconds: int = 10) -> None:
    """Run `work` in a forked child that an alarm ends if it hangs, the parent if a hook does."""
    alive, kept_open_by_child = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(kept_open_by_child)
    ended, _, _ = select.select([alive], [], [], seconds + 1)
    os.close(alive)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        pytest.fail(f"the forked child hung and was ended by signal {os.WTERMSIG(status)}")
    assert os.WEXITSTATUS(status) == 0, "the forked child failed; its traceback is on stderr"


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.fork
@needs_fork
def test_every_runtime_works_after_a_fork(runtime: Any, make_store: Any, driven: Any) -> None:
    store = make_store()
    with azarr.config.using(threads=2, threaded_chunk_bytes=1):
        driven(everything, store, "parent")  # pool and portal are alive now
    in_fork(lambda: runtime(everything, store, "child"))
    driven(everything, store, "parent")


@pytest.mark.fork
@needs_fork
def test_a_fork_while_other_threads_read_and_write(make_store: Any, driven: Any) -> None:
    """Locks and permits that those threads hold at the fork are nobody's in the child."""
    store = make_store()
    shared = azarr.create_array(store, name="shared", shape=(64,), chunks=64, dtype="i8")
    done = threading.Event()
    started = threading.Barrier(4, timeout=20)

    def work(i: int) -> None:
        started.wait()
        while not done.is_set():
            shared[i] += 1

    with ThreadPoolExecutor(3) as threads:
        writers = [threads.submit(work, i) for i in range(3)]
        started.wait()
        try:
            for k in range(5):

                def child(k: int = k) -> None:
                    shared[10 + k] = 1
                    driven(everything, store, f"child{k}")

                in_fork(child)
        finally:
            done.set()
        for writer in writers:
            writer.result()


@pytest.mark.fork
@needs_fork
def test_a_child_of_a_child_works_too(make_store: Any, driven: Any) -> None:
    store = make_store()
    driven(everything, store, "parent")

    def child() -> None:
        driven(everything, store, "child")
        in_fork(lambda: driven(everything, store, "grandchild"), 5)

    in_fork(child)


@pytest.mark.fork
@needs_fork
def test_forking_again_and_again_with_the_background_loop_alive_never_hangs() -> None:
    """Forgetting the parent's event loop must not finalize it: its thread is not in the child."""
    store = LatencyStore(MemoryStore(), 0)
    array = azarr.create_array(store, shape=4, chunks=2, dtype="i4")

    def child() -> None:
        gc.collect()
        array[:] = 1
        assert array[:].sum() == 4

    for _ in range(3):
        array[:]
        in_fork(child)


class SlowLocalStore(LocalStore):
    """A file system that takes a while for each file, as a network's does; notes who waited."""

    def __init__(self, root: Path, seconds: float) -> None:
        super().__init__(root)
        self.seconds = seconds
        self.threads: set[int] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self._wait()
        return super().get(key, default)

    def set_many(self, values: Any) -> None:
        super().set_many(self._waiting(values))

    def _waiting(self, values: Any) -> Iterator[Any]:
        for pair in values:
            self._wait()
            yield pair

    def _wait(self) -> None:
        self.threads.add(threading.get_ident())
        if self.seconds:
            time.sleep(self.seconds)


@pytest.mark.parametrize(("seconds", "worth", "threads"), [(0.0005, 60e-6, 2), (0.0, 10.0, 1)])
def test_small_chunks_are_worth_threads_where_the_file_system_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, worth: float, threads: int
) -> None:
    monkeypatch.setattr("azarr.engine.runtimes._blocking.WORTH_A_THREAD", worth)
    store = SlowLocalStore(tmp_path, seconds)
    values = np.arange(1000, dtype="u2").reshape(100, 10)
    with azarr.config.using(threads=2):
        array = azarr.create_array(store, shape=(100, 10), chunks=(1, 2), dtype="u2")
        store.threads.clear()
        array[...] = values
        writers, store.threads = store.threads, set()
        np.testing.assert_array_equal(array[...], values)
    assert (len(writers), len(store.threads)) == (threads, threads)


@needs_fork
@pytest.mark.fork
def test_a_result_ends_in_a_forked_process_while_the_parent_lets_another_one_go() -> None:
    result = azarr.create_array({}, shape=40 * 2**20, dtype="u1", fill_value=1)[...]
    kept = process().result_memory
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with kept._mutex:
            held.set()
            go_on.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()

    def end() -> None:
        nonlocal result
        del result

    try:
        in_fork(end)
    finally:
        go_on.set()
        holder.join()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit of open files")
def test_an_event_loop_that_cannot_be_made_is_an_error_that_may_pass() -> None:
    code = """
    import os, resource
    import azarr
    from azarr.storage import MemoryStore
    from azarr.testing import LatencyStore

    store = LatencyStore(MemoryStore(), 0)
    azarr.create_array({}, shape=4, chunks=2, dtype="i4")
    import anyio, asyncio, azarr.engine.runtimes._anyio
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = len(os.listdir("/dev/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most[1]))
    try:
        azarr.create_array(store, shape=4, chunks=2, dtype="i4")
    except OSError as error:
        print("error", error.errno)
    resource.setrlimit(resource.RLIMIT_NOFILE, most)
    print(azarr.create_array(store, shape=4, chunks=2, dtype="i4")[:].tolist())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["error", "24", "[0,", "0,", "0,", "0]"], done.stderr
