"""Limits of the process: shared by threads, tasks and event loops, for requests and for bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import numpy as np
import pytest
from tests.remote.conftest import MakeStore

import azarr
from azarr.engine.process._permits import Permits, Waiter
from azarr.engine.process._process import process
from azarr.storage import MemoryStore
from azarr.stores import FsspecStore, ObstoreStore
from azarr.testing import BlockingLatencyStore, LatencyStore
from benchmarks.s3_server import Conditions, S3Server

BACKENDS = ("asyncio", "trio")


class Queue:
    """Waiters, and who of them has been woken."""

    def __init__(self, permits: Permits, capacity: Callable[[], int]) -> None:
        self.permits, self.capacity = permits, capacity
        self.woken: list[str] = []

    def wait(self, name: str, amount: int = 1) -> Waiter:
        waiter = Waiter(lambda: self.woken.append(name), self.capacity, amount)
        if self.permits.acquire_or_wait("x", waiter):
            self.woken.append(name)
        return waiter


def test_permits_are_handed_over_in_order() -> None:
    permits = Permits()
    queue = Queue(permits, lambda: 1)
    for name in "abc":
        queue.wait(name)
    assert queue.woken == ["a"]
    permits.release("x")
    assert queue.woken == ["a", "b"]
    assert not permits.try_acquire("x", 10), "nobody overtakes those who wait"


def test_a_capacity_that_grows_lets_more_in_at_the_next_release() -> None:
    permits, capacity = Permits(), [1]
    queue = Queue(permits, lambda: capacity[0])
    for name in "abcd":
        queue.wait(name)
    capacity[0] = 3
    permits.release("x")
    assert queue.woken == ["a", "b", "c", "d"]
    assert permits.held("x") == 3


def test_a_capacity_that_shrinks_is_kept_while_others_wait() -> None:
    permits, capacity = Permits(), [3]
    queue = Queue(permits, lambda: capacity[0])
    for name in "abcde":
        queue.wait(name)
    capacity[0] = 1
    permits.release("x")
    permits.release("x")
    assert queue.woken == ["a", "b", "c"]
    permits.release("x")
    assert queue.woken == ["a", "b", "c", "d"]


def test_whoever_wants_more_than_there_is_gets_it_alone() -> None:
    permits = Permits()
    queue = Queue(permits, lambda: 10)
    queue.wait("small", 4)
    queue.wait("huge", 50)
    queue.wait("next", 4)
    assert queue.woken == ["small"], "a small one behind a huge one waits: nobody starves"
    permits.release("x", 4)
    assert queue.woken == ["small", "huge"]
    permits.release("x", 50)
    assert queue.woken == ["small", "huge", "next"]
    permits.release("x", 4)
    assert permits.held("x") == 0
    assert not permits._held


def test_one_who_gives_up_makes_way() -> None:
    permits = Permits()
    queue = Queue(permits, lambda: 10)
    queue.wait("first", 4)
    huge = queue.wait("huge", 50)
    queue.wait("small", 4)
    permits.abandon("x", huge)
    assert queue.woken == ["first", "small"]
    permits.release("x", 4)
    permits.release("x", 4)
    assert not permits._held


def test_one_who_gives_up_after_being_woken_gives_back() -> None:
    permits = Permits()
    queue = Queue(permits, lambda: 1)
    queue.wait("a")
    waiter = queue.wait("b")
    permits.release("x")
    permits.abandon("x", waiter)
    assert not permits._held


def test_a_waiter_whose_loop_is_closed_is_passed_over() -> None:
    permits = Permits()
    queue = Queue(permits, lambda: 1)
    queue.wait("a")

    def closed() -> None:
        raise RuntimeError("Event loop is closed")

    assert not permits.acquire_or_wait("x", Waiter(closed))
    queue.wait("b")
    permits.release("x")
    assert queue.woken == ["a", "b"]
    permits.release("x")
    assert not permits._held


def together(actions: list[Callable[[], Any]]) -> None:
    """Each in a thread of its own, all at the same time."""
    barrier = threading.Barrier(len(actions), timeout=20)

    def run(action: Callable[[], Any]) -> None:
        barrier.wait()
        action()

    with ThreadPoolExecutor(len(actions)) as threads:
        list(threads.map(run, actions))


@pytest.mark.parametrize("blocking_store", [False, True])
def test_bytes_in_flight_are_of_the_process_and_not_of_an_operation(blocking_store: bool) -> None:
    """Decoding is counted: chunks of 128 KiB of three operations, with a budget of two."""
    chunk = 128 * 1024
    store: Any = (
        BlockingLatencyStore(MemoryStore(), 0.002)
        if blocking_store
        else LatencyStore(MemoryStore(), 0.002)
    )
    array = azarr.create_array(store, shape=(12, chunk), chunks=(1, chunk), dtype="u1")
    array[:] = 1
    azarr.config.set(bytes_in_flight=2 * chunk)
    store.log.clear()
    awaited = [lambda b=b: anyio.run(array.async_array.getitem, ..., backend=b) for b in BACKENDS]
    together([lambda: array[:], *awaited])
    assert len(store.log) == 36
    assert store.log.most_in_flight <= 2
    assert process().permits.held(("bytes",)) == 0


def test_a_chunk_larger_than_the_budget_is_worked_on_alone() -> None:
    chunk = 128 * 1024
    store = LatencyStore(MemoryStore(), 0.001)
    array = azarr.create_array(store, shape=(6, chunk), chunks=(1, chunk), dtype="u1")
    azarr.config.set(bytes_in_flight=1000)
    store.log.clear()
    array[:] = 1
    assert array[:].sum() == 6 * chunk
    assert store.log.most_in_flight == 1


def test_a_cancelled_operation_gives_its_bytes_and_requests_back() -> None:
    chunk = 128 * 1024
    store = LatencyStore(MemoryStore(), 5)
    store.seconds = 0.0
    array = azarr.create_array(store, shape=(8, chunk), chunks=(1, chunk), dtype="u1")
    azarr.config.set(bytes_in_flight=2 * chunk)
    store.seconds = 5

    async def main() -> None:
        with anyio.move_on_after(0.05):
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(array.async_array.getitem, ...)

    for backend in BACKENDS:
        anyio.run(main, backend=backend)
    permits = process().permits
    assert permits.held(("bytes",)) == permits.held(("requests", store.origin)) == 0
    store.seconds = 0
    assert array[:].sum() == 0


@pytest.mark.parametrize("kind", [ObstoreStore, FsspecStore])
def test_stores_threads_and_loops_share_the_limit_of_an_origin(
    kind: Any, make: MakeStore, server: S3Server
) -> None:
    first, second = make(kind, "bucket"), make(kind, "bucket")
    array = azarr.create_array(first, shape=24, chunks=1, dtype="u1")
    array[:] = 1
    other = azarr.open_array(second, mode="r")
    azarr.config.set(requests=5)
    server.conditions = Conditions(latency=0.01)
    server.log.clear()
    together(
        [
            lambda: array[:],
            lambda: other[:],
            lambda: anyio.run(array.async_array.getitem, ...),
            lambda: anyio.run(other.async_array.getitem, ..., backend="trio"),
        ]
    )
    assert server.log.requests == 96
    assert server.log.most_in_flight == 5


def test_a_blocking_remote_store_has_the_same_limits_retries_and_statistics() -> None:
    store = BlockingLatencyStore(MemoryStore(), 0.002)
    array = azarr.create_array(store, shape=24, chunks=1, dtype="u1")
    array[:] = 1
    azarr.config.set(requests=3)
    store.log.clear()
    together([lambda: array[:], lambda: anyio.run(array.async_array.getitem, ...)])
    assert store.log.most_in_flight == 3
    assert azarr.stats()[store.origin]["requests"] >= 48


def test_an_array_that_is_read_in_pieces_has_bounded_memory() -> None:
    """What is decoded at once stays within the budget, whatever the number of chunks."""
    import tracemalloc

    chunk = 256 * 1024
    store = LatencyStore(MemoryStore(), 0)
    array = azarr.create_array(store, shape=(64, chunk), chunks=(1, chunk), dtype="u1")
    array[:] = np.random.default_rng(0).integers(0, 256, (64, chunk), "u1")
    azarr.config.set(bytes_in_flight=4 * chunk)
    tracemalloc.start()
    try:
        result = array[:]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak - result.nbytes < 4 * 2 * chunk + 2**20


@pytest.mark.parametrize("limit", [3, 5, 100])
@pytest.mark.parametrize("kind", [ObstoreStore, FsspecStore])
def test_every_byte_range_is_a_request_of_the_limit(
    kind: Any, limit: int, make: MakeStore, server: S3Server
) -> None:
    """Eight ranges of each of three shards: one request each, and no more at once than allowed."""
    store = make(kind, "bucket")
    options: dict[str, Any] = {"shards": (1, 32), "chunks": (1, 1), "compressors": None}
    array = azarr.create_array(store, shape=(3, 32), dtype="u1", **options)
    values = np.arange(96, dtype="u1").reshape(3, 32)
    array[:] = values
    azarr.config.set(coalesce_gap=0, requests=limit)
    server.conditions = Conditions(latency=0.005)
    array[:, 0]  # the indexes are known from now on
    before = azarr.stats()[store.origin]["requests"]
    server.log.clear()
    np.testing.assert_array_equal(array[:, 1::4], values[:, 1::4])
    assert server.log.requests == azarr.stats()[store.origin]["requests"] - before == 24
    assert server.log.most_in_flight <= limit
    assert process().permits.held(("requests", store.origin)) == 0
