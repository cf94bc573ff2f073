"""How many requests a store can take at once, learned from its answers. Pure: time is passed in.

AIMD on windows of answers. A window ends when as many answers have come as are allowed in flight
(at least 32) and its median latency is compared with the lowest median so far. While the limit is
used: the same latency lets it grow by a tenth, twice the latency shrinks it by a fifth; a store that
throttles halves it at once. The median, because a heavy tail of slow answers says nothing about load;
AIMD, because it is what lets several processes at one store end up with equal shares (Chiu and Jain,
1989), which a gradient rule does not.
"""

from __future__ import annotations

from statistics import median

START = 256
"""1000 chunks at 50 ms are four waves of it: 0.2 s without any learning."""

LEAST = 4
WINDOW = 32
GROWTH = 1.1
SLOWER = 0.8
THROTTLED = 0.5
TOLERANCE = 2.0
"""Latency that is not yet a sign of overload: shared networks vary by half, a queue doubles it."""

FORGET = 1.02
"""The lowest median rises by this much per window, so that a store that has become slower for other
reasons is believed after about 35 windows."""


class AdaptiveLimit:
    """The number of requests allowed in flight, between `LEAST` and `most`.

    Not safe from several threads by itself; a lost update of a counter does no harm.
    """

    def __init__(self, most: int) -> None:
        self.most = max(LEAST, most)
        self._limit = float(min(START, self.most))
        self._latencies: list[float] = []
        self._most_in_flight = 0
        self._lowest = float("inf")
        self._shrunk_at = -float("inf")

    @property
    def value(self) -> int:
        """Requests allowed in flight."""
        return int(self._limit)

    def answered(self, seconds: float, in_flight: int) -> None:
        """An answer came after so many seconds, while so many requests were in flight."""
        self._latencies.append(seconds)
        if in_flight > self._most_in_flight:
            self._most_in_flight = in_flight
        if len(self._latencies) >= max(WINDOW, self._limit):
            self._end_window()

    def throttled(self, now: float) -> None:
        """The store asked for fewer requests, at a time; those already in flight count once."""
        latency = self._lowest if self._lowest < float("inf") else 0.1
        if now - self._shrunk_at > 2 * latency:
            self._shrunk_at = now
            self._limit = max(LEAST, self._limit * THROTTLED)
            self._latencies.clear()

    def _end_window(self) -> None:
        middle = median(self._latencies)
        used = self._most_in_flight >= 0.8 * self._limit
        self._latencies.clear()
        self._most_in_flight = 0
        self._lowest = min(self._lowest * FORGET, middle)
        if not used:
            return
        if middle > TOLERANCE * self._lowest:
            self._limit = max(LEAST, self._limit * SLOWER)
        else:
            self._limit = min(self.most, self._limit * GROWTH)


class Budget:
    """Tokens earned by requests and spent on retries or hedges."""

    def __init__(self, per_request: float, burst: float = 100.0) -> None:
        self._per_request = per_request
        self._burst = burst
        self._tokens = burst

    def earn(self) -> None:
        """A request was sent."""
        self._tokens = min(self._burst, self._tokens + self._per_request)

    def spend(self) -> bool:
        """Whether one more retry is affordable; if so it is paid."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Latencies:
    """The latency that 95 % of the last answers stayed under."""

    def __init__(self, kept: int = 256) -> None:
        self._kept = kept
        self._ring: list[float] = []
        self._next = 0
        self.p95 = float("inf")

    def add(self, seconds: float) -> None:
        """An answer came after so many seconds."""
        if len(self._ring) < self._kept:
            self._ring.append(seconds)
        else:
            self._ring[self._next % self._kept] = seconds
        self._next += 1
        if self._next % 32 == 0:
            ordered = sorted(self._ring)
            self.p95 = ordered[int(0.95 * (len(ordered) - 1))]
