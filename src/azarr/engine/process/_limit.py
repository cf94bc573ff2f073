"""How many requests a store can take at once, learned from its answers. Pure: time is passed in.

AIMD on windows of answers: additive increase, multiplicative decrease, because it is what lets
several processes at one store end up with equal shares (Chiu and Jain, 1989); a gradient rule does
not. A window ends when as many answers have come as are allowed in flight (at least 32), which is
about a round trip. While the limit is used, each window lets it grow by 16, unless its latency says
that the store has a queue: then it shrinks by a fifth. A store that throttles halves it at once.

The latency of a window is the median of its answers, each relative to the fastest tenth of answers
of its own kind and size that was ever seen: the median, because a heavy tail says nothing about
load; by kind and size, because a large value takes longer than a small one on an idle store too.
"""

from __future__ import annotations

from collections.abc import Hashable

from numpy import median

START = 256
"""1000 chunks at 50 ms are four waves of it: 0.2 s without any learning."""

LEAST = 4
WINDOW = 32
GROWTH = 16.0
SLOWER = 0.8
THROTTLED = 0.5

TOLERANCE = 3.0
"""Latency, relative to the fastest tenth, that is not yet a sign of a queue. Of answers with even
jitter of twice their latency the median is 1.7, of those of a cloud store about 2."""

HALVED = 0.5
BETTER = 0.9
"""A queue is shorter when half as many requests are in flight. Where the latency is not even a
tenth better then, the store has become slower for other reasons, and is measured by that."""

SAMPLE = 8
"""Answers of one kind and size whose fastest tenth says something."""


def size_class(nbytes: int) -> int:
    """Values whose sizes are within a factor of 16 take about as long."""
    return nbytes.bit_length() // 4


class AdaptiveLimit:
    """The number of requests allowed in flight, between `LEAST` and `most`.

    Not safe from several threads by itself; a lost update of a counter does no harm.
    """

    def __init__(self, most: int) -> None:
        self.most = max(LEAST, most)
        self._limit = float(min(START, self.most))
        self._latencies: dict[Hashable, list[float]] = {}
        self._answers = 0
        self._most_in_flight = 0
        self._fastest: dict[Hashable, float] = {}
        self._throttled_at = -float("inf")
        self._shrinking_from: tuple[float, float] | None = None  # the limit, the latency

    @property
    def value(self) -> int:
        """Requests allowed in flight."""
        return int(self._limit)

    def allow(self, most: int) -> None:
        """The limit may grow up to here, if that is more than before."""
        self.most = max(self.most, most)

    def answered(self, seconds: float, in_flight: int, kind: Hashable = 0) -> None:
        """An answer came after so many seconds, while so many requests were in flight.

        Args:
            kind: what was asked; answers of one kind take about as long on an idle store.
        """
        self._latencies.setdefault(kind, []).append(seconds)
        self._answers += 1
        if in_flight > self._most_in_flight:
            self._most_in_flight = in_flight
        if self._answers >= max(WINDOW, self._limit):
            self._end_window()

    def throttled(self, now: float, begun: float) -> None:
        """The store answered a request that had begun at a time by asking for fewer.

        All that were in flight at the first such answer count once.
        """
        if begun >= self._throttled_at:
            self._throttled_at = now
            self._limit = max(LEAST, self._limit * THROTTLED)
            self._start_window()

    def _start_window(self) -> dict[Hashable, list[float]]:
        latencies, self._latencies = self._latencies, {}
        self._answers = self._most_in_flight = 0
        return latencies

    def _end_window(self) -> None:
        used = self._most_in_flight >= 0.8 * self._limit
        relative: list[float] = []
        tenths: dict[Hashable, float] = {}
        fastest = self._fastest
        for kind, seconds in self._start_window().items():
            if len(seconds) >= SAMPLE:
                tenths[kind] = max(sorted(seconds)[len(seconds) // 10], 1e-9)
                fastest[kind] = min(fastest.get(kind, tenths[kind]), tenths[kind])
            if kind in fastest:
                relative += [each / fastest[kind] for each in seconds]
        if not used or not relative:
            return
        latency = median(relative)
        if latency <= TOLERANCE:
            self._shrinking_from = None
            self._limit = min(self.most, self._limit + GROWTH)
        else:
            self._shrink(latency, tenths)

    def _shrink(self, latency: float, tenths: dict[Hashable, float]) -> None:
        limit, worst = self._shrinking_from or (self._limit, latency)
        before = self._shrinking_from = limit, max(worst, latency)
        if self._limit <= HALVED * before[0]:
            self._shrinking_from = None
            if latency > BETTER * before[1]:
                self._fastest.update(tenths)
                return
        self._limit = max(LEAST, self._limit * SLOWER)


class Budget:
    """Tokens earned by requests and spent on retries or hedges."""

    def __init__(self, burst: float = 100.0) -> None:
        self._burst = burst
        self._tokens = burst

    @property
    def level(self) -> float:
        """The share of the burst that is left."""
        return self._tokens / self._burst

    def earn(self, tokens: float) -> None:
        """A request was sent, which is worth this much."""
        self._tokens = min(self._burst, self._tokens + tokens)

    def empty(self) -> None:
        """Nothing is left: the store asks for fewer requests."""
        self._tokens = 0.0

    def spend(self) -> bool:
        """Whether one more retry is affordable; if so it is paid."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
