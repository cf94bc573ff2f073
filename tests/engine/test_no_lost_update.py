"""Writers of different parts of one chunk, or of different attributes, all keep their change."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import ConflictError, StoreError
from azarr.storage import MemoryStore
from azarr.testing import CountingStore, FaultStore, LatencyStore

WRITERS = 50
LOOPS = ["asyncio", "trio"]


def shared_chunk(store: Any, **kwargs: Any) -> azarr.Array:
    return azarr.create_array(store, shape=(WRITERS, 3), chunks=(WRITERS, 3), dtype="i4", **kwargs)


def expected_rows() -> Any:
    return np.repeat(np.arange(1, WRITERS + 1), 3).reshape(WRITERS, 3)


def test_fifty_threads_write_disjoint_parts_of_one_chunk(make_store: Any) -> None:
    array = shared_chunk(make_store())
    together = threading.Barrier(WRITERS, timeout=20)

    def write(i: int) -> None:
        together.wait()
        array[i] = i + 1

    with ThreadPoolExecutor(WRITERS) as threads:
        list(threads.map(write, range(WRITERS)))
    np.testing.assert_array_equal(array[:], expected_rows())


@pytest.mark.parametrize("backend", LOOPS)
def test_fifty_tasks_write_disjoint_parts_of_one_chunk(make_store: Any, backend: str) -> None:
    array = shared_chunk(make_store())

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for i in range(WRITERS):
                group.start_soon(array.async_array.setitem, i, i + 1)

    anyio.run(main, backend=backend)
    np.testing.assert_array_equal(array[:], expected_rows())


def test_writers_that_opened_the_array_separately_share_its_chunks(make_store: Any) -> None:
    shared_chunk(make_store())
    together = threading.Barrier(16, timeout=20)

    def write(i: int) -> None:
        array = azarr.open_array(make_store())
        together.wait()
        for row in range(i, WRITERS, 16):
            array[row] = row + 1

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(write, range(16)))
    np.testing.assert_array_equal(azarr.open_array(make_store())[:], expected_rows())


def test_a_chunk_that_becomes_empty_and_full_again_loses_nothing(make_store: Any) -> None:
    """Deleting an empty chunk is a write like any other."""
    array = shared_chunk(make_store(), write_empty_chunks=False)
    together = threading.Barrier(8, timeout=20)

    def write(i: int) -> None:
        together.wait()
        for _ in range(5):
            array[i] = i + 1
            array[i] = 0
        if i % 2:
            array[i] = i + 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    np.testing.assert_array_equal(array[:8, 0], [0, 2, 0, 4, 0, 6, 0, 8])


@pytest.mark.parametrize("make_store", ["memory", "dict", "local"], indirect=True)
def test_a_whole_write_between_reading_and_writing_a_part_is_not_lost(make_store: Any) -> None:
    """A whole-chunk write and partial writes of the same chunk: no mixture with older values."""
    array = azarr.create_array(make_store(), shape=8, chunks=8, dtype="i4")
    together = threading.Barrier(2, timeout=20)

    def whole() -> None:
        for i in range(1, 60):
            together.wait()
            array[:] = i

    def part() -> None:
        for i in range(1, 60):
            together.wait()
            array[0] = 1000 + i

    with ThreadPoolExecutor(2) as threads:
        for writer in (threads.submit(whole), threads.submit(part)):
            writer.result()
    np.testing.assert_array_equal(array[1:], [59] * 7)
    assert array[0] in (59, 1059)


def _increment(path: str, own: int, times: int) -> None:
    array = azarr.open_array(path)
    for _ in range(times):
        array[own] += 1
        array[own + 8] += 1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn"])
def test_eight_processes_add_to_shared_chunks(tmp_path: Path, method: str) -> None:
    """Each process owns elements, all elements share two chunks: the sum is exact."""
    path = str(tmp_path / "sums.zarr")
    array = azarr.create_array(path, shape=16, chunks=8, dtype="i8")
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=_increment, args=(path, own, 25)) for own in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    np.testing.assert_array_equal(array[:], [25] * 16)


def test_threads_that_update_attributes_keep_every_key(make_store: Any) -> None:
    azarr.create_group(make_store(), attributes={"first": 0})
    together = threading.Barrier(10, timeout=20)

    def write(i: int) -> None:
        group = azarr.open_group(make_store())
        together.wait()
        group.attrs[f"key{i}"] = i

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(write, range(10)))
    attributes = azarr.open_group(make_store()).attrs.asdict()
    assert attributes == {"first": 0, **{f"key{i}": i for i in range(10)}}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("backend", LOOPS)
def test_tasks_that_update_attributes_keep_every_key(
    make_store: Any, backend: str, zarr_format: int
) -> None:
    azarr.create_array(make_store(), shape=3, zarr_format=zarr_format)

    async def write(i: int) -> None:
        array = await azarr.aio.open_array(make_store())
        await array.attrs.set(f"key{i}", i)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for i in range(10):
                group.start_soon(write, i)

    anyio.run(main, backend=backend)
    attributes = azarr.open_array(make_store()).attrs.asdict()
    assert attributes == {f"key{i}": i for i in range(10)}


def _set_attribute(path: str, i: int) -> None:
    group = azarr.open_group(path)
    for k in range(5):
        group.attrs[f"{i}.{k}"] = 1


@pytest.mark.slow
def test_processes_that_update_attributes_keep_every_key(tmp_path: Path) -> None:
    path = str(tmp_path / "attributes.zarr")
    azarr.create_group(path)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_set_attribute, args=(path, i)) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert len(azarr.open_group(path).attrs) == 20


class Rival(MemoryStore):
    """Before a conditional write is carried out, somebody else changes the value."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.act: Any = None

    def set_if(self, key: str, value: Any, generation: Any) -> Any:
        if self.act is not None and self.times > 0:
            self.times -= 1
            act, self.act = self.act, None
            act()
            self.act = act
        return super().set_if(key, value, generation)


