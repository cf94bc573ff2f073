"""Many reads planned as one."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import StoreError, UsageError
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import AsyncFaultStore, CountingStore, LatencyStore

pytestmark = pytest.mark.anyio


def filled(store: MemoryStore, name: str, **kwargs: Any) -> np.ndarray[Any, Any]:
    data = np.random.default_rng(len(name)).integers(0, 99, (12, 9))
    azarr.open_group(store).create_array(name, data=data, chunks=(4, 3), **kwargs)
    return data


SELECTIONS: list[Any] = [
    ...,
    (3, slice(None)),
    slice(2, 11, 3),
    ([1, 11, 1], [8, 0, 8]),
    (slice(None), [0, 8]),
    (5, 5),
    slice(4, 4),
]


async def test_the_results_are_those_of_single_reads_in_the_same_order() -> None:
    memory = MemoryStore()
    a, b = filled(memory, "a"), filled(memory, "bb", shards=(8, 6))
    other = MemoryStore()
    c = filled(other, "ccc")
    for store, second in ((memory, other), (LatencyStore(memory, 0), LatencyStore(other, 0))):
        arrays = [azarr.open(store)["a"], azarr.open(store)["bb"], azarr.open(second)["ccc"]]
        reads = [(array, selection) for selection in SELECTIONS for array in arrays]
        expected = [data[selection] for selection in SELECTIONS for data in (a, b, c)]
        for results in (azarr.read_many(reads), await azarr.aio.read_many(reads)):
            assert len(results) == len(expected)
            for result, truth in zip(results, expected, strict=True):
                np.testing.assert_array_equal(result, truth)


async def test_all_reads_of_all_stores_are_one_round_trip() -> None:
    stores = [LatencyStore(MemoryStore(), 0) for _ in range(3)]
    for store in stores:
        group = await azarr.aio.open_group(store)
        for name in "xy":
            array = await group.create_array(name, shape=(12, 9), chunks=(4, 3), dtype="i4")
            await array.setitem(..., 1)
    arrays = [await (await azarr.aio.open_group(s)).getitem(name) for s in stores for name in "xy"]
    for store in stores:
        store.seconds = 0.2
        store.log.clear()
    with anyio.fail_after(10):
        start = anyio.current_time()
        await azarr.aio.read_many([(array, ...) for array in arrays])
        took = anyio.current_time() - start
    assert [store.log.round_trips for store in stores] == [1, 1, 1]
    assert [len(store.log) for store in stores] == [18, 18, 18]
    assert took < 3 * 0.2


def test_blocking_reads_of_async_stores_are_one_round_trip() -> None:
    store = LatencyStore(MemoryStore(), 0)
    group = azarr.open_group(store)
    for name in "xy":
        group.create_array(name, shape=(12, 9), chunks=(4, 3), dtype="i4")[...] = 1
    arrays = [group[name] for name in "xy"]
    store.seconds = 0.2
    store.log.clear()
    azarr.read_many([(array, ...) for array in arrays])
    assert store.log.round_trips == 1


def test_stores_of_both_shapes_can_be_read_together(tmp_path: Any) -> None:
    memory = MemoryStore()
    a = filled(memory, "a")
    local = LocalStore(tmp_path)
    b = azarr.create_array(local, data=np.arange(5))
    results = azarr.read_many(
        [(b, slice(2)), (azarr.open(LatencyStore(memory, 0))["a"], 0), (azarr.open(memory)["a"], 1)]
    )
    assert [result.tolist() for result in results] == [[0, 1], a[0].tolist(), a[1].tolist()]


def test_each_chunk_is_one_request() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=(12, 9), chunks=(4, 3), dtype="i4")
    store.log.clear()
    azarr.read_many([(array, (slice(5), 0)), (array, ([0, 11], [0, 8]))])
    assert len(store.log) == 4


async def test_a_selection_that_does_not_fit_is_refused_before_any_request() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=(12, 9), chunks=(4, 3), dtype="i4")
    store.log.clear()
    with pytest.raises(IndexError, match="index 12 is out of bounds"):
        azarr.read_many([(array, 0), (array, 12)])
    with pytest.raises(IndexError, match="index 12 is out of bounds"):
        await azarr.aio.read_many([(array, 0), (array, 12)])
    with pytest.raises(UsageError, match="array and a selection"):
        azarr.read_many([(np.zeros(3), 0)])
    assert not store.log.requests
    assert azarr.read_many([]) == []
    assert await azarr.aio.read_many([]) == []


async def test_the_first_error_stops_the_others_and_says_where() -> None:
    good, bad = MemoryStore(), MemoryStore()
    filled(good, "a")
    filled(bad, "a")
    slow = LatencyStore(good, 5)
    slow.seconds = 0
    fine = (await azarr.aio.open(slow)).getitem
    array = await fine("a")
    slow.seconds = 5
    broken = await (await azarr.aio.open(AsyncFaultStore(bad, keys="a/c/1/2"))).getitem("a")
    with anyio.fail_after(3), pytest.raises(StoreError, match="injected") as caught:
        await azarr.aio.read_many([(array, ...), (broken, ...)])
    assert "chunk (1, 2)" in str(caught.value.__notes__)
    assert slow.log.in_flight == 0


def test_fields_and_threads_work_in_it_too() -> None:
    data = np.zeros(6, [("a", "i4"), ("b", "f8")])
    data["a"] = np.arange(6)
    array = azarr.array(data, chunks=2)
    with azarr.config.using(threads=3, threaded_chunk_bytes=1):
        results = azarr.read_many([(array, "a"), (array, ("b", slice(2)))])
    assert results[0].tolist() == [0, 1, 2, 3, 4, 5]
    assert results[1].tolist() == [0.0, 0.0]
