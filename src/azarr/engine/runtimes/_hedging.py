"""Second requests for what takes long: who waits for which, and what becomes of the others.

One task watches the requests of an operation; a request that is not late costs a cancel scope and
no task. Who is late, `_stragglers` decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, TypeAlias, TypeVar

import anyio
from anyio.abc import TaskGroup

from azarr.engine.process._observers import Request
from azarr.engine.process._origin import HEDGES_PER_REQUEST, Origin
from azarr.engine.process._process import process
from azarr.engine.process._stragglers import Stragglers
from azarr.errors import StoreError

T = TypeVar("T")

HEDGES_PER_VALUE = 3
"""A hedge may be slow or fail too: of 1000 values at a tail of 2 %, one after two hedges."""

Call: TypeAlias = Callable[[], Awaitable[Any]]
Once: TypeAlias = Callable[
    [Request, Call, "int | None", "Callable[[], None] | None"], Awaitable[Any]
]
"""Sends a request once, and calls back when it has its permit: its turn among the requests in
flight is not the store's doing."""


class Sent:
    """A request and its hedges. Whoever answers first is the answer."""

    __slots__ = (
        "_late",
        "_since",
        "answers",
        "call",
        "failures",
        "hedges",
        "request",
        "running",
        "scope",
    )

    def __init__(
        self, request: Request, call: Call, late: Stragglers[Sent], since: float | None
    ) -> None:
        self.request = request
        self.call = call
        self._late = late
        self._since = since
        self.scope = anyio.CancelScope()
        self.running = 1
        self.hedges: list[anyio.CancelScope] = []
        self.answers: list[Any] = []
        self.failures: list[Exception] = []

    def begun(self) -> None:
        """It is on its way."""
        self._late.begin(self, monotonic(), self._since)


class Hedger:
    """Sends the requests of an operation, those that are late a second time.

    Attributes:
        owner: whose requests they are.
    """

    def __init__(self, owner: Any, origin: Origin, once: Once, group: TaskGroup) -> None:
        self.owner = owner
        self._origin = origin
        self._once = once
        self._group = group
        self._late: Stragglers[Sent] = Stragglers(origin.latencies)

    async def send(
        self, request: Request, call: Callable[[], Awaitable[T]], since: float | None = None
    ) -> T:
        """The first answer. If all fail, the error of the first that did.

        Args:
            since: when the same was asked for the first time, if that failed.
        """
        sent = Sent(request, call, self._late, since)
        self._origin.hedges.earn(HEDGES_PER_REQUEST)
        answer: T
        try:
            with sent.scope:
                try:
                    answer = await self._once(request, call, None, sent.begun)
                    return answer
                except Exception as error:
                    sent.failures.append(error)
                    sent.running -= 1
                    if not sent.running:
                        raise
                await anyio.sleep_forever()  # for its hedges
        finally:
            self._late.end(sent)
            for hedge in sent.hedges:
                hedge.cancel()
        if not sent.answers:
            raise sent.failures[0]
        answer = sent.answers[0]
        return answer

    async def watch(self) -> None:
        """Look for those that are late, until cancelled."""
        late = self._late
        while True:
            await anyio.sleep(late.pause(monotonic()))
            for sent in late.late(monotonic(), self._origin.hedges.level):
                if not self._hedge(sent):
                    break

    def _hedge(self, sent: Sent) -> bool:
        """Send it once more, if that is affordable."""
        if len(sent.hedges) == HEDGES_PER_VALUE:
            self._late.end(sent)
            return True
        if not self._origin.hedges.spend():
            return False
        sent.begun()
        sent.running += 1
        sent.hedges.append(anyio.CancelScope())
        self._origin.counts.hedges += 1
        for observer in process().observers:
            observer.hedged(sent.request)
        self._group.start_soon(self._once_more, sent, sent.hedges[-1])
        return True

    async def _once_more(self, sent: Sent, scope: anyio.CancelScope) -> None:
        try:
            with scope:
                if not scope.cancel_called:
                    answer = await self._once(sent.request, sent.call, None, None)
                    sent.answers.append(answer)
        except Exception as error:
            sent.failures.append(error)
            again = isinstance(error, StoreError) and error.transient and not error.throttled
            if again and not scope.cancel_called:
                self._hedge(sent)  # it was late before
        finally:
            sent.running -= 1
            if sent.answers or not sent.running:
                sent.scope.cancel()
