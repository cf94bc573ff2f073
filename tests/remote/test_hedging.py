"""A second request for what takes long: it cuts the tail, and costs at most 5 %."""

from __future__ import annotations

import gc
from random import Random
from time import monotonic
from typing import Any

import anyio
import pytest
from tests.remote.conftest import MakeStore, statistics

import azarr
from azarr.config import RetryPolicy
from azarr.engine.runtimes._anyio import AnyioRuntime
from azarr.storage import MemoryStore
from azarr.testing import LatencyStore
from benchmarks.s3_server import Conditions, S3Server

pytestmark = pytest.mark.alone

HEDGED = RetryPolicy(hedge=True)


class Tailed(LatencyStore):
    """A store that takes 5 ms, and 100 ms for three requests of a hundred."""

    def __init__(self) -> None:
        super().__init__(MemoryStore({"a": b"1"}))
        self._random = Random(3)

    async def _request(self, *arguments: Any) -> Any:
        self.seconds = 0.1 if self._random.random() < 0.03 else 0.005
        return await super()._request(*arguments)


def percentile(store: LatencyStore, share: float, count: int = 1000) -> float:
    """The latency that a share of the reads stays under, after some to learn from."""
    seconds: list[float] = []

    async def main() -> None:
        runtime = AnyioRuntime(store)

        async def reader(times: int) -> None:
            for _ in range(times):
                start = monotonic()
                assert await runtime.get("a") == b"1"
                seconds.append(monotonic() - start)

        for times in (20, count // 10):
            seconds.clear()
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(reader, times)

    # A collection of all that the other tests have left takes 50 ms, ten requests at a time.
    gc.collect()
    gc.disable()
    try:
        anyio.run(main)
    finally:
        gc.enable()
    return sorted(seconds)[int(share * len(seconds))]


def test_the_99th_percentile_is_cut_by_half_at_five_percent_more_requests() -> None:
    plain, hedged = Tailed(), Tailed()
    without = percentile(plain, 0.99)
    azarr.config.set(retry=HEDGED)
    with_hedges = percentile(hedged, 0.99)
    assert without >= 0.1
    assert with_hedges <= without / 2
    found = statistics(hedged)
    assert 0 < found["hedges"] <= 0.05 * found["requests"]
    assert len(hedged.log) <= 1.05 * 1200
    assert found["in_flight"] == 0


def test_a_tail_longer_than_five_percent_does_not_cost_more_than_that() -> None:
    """Half of the answers are slow: there are hedges for one request of twenty, after the burst."""
    azarr.config.set(retry=HEDGED)
    store = Tailed()
    store._random = Random(3)
    percentile(store, 0.99, 200)
    store._random.random = lambda: 0.0 if monotonic() * 1000 % 2 < 1 else 1.0  # type: ignore[method-assign]
    before = statistics(store)["requests"]
    percentile(store, 0.99, 400)
    after = statistics(store)
    assert after["hedges"] <= 0.05 * after["requests"] + 50
    assert after["requests"] > before


def test_writes_and_listings_are_not_sent_twice() -> None:
    azarr.config.set(retry=HEDGED)
    store = Tailed()
    percentile(store, 0.99, 200)
    hedges = statistics(store)["hedges"]

    async def main() -> None:
        runtime = AnyioRuntime(store)
        for _ in range(50):
            await runtime.set("b", b"1")

    store._random.random = lambda: 0.0  # type: ignore[method-assign]
    store.log.clear()
    anyio.run(main)
    assert statistics(store)["hedges"] == hedges
    assert len(store.log) == 50


def test_observers_are_told_of_hedges() -> None:
    azarr.config.set(retry=HEDGED)
    store = Tailed()
    seen = []

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
