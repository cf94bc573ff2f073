"""Appending: rows are never lost, whoever appends at the same time."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import ConflictError, SelectionError, ShapeMismatchError, StoreError
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import CountingStore, FaultStore, LatencyStore

APPENDS = 10
ROWS = 3


def test_the_documented_example_holds() -> None:
    data = np.arange(10000, dtype="i4").reshape(100, 100)
    array = azarr.array(data, chunks=(30, 17))
    assert array.append(data) == (200, 100)
    assert array.append(np.vstack([data, data]), axis=1) == (200, 200)
    np.testing.assert_array_equal(array[:], np.tile(data, (2, 2)))


def log_array(store: Any, **kwargs: Any) -> azarr.Array:
    return azarr.create_array(store, shape=(0, 2), chunks=(4, 2), dtype="i8", **kwargs)


def rows(number: int) -> Any:
    return np.full((ROWS, 2), number)


def check(array: azarr.Array, writers: int = APPENDS) -> None:
    """Every writer's rows are there, together, in some order."""
    values = array[:]
    assert values.shape == (writers * ROWS, 2)
    blocks = values.reshape(writers, ROWS * 2)
    assert (blocks == blocks[:, :1]).all(), values
    assert sorted(blocks[:, 0]) == list(range(writers))


STORES = {
    "memory": lambda tmp_path: MemoryStore(),
    "dict": lambda tmp_path: {},
    "local": lambda tmp_path: LocalStore(tmp_path / "array"),
    "async": lambda tmp_path: LatencyStore(MemoryStore(), 0.001),
}


@pytest.fixture(params=list(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return STORES[request.param](tmp_path)


def test_ten_threads_append_ten_times_the_rows(store: Any) -> None:
    array = log_array(store)
    together = threading.Barrier(APPENDS)

    def append(number: int) -> None:
        own = azarr.open_array(store)
        together.wait()
        own.append(rows(number))

    with ThreadPoolExecutor(APPENDS) as threads:
        list(threads.map(append, range(APPENDS)))
    check(azarr.open_array(store))
    array.attrs.refresh()
    assert array.shape == (APPENDS * ROWS, 2)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_ten_tasks_append_ten_times_the_rows(store: Any, backend: str) -> None:
    array = log_array(store)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for number in range(APPENDS):
                group.start_soon(array.async_array.append, rows(number))

    anyio.run(main, backend=backend)
    check(azarr.open_array(store))


def _append(path: str, number: int, synchronizer: Any) -> None:
    azarr.open_array(path, synchronizer=synchronizer).append(rows(number))


def _in_processes(path: Path, count: int, synchronizer: Any) -> None:
    context = multiprocessing.get_context("spawn")
    arguments = [(str(path), number, synchronizer) for number in range(count)]
    processes = [context.Process(target=_append, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * count


@pytest.mark.slow
@pytest.mark.parametrize("synchronized", [False, True])
def test_eight_processes_append_all_their_rows(tmp_path: Path, synchronized: bool) -> None:
    array = log_array(LocalStore(tmp_path / "array"))
    synchronizer = azarr.ProcessSynchronizer(tmp_path / "locks") if synchronized else None
    _in_processes(tmp_path / "array", 8, synchronizer)
    array.attrs.refresh()
    check(array, 8)


class Interfering(CountingStore):
    """Calls `action` once, just before a conditional write of a chunk."""

    action: Any = None

    def set_if(self, key: str, value: Any, generation: Any) -> Any:
        if "/c/" in f"/{key}" and self.action is not None:
            action, self.action = self.action, None
            action()
        return super().set_if(key, value, generation)


def test_an_append_that_was_overtaken_starts_again(tmp_path: Path) -> None:
    """The other process is a store with another origin: no lock is shared."""
    path = tmp_path / "array"
    log_array(LocalStore(path)).append(rows(7))
    other = LocalStore(path)
    other.origin = "another process"
    store = Interfering(LocalStore(path))
    store.action = lambda: azarr.open_array(other).append(rows(1))
    array = azarr.open_array(store)
    assert array.append(rows(2)) == (9, 2)
    np.testing.assert_array_equal(array[:, 0], [7, 7, 7, 1, 1, 1, 2, 2, 2])


def test_an_append_that_never_gets_through_is_a_conflict_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "array"
    log_array(LocalStore(path)).append(rows(7))
    before = dict(LocalStore(path))
    conflict = {"error": ConflictError("no"), "kinds": {"set_if"}, "keys": "c/*", "times": 99}
    store = FaultStore(LocalStore(path), **conflict)
    with pytest.raises(ConflictError, match="nothing was appended"):
        azarr.open_array(store).append(rows(2))
    assert dict(LocalStore(path)) == before


def test_a_failed_append_changes_nothing_that_can_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "array"
    array = log_array(LocalStore(path))
    array.append(rows(7))
    store = FaultStore(LocalStore(path), StoreError("full"), kinds={"set_if"}, keys="c/1*")
    with pytest.raises(StoreError, match="full"):
        azarr.open_array(store).append(rows(2))
    assert azarr.open_array(path).shape == (3, 2)
    assert azarr.open_array(path).append(rows(3)) == (6, 2)
    np.testing.assert_array_equal(azarr.open_array(path)[3:], rows(3))


def test_a_claim_whose_process_died_is_stepped_over(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "array")
    log_array(store)
    store["zarr.json"] += b"\n" + b" \t" * 32
    array = azarr.open_array(store)
    assert array.append(rows(1)) == (3, 2)
    assert store["zarr.json"].endswith(b"}")


def test_data_are_written_before_the_metadata() -> None:
    store = CountingStore(MemoryStore())
    array = log_array(store)
    store.log.clear()
    array.append(rows(1))
    assert store.log.keys("set", "set_if") == ["c/0/0", "zarr.json"]


def test_an_append_uses_the_shape_that_is_stored_not_the_one_known() -> None:
    store = MemoryStore()
    one, other = log_array(store), azarr.open_array(store)
    one.append(rows(1))
    assert other.append(rows(2)) == (6, 2)


def test_appending_nothing_changes_nothing() -> None:
    array = log_array({})
    assert array.append(np.zeros((0, 2))) == (0, 2)


def test_attributes_and_appends_at_the_same_time_are_all_kept(store: Any) -> None:
    array = log_array(store)

    def change(number: int) -> None:
        own = azarr.open_array(store)
        own.attrs[str(number)] = number
        own.append(rows(number))

    with ThreadPoolExecutor(APPENDS) as threads:
        list(threads.map(change, range(APPENDS)))
    array = azarr.open_array(store)
    check(array)
    assert len(array.attrs) == APPENDS


def test_shards_can_be_appended_to(tmp_path: Path) -> None:
    array = azarr.create_array(
        LocalStore(tmp_path), shape=(0, 4), chunks=(2, 2), shards=(4, 4), dtype="i4"
    )
    for number in range(5):
        array.append(np.full((3, 4), number))
    np.testing.assert_array_equal(array[:, 3], np.repeat(range(5), 3))


def test_data_that_do_not_fit_are_refused() -> None:
    array = log_array({})
    with pytest.raises(ShapeMismatchError, match="axis 0"):
        array.append(np.zeros((3, 3)))
    with pytest.raises(ShapeMismatchError):
        array.append(np.zeros(3))
    with pytest.raises(SelectionError, match="axis 2"):
        array.append(np.zeros((3, 2)), axis=2)
    assert array.shape == (0, 2)
