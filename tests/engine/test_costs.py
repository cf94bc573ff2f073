"""What an operation costs, as exact counts: calls, requests, round trips, requests in flight."""

from __future__ import annotations

import subprocess
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.storage import MappingStore, MemoryStore
from azarr.testing import BlockingLatencyStore, CountingStore, LatencyStore

pytestmark = pytest.mark.alone

SECONDS = 0.002


def count_calls(action: Callable[[], object], until: str | None = None) -> int:
    """Calls of Python and C functions in `action`, or until a function of this name is called."""
    count, done = 0, False

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count, done
        if done or event not in ("call", "c_call"):
            return
        if event == "call" and frame.f_code.co_name == until:
            done = True
            return
        count += 1

    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    assert until is None or done
    return count


class Marked(MemoryStore):
    def get(self, key: str, default: Any = None) -> Any:
        return self.the_request(key, default)

    def the_request(self, key: str, default: Any) -> Any:
        return super().get(key, default)


@pytest.mark.parametrize(
    "selection", [..., (0, 0), (slice(1, 5), slice(2, 6)), (slice(None), 3), slice(2, 4)], ids=str
)
def test_at_most_sixty_calls_from_brackets_to_the_request(selection: Any) -> None:
    array = azarr.create_array(Marked(), shape=(8, 8), chunks=(8, 8), dtype="i4")
    array[...] = 1
    array[selection]
    assert count_calls(lambda: array[selection], until="the_request") <= 60


def test_a_further_chunk_costs_few_calls() -> None:
    array = azarr.create_array(MemoryStore(), shape=2000, chunks=10, dtype="u1", compressors=None)
    array[:] = 1
    array[:10]
    one, many = (count_calls(lambda stop=stop: array[:stop]) for stop in (10, 2000))
    assert (many - one) / 199 <= 25


class Facade:
    """An operation on a latency store, blocking through the portal or awaited, and its log."""

    def __init__(self, awaited: bool) -> None:
        self.store = LatencyStore(MemoryStore(), SECONDS)
        self.awaited = awaited

    def __call__(self, blocking: Callable[[], Any], awaited: Callable[[], Any]) -> Any:
        self.store.log.clear()
        return anyio.run(awaited) if self.awaited else blocking()

    @property
    def cost(self) -> tuple[int, int]:
        return len(self.store.log), self.store.log.round_trips


@pytest.fixture(params=[False, True], ids=["blocking", "awaited"])
def facade(request: pytest.FixtureRequest) -> Facade:
    return Facade(request.param)


@pytest.mark.parametrize(("zarr_format", "documents"), [(None, 4), (3, 1), (2, 3)])
def test_opening_is_one_round_trip_with_all_candidates(
    facade: Facade, zarr_format: Any, documents: int
) -> None:
    azarr.create_array(facade.store, name="a/b", shape=4, zarr_format=zarr_format)
    kwargs = {"path": "a/b", "zarr_format": zarr_format}
    for opened in ("open", "open_array"):
        facade(
            lambda opened=opened: getattr(azarr, opened)(facade.store, **kwargs),
            lambda opened=opened: getattr(azarr.aio, opened)(facade.store, **kwargs),
        )
        assert facade.cost == (documents, 1)


@pytest.mark.parametrize("count", [1, 7, 100])
def test_reading_n_chunks_is_n_requests_in_one_round_trip(facade: Facade, count: int) -> None:
    array = azarr.create_array(facade.store, shape=10 * count, chunks=10, dtype="u1")
    array[:] = 1
    result = facade(lambda: array[:], lambda: array.async_array.getitem(...))
    assert facade.cost == (count, 1)
    assert facade.store.log.counts == {"get": count}
    assert result.sum() == 10 * count
    facade(lambda: array[15:15], lambda: array.async_array.getitem(slice(15, 15)))
    assert facade.cost == (0, 0)


