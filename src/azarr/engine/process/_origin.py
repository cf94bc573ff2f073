"""What a process knows about one store origin: its limit, its budgets, what has been counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from azarr import config
from azarr.engine.process._limit import AdaptiveLimit, Budget
from azarr.engine.process._stragglers import Latencies

HEDGES_PER_REQUEST = 0.05
"""The extra load that hedging may cause."""

HEDGES_AT_ONCE = 50.0
"""How much of it may come together: that of 1000 requests, which is one large read."""


@dataclass(slots=True)
class Counts:
    """What has been done with an origin since the process started."""

    requests: int = 0
    failures: int = 0
    retries: int = 0
    throttled: int = 0
    hedges: int = 0
    most_in_flight: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    cache_checks: int = 0


class Origin:
    """The shared state of all runtimes of one store origin."""

    def __init__(self) -> None:
        settings = config.get()
        self.limit = AdaptiveLimit(settings.requests)
        self.retries = Budget()
        self.hedges = Budget(burst=HEDGES_AT_ONCE)
        self.latencies = Latencies()
        self.counts = Counts()
        self.in_flight = 0

    def statistics(self) -> dict[str, Any]:
        """Counts, and the limit as it is now."""
        return {**asdict(self.counts), "in_flight": self.in_flight, "limit": self.limit.value}
