"""The time that faults and a heavy tail add to a read, on a clock that only waiting moves.

The engine is the real one; its clock, the sleeping and the store are simulated, so that the numbers
are those of the decisions alone and the same on a busy machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from statistics import median
from typing import Any

import anyio
import pytest
import trio
from tests.remote.conftest import statistics
from trio.testing import MockClock

import azarr
from azarr.config import RetryPolicy
from azarr.engine.runtimes import _hedging, _requests
from azarr.engine.runtimes._anyio import AnyioRuntime
from azarr.errors import StoreError
from azarr.storage import MemoryStore
from azarr.testing import AsyncCountingStore

LATENCY = 0.05
CHUNKS = 1024
CLEAN = (0.0, 0.0)
FAULTY = (0.02, 0.02)
"""The shares that fail, and that take a second longer: those of `benchmarks.round_trips`."""


class Simulated(AsyncCountingStore):
    """A store of one value that waits, and fails, as told."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(MemoryStore({"a": b"1"}))
        self.faults = CLEAN
        self.throttles = False
        self.random = Random(seed)
        self.latency_of: Callable[[Random], float] = lambda random: LATENCY

    async def get(self, key: str, default: Any = None) -> Any:
        errors, tail = self.faults
        fails, late = self.random.random() < errors, self.random.random() < tail
        await trio.sleep(self.latency_of(self.random) + late)
        if fails:
            raise StoreError("broken", transient=True, throttled=self.throttles)
        return await super().get(key, default)


@pytest.fixture(autouse=True)
def _simulated_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_hedging, _requests):
        monkeypatch.setattr(module, "monotonic", trio.current_time)


def simulated(main: Callable[[], Any]) -> Any:
    return trio.run(main, clock=MockClock(autojump_threshold=0))


async def read(store: Any, chunks: int = CHUNKS) -> float:
    """The seconds of reading so many chunks."""
    runtime, start = AnyioRuntime(store), trio.current_time()

    async def work(steps: Iterator[int]) -> None:
        for _ in steps:
            assert await runtime.get("a") == b"1"

    await runtime.for_each(work, iter(range(chunks)), chunks, 1000)
    return trio.current_time() - start


def learned_and_faulty(seed: int, times: int = 3) -> tuple[float, list[float], dict[str, int]]:
    """The seconds of a clean read, of some on a faulty store, and what those cost."""
    store = Simulated(seed)

    async def main() -> Any:
        await read(store)
        clean = await read(store)
        before = statistics(store)
        store.faults = FAULTY
        faulty = [await read(store) for _ in range(times)]
        after = statistics(store)
        return clean, faulty, {name: after[name] - before[name] for name in before}

    found: tuple[float, list[float], dict[str, int]] = simulated(main)
    return found


