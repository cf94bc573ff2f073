"""Stores around a store: they count requests, make them slow, or make them fail.

Each comes in a blocking and an asynchronous shape over one recorder or rule, which is shared.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

import anyio

from azarr.errors import StoreError
from azarr.storage import AsyncStore, BlockingStore
from azarr.testing._forwarding import AsyncForwardingStore, ForwardingStore, nbytes_of

ErrorLike: TypeAlias = BaseException | Callable[[], BaseException]


@dataclass(slots=True)
class Request:
    """One request to a store.

    Attributes:
        kind: the name of the store's method, e.g. "get".
        key: the key or prefix.
        sent: bytes of values sent.
        received: bytes of values received.
        round_trip: 1 + the number of round trips that were over when this request began.
    """

    kind: str
    key: str
    sent: int = 0
    received: int = 0
    round_trip: int = 0


class RequestLog:
    """The requests that a store was asked, in the order in which they began.

    Attributes:
        requests: every request.
        in_flight: how many have begun and not ended.
        most_in_flight: the most that ever were.
        round_trips: the length of the longest chain of requests each of which began after the one
            before it had ended. It is what an operation takes, in units of latency, if the rest
            of its work takes no time. Only requests that wait can overlap: to count the round
            trips of concurrent code, use a `LatencyStore`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.in_flight = 0
        self.clear()

    def clear(self) -> None:
        """Forget all requests that have ended."""
        with self._lock:
            self.requests: list[Request] = []
            self.most_in_flight = self.in_flight
            self.round_trips = 0
            self._ended = 0

    @contextmanager
    def record(self, kind: str, key: str, sent: int) -> Iterator[Request]:
        """Count a request as in flight inside the `with` block."""
        with self._lock:
            request = Request(kind, key, sent, round_trip=self._ended + 1)
            self.requests.append(request)
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            self.round_trips = max(self.round_trips, request.round_trip)
        try:
            yield request
        finally:
            with self._lock:
                self.in_flight -= 1
                self._ended = max(self._ended, request.round_trip)

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:  # which stays in its process, as do the requests in flight
            return {**self.__dict__, "_lock": None, "in_flight": 0}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def counts(self) -> Counter[str]:
        """The number of requests of each kind."""
        return Counter(request.kind for request in self.requests)

    def keys(self, *kinds: str) -> list[str]:
        """The keys asked, of these kinds of requests or of all."""
        return [each.key for each in self.requests if not kinds or each.kind in kinds]

    @property
    def sent(self) -> int:
        """The bytes of values sent."""
        return sum(request.sent for request in self.requests)

    @property
    def received(self) -> int:
        """The bytes of values received."""
        return sum(request.received for request in self.requests)

    def __repr__(self) -> str:
        return f"<RequestLog {dict(self.counts)}, {self.round_trips} round trips>"