@pytest.mark.parametrize("count", [1, 7, 100])
def test_writing_n_whole_chunks_is_n_requests_in_one_round_trip(facade: Facade, count: int) -> None:
    array = azarr.create_array(facade.store, shape=10 * count - 3, chunks=10, dtype="u1")
    facade(lambda: array.__setitem__(..., 5), lambda: array.async_array.setitem(..., 5))
    assert facade.cost == (count, 1)
    # The last one reaches out of the array, and is created: nobody else's may be there.
    assert facade.store.log.counts == +Counter({"set": count - 1, "set_if": 1})


def test_writing_parts_of_chunks_is_two_requests_each_in_two_round_trips(facade: Facade) -> None:
    array = azarr.create_array(facade.store, shape=(20, 20), chunks=(10, 10), dtype="u1")
    selection = (slice(5, 15), slice(5, 15))
    facade(lambda: array.__setitem__(selection, 5), lambda: array.async_array.setitem(selection, 5))
    assert facade.cost == (8, 2)


def test_a_partial_write_of_a_mapping_is_a_get_and_a_set() -> None:
    store = CountingStore(MappingStore({}))
    array = azarr.create_array(store, shape=10, chunks=10, dtype="u1")
    store.log.clear()
    array[3] = 1
    assert store.log.counts == {"get": 1, "set": 1}


def test_an_empty_chunk_is_one_request(facade: Facade) -> None:
    array = azarr.create_array(
        facade.store, shape=10, chunks=10, dtype="u1", write_empty_chunks=False
    )
    facade(lambda: array.__setitem__(..., 0), lambda: array.async_array.setitem(..., 0))
    assert facade.store.log.counts == {"delete": 1}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(("name", "round_trips"), [("a", 2), ("b/c/d/e", 3)])
def test_creating_an_array_is_two_round_trips_and_one_more_for_parents_before_it(
    facade: Facade, name: str, round_trips: int, zarr_format: int
) -> None:
    """Missing parents are written first: a creation that fails is not half visible."""
    group = azarr.create_group(facade.store, zarr_format=zarr_format)
    facade(
        lambda: group.create_array(name, shape=4),
        lambda: group.async_group.create_array(name, shape=4),
    )
    assert facade.cost[1] <= round_trips
    wrote = facade.store.log.keys("set_if")
    assert len(wrote) == len(set(wrote)) == name.count("/") + 1


def test_updating_attributes_is_two_round_trips_whatever_their_number(facade: Facade) -> None:
    array = azarr.create_array(facade.store, shape=4)
    changes = {f"key{i}": i for i in range(20)}
    facade(lambda: array.attrs.update(changes), lambda: array.async_array.attrs.update(changes))
    assert facade.cost == (2, 2)
    facade(array.attrs.asdict, anyio.lowlevel.checkpoint)
    assert facade.cost == (0, 0)


def test_listing_a_group_with_its_members_is_two_round_trips(facade: Facade) -> None:
    group = azarr.create_group(facade.store)
    for i in range(20):
        group.create_array(f"array{i:02}", shape=3)
    members = facade(group.members, group.async_group.members)
    assert len(members) == 20
    assert facade.cost[1] == 2


def test_deleting_a_node_is_at_most_three_round_trips(facade: Facade) -> None:
    group = azarr.create_group(facade.store)
    array = group.create_array("array", shape=100, chunks=1, dtype="u1")
    array[:] = 1
    facade(lambda: group.__delitem__("array"), lambda: group.async_group.delitem("array"))
    assert facade.cost[1] <= 3
    assert len(facade.store.log) <= 6


