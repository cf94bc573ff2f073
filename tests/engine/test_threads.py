"""Work in threads ends before whoever awaited it goes on, however that is cancelled."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest

import azarr
from azarr.storage import MemoryStore
from azarr.testing import AsyncCountingStore

pytestmark = pytest.mark.alone


class Gated(MemoryStore):
    """A store in whose requests for chunks a thread waits, until the gate is opened."""

    latency = "local"

    def __init__(self) -> None:
        super().__init__()
        self.inside = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def _enter(self, key: str) -> None:
        if "zarr.json" not in key:
            self.inside.set()
            assert self.gate.wait(10)

    def get(self, key: str, default: Any = None) -> Any:
        self._enter(key)
        return super().get(key, default)

    def get_with_generation(self, key: str) -> Any:
        self._enter(key)
        return super().get_with_generation(key)


def by_timeout(action: Callable[[], Awaitable[Any]], begun: threading.Event) -> None:
    """Await something under `asyncio.timeout`, which passes when it has begun."""

    async def action_in_time() -> None:
        async with asyncio.timeout(None) as timeout, asyncio.TaskGroup() as group:

            async def pass_when_begun() -> None:
                await asyncio.to_thread(begun.wait)
                timeout.reschedule(0)

            group.create_task(pass_when_begun())
            await action()

    with pytest.raises(TimeoutError):
        asyncio.run(action_in_time())


def by_scope(action: Callable[[], Awaitable[Any]], begun: threading.Event) -> None:
    """The same with a cancel scope of anyio."""

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:

                async def cancel_when_begun() -> None:
                    await anyio.to_thread.run_sync(begun.wait)
                    scope.cancel()

                group.start_soon(cancel_when_begun)
                await action()
        assert scope.cancelled_caught

    anyio.run(main)


CANCELLED = [by_timeout, by_scope]


@pytest.mark.parametrize("cancelled", CANCELLED)
@pytest.mark.parametrize("chunks", [8, 2])
def test_memory_of_the_caller_is_not_written_after_a_cancellation(
    cancelled: Any, chunks: int
) -> None:
    store = Gated()
    array = azarr.create_array(store, shape=8, chunks=chunks, dtype="i4")
    array[:] = 7
    out = np.zeros(8, "i4")
    store.inside.clear()
    store.gate.clear()
    threading.Timer(0.1, store.gate.set).start()
    cancelled(lambda: array.async_array.get_basic_selection(..., out=out), store.inside)
    assert store.gate.is_set()  # the thread has ended, so it was waited for
    assert np.array_equal(out[:chunks], np.full(chunks, 7))
    assert not out[chunks:].any()  # and it did no further step


HOLDER = """
import sys
from fasteners import InterProcessLock
with InterProcessLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("cancelled", CANCELLED)
def test_waiting_for_the_lock_of_another_process_can_be_cancelled(
    cancelled: Any, tmp_path: Path
) -> None:
    synchronizer = azarr.ProcessSynchronizer(tmp_path / "locks")
    array = azarr.create_array(
        tmp_path / "array", shape=8, chunks=4, dtype="i4", synchronizer=synchronizer
    )
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "locks" / "c" / "0")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            waits = threading.Event()
            threading.Timer(0.1, waits.set).start()
            cancelled(lambda: array.async_array.setitem(0, 1), waits)
        finally:
            holder.stdin.close()
    assert array[0] == 0
    array[0] = 2
    assert array[0] == 2


@pytest.mark.parametrize("cancelled", CANCELLED)
def test_waiting_for_a_chunk_that_another_task_changes_can_be_cancelled(cancelled: Any) -> None:
    store = Gated()
    array = azarr.create_array(store, shape=8, chunks=8, dtype="i4")
    array[:] = 7
    store.inside.clear()
    store.gate.clear()
    writer = threading.Thread(target=array.__setitem__, args=(0, 1))
    writer.start()
    assert store.inside.wait(10)
    waits = threading.Event()
    threading.Timer(0.1, waits.set).start()
    cancelled(lambda: array.async_array.setitem(1, 1), waits)
    assert not store.gate.is_set()  # the writer still has the chunk
    store.gate.set()
    writer.join()
    assert array[:2].tolist() == [1, 7]


@pytest.mark.parametrize("cancelled", CANCELLED)
def test_decoding_in_a_thread_ends_before_a_cancelled_read(
    cancelled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One chunk, so that no task group stands between the caller and the thread."""
    array = azarr.create_array(
        AsyncCountingStore(MemoryStore()), shape=2**21, chunks=2**21, dtype="i4", compressors="gzip"
    )
    array[:] = 7
    out = np.zeros(2**21, "i4")
    decoding, ended = threading.Event(), threading.Event()
    pipeline = type(array._state.pipeline)
    decode = pipeline.decode

    def slow(self: Any, *args: Any) -> Any:
        decoding.set()
        threading.Event().wait(0.1)
        try:
            return decode(self, *args)
        finally:
            ended.set()

    monkeypatch.setattr(pipeline, "decode", slow)
    cancelled(lambda: array.async_array.get_basic_selection(..., out=out), decoding)
    assert ended.is_set()
