"""One request to a remote store: under the origin's limit, retried, hedged, observed.

What is sent and how often is decided here; how a task waits is the runtime's. A conditional write
whose answer was lost is resolved by reading back, never guessed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from random import random
from time import monotonic
from typing import TypeVar

import anyio

from azarr import config
from azarr.engine.process._limit import size_class
from azarr.engine.process._observers import Request
from azarr.engine.process._permit import Permit
from azarr.engine.process._process import process
from azarr.engine.process._turns import take_turns
from azarr.engine.runtimes._hedging import Hedger
from azarr.errors import ConflictError, StoreError
from azarr.stores import AsyncStore
from azarr.typing import Buffer, Generation

T = TypeVar("T")

QUICK_RETRIES = 2
ISOLATED = 0.5
"""While so much of the budget for retries is left, few requests fail."""

READS = frozenset({"get", "get_ranges_with_generation", "get_with_generation"})

_hedger: ContextVar[Hedger | None] = ContextVar("azarr_hedger", default=None)
"""That of the operation that this task works for."""


class Requests:
    """Sends requests to one store."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._origin = process().origin(store.origin)
        settings = config.get()
        self._policy = settings.retry if store.retry is None else store.retry
        limit, most = self._origin.limit, settings.requests
        limit.allow(most)
        self._most = most
        self._permits = partial(Permit, ("requests", store.origin), lambda: min(limit.value, most))
        self._permit = self._permits()

    @property
    def capacity(self) -> int:
        """Requests that may be in flight now."""
        return min(self._origin.limit.value, self._most)

    async def send(
        self,
        kind: str,
        key: str,
        call: Callable[[], Awaitable[T]],
        nbytes: int | None = None,
        count: int = 1,
    ) -> T:
        """The answer to a request, sent again while it fails in ways that may pass.

        Args:
            nbytes: of the value that is sent; None: one is received, or none.
            count: how many requests it is, which go out at once.

        Raises:
            StoreError: it failed for good, or as often as the policy allows.
        """
        await take_turns()  # a store that never suspends must not hold the loop
        request = Request(kind, self._store, key, count)
        hedge = self._policy.hedge and kind in READS
        attempt, backoffs, since = 1, 0, monotonic() if hedge else None
        self._origin.retries.earn(self._policy.budget)
        while True:
            try:
                if hedge:
                    return await self._hedged(request, call, since if attempt > 1 else None)
                return await self._once(request, call, nbytes)
            except StoreError as error:
                if not self._may_retry(error, attempt):
                    raise
                if attempt <= QUICK_RETRIES and self._is_isolated(error):
                    delay = random() * self._policy.quick_seconds
                else:
                    backoffs += 1
                    delay = self._policy.delay(backoffs, random(), error.retry_after)
                self._origin.counts.retries += 1
                for observer in process().observers:
                    observer.retried(request, attempt, delay, error)
            attempt += 1
            await anyio.sleep(delay)

    async def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """A conditional write; after a lost answer the value is read to see whether it arrived."""
        lost = False

        async def put() -> Generation:
            nonlocal lost
            if lost:
                found, now = await self._store.get_with_generation(key)
                if found is not None and bytes(found) == bytes(value):
                    return now
            try:
                return await self._store.set_if(key, value, generation)
            except ConflictError as error:
                if lost:  # perhaps with our own first request, which arrived late
                    found, now = await self._store.get_with_generation(key)
                    if found is not None and bytes(found) == bytes(value):
                        return now
                error.answer_lost = lost
                raise
            except StoreError as error:
                lost = lost or error.transient
                raise

        return await self.send("set_if", key, put, memoryview(value).nbytes)

    async def delete_if(self, key: str, generation: Generation) -> None:
        """A conditional delete; after a lost answer, that nothing is there means it was done."""
        lost = False

        async def delete() -> None:
            nonlocal lost
            try:
                await self._store.delete_if(key, generation)
            except ConflictError:
                if lost and await self._store.get(key) is None:
                    return
                raise
            except StoreError as error:
                lost = lost or error.transient
                raise

        await self.send("delete_if", key, delete)

    def _may_retry(self, error: StoreError, attempt: int) -> bool:
        more = attempt < self._policy.attempts
        return error.transient and more and self._origin.retries.spend()

    def _is_isolated(self, error: StoreError) -> bool:
        """Whether a failure says nothing about load: of a store that is down, many fail."""
        asks = error.throttled or error.retry_after is not None
        return not asks and self._origin.retries.level > ISOLATED

    async def _once(
        self,
        request: Request,
        call: Callable[[], Awaitable[T]],
        nbytes: int | None = None,
        begun: Callable[[], None] | None = None,
    ) -> T:
        origin, observers = self._origin, process().observers
        count = request.count
        async with self._permit if count == 1 else self._permits(count):
            if begun is not None:
                begun()
            origin.in_flight += count
            counts = origin.counts
            counts.requests += count
            counts.most_in_flight = max(counts.most_in_flight, origin.in_flight)
            for observer in observers:
                observer.started(request)
            start = monotonic()
            failure: BaseException | None = None
            try:
                answer = await call()
                self._answered(request.kind, monotonic() - start, answer, nbytes)
                return answer
            except BaseException as error:
                failure = error
                if isinstance(error, Exception):
                    self._failed(error, start)
                raise
            finally:
                origin.in_flight -= count
                if observers:
                    seconds = monotonic() - start
                    for observer in observers:
                        observer.finished(request, seconds, failure)

    def _answered(self, kind: str, seconds: float, answer: object, nbytes: int | None) -> None:
        origin = self._origin
        if nbytes is None:
            value = answer[0] if type(answer) is tuple else answer
            values = value if type(value) is list else [value]
            nbytes = sum(len(each) for each in values if isinstance(each, bytes | memoryview))
        origin.limit.answered(seconds, origin.in_flight, (kind, size_class(nbytes)))
        if kind in READS:
            origin.latencies.add(seconds, origin.in_flight)

    def _failed(self, error: Exception, start: float) -> None:
        counts = self._origin.counts
        counts.failures += 1
        if isinstance(error, StoreError) and error.throttled:
            counts.throttled += 1
            self._origin.limit.throttled(monotonic(), start)
            self._origin.hedges.empty()

    async def _hedged(
        self, request: Request, call: Callable[[], Awaitable[T]], since: float | None
    ) -> T:
        hedger = _hedger.get()
        if hedger is not None and hedger.owner is self:
            return await hedger.send(request, call, since)
        if self._origin.latencies.patience == float("inf"):
            return await self._once(request, call)
        return await self.hedging(lambda: self._hedged(request, call, since))

    async def hedging(self, body: Callable[[], Awaitable[T]]) -> T:
        """Do something whose requests may be sent twice if they take long."""
        outer = _hedger.get()
        if not self._policy.hedge or (outer is not None and outer.owner is self):
            return await body()
        outcome: list[T] = []
        failures: list[Exception] = []
        async with anyio.create_task_group() as group:
            hedger = Hedger(self, self._origin, self._once, group)
            group.start_soon(hedger.watch)
            token = _hedger.set(hedger)
            try:
                outcome.append(await body())
            except Exception as error:
                failures.append(error)
            finally:
                _hedger.reset(token)
            group.cancel_scope.cancel()
        if failures:
            raise failures[0]
        return outcome[0]
