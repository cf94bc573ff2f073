"""A blocking store, and mapping, that drives the coroutines of a `RemoteStore`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

from azarr.stores._remote import RemoteStore
from azarr.stores.base import BlockingStore, Buffers, Children, Ranges
from azarr.typing import Buffer, ByteRange, Generation

T = TypeVar("T")

# Inside the class, `list` is a method.
Keys: TypeAlias = list[str]


class DrivenStore(BlockingStore):
    """Every method runs that of the same name of `_driven()`, by `_run`."""

    atomic_delete_if = False

    @abstractmethod
    def _driven(self) -> RemoteStore:
        """The store with the coroutines, writable."""

    @abstractmethod
    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine."""

    def _read(self, call: Coroutine[Any, Any, T], missing: T) -> T:
        """The result of a read; `missing` is what it is of a key that does not exist."""
        return self._run(call)

    def _spelled(self, key: str) -> str:
        """A key or prefix as this store spells it."""
        return key

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing."""
        return self._read(self._driven().get(self._spelled(key), default), default)

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """Exactly these byte ranges, each read by itself."""
        return self._read(self._driven().get_ranges(self._spelled(key), ranges), None)

    def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        """Byte ranges and the generation of the value."""
        ask = self._driven().get_ranges_with_generation
        return self._read(ask(self._spelled(key), ranges, generation), None)

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation."""
        return self._read(self._driven().get_with_generation(self._spelled(key)), (None, None))

    def set(self, key: str, value: Buffer) -> None:
        """Put a whole value."""
        self._check_writable()
        self._run(self._driven().set(self._spelled(key), value))

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation`."""
        self._check_writable()
        return self._run(self._driven().set_if(self._spelled(key), value, generation))

    def delete(self, key: str) -> None:
        """Remove `key`."""
        self._check_writable()
        self._run(self._driven().delete(self._spelled(key)))

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`; see `RemoteStore.delete_if`."""
        self._check_writable()
        self._run(self._driven().delete_if(self._spelled(key), generation))

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/"."""
        self._check_writable()
        self._run(self._driven().delete_prefix(self._spelled(prefix)))

    def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        """Remove these keys; see `RemoteStore.delete_many`."""
        self._check_writable()
        self._run(self._driven().delete_many([self._spelled(key) for key in keys], first))

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/"."""
        return iter(self._run(_all(self._driven(), self._spelled(prefix))))

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes) directly under `prefix`."""
        return self._run(self._driven().list_children(self._spelled(prefix)))

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if `key` is missing."""
        return self._read(self._driven().size(self._spelled(key)), None)


async def _all(store: RemoteStore, prefix: str) -> Keys:
    return [key async for key in store.list(prefix)]
