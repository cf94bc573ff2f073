"""Which requests take too long, of those that one operation has sent. Pure: time is passed in.

Two rules. In the midst of an operation a request is late after the time that 95 % of the answers
before it took, and if others have overtaken it. At its end nearly everything is answered and most
permits are idle: whoever is left is what the caller waits for, and late as soon as nothing else
happens.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FEW = 0.1
"""An operation is at its end when at most this share of the requests it had in flight is left."""

AT_THE_END = 2
"""How many second requests each of those gets: one of them may be slow or fail too, which with 20
that wait and 4 % of such answers happens more often than not, and costs another round trip."""

IN_THE_MIDST = 2.0
"""Before its end, an operation waits for no single request: so much more patience costs it nothing,
and leaves the budget to those that it will have to wait for."""

OVERTAKEN = 0.25
"""A request is overtaken when so many more answers have come since it was sent as were under way
then. Answers that come at the same time are seen in any order."""

LULL = 0.1
"""For this share of the usual latency no answer has come. While they come in one after the other,
those that have not come yet are late only by the client's own work."""

SHORTEST_LULL = 0.001
LEARNING = 0.01
"""Seconds between looks while it is not known what is usual."""


class Latencies:
    """The latencies of the last answers.

    Attributes:
        p25, p95: what so many percent of them stayed under.
        patience: how long to wait for an answer before a second request is worth its cost: 95 % do
            not take longer, nor half as long again as usual. Where latency hardly varies, a
            twentieth of the answers is slow by nothing that another request could mend.
    """

    def __init__(self, kept: int = 256) -> None:
        self._kept = kept
        self._ring: list[float] = []
        self._next = 0
        self.p25 = self.p95 = self.patience = float("inf")

    def add(self, seconds: float, in_flight: int = 0) -> None:
        """An answer came after so many seconds.

        Args:
            in_flight: how many are still awaited. The first answers of many are the fast ones, and
                say nothing of what is usual until as many have come.
        """
        if len(self._ring) < self._kept:
            self._ring.append(seconds)
        else:
            self._ring[self._next % self._kept] = seconds
        self._next += 1
        if self._next % 32 == 0 and self._next >= in_flight:
            ordered = sorted(self._ring)
            last = len(ordered) - 1
            self.p25 = ordered[int(0.25 * last)]
            self.p95 = ordered[int(0.95 * last)]
            self.patience = max(self.p95, 1.5 * ordered[last // 2])


@dataclass(slots=True)
class _Sent:
    """When it was sent, first and last, how often; how many were under way and answered then."""

    first: float
    last: float
    times: int
    others: int
    answers: int


class Stragglers(Generic[K]):
    """The requests of an operation that are under way."""

    def __init__(self, latencies: Latencies) -> None:
        self._latencies = latencies
        self._sent: dict[K, _Sent] = {}  # in the order of the last time
        self._most = 0
        self._answers = 0
        self._seen = 0
        self._expected = 0.0

    def begin(self, request: K, now: float, since: float | None = None) -> None:
        """It is sent, or sent again.

        Args:
            since: when the same was asked for the first time, if that failed.
        """
        before = self._sent.pop(request, None)
        first, times = (since or now, 1) if before is None else (before.first, before.times + 1)
        self._sent[request] = _Sent(first, now, times, len(self._sent), self._answers)
        self._most = max(self._most, len(self._sent))

    def end(self, request: K) -> None:
        """It is answered, or nobody waits for it any more."""
        self._answers += 1
        self._sent.pop(request, None)

    def late(self, now: float, budget: float = 1.0) -> list[K]:
        """Those that take too long, the oldest first; twice, if two more requests are worth it.

        Where all answers are late, nobody is: the store or the client is slow then, and more
        requests would make it slower.

        Args:
            budget: the share that is left of what second requests may cost. The less it is, the
                later a request has to be, so that something is left for those that are very late.
        """
        latencies = self._latencies
        # When it is looked at too late, answers may have come that nobody could see yet.
        lull = self._answers == self._seen and now <= self._expected
        few = len(self._sent) <= FEW * self._most
        self._seen = self._answers
        if few and lull:
            return self._left(now - latencies.p25, AT_THE_END if budget > 0.5 else 1)
        patience = latencies.patience / max(budget, 0.1)
        if self._is_large and not few:
            patience *= IN_THE_MIDST
        return self._overtaken(now - patience)

    def _overtaken(self, time: float) -> list[K]:
        """Those sent before a time, that others have overtaken."""
        found = []
        for request, sent in self._sent.items():
            if sent.last > time:
                break
            if self._answers - sent.answers >= int((1 + OVERTAKEN) * sent.others):
                found.append(request)
        return found

    def _left(self, time: float, more: int) -> list[K]:
        """Those sent before a time, until each has had so many more; then by the last one."""
        wanted = []
        for request, sent in self._sent.items():
            # Of one that was late before, it does not matter who has been answered since.
            if sent.times > 1 or self._answers - sent.answers >= sent.others // 2:
                lacking = 1 + more - sent.times if sent.first <= time else 0
                wanted.append((request, max(lacking, int(sent.last <= time))))
        return [request for turn in range(more) for request, times in wanted if times > turn]

    @property
    def _is_large(self) -> bool:
        """Whether there may be few left."""
        return FEW * self._most >= 1

    def pause(self, now: float) -> float:
        """Seconds after which to look again."""
        latencies = self._latencies
        if latencies.patience == float("inf"):
            pause = LEARNING
        elif self._is_large:
            pause = LULL * latencies.p25
        else:
            oldest = next((sent.last for sent in self._sent.values()), now)
            pause = max(LULL * latencies.p25, oldest + latencies.patience - now)
        pause = max(pause, SHORTEST_LULL)
        self._expected = now + 2 * pause
        return pause
