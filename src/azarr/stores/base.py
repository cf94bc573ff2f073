"""The abstract stores: what every backend provides, in a blocking and an asynchronous shape.

A backend overrides the abstract methods, and those defaults that it can do with fewer requests.
No backend, no retry and no adapter between the shapes lives here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, MutableMapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, Self, TypeAlias

from azarr.config import RetryPolicy
from azarr.errors import ConflictError, ReadOnlyError, UsageError
from azarr.stores._values import copy_into, cut_ranges
from azarr.stores.keys import check_prefix, children_under
from azarr.typing import Buffer, ByteRange, Generation, ZarrFormat

Latency: TypeAlias = Literal["memory", "local", "remote"]
EventLoop: TypeAlias = Literal["any", "asyncio"]

# Inside the classes below, `list` and `set` are methods.
Buffers: TypeAlias = list[Buffer]
Ranges: TypeAlias = tuple[list[Buffer], Generation | None]
Children: TypeAlias = tuple[list[str], list[str]]


class Store(ABC):
    """What the two shapes have in common: where the values are, and what may be done there.

    Attributes:
        is_async: whether its methods are awaited.
        origin: the identity of the place, e.g. "file:///data/x.zarr". Stores with the same origin
            hold the same values; locks and limits are keyed by it.
        latency: how long a request takes: nothing ("memory"), a system call ("local"), or a
            round trip over a network ("remote").
        read_only: every write raises `ReadOnlyError`.
        conditional: the store has generations: `get_with_generation`, `set_if` and
            `delete_if` work.
        default_format: the format of the hierarchy in it where a user names none: "n5" for a path
            that ends in ".n5".
        atomic_delete_if: `delete_if` is one step. Where it is False, an update by another process
            at the same moment may be lost: store a value instead.
        dimension_separator: what new v2 arrays in it have between the numbers of a chunk's key,
            where a user names none; None: a dot.
        retry: what happens to requests that fail; None: as configured. See `with_retry`.
        event_loop: the event loops that an asynchronous store works on: "any" that anyio knows, or
            "asyncio" only, for a client library that needs it.
    """

    is_async: ClassVar[bool] = False
    origin: str
    latency: Latency = "local"
    read_only: bool = False
    conditional: bool = False
    default_format: ZarrFormat | None = None
    dimension_separator: Literal[".", "/"] | None = None
    atomic_delete_if: bool = True
    event_loop: EventLoop = "any"
    retry: RetryPolicy | None = None

    def with_retry(self, retry: RetryPolicy | None) -> Self:
        """A store of the same values whose failed requests are treated by another policy.

        Example:
            >>> from azarr.config import RetryPolicy
            >>> from azarr.stores import MemoryStore
            >>> MemoryStore().with_retry(RetryPolicy(attempts=1)).retry.attempts
            1
        """
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.retry = retry
        return twin

    def with_read_only(self, read_only: bool = True) -> Self:
        """A store of the same values that refuses writes, or allows them."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.read_only = read_only
        return twin

    @property
    def uncached(self) -> Self:
        """A store of the same values that asks for every one of them: what a change is based on."""
        return self

    def close(self) -> Any:
        """Let go of what the store holds open; to be awaited if the store is async."""
        return None

    def _describe_as(self, store: Store) -> None:
        """Say of itself all that another store says, whose values it has."""
        for name in Store.__annotations__.keys() - {"is_async"}:
            setattr(self, name, getattr(store, name))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Store) and type(other) is type(self) and other.origin == self.origin
        )

    def __hash__(self) -> int:
        return hash(self.origin)

    def __repr__(self) -> str:
        flag = ", read_only=True" if self.read_only else ""
        return f"{type(self).__name__}({self.origin!r}{flag})"

    def _check_writable(self) -> None:
        if self.read_only:
            raise ReadOnlyError(f"{self!r} is read-only")

    def _no_generations(self) -> UsageError:
        return UsageError(f"{self!r} has no generations: its `conditional` is False")


