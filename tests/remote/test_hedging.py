"""A second request for what takes long: it cuts the tail, and costs at most 5 %.

Time is simulated where it is measured: only waiting moves it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from random import Random
from typing import Any

import anyio
import pytest
import trio
from tests.remote.conftest import MakeStore, statistics
from trio.testing import MockClock

import azarr
from azarr.config import RetryPolicy
from azarr.engine.runtimes import _hedging, _requests
from azarr.engine.runtimes._anyio import AnyioRuntime
from azarr.storage import MemoryStore
from azarr.testing import AsyncCountingStore
from benchmarks.s3_server import Conditions, S3Server

pytestmark = pytest.mark.alone

HEDGED = RetryPolicy(hedge=True)


class Tailed(AsyncCountingStore):
    """A store that takes 5 ms, and 100 ms where `is_late` says so: three times of a hundred."""

    def __init__(self) -> None:
        super().__init__(MemoryStore({"a": b"1"}))
        random = Random(3)
        self.is_late: Callable[[], bool] = lambda: random.random() < 0.03

    async def _request(self, *arguments: Any) -> Any:
        await trio.sleep(0.1 if self.is_late() else 0.005)
        return await super()._request(*arguments)


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Any]:
    for module in (_hedging, _requests):
        monkeypatch.setattr(module, "monotonic", trio.current_time)
    return lambda main: trio.run(main, clock=MockClock(autojump_threshold=0))


@pytest.fixture
def percentile(simulated: Any) -> Callable[..., float]:
    """The latency that a share of the reads stays under, after some to learn from."""

    def measured(store: Tailed, share: float, count: int = 1000) -> float:
        seconds: list[float] = []

        async def main() -> None:
            runtime = AnyioRuntime(store)

            async def reader(times: int) -> None:
                for _ in range(times):
                    start = trio.current_time()
                    assert await runtime.get("a") == b"1"
                    seconds.append(trio.current_time() - start)

            for times in (20, count // 10):
                seconds.clear()
                async with anyio.create_task_group() as group:
                    for _ in range(10):
                        group.start_soon(reader, times)

        simulated(main)
        return sorted(seconds)[int(share * len(seconds))]

    return measured


def test_the_99th_percentile_is_cut_by_half_at_five_percent_more_requests(percentile: Any) -> None:
    plain, hedged = Tailed(), Tailed()
    without = percentile(plain, 0.99)
    azarr.config.set(retry=HEDGED)
    with_hedges = percentile(hedged, 0.99)
    assert without >= 0.099
    assert with_hedges <= without / 2
    found = statistics(hedged)
    assert 0 < found["hedges"] <= 0.05 * found["requests"]
    assert len(hedged.log) <= 1.05 * 1200
    assert found["in_flight"] == 0


def test_a_tail_longer_than_five_percent_does_not_cost_more_than_that(percentile: Any) -> None:
    """Half of the answers are slow: there are hedges for one request of twenty, after the burst."""
    azarr.config.set(retry=HEDGED)
    store = Tailed()
    percentile(store, 0.99, 200)
    late = cycle([True, False])
    store.is_late = lambda: next(late)
    before = statistics(store)["requests"]
    percentile(store, 0.99, 2000)
    after = statistics(store)
    assert after["hedges"] <= 0.05 * after["requests"] + 50
    assert after["requests"] > before


def test_writes_and_listings_are_not_sent_twice(percentile: Any, simulated: Any) -> None:
    azarr.config.set(retry=HEDGED)
    store = Tailed()
    percentile(store, 0.99, 200)
    hedges = statistics(store)["hedges"]
    store.is_late = lambda: True
    store.log.clear()

    async def main() -> None:
        runtime = AnyioRuntime(store)
        for _ in range(50):
            await runtime.set("b", b"1")
            await runtime.list_children("")

    simulated(main)
    assert statistics(store)["hedges"] == hedges
    assert len(store.log) == 100


def test_observers_are_told_of_hedges(percentile: Any) -> None:
    azarr.config.set(retry=HEDGED)
    store = Tailed()
    seen: list[str] = []

    class Seeing(azarr.Observer):
        def hedged(self, request: Any) -> None:
            seen.append(request.key)

    with azarr.observing(Seeing()):
        percentile(store, 0.99, 300)
    assert seen == ["a"] * statistics(store)["hedges"]


@pytest.mark.slow
def test_a_faulty_bucket_with_a_heavy_tail_gives_all_data_right(
    kind: Any, make: MakeStore, server: S3Server
) -> None:
    store = make(kind).with_retry(RetryPolicy(base_seconds=0.01, hedge=True))
    array = azarr.create_array(store, shape=2000, chunks=5, dtype="i4")
    array[:] = range(2000)
    array[:]
    server.conditions = Conditions(
        latency=0.005, tail_rate=0.02, tail_latency=0.3, error_rate=0.01, reset_rate=0.01
    )
    for _ in range(3):
        assert (array[:] == range(2000)).all()
    assert statistics(store)["hedges"] > 0
