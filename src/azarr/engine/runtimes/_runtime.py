"""What the core may await. The core knows this interface and nothing of threads or event loops."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

from azarr.stores import Store
from azarr.typing import Buffer, ByteRange, Generation

T = TypeVar("T")
# In the classes below `list` and `set` are methods.
Ranges: TypeAlias = tuple[list[Buffer], Generation | None]
Keys: TypeAlias = list[str]
Children: TypeAlias = tuple[list[str], list[str]]

SCAN_KEYS = 1000
"""Keys of one step of a scan, as many as a page of an S3 listing has."""

Work: TypeAlias = Callable[[Iterator[Any]], Awaitable[None]]
"""A worker: pulls steps from the iterator it is given, until there are no more."""


CONFLICTS = 1000
"""Each conflict means that somebody else got through; so many in a row, that the store is wrong."""


class Runtime(Protocol):
    """Carries out what the core asks for: requests to one store, computation, concurrency.

    The request methods are those of the store, with the same contracts and errors.
    """

    @property
    def store(self) -> Store: ...

    async def get(self, key: str) -> Buffer | None: ...

    async def get_document(self, key: str, opened: bool = False) -> Buffer | None:
        """As `get`, for what may be kept by the process as metadata.

        Args:
            opened: a change may be based on it, so its generation is kept, where that is free.
        """

    async def get_into(self, key: str, memory: memoryview) -> int | None: ...

    async def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None: ...

    async def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]: ...

    async def set(self, key: str, value: Buffer) -> None: ...

    async def set_many(self, values: Iterable[tuple[str, Buffer | None]]) -> None:
        """Store several values one after the other, deleting the keys whose value is None."""

    async def set_if(
        self, key: str, value: Buffer, generation: Generation | None
    ) -> Generation: ...

    async def delete(self, key: str) -> None: ...

    async def delete_if(self, key: str, generation: Generation) -> None: ...

    async def delete_prefix(self, prefix: str) -> None: ...

    async def delete_many(self, prefix: str, keys: Keys, first: int) -> None:
        """Remove keys under a prefix; nothing else before the first ones."""

    async def list(self, prefix: str) -> Keys: ...

    async def list_children(self, prefix: str) -> Children: ...

    async def size(self, key: str) -> int | None: ...

    def scan(self, prefix: str) -> AsyncGenerator[Keys, None]:
        """What `list` gives, some keys at a time: memory is bounded however many there are."""

    def beside(self, store: Store) -> Runtime:
        """A runtime of the same kind for another store: that of an array's chunks, or metadata."""

    @property
    def uncached(self) -> Runtime:
        """A runtime of what is stored now: what is known beforehand is no base for a change."""

    def lock(self, key: str, domain: str | None = None) -> AbstractAsyncContextManager[None]:
        """The right to change a key, one holder at a time in the whole process.

        Args:
            domain: where names are locked; None: the store's origin.
        """

    async def sleep(self, seconds: float) -> None:
        """Wait before asking again for what only another process can give."""

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        """Run a pure function that decodes or encodes a whole chunk, where it blocks nobody."""

    async def for_each(
        self, work: Work, steps: Iterator[Any], count: int, nbytes: int, grain: int = 0
    ) -> None:
        """Let workers pull steps until there are none, as many at once as is worthwhile.

        Args:
            count: how many steps there are.
            nbytes: decoded bytes of one step.
            grain: decoded bytes of one call of a codec within a step.
        """


async def compute_if(
    runtime: Runtime, takes_long: bool, function: Callable[..., T], *args: Any
) -> T:
    """What a pure function gives, computed where it blocks nobody if it takes long."""
    return await runtime.compute(function, *args) if takes_long else function(*args)