@pytest.mark.parametrize("limit", [1, 5])
def test_the_limit_of_requests_holds_for_all_threads_and_nested_tasks_together(limit: int) -> None:
    store = LatencyStore(MemoryStore(), SECONDS / 4)
    array = azarr.create_array(store, shape=24, chunks=1, dtype="u1")
    array[:] = 1
    store.log.clear()

    def blocking(_: int) -> None:
        assert array[:].sum() == 24

    async def nested() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(array.async_array.getitem, ...)

    def with_a_loop(i: int) -> None:
        anyio.run(nested, backend="trio" if i % 2 else "asyncio")

    azarr.config.set(requests=limit)
    try:
        with ThreadPoolExecutor(8) as threads:
            for i in range(4):
                threads.submit(blocking, i)
            list(threads.map(with_a_loop, range(4)))
    finally:
        azarr.config.set(requests=azarr.config.Config().requests)
    assert len(store.log) == 24 * (4 + 4 * 4)
    assert store.log.most_in_flight == limit


def test_a_limit_set_for_one_block_holds_inside_it() -> None:
    store = LatencyStore(MemoryStore(), SECONDS)
    array = azarr.create_array(store, shape=24, chunks=1, dtype="u1")
    store.log.clear()
    with azarr.config.using(requests=3):
        array[:]
        anyio.run(array.async_array.getitem, ...)
    assert store.log.most_in_flight == 3


def test_the_limit_holds_for_blocking_stores_that_are_remote() -> None:
    store = BlockingLatencyStore(MemoryStore(), SECONDS)
    array = azarr.create_array(store, shape=8, chunks=1, dtype="u1")
    store.log.clear()
    together = threading.Barrier(8, timeout=20)

    def read(_: int) -> None:
        together.wait()
        array[:]

    azarr.config.set(requests=3)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(read, range(8)))
    finally:
        azarr.config.set(requests=azarr.config.Config().requests)
    assert store.log.most_in_flight <= 3


def peak_bytes(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(300_000,), (550, 550), (2, 150_000)], ids=str)
def test_reading_300_000_missing_chunks_takes_bounded_memory(shape: tuple[int, ...]) -> None:
    array = azarr.create_array({}, shape=shape, chunks=(1,) * len(shape), dtype="u1", fill_value=1)
    assert peak_bytes(lambda: array[...]) < 10 * 2**20


@pytest.mark.slow
def test_reading_many_missing_chunks_of_an_async_store_takes_bounded_memory() -> None:
    store = LatencyStore(MemoryStore(), 0)
    array = azarr.create_array(store, shape=20_000, chunks=1, dtype="u1", fill_value=1)

    class Forgetful(list):
        def append(self, item: object) -> None:
            """Logging every request would be what takes the memory."""

    store.log.requests = Forgetful()
    assert peak_bytes(lambda: anyio.run(array.async_array.getitem, ...)) < 5 * 2**20


@pytest.mark.parametrize("module", ["azarr", "azarr.storage", "azarr.errors"])
def test_importing_and_using_azarr_imports_no_heavy_dependency(module: str) -> None:
    use = f"import sys, {module}; import azarr; azarr.zeros(3)[:] = 1"
    code = f"{use}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"anyio", "aiofiles", "asyncio", "fsspec", "obstore", "s3fs", "trio", "botocore"}
    assert not heavy & {*done.stdout.split()}


def test_a_blocking_read_of_a_blocking_store_needs_no_event_loop() -> None:
    code = (
        "import sys, azarr; a = azarr.create_array({}, shape=10, chunks=5, dtype='i4');"
        "a[:] = 1; a[2] = 3; a.attrs['x'] = 1; a[:]; print('anyio' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"


def test_what_is_awaited_on_a_memory_store_is_not_slowed_by_threads() -> None:
    """A small read runs on the event loop itself: no worker thread is started for it."""
    array = azarr.create_array({}, shape=10, chunks=5, dtype="i4").async_array

    async def main() -> set[int]:
        seen = set()

        class Seeing(dict):
            def __getitem__(self, key: str) -> Any:
                seen.add(threading.get_ident())
                return super().__getitem__(key)

        mapping = Seeing(array.store.mapping)
        opened = await azarr.aio.open_array(mapping)
        np.testing.assert_array_equal(await opened.getitem(...), [0] * 10)
        return seen

    assert anyio.run(main) == {threading.get_ident()}
