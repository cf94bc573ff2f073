"""What every store behind a client library has in common: `RemoteStore` over a few `Requests`.

A backend says how to ask (`Requests`) and what its errors mean (`Failure`). Byte ranges,
generations, conflicts and the errors of azarr are made of that here, once. Nothing is retried,
cached or limited.
"""

from __future__ import annotations

import errno
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from azarr.errors import AzarrError, ConflictError, ReadOnlyError, StoreError
from azarr.stores._remote_failures import Failure, NotDeleted
from azarr.stores._values import byte_bounds, flat_buffer
from azarr.stores.base import AsyncStore, Buffers, Children, EventLoop, Latency, Ranges
from azarr.stores.keys import check_key, check_prefix
from azarr.typing import Buffer, ByteRange, Generation

T = TypeVar("T")
Item = TypeVar("Item")

# In the classes below `list` and `set` are methods.
Keys: TypeAlias = list[str]

DELETES_AT_ONCE = 64
"""Deletions of a key each that are in flight. The limit on requests counts a deletion of many keys
as one, so what goes out for it has a bound of its own: a quarter of where that limit begins."""

BULK_DELETES_AT_ONCE = 16
"""The same for bulk deletes. S3 takes 3500 deletions a second under a prefix, and each of the up to
1000 keys is one (https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html)."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a value, and what else the answer said of it."""

    data: Buffer
    generation: Generation | None = None


