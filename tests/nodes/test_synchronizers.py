"""Synchronizers, and what writers of several processes keep with and without them."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.storage import LocalStore, MappingStore, MemoryStore

PROCESSES = 8
ROUNDS = 5


class PlainStore(LocalStore):
    """A local store without generations, as many stores are."""

    conditional = False


def _add_ones(store: Any, number: int, synchronizer: Any) -> None:
    array = azarr.open_array(store, synchronizer=synchronizer)
    for _ in range(ROUNDS):
        array[number] = int(array[number]) + 1  # disjoint parts of the same chunks
        array[PROCESSES + number :: PROCESSES] = np.full(2, number + 1)
    for i in range(ROUNDS):
        array.attrs[f"{number}-{i}"] = i


def _in_processes(store: Any, synchronizer: Any) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_add_ones, args=(store, number, synchronizer))
        for number in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0] * PROCESSES


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["generations", "synchronizer"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_eight_processes_add_to_shared_chunks_and_attributes(
    tmp_path: Path, kind: str, zarr_format: Any
) -> None:
    store = LocalStore(tmp_path / "a") if kind == "generations" else PlainStore(tmp_path / "a")
    synchronizer = azarr.ProcessSynchronizer(tmp_path / "locks") if kind != "generations" else None
    array = azarr.create_array(
        store, shape=3 * PROCESSES, chunks=12, dtype="i4", zarr_format=zarr_format
    )
    _in_processes(store, synchronizer)
    expected = [ROUNDS] * PROCESSES + [*range(1, PROCESSES + 1)] * 2
    np.testing.assert_array_equal(array[:], expected)
    array.attrs.refresh()
    assert len(array.attrs) == PROCESSES * ROUNDS


class Slow(MappingStore):
    """Stores of one dict that do not know of each other, with time between reading and writing."""

    def __init__(self, values: dict[str, Any], name: str) -> None:
        super().__init__(values)
        self.origin = name

    def get(self, key: str, default: Any = None) -> Any:
        value = super().get(key, default)
        threading.Event().wait(0.002)
        return value


@pytest.mark.parametrize("kind", ["thread", "process", "plain locks"])
def test_stores_of_different_origins_share_a_synchronizer(tmp_path: Path, kind: str) -> None:
    class PlainLocks(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            return self.setdefault(key, threading.Lock())

    synchronizer: Any = {
        "thread": azarr.ThreadSynchronizer,
        "process": lambda: azarr.ProcessSynchronizer(tmp_path),
        "plain locks": PlainLocks,
    }[kind]()
    values: dict[str, Any] = {}
    azarr.create_array(values, shape=(0, 8), chunks=(4, 8), dtype="i4")

    def work(number: int) -> None:
        array = azarr.open_array(Slow(values, f"slow{number}"), synchronizer=synchronizer)
        for _ in range(3):
            array.append(np.full((1, 8), number))
            array.attrs[str(number)] = number

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    array = azarr.open_array(values)
    assert sorted(array[:, 0]) == sorted([0, 1, 2, 3] * 3)
    assert len(array.attrs) == 4


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_tasks_wait_for_a_lock_without_blocking_their_loop(tmp_path: Path, backend: str) -> None:
    synchronizer = azarr.ProcessSynchronizer(tmp_path)
    array = azarr.create(4, chunks=4, dtype="i4", store=MemoryStore(), synchronizer=synchronizer)
    context = multiprocessing.get_context("fork")
    held = context.Event()
    child = context.Process(target=_hold, args=(synchronizer["c/0"], held))
    child.start()
    assert held.wait(10)

    async def main() -> None:
        with anyio.move_on_after(0.1) as scope:
            await array.async_array.setitem(0, 1)
        assert scope.cancelled_caught
        child.terminate()
        child.join()
        with anyio.fail_after(5):
            await array.async_array.setitem(0, 2)

    anyio.run(main, backend=backend)
    assert array[0] == 2


def _hold(lock: Any, held: Any) -> None:
    lock.acquire()
    held.set()
    threading.Event().wait(60)


def test_locks_can_be_taken_by_hand(tmp_path: Path) -> None:
    for synchronizer in (azarr.ThreadSynchronizer(), azarr.ProcessSynchronizer(tmp_path)):
        with synchronizer["foo/0.0"]:
            pass
        array = azarr.zeros(4, synchronizer=synchronizer)
        assert array.synchronizer is synchronizer
        assert array.view().synchronizer is synchronizer


def test_synchronizers_pickle(tmp_path: Path) -> None:
    process = azarr.ProcessSynchronizer(str(tmp_path))
    assert pickle.loads(pickle.dumps(process)) == process
    assert process.path == str(tmp_path)
    thread = azarr.ThreadSynchronizer()
    assert isinstance(pickle.loads(pickle.dumps(thread)), azarr.ThreadSynchronizer)


def test_groups_pass_their_synchronizer_on() -> None:
    synchronizer = azarr.ThreadSynchronizer()
    root = azarr.group(synchronizer=synchronizer)
    assert root.synchronizer is synchronizer
    assert root.zeros("a/b", shape=1).synchronizer is synchronizer
    assert root["a"]["b"].synchronizer is synchronizer


def test_no_lock_file_is_made_where_no_synchronizer_is_used(tmp_path: Path) -> None:
    array = azarr.create_array(tmp_path / "a", shape=4, chunks=4)
    array[0] = 1
    assert sorted(each.name for each in tmp_path.rglob("*") if each.is_file()) == ["0", "zarr.json"]
