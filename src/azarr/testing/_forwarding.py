"""Stores that pass every request on to another store, each through one method, `_request`.

A wrapper overrides `_request` and nothing else: in a blocking shape over a blocking store, and in
an asynchronous shape over a store of either shape.
"""

from __future__ import annotations

import inspect
import posixpath
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Generic, Self, TypeAlias, TypeVar

from azarr.storage import AsyncStore, BlockingStore, Store
from azarr.typing import Buffer, ByteRange, Generation

S = TypeVar("S", bound=Store)

# Inside the classes below, `list` is a method.
Buffers: TypeAlias = list[Buffer]
Ranges: TypeAlias = tuple[list[Buffer], Generation | None]
Children: TypeAlias = tuple[list[str], list[str]]


def nbytes_of(value: Any) -> int:
    """The bytes in a value, or in what a store returned; 0 for anything else."""
    if isinstance(value, bytes | bytearray):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(nbytes_of, value))
    return getattr(value, "nbytes", 0)


def common_prefix(keys: Sequence[str]) -> str:
    """What all these keys begin with, in whole segments."""
    return posixpath.commonpath(keys) if keys else ""


class _Wrapping(Store, Generic[S]):
    """A store that says of itself what `store` says."""

    def __init__(self, store: S) -> None:
        self.store = store
        self._describe_as(store)

    def with_read_only(self, read_only: bool = True) -> Self:
        twin = super().with_read_only(read_only)
        twin.store = self.store.with_read_only(read_only)
        return twin

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.store!r})"


class ForwardingStore(_Wrapping[BlockingStore], BlockingStore):
    """A blocking store that passes every request on to `store`."""

    def _request(
        self, kind: str, key: str, sent: int, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        """Carry out one request, which sends `sent` bytes of values."""
        return call(*arguments)

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        value = self._request("get", key, 0, self.store.get, key)
        return default if value is None else value

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        result: Buffers | None = self._request(
            "get_ranges", key, 0, self.store.get_ranges, key, ranges
        )
        return result

    def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        result: Ranges | None = self._request(
            "get_ranges", key, 0, self.store.get_ranges_with_generation, key, ranges, generation
        )
        return result

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        result: tuple[Buffer | None, Generation | None] = self._request(
            "get_with_generation", key, 0, self.store.get_with_generation, key
        )
        return result

    def set(self, key: str, value: Buffer) -> None:
        self._request("set", key, nbytes_of(value), self.store.set, key, value)

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        result: Generation = self._request(
            "set_if", key, nbytes_of(value), self.store.set_if, key, value, generation
        )
        return result

    def delete(self, key: str) -> None:
        self._request("delete", key, 0, self.store.delete, key)

    def delete_if(self, key: str, generation: Generation | None) -> None:
        self._request("delete_if", key, 0, self.store.delete_if, key, generation)

    def delete_prefix(self, prefix: str) -> None:
        self._request("delete_prefix", prefix, 0, self.store.delete_prefix, prefix)

    def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        self._request("delete_many", common_prefix(keys), 0, self.store.delete_many, keys, first)

    def list(self, prefix: str = "") -> Iterator[str]:
        return iter(self._request("list", prefix, 0, lambda: list(self.store.list(prefix))))

    def list_children(self, prefix: str = "") -> Children:
        result: Children = self._request(
            "list_children", prefix, 0, self.store.list_children, prefix
        )
        return result

    def size(self, key: str) -> int | None:
        result: int | None = self._request("size", key, 0, self.store.size, key)
        return result

    def close(self) -> None:
        self.store.close()


class AsyncForwardingStore(_Wrapping[BlockingStore | AsyncStore], AsyncStore):
    """An asynchronous store that passes every request on to `store`, of either shape.

    A blocking `store` is called on the event loop itself: it should be one in memory.
    """

    async def _request(
        self, kind: str, key: str, sent: int, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        """Carry out one request, which sends `sent` bytes of values."""
        result = call(*arguments)
        return await result if inspect.isawaitable(result) else result

    async def get(self, key: str, default: Any = None) -> Buffer | Any:
        value = await self._request("get", key, 0, self.store.get, key)
        return default if value is None else value

    async def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        result: Buffers | None = await self._request(
            "get_ranges", key, 0, self.store.get_ranges, key, ranges
        )
        return result

    async def get_ranges_with_generation(
        self, key: str, ranges: Sequence[ByteRange], generation: Generation | None = None
    ) -> Ranges | None:
        result: Ranges | None = await self._request(
            "get_ranges", key, 0, self.store.get_ranges_with_generation, key, ranges, generation
        )
        return result

    async def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        result: tuple[Buffer | None, Generation | None] = await self._request(
            "get_with_generation", key, 0, self.store.get_with_generation, key
        )
        return result

    async def set(self, key: str, value: Buffer) -> None:
        await self._request("set", key, nbytes_of(value), self.store.set, key, value)

    async def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        result: Generation = await self._request(
            "set_if", key, nbytes_of(value), self.store.set_if, key, value, generation
        )
        return result

    async def delete(self, key: str) -> None:
        await self._request("delete", key, 0, self.store.delete, key)

    async def delete_if(self, key: str, generation: Generation | None) -> None:
        await self._request("delete_if", key, 0, self.store.delete_if, key, generation)

    async def delete_prefix(self, prefix: str) -> None:
        await self._request("delete_prefix", prefix, 0, self.store.delete_prefix, prefix)

    async def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        call = self.store.delete_many
        await self._request("delete_many", common_prefix(keys), 0, call, keys, first)

    async def list(self, prefix: str = "") -> AsyncIterator[str]:
        for key in await self._request("list", prefix, 0, self._listed, prefix):
            yield key

    def _listed(self, prefix: str) -> Any:
        store = self.store
        if isinstance(store, BlockingStore):
            return list(store.list(prefix))
        return _collected(store.list(prefix))

    async def list_children(self, prefix: str = "") -> Children:
        result: Children = await self._request(
            "list_children", prefix, 0, self.store.list_children, prefix
        )
        return result

    async def size(self, key: str) -> int | None:
        result: int | None = await self._request("size", key, 0, self.store.size, key)
        return result

    async def close(self) -> None:
        result = self.store.close()
        if result is not None:
            await result


async def _collected(keys: AsyncIterator[str]) -> list[str]:
    return [key async for key in keys]
