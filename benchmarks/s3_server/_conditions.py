"""How slow and how broken the server is. All of it is drawn from one seeded generator."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What happens to requests. Rates are probabilities, times are seconds.

    Attributes:
        latency: from the end of a request to the start of its answer.
        jitter: up to this much more, evenly distributed.
        tail_rate, tail_latency: this share of the requests takes so much longer.
        bandwidth: bytes a second of one connection, of values either way; None: unlimited.
        error_rate, error_status: this share is answered by an error with that status.
        throttle_above: with more requests in flight, further ones are answered 503 SlowDown.
        retry_after: what an error answer says in Retry-After, in whole seconds; None: nothing.
        reset_rate: the connection is reset instead of doing what was asked.
        lost_rate: what was asked is done, and the connection reset instead of answering.
        truncate_rate: the connection is closed in the middle of a value.
        methods: the requests that errors happen to, e.g. {"PUT"}; None: all.
    """

    latency: float = 0.0
    jitter: float = 0.0
    tail_rate: float = 0.0
    tail_latency: float = 0.0
    bandwidth: float | None = None
    error_rate: float = 0.0
    error_status: int = 500
    throttle_above: int | None = None
    retry_after: int | None = None
    reset_rate: float = 0.0
    lost_rate: float = 0.0
    truncate_rate: float = 0.0
    methods: frozenset[str] | None = None

    def delay(self, random: Random, nbytes: int) -> float:
        """How long a request with values of `nbytes` takes."""
        delay = self.latency
        if self.jitter:
            delay += self.jitter * random.random()
        if self.tail_rate and random.random() < self.tail_rate:
            delay += self.tail_latency
        if self.bandwidth:
            delay += nbytes / self.bandwidth
        return delay

    def fault(self, random: Random, method: str, in_flight: int) -> str | None:
        """What happens to a request: "throttle", "error", "reset", "lost", "truncate" or None."""
        if self.methods is not None and method not in self.methods:
            return None
        if self.throttle_above is not None and in_flight > self.throttle_above:
            return "throttle"
        chance = random.random()
        for fault, rate in (
            ("error", self.error_rate),
            ("reset", self.reset_rate),
            ("lost", self.lost_rate),
            ("truncate", self.truncate_rate),
        ):
            if chance < rate:
                return fault
            chance -= rate
        return None
