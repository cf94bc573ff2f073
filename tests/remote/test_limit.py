"""The adaptive limit against simulated stores: no clock, no threads, every run the same."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random

import pytest

from azarr.config import RetryPolicy
from azarr.engine.process._limit import LEAST, START, AdaptiveLimit, Budget

SERVICE = 0.05


class Store:
    """A store in simulated time, asked by clients that always have more to ask.

    Args:
        slots: requests it works on at once; others wait in line, so that latency rises.
        refuse_above: with more in flight, further ones are answered "slow down" after 5 ms.
        service: seconds that a request takes, given a random generator.
    """

    def __init__(
        self,
        *,
        slots: float = float("inf"),
        refuse_above: float = float("inf"),
        service: Callable[[Random], float] = lambda random: SERVICE * random.uniform(0.9, 1.3),
    ) -> None:
        self.slots = slots
        self.refuse_above = refuse_above
        self.service = service
        self.now = 0.0
        self.done = 0
        self._random = Random(1)
        self._events: list[tuple[float, int, int, float, bool]] = []
        self._number = count()
        self._line: list[tuple[int, float]] = []
        self._busy = 0

    @property
    def in_flight(self) -> int:
        return self._busy + len(self._line)

    def run(self, limits: list[AdaptiveLimit], seconds: float) -> None:
        """Let every client keep as many requests in flight as its limit allows."""
        self.asked = [0] * len(limits) if not hasattr(self, "asked") else self.asked
        self.asked += [0] * (len(limits) - len(self.asked))
        end = self.now + seconds
        self._fill(limits)
        while self._events and self._events[0][0] < end:
            self.now, _, client, begun, refused = heapq.heappop(self._events)
            self.asked[client] -= 1
            limit = limits[client]
            if refused:
                limit.throttled(self.now, begun)
            else:
                self._busy -= 1
                self.done += 1
                limit.answered(self.now - begun, self.asked[client] + 1)
                while self._line and self._busy < self.slots:
                    self._serve(*self._line.pop(0))
            self._fill(limits)
        self.now = end

    def _fill(self, limits: list[AdaptiveLimit]) -> None:
        # Turn by turn, so that nobody is first for ever.
        more = True
        while more:
            more = False
            for client, limit in enumerate(limits):
                if self.asked[client] < limit.value:
                    self.asked[client] += 1
                    self._ask(client)
                    more = True

    def _ask(self, client: int) -> None:
        if self.in_flight >= self.refuse_above:
            self._event(0.005, client, self.now, True)
        elif self._busy < self.slots:
            self._serve(client, self.now)
        else:
            self._line.append((client, self.now))

    def _serve(self, client: int, begun: float) -> None:
        self._busy += 1
        self._event(self.service(self._random), client, begun, False)

    def _event(self, delay: float, client: int, begun: float, refused: bool) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._number), client, begun, refused))


def test_it_starts_high_enough_for_1000_chunks_without_learning() -> None:
    assert START >= 1000 / (0.3 / SERVICE - 1)
    assert AdaptiveLimit(1024).value == START


def test_it_grows_to_what_is_configured_while_latency_stays_flat() -> None:
    limit = AdaptiveLimit(1024)
    Store().run([limit], 5)
    assert limit.value == 1024


def test_it_does_not_grow_while_it_is_not_used() -> None:
    limit = AdaptiveLimit(1024)
    for _ in range(10_000):
        limit.answered(SERVICE, 20)
    assert limit.value == START


def test_it_never_exceeds_what_is_configured() -> None:
    limit = AdaptiveLimit(32)
    assert limit.value == 32
    Store().run([limit], 3)
    assert limit.value == 32


def test_a_heavy_tail_does_not_shrink_it() -> None:
    def service(random: Random) -> float:
        slow = 30 if random.random() < 0.1 else 1
        return SERVICE * slow * random.uniform(0.8, 1.5)

    limit = AdaptiveLimit(1024)
    store = Store(service=service)
    lowest = limit.value
    for _ in range(40):
        store.run([limit], 0.25)
        lowest = min(lowest, limit.value)
    assert lowest == START
    assert limit.value > 600


def test_jitter_of_twice_the_latency_does_not_shrink_it() -> None:
    limit = AdaptiveLimit(1024)
    Store(service=lambda random: SERVICE * random.uniform(1, 3)).run([limit], 5)
    assert limit.value == 1024


def test_values_of_different_sizes_do_not_shrink_it() -> None:
    """A large value takes ten times as long on an idle store: that is no queue."""
    limit, random = AdaptiveLimit(1024), Random(1)
    for _ in range(20):  # operations on small values, then on large ones
        for _ in range(1000):
            limit.answered(random.uniform(0.05, 0.06), limit.value, "small")
        for _ in range(1000):
            limit.answered(random.uniform(0.5, 0.6), limit.value, "large")
    assert limit.value == 1024


@pytest.mark.parametrize("slots", [20, 60])
def test_rising_latency_shrinks_it_and_the_store_stays_busy(slots: int) -> None:
    """It begins with a queue: what it takes for the latency of an idle store is up to twice it."""
    limit = AdaptiveLimit(1024)
    store = Store(slots=slots)
    store.run([limit], 10)
    done = store.done
    store.run([limit], 10)
    assert slots <= limit.value <= slots * (7.5 if slots < START // 10 else 3.8)
    assert (store.done - done) * SERVICE * 1.1 >= 0.95 * slots * 10


def test_a_throttling_store_is_not_flooded_and_stays_busy() -> None:
    limit = AdaptiveLimit(1024)
    store = Store(refuse_above=100)
    store.run([limit], 5)
    done, seen = store.done, []
    for _ in range(100):
        store.run([limit], 0.1)
        seen.append(limit.value)
    assert max(seen) <= 100 + 2 * 16
    assert (store.done - done) * SERVICE * 1.1 >= 0.6 * 100 * 10


def test_it_recovers_when_the_store_does() -> None:
    limit = AdaptiveLimit(1024)
    store = Store(refuse_above=30)
    store.run([limit], 5)
    assert limit.value <= 50
    store.refuse_above = float("inf")
    store.run([limit], 5)
    assert limit.value == 1024


def test_a_store_that_has_become_slower_for_good_is_believed() -> None:
    limit = AdaptiveLimit(1024)
    store = Store()
    store.run([limit], 5)
    store.service = lambda random: 5 * SERVICE * random.uniform(0.9, 1.1)
    store.run([limit], 120)
    assert limit.value > 500


@pytest.mark.parametrize("later", [0.0, 20.0])
def test_several_clients_end_up_with_equal_shares(later: float) -> None:
    """Also when they come one after the other: the first one has all of the store by then."""
    limits = [AdaptiveLimit(1024) for _ in range(4)]
    store = Store(refuse_above=200)
    store.run(limits[:1], later)
    store.run(limits, 40)
    shares = [0.0] * 4
    for _ in range(400):
        store.run(limits, 0.1)
        for client, limit in enumerate(limits):
            shares[client] += limit.value
    fairness = sum(shares) ** 2 / (4 * sum(each**2 for each in shares))  # Jain's index
    assert fairness > 0.9


def test_throttling_counts_once_for_the_requests_in_flight() -> None:
    limit = AdaptiveLimit(1024)
    for i in range(100):
        limit.throttled(10.0 + i / 1000, begun=9.9)
    assert limit.value == START // 2
    limit.throttled(11.0, begun=10.5)
    assert limit.value == START // 4
    for second in range(12, 100):
        limit.throttled(float(second), begun=second - 0.1)
    assert limit.value == LEAST


def test_a_budget_allows_a_burst_and_then_a_share() -> None:
    budget = Budget()
    assert sum(budget.spend() for _ in range(1000)) == 100
    spent = 0
    for _ in range(1000):
        budget.earn(0.2)
        spent += budget.spend()
    assert 199 <= spent <= 200


def test_waiting_times_have_full_jitter_under_a_cap() -> None:
    policy = RetryPolicy(base_seconds=0.1, cap_seconds=2)
    assert [policy.delay(n, 1.0) for n in (1, 2, 3, 10)] == pytest.approx([0.1, 0.2, 0.4, 2])
    assert policy.delay(3, 0.0) == 0
    assert policy.delay(3, 0.5) == pytest.approx(0.2)
    assert (policy.delay(1, 0.5, 1.5), policy.delay(1, 0.5, 60.0)) == (1.5, 2)