class BlockingStore(Store, MutableMapping[str, Buffer]):
    """A store whose methods return when the work is done; also a mapping of keys to bytes.

    Keys are checked where a wrong one could do harm; asking for one may just find nothing.
    Errors of the backend's own library arrive as errors of azarr, with the key in the message.

    Example:
        >>> from azarr.stores import MemoryStore
        >>> store = MemoryStore()
        >>> store.set("foo/zarr.json", b"{}")
        >>> store["foo/zarr.json"], list(store.list("foo")), store.list_children()
        (b'{}', ['foo/zarr.json'], ([], ['foo']))
    """

    @property
    def page_cached(self) -> BlockingStore | None:
        """The same values as far as reading them waits for nothing; else it raises BlockingIOError.

        None: the store cannot tell.
        """
        return None

    @abstractmethod
    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key` as a buffer, or `default` if it is definitely missing. One request.

        Raises:
            StoreError: anything else than having the value or knowing that there is none.
        """

    @abstractmethod
    def set(self, key: str, value: Buffer) -> None:
        """Put a whole value: readers see the old one or the new one. One request.

        `value` may be reused by the caller afterwards.
        """

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove `key`. That it is missing is fine."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/", in full, each once, in no particular order; "" is all."""

    def get_into(self, key: str, memory: memoryview) -> int | None:
        """Put a value into memory, as far as it fits; its number of bytes, None if it is missing.

        After a failure the memory may hold anything.
        """
        return copy_into(memory, self.get(key))

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """Exactly these byte ranges of a value, in this order; None if `key` is missing.

        This default fetches the whole value.

        Raises:
            ShortReadError: the value has no such bytes.
        """
        value = self.get(key)
        return None if value is None else cut_ranges(value, ranges, key)

    def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        """Byte ranges and the generation of the value they are of; None if `key` is missing.

        The generation is None where the store has none. This default fetches the whole value.

        Args:
            generation: the value must still have it, so that ranges of two requests are of one
                value.

        Raises:
            ConflictError: the value has another generation.
        """
        if not self.conditional:
            buffers = self.get_ranges(key, ranges)
            return None if buffers is None else (buffers, None)
        value, found = self.get_with_generation(key)
        if value is None:
            return None
        check_same_generation(self, key, found, generation)
        return cut_ranges(value, ranges, key), found

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation, of one moment; both None if `key` is missing.

        Raises:
            UsageError: the store has no generations.
        """
        raise self._no_generations()

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation` (None: is still missing).

        Returns the generation of the new value.

        Raises:
            ConflictError: another value (or none) is there now. Nothing was written.
            UsageError: the store has no generations.
        """
        raise self._no_generations()

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`.

        Raises:
            ConflictError: another value (or none) is there now. Nothing was removed.
            UsageError: the store has no generations.
        """
        raise self._no_generations()

    def set_many(self, values: Iterable[tuple[str, Buffer | None]]) -> None:
        """Put several values one after the other, and delete the keys whose value is None.

        Each is whole by itself. After a failure those before it are stored, and none after it. The
        store may hold a lock while the next pair is made, so whoever makes it must not use it.
        """
        for key, value in values:
            if value is None:
                self.delete(key)
            else:
                self.set(key, value)

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/"; "" is everything. A key `prefix` itself stays."""
        self._check_writable()
        for key in list(self.list(prefix)):
            self.delete(key)

    def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        """Remove these keys; that some are missing is fine.

        If it is interrupted, none of the others is gone as long as one of the `first` ones is
        there. This default removes one after the other.
        """
        self._check_writable()
        for key in keys:
            self.delete(key)

    def list_children(self, prefix: str = "") -> Children:
        """What is directly under `prefix`: sorted (names of keys, names of sub-prefixes).

        This default lists every key under `prefix`.
        """
        return children_under(self.list(prefix), check_prefix(prefix))

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if `key` is missing."""
        value = self.get(key)
        return None if value is None else memoryview(value).nbytes

    def close(self) -> None:
        """Let go of what the store holds open. The store is not used afterwards."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __getitem__(self, key: str) -> bytes:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value if type(value) is bytes else bytes(value)

    def __setitem__(self, key: str, value: Buffer) -> None:
        self.set(key, value)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.delete(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.size(key) is not None

    def __iter__(self) -> Iterator[str]:
        return self.list()

    def __len__(self) -> int:
        return sum(1 for _ in self.list())

    def __bool__(self) -> bool:
        # A mapping is true when it has a key: one is enough to know.
        return next(self.list(), None) is not None

    def clear(self) -> None:
        """Remove every key."""
        self.delete_prefix("")

    # `MutableMapping` compares by content and so has no hash; a store is a place.
    __eq__ = Store.__eq__
    __hash__ = Store.__hash__


class AsyncStore(Store):
    """A store whose methods are awaited; otherwise those of `BlockingStore`, of the same names."""

    is_async = True

    @abstractmethod
    async def get(self, key: str, default: Any = None) -> Buffer | Any:
        """See `BlockingStore.get`."""

    @abstractmethod
    async def set(self, key: str, value: Buffer) -> None:
        """See `BlockingStore.set`."""

    @abstractmethod
    async def delete(self, key: str) -> None:
        """See `BlockingStore.delete`."""

    @abstractmethod
    def list(self, prefix: str = "") -> AsyncIterator[str]:
        """See `BlockingStore.list`; to be used in `async for`."""

    async def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """See `BlockingStore.get_ranges`."""
        value = await self.get(key)
        return None if value is None else cut_ranges(value, ranges, key)

    async def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        """See `BlockingStore.get_ranges_with_generation`."""
        if not self.conditional:
            buffers = await self.get_ranges(key, ranges)
            return None if buffers is None else (buffers, None)
        value, found = await self.get_with_generation(key)
        if value is None:
            return None
        check_same_generation(self, key, found, generation)
        return cut_ranges(value, ranges, key), found

    async def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """See `BlockingStore.get_with_generation`."""
        raise self._no_generations()

    async def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """See `BlockingStore.set_if`."""
        raise self._no_generations()

    async def delete_if(self, key: str, generation: Generation | None) -> None:
        """See `BlockingStore.delete_if`."""
        raise self._no_generations()

    async def delete_prefix(self, prefix: str) -> None:
        """See `BlockingStore.delete_prefix`."""
        self._check_writable()
        for key in [key async for key in self.list(prefix)]:
            await self.delete(key)

    async def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        """See `BlockingStore.delete_many`."""
        self._check_writable()
        for key in keys:
            await self.delete(key)

    async def list_children(self, prefix: str = "") -> Children:
        """See `BlockingStore.list_children`."""
        check_prefix(prefix)
        return children_under([key async for key in self.list(prefix)], prefix)

    async def size(self, key: str) -> int | None:
        """See `BlockingStore.size`."""
        value = await self.get(key)
        return None if value is None else memoryview(value).nbytes

    async def close(self) -> None:
        """See `BlockingStore.close`."""
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


def check_same_generation(
    store: Store, key: str, found: Generation | None, expected: Generation | None
) -> None:
    """Raise ConflictError unless `found` is what was expected; None expects nothing."""
    if expected is not None and found != expected:
        raise ConflictError(f"{key!r} in {store!r} has changed since it was read")
