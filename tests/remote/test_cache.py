"""The cache of a process: what is asked again, what is not, and that it never shows old data."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import numpy as np
import pytest
import trio
from tests.remote.conftest import MakeStore, statistics
from trio.testing import MockClock

import azarr
import azarr.aio
from azarr.errors import NodeNotFoundError, StoreError
from azarr.storage import MemoryStore
from azarr.testing import AsyncCountingStore, BlockingLatencyStore, LatencyStore
from benchmarks.s3_server import Conditions, S3Server

MIB = 2**20
VALUES = np.arange(64, dtype="i4")


@pytest.fixture(params=["chunks", "shards"])
def layout(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Chunks of 8 elements, or inner chunks of 4 in shards of 16."""
    return {"chunks": 8} if request.param == "chunks" else {"chunks": 4, "shards": 16}


@pytest.fixture
def store() -> LatencyStore:
    return LatencyStore(MemoryStore(), 0.001)


@pytest.fixture
def array(store: LatencyStore, layout: dict[str, Any]) -> Any:
    array = azarr.create_array(store, shape=64, dtype="i4", fill_value=-1, **layout)
    array[:48] = VALUES[:48]
    store.log.clear()
    return array


def test_it_is_off_by_default(array: Any, store: LatencyStore) -> None:
    for _ in range(2):
        array[:8]
    assert statistics(store)["cache_bytes"] == 0
    assert len(store.log) >= 2


def test_what_is_kept_is_not_asked_again(array: Any, store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    before = statistics(store)
    for _ in range(3):
        np.testing.assert_array_equal(array[3:21], VALUES[3:21])
        asked = len(store.log)
    again = len(store.log)
    np.testing.assert_array_equal(array[5:17:2], VALUES[5:17:2])
    assert len(store.log) == asked == again
    found = statistics(store)
    assert found["cache_hits"] - before["cache_hits"] >= 5
    assert 0 < found["cache_bytes"] <= MIB


def test_what_is_kept_is_checked_by_its_generation(array: Any, store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=0.0)
    array[:8]
    store.log.clear()
    np.testing.assert_array_equal(array[:8], VALUES[:8])
    assert len(store.log) == 1
    assert statistics(store)["cache_checks"] == 1
    other = azarr.open_array(store.store)  # another process, as it were
    other[:8] = 5
    np.testing.assert_array_equal(array[:8], [5] * 8)
    del other
    store.store.delete_prefix("c")  # type: ignore[union-attr]
    np.testing.assert_array_equal(array[:8], [-1] * 8)


def test_what_is_kept_is_believed_up_to_its_age(array: Any, store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=0.05)
    array[:8]
    azarr.open_array(store.store)[:8] = 5
    np.testing.assert_array_equal(array[:8], VALUES[:8])
    threading.Event().wait(0.06)
    np.testing.assert_array_equal(array[:8], [5] * 8)


@pytest.mark.parametrize("whole", [True, False])
def test_local_writes_are_seen_at_once(array: Any, whole: bool) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    array[:]
    if whole:
        array[...] = VALUES + 1
    else:
        array[3:9] = VALUES[3:9] + 1
    expected = VALUES + 1
    if not whole:
        expected = np.where(VALUES < 48, VALUES, -1)
        expected[3:9] += 1
    np.testing.assert_array_equal(array[:], expected)
    array.resize(16)
    array.resize(64)
    np.testing.assert_array_equal(array[:], [*expected[:16], *[-1] * 48])


def test_deletions_are_seen_at_once(store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    group = azarr.create_group(store)
    group.create_array("a", data=VALUES, chunks=8)
    np.testing.assert_array_equal(group["a"][:], VALUES)
    del group["a"]
    with pytest.raises(NodeNotFoundError):
        group["a"]
    made = group.create_array("a", shape=64, chunks=8, dtype="i4", fill_value=3)
    np.testing.assert_array_equal(made[:], [3] * 64)
    np.testing.assert_array_equal(azarr.open_array(store, path="a")[:], [3] * 64)


def test_missing_chunks_are_kept_too(array: Any, store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    np.testing.assert_array_equal(array[50:60], [-1] * 10)
    store.log.clear()
    np.testing.assert_array_equal(array[50:60], [-1] * 10)
    assert len(store.log) == 0
    array[50:60] = 1
    np.testing.assert_array_equal(array[50:60], [1] * 10)


@pytest.mark.parametrize("max_age", [None, 0.0])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_twenty_readers_of_one_chunk_make_one_request(
    store: LatencyStore, backend: str, max_age: float | None
) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=max_age)
    array = azarr.create_array(store, shape=8, chunks=8, dtype="i4")
    array[:] = 1
    store.seconds = 0.05
    store.log.clear()
    results = []

    async def main() -> None:
        async def read() -> None:
            results.append((await array.async_array.getitem(...)).sum())

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(read)

    anyio.run(main, backend=backend)
    assert results == [8] * 20
    assert len(store.log) == 1


@pytest.mark.parametrize(("gap", "requests"), [(None, 1), (0, 2)])
def test_twenty_threads_that_read_one_inner_chunk_make_the_requests_of_one(
    array: Any, store: LatencyStore, gap: int | None, requests: int
) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=0.0, coalesce_gap=gap)
    store.seconds = 0.05
    barrier = threading.Barrier(20, timeout=20)

    def read(_: int) -> int:
        barrier.wait()
        return int(array[1:3].sum())

    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(read, range(20))) == [3] * 20
    # A barrier releases threads over some milliseconds; none of them comes after the answer.
    assert len(store.log) <= requests


