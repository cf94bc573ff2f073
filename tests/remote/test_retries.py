"""Requests that fail: what is sent again, how often, and what a lost answer means."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import anyio
import numpy as np
import pytest
from tests.remote.conftest import SECRET, MakeStore, statistics

import azarr
import azarr.aio
from azarr.config import RetryPolicy
from azarr.engine.process._observers import Request
from azarr.engine.runtimes._anyio import AnyioRuntime
from azarr.errors import ConflictError, ReadOnlyError, StoreError
from azarr.storage import MemoryStore
from azarr.stores import AsyncStore, FsspecStore, ObstoreStore
from azarr.testing import AsyncFaultStore, BlockingLatencyStore, FaultStore, LatencyStore
from benchmarks.s3_server import Conditions, S3Server

VALUES = np.arange(4000, dtype="i4")


@pytest.fixture
def array(kind: Any, make: MakeStore) -> Any:
    array = azarr.create_array(make(kind), shape=4000, chunks=100, dtype="i4", compressors=None)
    array[:] = VALUES
    return array


FAULTS = {
    "500": Conditions(error_rate=0.1),
    "503": Conditions(error_rate=0.1, error_status=503),
    "429": Conditions(error_rate=0.1, error_status=429),
    "a reset": Conditions(reset_rate=0.1),
    "a lost answer": Conditions(lost_rate=0.1),
    "a truncated body": Conditions(truncate_rate=0.1),
    "SlowDown": Conditions(latency=0.005, throttle_above=8),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_pass_is_sent_again_until_it_succeeds(
    array: Any, kind: Any, server: S3Server, fault: str
) -> None:
    server.conditions = FAULTS[fault]
    array[:] = VALUES[::-1]
    np.testing.assert_array_equal(array[:], VALUES[::-1])
    array[150:160] = 7
    assert (array[140:170] == 7).sum() == 10
    found = statistics(array.store)
    assert found["retries"] == found["failures"]
    # aiohttp sends again by itself what a kept connection lost, once: one of ten is lost twice.
    unseen = kind is FsspecStore and fault in ("a reset", "a lost answer")
    assert found["failures"] > 0 or unseen
    assert (found["throttled"] > 0) == (fault in ("503", "429", "SlowDown"))
    assert found["in_flight"] == 0


@pytest.fixture
def group(kind: Any, make: MakeStore) -> Any:
    group = azarr.create_group(make(kind))
    group.create_array("x", shape=20, chunks=2, dtype="i4")[:] = 1
    return group


@pytest.mark.parametrize("code", ["SlowDown", "InternalError", "RequestTimeout"])
def test_keys_that_a_bulk_delete_left_are_deleted_again(
    group: Any, server: S3Server, code: str
) -> None:
    """S3 answers 200, and says in the body for which keys it was not possible."""
    server.objects.refusals = {"a.zarr/x/zarr.json": [code] * 2, "a.zarr/x/c/7": [code]}
    server.log.clear()
    del group["x"]
    assert server.log.counts["BULK DELETE"] == 3
    found = statistics(group.store)
    assert (found["retries"], found["throttled"]) == (2, 2 if code == "SlowDown" else 0)
    assert [key for bucket in server.objects.buckets.values() for key in bucket] == [
        "a.zarr/zarr.json"
    ]


def test_a_bulk_delete_that_is_forbidden_is_not_sent_again(group: Any, server: S3Server) -> None:
    server.objects.refusals = {"a.zarr/x/c/7": ["AccessDenied"]}
    server.log.clear()
    with pytest.raises(ReadOnlyError, match=r"'x/c/7'.*AccessDenied"):
        del group["x"]
    assert server.log.counts["BULK DELETE"] == 1
    assert statistics(group.store)["retries"] == 0


@pytest.mark.parametrize("status", [400, 401, 403, 501])
def test_what_will_not_pass_is_not_sent_again(array: Any, server: S3Server, status: int) -> None:
    server.conditions = Conditions(error_rate=1, error_status=status)
    server.log.clear()
    with pytest.raises(StoreError) as caught:
        array[50]
    assert not caught.value.transient
    assert server.log.requests == 1
    assert statistics(array.store)["retries"] == 0


def test_a_policy_belongs_to_a_store_or_to_the_configuration(
    array: Any, make: MakeStore, server: S3Server
) -> None:
    server.conditions = Conditions(error_rate=1)
    for policy in (RetryPolicy(attempts=3, base_seconds=0), RetryPolicy(attempts=1)):
        server.log.clear()
        with pytest.raises(StoreError, match="500"):
            azarr.open(array.store.with_retry(policy), path="x", zarr_format=3)
        assert server.log.requests == policy.attempts
    azarr.config.set(retry=RetryPolicy(attempts=2, base_seconds=0))
    server.log.clear()
    with pytest.raises(StoreError):
        azarr.open(array.store.with_retry(None), path="x", zarr_format=3)
    assert server.log.requests == 2


def test_the_last_error_names_the_chunk_and_no_secret(array: Any, server: S3Server) -> None:
    server.conditions = Conditions(error_rate=1, error_status=503)
    with pytest.raises(StoreError) as caught:
        array[50]
    text = "".join([str(caught.value), *caught.value.__notes__, repr(vars(caught.value))])
    assert "chunk (0,)" in text
    assert SECRET not in text


def test_credentials_are_in_no_log_and_no_statistics(
    array: Any, server: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.conditions = Conditions(error_rate=0.3)
    with caplog.at_level(logging.DEBUG, "azarr"), azarr.observing(azarr.LoggingObserver()):
        array[:]
    assert caplog.records
    seen = "".join(repr(vars(record)) for record in caplog.records) + repr(azarr.stats())
    assert SECRET not in seen
    assert "AKIA" not in seen


class Failing:
    """Requests by hand: a store whose gets fail as told, and the seconds waited between them."""

    def __init__(self, *errors: StoreError) -> None:
        self.errors = list(errors)
        self.store = LatencyStore(MemoryStore({"a": b"1"}), 0)
        self.store._request = self._request  # type: ignore[method-assign]
        self.times: list[float] = []

    async def _request(self, *arguments: Any) -> Any:
        self.times.append(time.monotonic())
        if self.errors:
            raise self.errors.pop(0)
        return b"1"

    async def get(self) -> Any:
        return await AnyioRuntime(self.store).get("a")

    @property
    def waits(self) -> list[float]:
        return [b - a for a, b in zip(self.times, self.times[1:], strict=False)]


def test_a_store_that_says_how_long_to_wait_is_believed_up_to_the_cap() -> None:
    azarr.config.set(retry=RetryPolicy(base_seconds=0, cap_seconds=0.1))
    failing = Failing(
        StoreError("busy", throttled=True, retry_after=0.05),
        StoreError("busy", throttled=True, retry_after=3600.0),
        StoreError("lost", transient=True),
    )
    assert anyio.run(failing.get) == b"1"
    first, second, third = failing.waits
    assert 0.05 <= first < 0.09
    assert 0.1 <= second < 0.2
    assert third < 0.04


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_arrives_where_the_client_shows_headers(
    array: Any, server: S3Server, status: int
) -> None:
    """s3fs does; obstore's errors have no headers, there the waiting time is drawn."""
    server.conditions = Conditions(error_rate=1, error_status=status, retry_after=7)

    async def main() -> StoreError:
        with pytest.raises(StoreError) as caught:
            await array.store.get("x")
        return caught.value

    error = anyio.run(main)
    assert error.throttled
    assert error.transient
    wish = 7.0 if type(array.store).__name__ == "_AsyncFsspecStore" else None
    assert error.retry_after == wish


