"""The awaitable group: the names of `Group`, each to be awaited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azarr.engine import ArrayState, GroupState, run_async
from azarr.errors import NodeNotFoundError
from azarr.nodes._async_array import AsyncArray
from azarr.nodes._attributes import AsyncAttributes
from azarr.nodes._group import Group
from azarr.nodes._group_contents import AsyncGroupContents
from azarr.nodes.arguments._arguments import AUTO, ArrayArguments
from azarr.nodes.operations import _creation as creation, _node as operations
from azarr.nodes.operations._place import child_place, member_place, place
from azarr.typing import ZarrFormat


class AsyncGroup(AsyncGroupContents):
    """An open group whose operations are awaited, under asyncio and trio.

    Example:
        >>> import anyio
        >>> import azarr.aio
        >>> async def main():
        ...     root = await azarr.aio.create_group({})
        ...     await root.create_array("a", shape=(3,), dtype="i2")
        ...     return await root.keys()
        >>> anyio.run(main)
        ['a']
    """

    @classmethod
    async def open(
        cls,
        store: Any,
        path: str | None = None,
        read_only: bool = False,
        chunk_store: Any = None,
        cache_attrs: bool = True,
        synchronizer: Any = None,
        *,
        meta_array: Any = None,
        zarr_format: ZarrFormat | None = None,
    ) -> AsyncGroup:
        """Open a group that exists; the arguments are those of `Group`."""
        at = place(
            store,
            path,
            read_only=read_only,
            chunk_store=chunk_store,
            cache_attrs=cache_attrs,
            synchronizer=synchronizer,
            zarr_format=zarr_format,
            meta_array=meta_array,
        )
        return cls._of(await run_async(operations.open_group(at, "r")))  # type: ignore[no-any-return]

    @property
    def blocking(self) -> Group:
        """The blocking facade of the same group; no I/O."""
        return Group._of(self._held)  # type: ignore[no-any-return]

    @property
    def attrs(self) -> AsyncAttributes:
        """The user attributes."""
        return AsyncAttributes(self)

    async def update_attributes(self, new_attributes: Mapping[str, Any]) -> AsyncGroup:
        """Await `Group.update_attributes`."""
        await self.attrs.update(new_attributes)
        return self

    async def getitem(self, path: str) -> AsyncArray | AsyncGroup:
        """Await what `Group.__getitem__` returns."""
        return async_node(await run_async(operations.get_child(self._state, path)))

    async def get(self, path: str, default: Any = None) -> Any:
        """The node at a path under the group, or `default` where there is none."""
        try:
            return await self.getitem(path)
        except NodeNotFoundError:
            return default

    async def setitem(self, path: str, value: Any) -> None:
        """Await what `Group.__setitem__` does."""
        member_place(self._state, path)
        await self.array(path, value, overwrite=True)

    async def delitem(self, path: str) -> None:
        """Await what `Group.__delitem__` does."""
        await run_async(operations.delete_child(self._state, path))

    async def contains(self, path: str) -> bool:
        """Whether there is a node at a path under the group."""
        return await run_async(operations.contains_child(self._state, path))

    async def keys(self) -> list[str]:
        """The names of the nodes directly under the group."""
        return list(await run_async(operations.list_children(self._state)))

    async def items(self) -> list[tuple[str, AsyncArray | AsyncGroup]]:
        """Names and nodes of the direct members: all are opened together, see `members`."""
        return [*(await self.members()).items()]

    async def values(self) -> list[AsyncArray | AsyncGroup]:
        """The direct members: all are opened together, see `members`."""
        return [*(await self.members()).values()]

    async def create_array(
        self,
        name: str,
        *,
        shape: Any = None,
        dtype: Any = None,
        data: Any = None,
        chunks: Any = "auto",
        shards: Any = None,
        filters: Any = AUTO,
        compressors: Any = AUTO,
        serializer: Any = AUTO,
        fill_value: Any = AUTO,
        order: str | None = None,
        attributes: Any = None,
        dimension_names: Any = None,
        chunk_key_encoding: Any = None,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> AsyncArray:
        """Await `Group.create_array`."""
        at, kwargs = creation.opened_with(child_place(self._state, name), kwargs)
        arguments = ArrayArguments(
            shape=shape,
            dtype=dtype,
            chunks=chunks,
            shards=shards,
            filters=filters,
            compressors=compressors,
            serializer=serializer,
            fill_value=fill_value,
            order=order,
            attributes=attributes,
            dimension_names=dimension_names,
            chunk_key_encoding=chunk_key_encoding,
            **kwargs,
        )
        created = await run_async(operations.create_array(at, arguments, data, overwrite))
        return AsyncArray._of(created)  # type: ignore[no-any-return]

    async def create_group(
        self, name: str, overwrite: bool = False, attributes: Any = None
    ) -> AsyncGroup:
        """Await `Group.create_group`."""
        at = child_place(self._state, name)
        created = await run_async(operations.create_group(at, attributes, overwrite))
        return AsyncGroup._of(created)  # type: ignore[no-any-return]

    async def require_group(self, name: str, overwrite: bool = False) -> AsyncGroup:
        """Await `Group.require_group`."""
        at = child_place(self._state, name)
        opened = await run_async(operations.open_group(at, "w" if overwrite else "a"))
        return AsyncGroup._of(opened)  # type: ignore[no-any-return]

    async def __aenter__(self) -> AsyncGroup:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await run_async(operations.close(self._held))


Group._twin = AsyncGroup


def async_node(state: ArrayState | GroupState) -> AsyncArray | AsyncGroup:
    """The awaitable facade of an open node."""
    facade = AsyncArray if isinstance(state, ArrayState) else AsyncGroup
    return facade._of(state)  # type: ignore[no-any-return, arg-type]