def test_with_hedging_faults_and_a_heavy_tail_add_at_most_half_of_the_clean_time() -> None:
    azarr.config.set(retry=RetryPolicy(hedge=True))
    cleans, faultys, requests, hedges = [], [], 0, 0
    for seed in range(12):
        clean, faulty, counts = learned_and_faulty(seed)
        cleans.append(clean)
        faultys += faulty
        requests += counts["requests"]
        hedges += counts["hedges"]
    assert median(cleans) == pytest.approx(0.2)
    assert median(faultys) <= 1.4 * 0.2
    # One in twelve has a request that is late, and whose two hedges are late or fail.
    assert sorted(faultys)[2 * len(faultys) // 3] <= 1.6 * 0.2
    assert hedges <= 0.05 * requests


def test_without_hedging_the_tail_is_waited_for() -> None:
    clean, faulty, counts = learned_and_faulty(0)
    assert median(faulty) >= 1.0 + clean / 2
    assert counts["hedges"] == 0


def test_a_clean_store_of_even_latency_is_asked_once() -> None:
    azarr.config.set(retry=RetryPolicy(hedge=True))
    store = Simulated()

    async def main() -> None:
        for _ in range(5):
            await read(store)

    simulated(main)
    assert statistics(store)["hedges"] == 0


def test_hedges_cost_no_more_than_a_twentieth_where_latency_varies_much() -> None:
    azarr.config.set(retry=RetryPolicy(hedge=True))
    store = Simulated()
    store.latency_of = lambda random: 0.02 + random.expovariate(1 / 0.02)
    store.faults = (0.02, 0.1)

    async def main() -> None:
        for _ in range(8):
            await read(store)

    simulated(main)
    found = statistics(store)
    assert 0 < found["hedges"] <= 0.05 * found["requests"] + 50


def test_a_single_failure_is_sent_again_almost_at_once() -> None:
    store = Simulated()
    store.faults = (0.02, 0.0)

    async def main() -> list[float]:
        return [await read(store) for _ in range(10)]

    seconds = simulated(main)
    assert median(seconds) <= 0.2 + LATENCY + 0.01
    assert statistics(store)["retries"] > 100


@pytest.mark.parametrize("throttles", [False, True])
def test_a_store_that_is_down_or_throttles_is_not_asked_again_at_once(throttles: bool) -> None:
    """Ten tasks ask without a pause: there are never more than as many retries as were earned."""
    azarr.config.set(retry=RetryPolicy(hedge=True, attempts=3))
    store = Simulated()
    store.faults = (1.0, 0.0)
    store.throttles = throttles
    quick = 0

    class Watching(azarr.Observer):
        def retried(self, request: Any, attempt: int, delay: float, error: Exception) -> None:
            nonlocal quick
            quick += delay < 0.005

    async def main() -> None:
        runtime = AnyioRuntime(store)

        async def ask() -> None:
            for _ in range(100):
                with pytest.raises(StoreError):
                    await runtime.get("a")

        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(ask)

    with azarr.observing(Watching()):
        simulated(main)
    found = statistics(store)
    assert found["retries"] <= 100 + 0.2 * 1000 + 1
    assert found["hedges"] == 0
    # By chance, a waiting time of up to 50 ms is shorter than 5 ms once in ten.
    assert quick <= 0.2 * found["retries"] + (0 if throttles else 60)


def test_a_store_that_throttles_is_not_hedged() -> None:
    azarr.config.set(retry=RetryPolicy(hedge=True))
    store = Simulated()

    async def main() -> None:
        await read(store)
        store.faults, store.throttles = (0.05, 0.05), True
        await read(store)

    simulated(main)
    found = statistics(store)
    assert found["throttled"] > 30
    assert found["hedges"] <= 10, "all of them would be 50"


def test_a_hedge_that_fails_does_not_fail_the_request() -> None:
    azarr.config.set(retry=RetryPolicy(hedge=True, attempts=1))
    store = Simulated()
    outcomes = iter([("late", 1.0), ("fails", 0.01), ("fails", 0.01), ("fine", 0.02)])

    async def get(key: str, default: Any = None) -> Any:
        outcome, seconds = next(outcomes)
        await trio.sleep(seconds)
        if outcome == "fails":
            raise StoreError("broken", transient=True)
        return b"1"

    async def main() -> float:
        await read(store)
        store.get = get  # type: ignore[method-assign]
        return await read(store, 1)

    # Patience, two that fail one after the other, and one that does not.
    assert simulated(main) == pytest.approx(1.5 * LATENCY + 0.01 + 0.01 + 0.02, abs=0.002)
    assert statistics(store)["hedges"] == 3
    assert statistics(store)["in_flight"] == 0


def test_a_request_that_fails_waits_for_its_hedge() -> None:
    azarr.config.set(retry=RetryPolicy(hedge=True, attempts=1))
    store = Simulated()
    outcomes = iter([("fails", 0.1), ("fine", 0.05)])

    async def get(key: str, default: Any = None) -> Any:
        outcome, seconds = next(outcomes)
        await trio.sleep(seconds)
        if outcome == "fails":
            raise StoreError("broken", transient=True)
        return b"1"

    async def main() -> float:
        await read(store)
        store.get = get  # type: ignore[method-assign]
        return await read(store, 1)

    assert simulated(main) == pytest.approx(1.5 * LATENCY + 0.05, abs=0.002)


@pytest.mark.parametrize("seed", range(3))
def test_the_99th_percentile_of_single_requests_is_cut_by_half(seed: int) -> None:
    found = {}
    for hedge in (False, True):
        azarr.config.set(retry=RetryPolicy(hedge=hedge))
        store = Simulated(seed)
        store.latency_of = lambda random: (
            0.1 if random.random() < 0.03 else random.uniform(5e-3, 6e-3)
        )
        seconds: list[float] = []

        async def ask(store: Any = store, seconds: list[float] = seconds) -> None:
            runtime = AnyioRuntime(store)
            for _ in range(120):
                start = trio.current_time()
                await runtime.get("a")
                seconds.append(trio.current_time() - start)

        async def main() -> None:
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(ask)

        simulated(main)
        found[hedge] = sorted(seconds[200:])[990]
    assert found[False] >= 0.1
    assert found[True] <= 0.2 * found[False]
    assert 0 < statistics(store)["hedges"] <= 0.05 * statistics(store)["requests"]


def test_if_all_fail_the_first_error_is_raised() -> None:
    azarr.config.set(retry=RetryPolicy(hedge=True, attempts=1))
    store = Simulated()
    names = iter("abcd")

    async def get(key: str, default: Any = None) -> Any:
        name = next(names)
        await trio.sleep(0.1 if name == "a" else 0.03)
        raise StoreError(name, transient=True)

    async def main() -> None:
        await read(store)
        store.get = get  # type: ignore[method-assign]
        with pytest.raises(StoreError, match="a"):
            await read(store, 1)

    simulated(main)
    assert statistics(store)["in_flight"] == 0