def test_a_reader_who_is_cancelled_leaves_the_loading_to_the_next(store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    array = azarr.create_array(store, shape=8, chunks=8, dtype="i4")
    array[:] = 1
    store.seconds = 0.05

    async def main() -> None:
        results = []

        async def read() -> None:
            results.append((await array.async_array.getitem(...)).sum())

        async with anyio.create_task_group() as group:
            with anyio.move_on_after(0.02):
                async with anyio.create_task_group() as first:
                    first.start_soon(read)
                    await anyio.sleep(0.01)
                    group.start_soon(read)
                    group.start_soon(read)
        assert results == [8, 8]

    anyio.run(main)


def test_a_write_while_the_old_value_is_loaded_wins(store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    array = azarr.create_array(store, shape=8, chunks=8, dtype="i4")
    array[:] = 1
    awaited = array.async_array

    async def main() -> None:
        store.seconds = 0.03
        async with anyio.create_task_group() as group:
            group.start_soon(awaited.getitem, ...)
            await anyio.sleep(0.01)
            group.start_soon(awaited.setitem, ..., 2)
        assert (await awaited.getitem(...)).tolist() == [2] * 8

    anyio.run(main)


def test_the_oldest_goes_when_the_cache_is_full(store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=10_000, cache_max_age=None)
    array = azarr.create_array(store, shape=(20, 1000), chunks=(1, 1000), dtype="u1")
    array[:] = 1
    assert array[:].sum() == 20_000
    assert 0 < statistics(store)["cache_bytes"] <= 10_000
    store.log.clear()
    array[0]
    array[19]
    assert 1 <= len(store.log) <= 2


def test_results_are_the_readers_own(array: Any) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    first = array[:8]
    first[:] = 99
    np.testing.assert_array_equal(array[:8], VALUES[:8])


def test_views_are_not_mixed_up_with_what_they_look_at(store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    array = azarr.create_array(store, shape=8, chunks=8, dtype="i4", zarr_format=2)
    array[:] = VALUES[:8]
    array[:]
    as_floats = array.astype("f8")
    assert as_floats[:].dtype == "f8"
    np.testing.assert_array_equal(as_floats[:], VALUES[:8])
    np.testing.assert_array_equal(array[:], VALUES[:8])


@pytest.mark.parametrize(
    "selection", [[1, 9, 40], np.arange(64) % 7 == 0, slice(60, 2, -7)], ids=str
)
def test_every_kind_of_selection_goes_through_it(array: Any, selection: Any) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    expected = np.where(VALUES < 48, VALUES, -1)[selection]
    for _ in range(2):
        if isinstance(selection, slice):
            np.testing.assert_array_equal(array[2:61], np.where(VALUES < 48, VALUES, -1)[2:61])
        else:
            np.testing.assert_array_equal(array.oindex[selection], expected)
            np.testing.assert_array_equal(array.vindex[selection], expected)


def test_metadata_is_kept_by_age(store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=60.0)
    group = azarr.create_group(store)
    made = group.create_array("a", shape=8, attributes={"x": 1})
    for _ in range(2):
        assert azarr.open_array(store, path="a").attrs["x"] == 1
        asked = len(store.log)
    azarr.open_array(store, path="a")
    assert len(store.log) == asked
    made.attrs["x"] = 2
    assert azarr.open_array(store, path="a").attrs["x"] == 2
    made.resize(16)
    assert azarr.open_array(store, path="a").shape == (16,)
    group.create_array("b", shape=3)
    assert sorted(azarr.open_group(store)) == ["a", "b"]


def test_what_a_change_is_based_on_is_not_what_is_kept(store: LatencyStore) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    azarr.create_array(store, name="a", shape=8)
    kept = azarr.open_array(store, path="a")
    azarr.open_array(store.store, path="a").attrs["by another"] = 1
    kept.attrs["ours"] = 2
    assert dict(azarr.open_array(store.store, path="a").attrs) == {"by another": 1, "ours": 2}


def test_blocking_remote_stores_have_it_too() -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    store = BlockingLatencyStore(MemoryStore(), 0)
    array = azarr.create_array(store, shape=64, chunks=8, dtype="i4")
    array[:] = VALUES
    array[:]
    store.log.clear()
    np.testing.assert_array_equal(array[:], VALUES)
    assert len(store.log) == 0


def test_stores_that_are_not_remote_do_not_need_it() -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    store = MemoryStore()
    array = azarr.create_array(store, shape=8, chunks=8, dtype="i4")
    array[:] = 1
    array[:]
    store.delete("c/0")
    assert array[:].sum() == 0


def test_observers_are_told_of_what_was_kept(array: Any) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    seen = []

    class Seeing(azarr.Observer):
        def cached(self, request: Any) -> None:
            seen.append(request.key)

    array[:4]
    with azarr.observing(Seeing()):
        array[:4]
    assert seen == ["c/0"]


def test_a_bucket_is_asked_once_and_then_by_head(
    kind: Any, make: MakeStore, server: S3Server, layout: dict[str, Any]
) -> None:
    azarr.config.set(cache_bytes=MIB, cache_max_age=0.0)
    array = azarr.create_array(make(kind), shape=64, dtype="i4", **layout)
    array[:] = VALUES
    array[1:3]
    server.conditions = Conditions(latency=0.05)
    server.log.clear()
    np.testing.assert_array_equal(array[1:3], VALUES[1:3])
    assert server.log.counts == {"HEAD": 1}
    azarr.config.set(cache_max_age=None)
    server.log.clear()
    np.testing.assert_array_equal(array[1:3], VALUES[1:3])
    assert server.log.requests == 0


def test_readers_and_writers_at_the_same_time_never_see_what_was_overwritten(
    store: LatencyStore,
) -> None:
    """Each value that is read is at least the one whose write had ended before the read began."""
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    store.seconds = 0.0005
    array = azarr.create_array(store, shape=8, chunks=8, dtype="i4").async_array
    done = 0
    wrong: list[tuple[int, int]] = []

    async def main() -> None:
        nonlocal done

        async def read() -> None:
            for _ in range(150):
                least = done
                found = int(await array.getitem(0))
                if found < least:
                    wrong.append((found, least))

        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(read)
            for value in range(1, 100):
                await array.setitem(..., value)
                done = value

    anyio.run(main)
    assert wrong == []


def test_a_local_write_through_a_store_of_another_root_is_seen_at_once(make: MakeStore) -> None:
    """One value, reached as an array of its own, in a group, and from the bucket's root."""
    inner = make(bucket="roots")
    group = inner.__class__("s3://roots", inner._options)
    array = azarr.create_array(inner, shape=4, chunks=4, dtype="i4")
    array[:] = 1
    azarr.config.set(cache_bytes=MIB, cache_max_age=None)
    assert array[:].tolist() == [1] * 4
    azarr.open_array(group, path="a.zarr", mode="r+")[:] = 2
    assert array[:].tolist() == [2] * 4
    azarr.open_array(group, path="a.zarr", mode="r+")
    azarr.create_group(group)
    del azarr.open_group(group, mode="r+")["a.zarr"]
    with pytest.raises(NodeNotFoundError):
        azarr.open_array(inner, mode="r")


class Ticking(AsyncCountingStore):
    """Every request takes a second of a clock that only waiting moves."""

    latency = "remote"
    error: Exception | None = None

    async def _request(self, *arguments: Any) -> Any:
        await trio.sleep(1)
        if self.error is not None:
            raise self.error
        return await super()._request(*arguments)


@pytest.mark.parametrize("how", ["kept", "too large", "failing"])
def test_readers_do_not_wait_in_turn_for_what_is_not_kept(how: str) -> None:
    memory = MemoryStore()
    azarr.create_array(memory, shape=1000, chunks=1000, dtype="i4")[:] = 1
    store = Ticking(memory)
    store.latency = "remote"
    azarr.config.set(cache_bytes=MIB if how != "too large" else 1000, cache_max_age=None)

    async def read(array: Any) -> None:
        if how == "failing":
            with pytest.raises(StoreError):
                await array.getitem(...)
        else:
            assert (await array.getitem(...)).sum() == 1000

    async def main() -> float:
        array = await azarr.aio.open_array(store, mode="r+")
        store.error = StoreError("no") if how == "failing" else None
        start: float = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(read, array)
        return float(trio.current_time() - start)

    seconds = trio.run(main, clock=MockClock(autojump_threshold=0))
    assert seconds == pytest.approx(1 if how == "kept" else 2, abs=0.01)