class CountingStore(ForwardingStore):
    """A blocking store that logs its requests.

    Example:
        >>> from azarr.storage import MemoryStore
        >>> store = CountingStore(MemoryStore({"a": b"xyz"}))
        >>> store["a"]
        b'xyz'
        >>> store.log.counts["get"], store.log.received
        (1, 3)
    """

    def __init__(self, store: BlockingStore) -> None:
        super().__init__(store)
        self.log = RequestLog()

    def _request(
        self, kind: str, key: str, sent: int, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        with self.log.record(kind, key, sent) as request:
            result = super()._request(kind, key, sent, call, *arguments)
            request.received = nbytes_of(result)
            return result


class AsyncCountingStore(AsyncForwardingStore):
    """An asynchronous store that logs its requests."""

    def __init__(self, store: BlockingStore | AsyncStore) -> None:
        super().__init__(store)
        self.log = RequestLog()

    async def _request(
        self, kind: str, key: str, sent: int, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        with self.log.record(kind, key, sent) as request:
            result = await super()._request(kind, key, sent, call, *arguments)
            request.received = nbytes_of(result)
            return result


class LatencyStore(AsyncCountingStore):
    """An asynchronous store that takes `seconds` to answer; it logs its requests.

    A stand-in for an object store: any number of requests wait at the same time. A request takes
    effect at the end of its wait; one that is cancelled before that has none.

    Args:
        store: where the values are.
        seconds: how long each request waits.
    """

    def __init__(self, store: BlockingStore | AsyncStore, seconds: float = 0.01) -> None:
        super().__init__(store)
        self.seconds = seconds
        self.latency = "remote"

    async def _request(
        self, kind: str, key: str, sent: int, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        async def call_late(*arguments: Any) -> Any:
            await anyio.sleep(self.seconds)
            return await AsyncForwardingStore._request(self, kind, key, sent, call, *arguments)

        return await super()._request(kind, key, sent, call_late, *arguments)


class BlockingLatencyStore(CountingStore):
    """A blocking store that takes `seconds` to answer, in `time.sleep`; it logs its requests."""

    def __init__(self, store: BlockingStore, seconds: float = 0.01) -> None:
        super().__init__(store)
        self.seconds = seconds
        self.latency = "remote"

    def _request(
        self, kind: str, key: str, sent: int, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        def call_late(*arguments: Any) -> Any:
            time.sleep(self.seconds)
            return call(*arguments)

        return super()._request(kind, key, sent, call_late, *arguments)


class Faults:
    """Which requests fail, and with what.

    Args:
        error: what is raised: an exception, or what makes one (a class, a function).
        at: only the request that is the `at`-th of the matching ones, counted from 1.
        times: no more than this many requests.
        keys: only keys that match this pattern of `fnmatch`, e.g. "*/c/0/*".
        kinds: only these kinds of requests, e.g. {"set", "set_if"}.
        when: "before": the request is not carried out; "after": it is, and its answer is lost.
    """

    def __init__(
        self,
        error: ErrorLike | None = None,
        *,
        at: int | None = None,
        times: int | None = None,
        keys: str = "*",
        kinds: set[str] | None = None,
        when: Literal["before", "after"] = "before",
    ) -> None:
        self.error = error
        self.at = at
        self.times = times
        self.keys = keys
        self.kinds = kinds
        self.when = when
        self.matched = 0
        self.failed = 0
        self._lock = threading.Lock()

    def error_for(self, kind: str, key: str) -> BaseException | None:
        """Count a request; the error to raise for it, if it is one to fail."""
        if not fnmatchcase(key, self.keys) or (self.kinds is not None and kind not in self.kinds):
            return None
        with self._lock:
            self.matched += 1
            if self.at not in (None, self.matched) or self.failed == self.times:
                return None
            self.failed += 1
        if self.error is None:
            return StoreError(f"injected: {kind} of {key!r}")
        return self.error() if callable(self.error) else self.error


class FaultStore(ForwardingStore):
    """A blocking store of which some requests fail: see `Faults` for which.

    Example:
        >>> from azarr.storage import MemoryStore
        >>> store = FaultStore(MemoryStore(), TimeoutError, at=2, kinds={"set"})
        >>> store.set("a", b"x")
        >>> store.set("b", b"x")
        Traceback (most recent call last):
        TimeoutError
    """

    def __init__(self, store: BlockingStore, error: ErrorLike | None = None, **which: Any) -> None:
        super().__init__(store)
        self.faults = Faults(error, **which)

    def _request(
        self, kind: str, key: str, sent: int, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        error = self.faults.error_for(kind, key)
        if error is not None and self.faults.when == "before":
            raise error
        result = super()._request(kind, key, sent, call, *arguments)
        if error is not None:
            raise error
        return result


class AsyncFaultStore(AsyncForwardingStore):
    """An asynchronous store of which some requests fail: see `Faults` for which."""

    def __init__(
        self, store: BlockingStore | AsyncStore, error: ErrorLike | None = None, **which: Any
    ) -> None:
        super().__init__(store)
        self.faults = Faults(error, **which)

    async def _request(
        self, kind: str, key: str, sent: int, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        error = self.faults.error_for(kind, key)
        if error is not None and self.faults.when == "before":
            raise error
        result = await super()._request(kind, key, sent, call, *arguments)
        if error is not None:
            raise error
        return result