class Requests(Protocol):
    """What a backend can ask: every method is one request. Foreign errors may escape.

    Attributes:
        deletes_at_once: the most keys that one request deletes. A request that is lost deletes none
            of them or all; a service may still refuse it for some (`NotDeleted`).
    """

    deletes_at_once: int

    async def get(self, key: str) -> Buffer:
        """The whole value."""

    async def get_part(
        self, key: str, start: int, stop: int | None, generation: Generation | None
    ) -> Part:
        """`(0, None)` is all, `(-n, None)` the last n bytes; it may be shorter than asked for."""

    async def put(self, key: str, value: Buffer) -> None: ...

    async def put_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Store it if the generation is still this; None: if there is none yet."""

    async def delete(self, keys: Keys) -> None:
        """Remove all of them; that some are missing is fine. As many requests as needed, so many
        at once; `NotDeleted` if a service has refused it for one."""

    async def remove_folders(self, prefix: str) -> None:
        """Remove what is left of a folder without keys, where folders are there by themselves."""

    def pages(self, prefix: str) -> AsyncIterator[Iterable[str]]:
        """The keys under "prefix/", one page of a listing at a time."""

    async def children(self, prefix: str) -> tuple[Iterable[str], Iterable[str]]:
        """The keys, and the prefixes, directly under `prefix`, in full and in any order."""

    async def head(self, key: str) -> tuple[int, Generation | None]:
        """The size and the generation of a value."""

    def explain(self, error: Exception) -> Failure: ...


class RemoteStore(AsyncStore):
    """A store behind a client library that needs asyncio; see `Requests`."""

    latency: Latency = "remote"
    event_loop: EventLoop = "asyncio"
    atomic_delete_if = False

    @abstractmethod
    def _requests(self) -> Requests:
        """How to ask in this process and on this event loop."""

    async def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing. One request."""
        check_key(key)
        requests = self._requests()
        try:
            return await requests.get(key)
        except Exception as error:
            if self._failed(requests, error, key).kind != "missing":
                raise self._changing(key) from None
            return default

    async def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """Exactly these byte ranges. One request each, all of them together."""
        found = await self._get_parts(key, ranges, None)
        return None if found is None else found[0]

    async def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        """Byte ranges and the generation of the value. One request each, all of them together."""
        found = await self._get_parts(key, ranges, generation)
        if found is None or self.conditional:
            return found
        return found[0], None

    async def _get_parts(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None
    ) -> Ranges | None:
        check_key(key)
        if not ranges:
            head = await self._head(key)
            return None if head is None else ([], head[1])
        parts = await self._together([self._get_part(key, each, generation) for each in ranges])
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            return None
        if len({part.generation for part in found}) > 1:
            raise self._changing(key)
        return [part.data for part in found], found[0].generation

    async def _together(self, calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        return await together(calls)

    async def _get_part(
        self, key: str, wanted: ByteRange, generation: Generation | None
    ) -> Part | None:
        """Exactly the wanted bytes. Ranges that need the size to be known take two requests."""
        start, stop = wanted
        length = -start if stop is None else stop - start
        if stop is not None and (start < 0 or length <= 0):
            return await self._get_by_size(key, wanted, generation)
        requests = self._requests()
        try:
            part = await requests.get_part(key, start, stop, generation)
        except Exception as error:
            match self._failed(requests, error, key).kind:
                case "missing":
                    return None
                case "conflict":
                    raise self._conflict(key) from None
            return await self._get_by_size(key, wanted, generation)
        # Some servers ignore the condition.
        if generation is not None and self.conditional and part.generation != generation:
            raise self._conflict(key)
        nbytes = memoryview(part.data).nbytes
        if nbytes == 0 or (length > 0 and nbytes != length):
            return await self._get_by_size(key, wanted, generation)
        return part

    async def _get_by_size(
        self, key: str, wanted: ByteRange, generation: Generation | None
    ) -> Part | None:
        """Ask for the size first: it decides what the range means, or that it is a short read."""
        head = await self._head(key)
        if head is None:
            return None
        size, found = head
        if generation is not None and self.conditional and found != generation:
            raise self._conflict(key)
        start, stop = byte_bounds(wanted, size, key)
        if start == stop:
            return Part(b"", found)
        requests = self._requests()
        try:
            part = await requests.get_part(key, start, stop, found if self.conditional else None)
        except Exception as error:
            self._failed(requests, error, key)
            raise self._changing(key) from None
        if memoryview(part.data).nbytes != stop - start:
            raise self._changing(key)
        return part

    async def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation. One request."""
        check_key(key)
        if not self.conditional:
            raise self._no_generations()
        requests = self._requests()
        try:
            part = await requests.get_part(key, 0, None, None)
        except Exception as error:
            if self._failed(requests, error, key).kind != "missing":
                raise self._changing(key) from None
            return None, None
        return part.data, part.generation

    async def set(self, key: str, value: Buffer) -> None:
        """Put a whole value. One request."""
        data = self._writable(key, value)
        requests = self._requests()
        try:
            await requests.put(key, data)
        except Exception as error:
            failure = self._failed(requests, error, key, writing=True)
            raise self._error(failure, key, writing=True) from None

    async def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation`. One request.

        A generation is the store's entity tag. Where that is a hash of the value (S3), a value that
        was replaced and then written again is not told apart from one that was never touched.
        """
        data = self._writable(key, value)
        if not self.conditional:
            raise self._no_generations()
        requests = self._requests()
        try:
            return await requests.put_if(key, data, generation)
        except Exception as error:
            self._failed(requests, error, key, writing=True)
            raise self._conflict(key) from None

    def _writable(self, key: str, value: Buffer) -> bytes | memoryview:
        self._check_writable()
        check_key(key)
        return flat_buffer(value, key)

    async def delete(self, key: str) -> None:
        """Remove `key`. One request."""
        self._check_writable()
        await self._delete([check_key(key)])

    async def _delete(self, keys: Keys) -> None:
        requests = self._requests()
        try:
            await requests.delete(keys)
        except NotDeleted as error:
            raise self._error(error.failure, error.key, writing=True) from None
        except Exception as error:
            failure = self._failed(requests, error, keys[0], writing=True)
            raise self._error(failure, keys[0], writing=True) from None

    async def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`. Two requests, one after the other.

        The clients have no conditional delete, and some servers ignore the condition of one. So
        this asks first and deletes then: an update by somebody else in between is lost. Whoever
        must not lose one stores a value instead (`atomic_delete_if` is False).
        """
        self._check_writable()
        check_key(key)
        if not self.conditional:
            raise self._no_generations()
        head = await self._head(key)
        if (None if head is None else head[1]) != generation:
            raise self._conflict(key)
        if head is not None:
            await self._delete([key])

    async def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/": a listing, then requests for up to 1000 keys each."""
        self._check_writable()
        if keys := [key async for key in self.list(prefix)]:
            await self._delete(keys)
        await self._requests().remove_folders(prefix)

    async def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        """Remove these keys: one request where the service takes as many at once, as S3 takes 1000.

        Else the `first` ones go before the others, both together in as many requests as needed.
        """
        self._check_writable()
        wanted = [check_key(key) for key in keys]
        if len(wanted) <= self._requests().deletes_at_once:
            first = 0
        for some in (wanted[:first], wanted[first:]):
            if some:
                await self._delete(some)

    async def list(self, prefix: str = "") -> AsyncIterator[str]:
        """All keys under "prefix/". A request for every 1000."""
        check_prefix(prefix)
        requests = self._requests()
        try:
            async for page in requests.pages(prefix):
                for key in page:
                    yield key
        except Exception as error:
            if self._failed(requests, error, prefix).kind != "missing":
                raise self._changing(prefix) from None

    async def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes). A request for every 1000 names."""
        check_prefix(prefix)
        requests = self._requests()
        skip = len(prefix) + 1 if prefix else 0
        try:
            keys, prefixes = await requests.children(prefix)
        except Exception as error:
            if self._failed(requests, error, prefix).kind != "missing":
                raise self._changing(prefix) from None
            return [], []
        return sorted({key[skip:] for key in keys}), sorted({each[skip:] for each in prefixes})

    async def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if `key` is missing. One request."""
        head = await self._head(check_key(key))
        return None if head is None else head[0]

    async def _head(self, key: str) -> tuple[int, Generation | None] | None:
        requests = self._requests()
        try:
            return await requests.head(key)
        except Exception as error:
            if self._failed(requests, error, key).kind != "missing":
                raise self._changing(key) from None
            return None

    def _failed(
        self, requests: Requests, error: Exception, key: str, *, writing: bool = False
    ) -> Failure:
        """A failure that says something about the value; raises for every other one."""
        if isinstance(error, AzarrError):
            raise error
        failure = requests.explain(error)
        if failure.kind in ("forbidden", "other"):
            raise self._error(failure, key, writing) from None
        return failure

    def _error(
        self, failure: Failure, key: str, writing: bool = False
    ) -> StoreError | ReadOnlyError:
        # Not chained to the client's error: its text may hold a signed URL.
        doing = "write" if writing else "read"
        message = f"cannot {doing} {key!r} in {self!r}: {failure.reason}"
        if failure.kind == "forbidden":
            error = ReadOnlyError(message) if writing else StoreError(message)
            error.errno = errno.EACCES
            return error
        return StoreError(
            message,
            transient=failure.transient,
            throttled=failure.throttled,
            retry_after=failure.retry_after,
        )

    def _conflict(self, key: str) -> ConflictError:
        return ConflictError(f"{key!r} in {self!r} has changed since it was read")

    def _changing(self, key: str) -> ConflictError:
        return ConflictError(f"{key!r} in {self!r} changed while it was read", transient=True)


async def together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of requests that go out at the same time; the first error stops the rest."""
    if len(calls) == 1:
        return [await calls[0]]
    import asyncio

    errors: list[Exception] = []
    tasks: list[asyncio.Task[T | None]] = []

    # A task that fails would leave `cancelling()` of the waiting one at 1 before Python 3.13
    # (https://github.com/python/cpython/issues/116720), and nobody's timeouts would work any more.
    async def one(call: Coroutine[Any, Any, T]) -> T | None:
        try:
            return await call
        except Exception as error:
            errors.append(error)
            for task in tasks:
                if task is not asyncio.current_task():
                    task.cancel()
            return None

    try:
        async with asyncio.TaskGroup() as group:
            tasks += [group.create_task(one(call)) for call in calls]
    finally:
        for call in calls:
            call.close()  # one that was cancelled before it began
    if errors:
        raise errors[0]
    if any(task.cancelled() for task in tasks):
        raise StoreError("a client has cancelled its own request", transient=True)
    return [cast(T, task.result()) for task in tasks]


async def for_each(
    call: Callable[[Item], Coroutine[Any, Any, T]], items: Sequence[Item], at_once: int
) -> list[T]:
    """The results of a request for each item, in any order, so many of them at a time."""
    results: list[T] = []
    left = iter(items)

    async def work() -> None:
        for item in left:
            results.append(await call(item))

    await together([work() for _ in range(min(at_once, len(items)))])
    return results


async def one_by_one(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The same for calls that never suspend."""
    return [await call for call in calls]