def test_a_store_that_is_down_is_not_flooded() -> None:
    """100 retries at once, then one for every five requests."""
    azarr.config.set(retry=RetryPolicy(attempts=10, base_seconds=0))
    store = AsyncFaultStore(LatencyStore(MemoryStore(), 0), lambda: StoreError(transient=True))

    async def main() -> None:
        runtime = AnyioRuntime(store)
        for _ in range(500):
            with pytest.raises(StoreError):
                await runtime.get("a")

    anyio.run(main)
    assert store.faults.failed == pytest.approx(500 + 100 + 0.2 * 500, abs=1)
    assert statistics(store)["retries"] == store.faults.failed - 500


def test_blocking_remote_stores_are_asked_again_too() -> None:
    azarr.config.set(retry=RetryPolicy(base_seconds=0))
    store = BlockingLatencyStore(
        FaultStore(MemoryStore(), lambda: StoreError(transient=True), times=3), 0
    )
    array = azarr.create_array(store, shape=10, chunks=1, dtype="u1")
    array[:] = 3
    assert array[:].sum() == 30
    assert statistics(store)["retries"] == 3


def test_stores_that_are_not_remote_are_not_asked_again() -> None:
    store = FaultStore(MemoryStore(), lambda: StoreError(transient=True), times=1, kinds={"set_if"})
    with pytest.raises(StoreError):
        azarr.create_array(store, shape=10)


