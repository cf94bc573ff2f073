"""What the server was asked."""

from __future__ import annotations

from collections import Counter
from typing import Any


class Log:
    """Counts of requests. The server's thread writes it, others may read it.

    Attributes:
        counts: requests by kind: "GET", "GET range", "HEAD", "PUT", "PUT if", "DELETE", "BULK
            DELETE", "LIST", and errors that were made up, as "fault error", "fault reset" ...
        received, sent: bytes of values, to and from the server.
        in_flight, most_in_flight: requests that were not answered yet, now and at most.
        round_trips: the longest chain of requests each of which came after the one before it had
            been answered.
        connections: how many were opened.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.clear()

    def clear(self) -> None:
        """Forget what has been asked."""
        self.counts: Counter[str] = Counter()
        self.received = self.sent = self.connections = 0
        self.most_in_flight = self.in_flight
        self.round_trips = self._ended = 0

    @property
    def requests(self) -> int:
        """All requests, those that got an error too."""
        return sum(n for kind, n in self.counts.items() if not kind.startswith("fault"))

    def begin(self, kind: str) -> int:
        """A request came; the answer is the number of its round trip."""
        self.counts[kind] += 1
        self.in_flight += 1
        if self.in_flight > self.most_in_flight:
            self.most_in_flight = self.in_flight
        round_trip = self._ended + 1
        if round_trip > self.round_trips:
            self.round_trips = round_trip
        return round_trip

    def end(self, round_trip: int) -> None:
        """A request was answered, or its client has gone."""
        self.in_flight -= 1
        if round_trip > self._ended:
            self._ended = round_trip

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "counts": dict(self.counts),
            "requests": self.requests,
            "received": self.received,
            "sent": self.sent,
            "most_in_flight": self.most_in_flight,
            "round_trips": self.round_trips,
            "connections": self.connections,
        }
