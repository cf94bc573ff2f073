"""The stores of the test kit that count requests, make them slow, or make them fail."""

from __future__ import annotations

import threading
import time
from typing import Any

import anyio
import pytest

from azarr.errors import ReadOnlyError, StoreError
from azarr.storage import BlockingStore, MemoryStore
from azarr.testing import (
    AsyncCountingStore,
    AsyncFaultStore,
    BlockingLatencyStore,
    CountingStore,
    FaultStore,
    LatencyStore,
)

VALUES = {"a/0": b"12", "a/1": b"345", "b": b""}


def test_requests_are_counted_by_kind_with_their_keys_and_bytes() -> None:
    store = CountingStore(MemoryStore(VALUES))
    store.get("a/0")
    store.get("missing")
    store.get_ranges("a/1", [(0, 1), (1, 3)])
    store.set("c", b"1234")
    store.set_if("d", memoryview(b"12345678").cast("i"), None)
    store.delete("b")
    list(store.list("a"))
    assert store.log.counts == {
        "get": 2, "get_ranges": 1, "set": 1, "set_if": 1, "delete": 1, "list": 1
    }  # fmt: skip
    assert len(store.log) == 7
    assert store.log.keys("get", "delete") == ["a/0", "missing", "b"]
    assert store.log.keys()[-1] == "a"
    assert (store.log.received, store.log.sent) == (2 + 3, 4 + 8)
    assert store.log.round_trips == 7
    store.log.clear()
    assert (len(store.log), store.log.round_trips, store.log.most_in_flight) == (0, 0, 0)


def test_a_wrapper_says_of_itself_what_its_store_says() -> None:
    inner = MemoryStore(VALUES, read_only=True)
    for store in (CountingStore(inner), FaultStore(inner), AsyncCountingStore(inner)):
        assert (store.origin, store.latency, store.read_only, store.conditional) == (
            inner.origin, "memory", True, True
        )  # fmt: skip
    assert LatencyStore(inner).latency == BlockingLatencyStore(inner).latency == "remote"
    writable = CountingStore(inner).with_read_only(False)
    writable.set("a/0", b"new")
    assert inner["a/0"] == b"new"
    with pytest.raises(ReadOnlyError):
        writable.with_read_only().set("a/0", b"newer")


def test_the_requests_of_threads_are_counted_in_flight() -> None:
    store = BlockingLatencyStore(MemoryStore(VALUES), 0.2)
    threads = [threading.Thread(target=store.get, args=("a/0",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (store.log.most_in_flight, store.log.in_flight) == (4, 0)
    assert store.log.round_trips == 1


@pytest.mark.anyio
async def test_requests_at_the_same_time_are_one_round_trip() -> None:
    store = LatencyStore(MemoryStore(VALUES), 0.1)
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(store.get, "a/0")
    assert (store.log.most_in_flight, store.log.round_trips) == (20, 1)
    assert await store.get("a/1") == b"345"
    assert store.log.round_trips == 2
    assert [key async for key in store.list("a")] == ["a/0", "a/1"]
    assert store.log.round_trips == 3


@pytest.mark.anyio
async def test_a_round_trip_begins_after_any_request_that_it_could_depend_on() -> None:
    store = LatencyStore(MemoryStore(VALUES), 0.1)

    async def one_after_the_other(count: int) -> None:
        for _ in range(count):
            await store.get("a/0")

    async with anyio.create_task_group() as tasks:
        for count in (1, 3, 2):
            tasks.start_soon(one_after_the_other, count)
    assert store.log.round_trips == 3
    assert store.log.most_in_flight == 3


@pytest.mark.anyio
async def test_a_request_takes_the_latency_and_a_cancelled_one_has_no_effect() -> None:
    inner = MemoryStore()
    store = LatencyStore(inner, 0.03)
    start = time.perf_counter()
    await store.set("a", b"value")
    assert time.perf_counter() - start >= 0.025
    with anyio.move_on_after(0.005):
        await store.set("a", b"late")
    assert inner["a"] == b"value"
    assert store.log.in_flight == 0


def test_the_request_that_was_named_fails_and_no_other() -> None:
    store = FaultStore(MemoryStore(VALUES), at=3, kinds={"get"})
    store.get("a/0")
    store.set("a/0", b"new")
    store.get("a/1")
    with pytest.raises(StoreError, match="injected: get of 'b'"):
        store.get("b")
    assert store.get("b") == b""
    assert (store.faults.matched, store.faults.failed) == (4, 1)


def test_requests_of_matching_keys_fail_so_many_times() -> None:
    store = FaultStore(MemoryStore(VALUES), lambda: TimeoutError("late"), keys="a/*", times=2)
    for _ in range(2):
        with pytest.raises(TimeoutError, match="late"):
            store.get("a/0")
    assert store.get("a/0") == b"12"
    assert store.get("b") == b""


def failed_write(when: Any) -> BlockingStore:
    inner = MemoryStore()
    error = StoreError("lost", transient=True)
    store = FaultStore(inner, error, kinds={"set_if"}, when=when)
    with pytest.raises(StoreError) as caught:
        store.set_if("a", b"value", None)
    assert caught.value is error
    return inner


def test_a_request_fails_before_its_effect_or_its_answer_is_lost() -> None:
    assert "a" not in failed_write("before")
    assert failed_write("after")["a"] == b"value"


@pytest.mark.anyio
async def test_faults_and_counts_work_on_async_stores_too() -> None:
    counting = AsyncCountingStore(MemoryStore(VALUES))
    store = AsyncFaultStore(counting, at=2)
    assert await store.get("a/1") == b"345"
    with pytest.raises(StoreError, match="injected"):
        await store.set("a/1", b"new")
    assert counting.log.counts == {"get": 1}
    lost = AsyncFaultStore(counting, kinds={"set"}, when="after")
    with pytest.raises(StoreError, match="injected"):
        await lost.set("a/1", b"new")
    assert await store.get("a/1") == b"new"
    await store.close()