def test_observers_are_told_of_every_request_and_retry() -> None:
    azarr.config.set(retry=RetryPolicy(base_seconds=0))
    store = AsyncFaultStore(
        LatencyStore(MemoryStore(), 0), lambda: StoreError(transient=True), at=1, kinds={"get"}
    )
    told: list[Any] = []

    class Telling(azarr.Observer):
        def started(self, request: Request) -> None:
            told.append(("started", request.kind, request.key))

        def finished(self, request: Request, seconds: float, error: Any) -> None:
            told.append(("finished", type(error).__name__))

        def retried(self, request: Request, attempt: int, delay: float, error: Any) -> None:
            told.append(("retried", attempt))

    async def main() -> None:
        await AnyioRuntime(store).get("a")

    with azarr.observing(Telling()):
        anyio.run(main)
    anyio.run(main)
    one = ("started", "get", "a")
    assert told == [
        one,
        ("finished", "StoreError"),
        ("retried", 1),
        one,
        ("finished", "NoneType"),
    ]


class Lossy(LatencyStore):
    """A store that takes a conditional write, and loses the answer to the first one.

    Args:
        late: the write takes effect only when it was sent again, before ("read") or after ("write")
            the value was read back; or at once (None).
    """

    def __init__(self, late: str | None = None) -> None:
        super().__init__(MemoryStore(), 0)
        self.late = late
        self.pending: Callable[[], Any] | None = None
        self.lost = False
        self.between: Callable[[], None] = lambda: None

    async def set_if(self, key: str, value: Any, generation: Any) -> Any:
        if not self.lost:
            self.lost = True
            call = super().set_if(key, value, generation)
            if self.late is None:
                await call
            else:
                self.pending = lambda: call
            self.between()
            raise StoreError("the answer was lost", transient=True)
        if self.late == "write":
            await self._arrive()
        return await super().set_if(key, value, generation)

    async def delete_if(self, key: str, generation: Any) -> Any:
        if not self.lost:
            self.lost = True
            await super().delete_if(key, generation)
            raise StoreError("the answer was lost", transient=True)
        return await super().delete_if(key, generation)

    async def get_with_generation(self, key: str) -> Any:
        if self.lost and self.late == "read":
            await self._arrive()
        return await super().get_with_generation(key)

    async def _arrive(self) -> None:
        if self.pending is not None:
            call, self.pending = self.pending, None
            await call()


@pytest.mark.parametrize("late", [None, "read", "write"])
@pytest.mark.parametrize("there", [False, True])
def test_a_conditional_write_whose_answer_was_lost_is_read_back(
    late: str | None, there: bool
) -> None:
    azarr.config.set(retry=RetryPolicy(base_seconds=0))
    store = Lossy(late)

    async def main() -> None:
        before = await store.store.set_if("a", b"0", None) if there else None
        runtime = AnyioRuntime(store)
        generation = await runtime.set_if("a", b"1", before)
        assert (b"1", generation) == await runtime.get_with_generation("a")
        await runtime.set_if("a", b"2", generation)

    if isinstance(store.store, AsyncStore):
        anyio.run(main)
    else:
        anyio.run(_with_blocking(store, there, late))


def _with_blocking(store: Lossy, there: bool, late: str | None) -> Any:
    before = store.store.set_if("a", b"0", None) if there else None  # type: ignore[union-attr]

    async def main() -> None:
        runtime = AnyioRuntime(store)
        generation = await runtime.set_if("a", b"1", before)
        assert (b"1", generation) == await runtime.get_with_generation("a")
        await runtime.set_if("a", b"2", generation)

    return main


def test_a_lost_write_that_somebody_else_has_replaced_is_a_conflict() -> None:
    azarr.config.set(retry=RetryPolicy(base_seconds=0))
    store = Lossy()
    store.between = lambda: store.store.set("a", b"of somebody else")  # type: ignore[union-attr]

    async def main() -> None:
        with pytest.raises(ConflictError):
            await AnyioRuntime(store).set_if("a", b"1", None)

    anyio.run(main)
    assert store.store.get("a") == b"of somebody else"


def test_a_conditional_delete_whose_answer_was_lost_is_done() -> None:
    azarr.config.set(retry=RetryPolicy(base_seconds=0))
    store = Lossy()
    generation = store.store.set_if("a", b"1", None)  # type: ignore[union-attr]

    async def main() -> None:
        await AnyioRuntime(store).delete_if("a", generation)

    anyio.run(main)
    assert store.store.get("a") is None