def test_a_conflicting_write_of_another_process_is_merged_and_not_overwritten() -> None:
    """The rival writes through the store itself, past azarr's locks, as another process would."""
    store = Rival(3)
    array = azarr.create_array(store, shape=8, chunks=8, dtype="u1", compressors=None)

    def somebody_else() -> None:
        chunk = bytearray(store.get("c/0") or bytes(8))
        chunk[7] += 1
        store.set("c/0", bytes(chunk))

    store.act = somebody_else
    array[0] = 5
    np.testing.assert_array_equal(array[:], [5, 0, 0, 0, 0, 0, 0, 3])


def test_a_conflict_is_resolved_by_reading_again_once() -> None:
    faults = {"kinds": {"set_if"}, "keys": "c/*", "times": 2}
    store = CountingStore(FaultStore(MemoryStore(), ConflictError, **faults))
    array = azarr.create_array(store, shape=8, chunks=8, dtype="u1")
    store.log.clear()
    array[0] = 5
    assert store.log.counts == {"get_with_generation": 3, "set_if": 3}
    assert array[0] == 5


@pytest.mark.timeout(20)
def test_a_store_that_always_reports_a_conflict_is_an_error_in_the_end() -> None:
    array = azarr.create_array(MemoryStore(), shape=8, chunks=8, dtype="u1")
    store = FaultStore(array.store, ConflictError, kinds={"set_if"}, times=20_000)
    with pytest.raises(StoreError):
        azarr.open_array(store)[0] = 5
    assert store.faults.failed < 20_000


@pytest.mark.parametrize("backend", LOOPS)
def test_a_cancelled_writer_gives_its_chunk_to_the_next_one(backend: str) -> None:
    store = LatencyStore(MemoryStore(), 0)
    array = shared_chunk(store).async_array

    async def main() -> None:
        scopes = [anyio.CancelScope() for _ in range(WRITERS)]

        async def write(i: int) -> None:
            with scopes[i]:
                await array.setitem(i, i + 1)

        async with anyio.create_task_group() as group:
            for i in range(WRITERS):
                group.start_soon(write, i)
            await anyio.lowlevel.checkpoint()
            for scope in scopes[::2]:
                scope.cancel()

    anyio.run(main, backend=backend)
    rows = array.blocking[:]
    np.testing.assert_array_equal(rows[1::2], expected_rows()[1::2])
    assert {*np.unique(rows[::2])} <= {0, *range(1, WRITERS + 1)}


LAYOUTS = [
    {"chunks": (4, 2)},
    {"chunks": (4, 2), "zarr_format": 2},
    {"chunks": (4, 2), "zarr_format": "n5"},
    {"chunks": (2, 2), "shards": (8, 2)},
    {"chunks": [[4, 4], [2]]},
]


def opened(store: Any, layout: dict[str, Any]) -> azarr.Array:
    return azarr.open_array(store, mode="r+", zarr_format=layout.get("zarr_format"))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("value", [5, 0])
def test_who_does_not_know_that_the_array_is_longer_now_keeps_the_new_rows(
    make_store: Any, layout: dict[str, Any], value: int
) -> None:
    store = make_store()
    array = azarr.create_array(store, shape=(3, 2), dtype="i4", **layout)
    array[...] = 1
    opened(store, layout).append([[9, 9], [9, 9]])
    array[...] = value
    found = opened(store, layout)[...]
    np.testing.assert_array_equal(found, [[value] * 2] * 3 + [[9, 9]] * 2)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("selection", [(0, 0), slice(0, 1), (slice(None), 1)])
def test_a_part_that_is_written_by_an_old_shape_leaves_the_new_rows_alone(
    make_store: Any, layout: dict[str, Any], selection: Any
) -> None:
    store = make_store()
    array = azarr.create_array(store, shape=(3, 2), dtype="i4", **layout)
    array[...] = 1
    opened(store, layout).append([[9, 9], [9, 9]])
    array[selection] = 5
    expected = np.array([[1, 1]] * 3 + [[9, 9]] * 2)
    expected[:3][selection] = 5
    np.testing.assert_array_equal(opened(store, layout)[...], expected)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("dtype", ["i4", "str"])
def test_a_single_element_is_not_taken_for_the_whole_chunk(
    make_store: Any, layout: dict[str, Any], dtype: str
) -> None:
    store = make_store()
    one, two, nine = np.array([1, 2, 9]).astype(dtype).tolist()
    array = azarr.create_array(store, shape=(1, 1), dtype=dtype, **layout)
    array[0, 0] = one
    opened(store, layout).append(np.array([[nine]], object if dtype == "str" else dtype))
    array[0, 0] = two
    assert opened(store, layout)[...].tolist() == [[two], [nine]]


def test_a_chunk_that_reaches_out_of_the_array_costs_one_request_the_first_time() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=7, chunks=4, dtype="i4")
    store.log.clear()
    array[...] = 1
    assert store.log.counts == {"set": 1, "set_if": 1}
    store.log.clear()
    array[...] = 2
    assert store.log.counts == {"set": 1, "set_if": 2, "get_with_generation": 1}