def test_updates_by_several_threads_all_arrive_when_answers_are_lost(
    array: Any, server: S3Server
) -> None:
    """Nothing is lost, nothing is done twice: each adds one to an element of the same chunk."""
    from concurrent.futures import ThreadPoolExecutor

    array[:100] = 0
    server.conditions = Conditions(lost_rate=0.15, methods=frozenset({"PUT"}))

    def update(i: int) -> None:
        array[i] = array[i] + 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(update, range(40)))
    server.conditions = Conditions()
    np.testing.assert_array_equal(array[:100], [1] * 40 + [0] * 60)


def test_attributes_all_arrive_when_answers_are_lost(array: Any, server: S3Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    server.conditions = Conditions(lost_rate=0.2, methods=frozenset({"PUT"}))
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda i: array.attrs.update({f"k{i}": i}), range(10)))
    server.conditions = Conditions()
    assert dict(azarr.open_array(array.store).attrs) == {f"k{i}": i for i in range(10)}


@pytest.mark.parametrize("sharded", [False, True])
@pytest.mark.parametrize("atomic", [False, True])
def test_a_chunk_that_becomes_empty_is_stored_where_deleting_is_two_steps(
    sharded: bool, atomic: bool
) -> None:
    store = LatencyStore(MemoryStore(), 0)
    store.atomic_delete_if = atomic
    array = azarr.create_array(
        store,
        shape=8,
        chunks=2 if sharded else 4,
        shards=4 if sharded else None,
        dtype="i4",
        fill_value=7,
        write_empty_chunks=False,
    )
    array[:] = 1
    store.log.clear()
    array[:2] = 7
    array[2:4] = 7
    assert ("delete_if" in store.log.counts) == atomic
    assert (store.store.get("c/0") is None) == atomic
    np.testing.assert_array_equal(array[:], [7, 7, 7, 7, 1, 1, 1, 1])
    store.log.clear()
    array[4:] = 7  # the whole chunk is given: there is nothing of others to lose
    assert store.log.counts == {"delete": 1}


@pytest.mark.parametrize("stop", ["cancel", "timeout"])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_nothing_is_left_running_after_cancelling_while_waiting_to_retry(
    array: Any, server: S3Server, stop: str, backend: str
) -> None:
    server.conditions = Conditions(error_rate=1)
    slow = array.store.with_retry(RetryPolicy(base_seconds=60))

    async def main() -> None:
        with anyio.move_on_after(0.3 if stop == "timeout" else 30) as scope:
            if stop == "cancel":
                async with anyio.create_task_group() as group:
                    group.start_soon(azarr.aio.open_array, slow)
                    await anyio.sleep(0.05)
                    group.cancel_scope.cancel()
            else:
                await azarr.aio.open_array(slow)
        assert scope.cancelled_caught == (stop == "timeout")

    anyio.run(main, backend=backend)
    server.conditions = Conditions()
    before = server.log.requests
    time.sleep(0.05)
    assert server.log.requests == before
    assert statistics(array.store)["in_flight"] == 0
    np.testing.assert_array_equal(array[:], VALUES)


def test_nothing_is_left_running_after_an_error(array: Any, server: S3Server) -> None:
    """The first error stops the others, those too that wait to be sent again."""
    server.conditions = Conditions(latency=0.02, error_rate=0.5, error_status=403)
    azarr.config.set(requests=4)
    with pytest.raises(StoreError):
        array[:]
    time.sleep(0.05)  # what was already on its way when it was cancelled
    before = server.log.requests
    time.sleep(0.1)
    assert server.log.requests == before
    assert server.log.in_flight == 0
    assert statistics(array.store)["in_flight"] == 0


@pytest.mark.parametrize("kind", [ObstoreStore, FsspecStore])
def test_an_append_is_done_once_when_answers_are_lost(
    kind: Any, make: MakeStore, server: S3Server
) -> None:
    """aiohttp sends a PUT again by itself, and conflicts with its own first one."""
    for number in range(20):
        store = make(kind, f"bucket{number}")
        array = azarr.create_array(store, shape=0, chunks=4, dtype="i4")
        server.conditions = Conditions(lost_rate=0.15, methods=frozenset({"PUT"}))
        array.append([1, 2, 3])
        server.conditions = Conditions()
        assert azarr.open_array(store)[:].tolist() == [1, 2, 3]
