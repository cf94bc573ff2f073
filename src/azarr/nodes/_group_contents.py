"""Making, finding and moving nodes under a group; in both facades."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from azarr.engine import (
    MANY_DOCUMENTS,
    ArrayState,
    AwaitedWay,
    Operation,
    run,
    run_async,
)
from azarr.nodes._array import Array
from azarr.nodes._async_array import AsyncArray
from azarr.nodes._group_members import AsyncGroupMembers, GroupMembers
from azarr.nodes.operations import _creation as creation, _group as operations


class GroupContents(GroupMembers):
    """Creation of arrays and groups under a group; every call blocks until it is done."""

    def create_hierarchy(self, nodes: Mapping[str, Any], overwrite: bool = False) -> dict[str, Any]:
        """Create many arrays and groups at once, and the groups above them that do not exist.

        Round trips, whatever their number: one to look, one per level of the hierarchy that is
        written (parents before their children), one more to overwrite. All arguments are checked
        before anything is written.

        Args:
            nodes: by path, None or `{"attributes": ...}` for a group; a dict of arguments of
                `create_array` (with a shape, without data) for an array; or the `metadata` of
                another node.
            overwrite: replace what is there.

        Raises:
            ContainsArrayError, ContainsGroupError: there is a node, or a parent is an array.

        Example:
            >>> import azarr
            >>> root = azarr.group()
            >>> root.create_hierarchy({"a/b": {"shape": 5, "dtype": "i2"}, "c": None})
            {'a/b': <azarr.Array '/a/b' (5,) int16>, 'c': <azarr.Group '/c'>}
        """
        made = run(operations.create_hierarchy(self._state, nodes, overwrite))
        return {name: self._node(state) for name, state in made.items()}

    def create_groups(self, *names: str, overwrite: bool = False) -> tuple[Any, ...]:
        """Create several groups under the group; requests as of `create_hierarchy`."""
        return tuple(self.create_hierarchy(dict.fromkeys(names), overwrite).values())

    def require_groups(self, *names: str) -> tuple[Any, ...]:
        """Open several groups under the group, created where they do not exist.

        Raises:
            ContainsArrayError: one of them is an array.
        """
        nodes = dict.fromkeys(names)
        made = run(operations.create_hierarchy(self._state, nodes, keep=True))
        return tuple(self._node(made[name]) for name in names)

    def create_dataset(self, name: str, **kwargs: Any) -> Array:
        """Create an array, with the arguments of `azarr.create`, or of `azarr.array` with `data`.

        Example:
            >>> import azarr
            >>> azarr.group().create_dataset("foo", shape=(100, 100), chunks=(10, 10))
            <azarr.Array '/foo' (100, 100) float64>
        """
        return self._array(operations.create_dataset(self._state, name, **kwargs))

    def require_dataset(
        self, name: str, shape: Any, dtype: Any = None, exact: bool = False, **kwargs: Any
    ) -> Array:
        """Open an array that has this shape and data type, or create it.

        Args:
            name: its path under the group.
            shape: its shape.
            dtype: its data type, or one that it can be cast to safely.
            exact: the data type must be the same.
            **kwargs: for creating it, as `create_dataset`.

        Raises:
            UsageError: there is an array of another shape or data type.
            ContainsGroupError: there is a group.
        """
        state = self._state
        return self._array(operations.require_dataset(state, name, shape, dtype, exact, **kwargs))

    def require_array(self, name: str, *, shape: Any, **kwargs: Any) -> Array:
        """The same as `require_dataset`, by the name that it has in zarr-python 3."""
        return self.require_dataset(name, shape, **kwargs)

    def create(self, name: str, **kwargs: Any) -> Array:
        """Create an array; arguments as `azarr.create`."""
        return self.create_dataset(name, **kwargs)

    def empty(self, name: str, **kwargs: Any) -> Array:
        """Create an array; arguments as `azarr.empty`."""
        return self._made(name, creation.empty, **kwargs)

    def zeros(self, name: str, **kwargs: Any) -> Array:
        """Create an array; arguments as `azarr.zeros`."""
        return self._made(name, creation.zeros, **kwargs)

    def ones(self, name: str, **kwargs: Any) -> Array:
        """Create an array; arguments as `azarr.ones`."""
        return self._made(name, creation.ones, **kwargs)

    def full(self, name: str, fill_value: Any, **kwargs: Any) -> Array:
        """Create an array; arguments as `azarr.full`."""
        return self._made(name, creation.full, fill_value=fill_value, **kwargs)

    def array(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array filled with `data`; arguments as `azarr.array`."""
        return self._made(name, creation.array, data, **kwargs)

    def empty_like(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array like `data`; arguments as `azarr.empty_like`."""
        return self._made(name, creation.empty_like, data, **kwargs)

    def zeros_like(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array like `data`; arguments as `azarr.zeros_like`."""
        return self._made(name, creation.zeros_like, data, **kwargs)

    def ones_like(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array like `data`; arguments as `azarr.ones_like`."""
        return self._made(name, creation.ones_like, data, **kwargs)

    def full_like(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array like `data`; arguments as `azarr.full_like`."""
        return self._made(name, creation.full_like, data, **kwargs)

    def move(self, source: str, dest: str) -> None:
        """Move an array or a group, with everything under it, to another path under the group.

        A path that begins with "/" counts from the root of the store. Values are copied, then the
        old ones deleted: two requests per value. Interrupted, the node is still at its old path.

        Raises:
            NodeNotFoundError: there is nothing at `source`.
            ContainsArrayError, ContainsGroupError: there is something at `dest`.
        """
        run(operations.move(self._state, source, dest))

    def _made(self, name: str, function: Any, *args: Any, **kwargs: Any) -> Array:
        return self._array(operations.create_in(self._state, name, function, *args, **kwargs))

    def _array(self, operation: Operation[ArrayState]) -> Array:
        return Array._of(run(operation))  # type: ignore[no-any-return]


class AsyncGroupContents(AsyncGroupMembers):
    """The same to be awaited."""

    async def create_hierarchy(
        self, nodes: Mapping[str, Any], overwrite: bool = False
    ) -> dict[str, Any]:
        """Await `Group.create_hierarchy`."""
        made = await self._made_all(nodes, overwrite)
        return {name: self._node(state) for name, state in made.items()}

    async def create_groups(self, *names: str, overwrite: bool = False) -> tuple[Any, ...]:
        """Await `Group.create_groups`."""
        return tuple((await self.create_hierarchy(dict.fromkeys(names), overwrite)).values())

    async def require_groups(self, *names: str) -> tuple[Any, ...]:
        """Await `Group.require_groups`."""
        nodes = dict.fromkeys(names)
        made = await self._made_all(nodes, keep=True)
        return tuple(self._node(made[name]) for name in names)

    async def _made_all(
        self, nodes: Mapping[str, Any], overwrite: bool = False, keep: bool = False
    ) -> dict[str, operations.NodeState]:
        make = partial(operations.create_hierarchy, self._state, nodes, overwrite, keep)
        many = len(nodes) >= MANY_DOCUMENTS
        return await run_async(await AwaitedWay().call(make) if many else make())

    async def create_dataset(self, name: str, **kwargs: Any) -> AsyncArray:
        """Await `Group.create_dataset`."""
        return await self._array(operations.create_dataset(self._state, name, **kwargs))

    async def require_dataset(
        self, name: str, shape: Any, dtype: Any = None, exact: bool = False, **kwargs: Any
    ) -> AsyncArray:
        """Await `Group.require_dataset`."""
        state = self._state
        return await self._array(
            operations.require_dataset(state, name, shape, dtype, exact, **kwargs)
        )

    async def require_array(self, name: str, *, shape: Any, **kwargs: Any) -> AsyncArray:
        """Await `Group.require_array`."""
        return await self.require_dataset(name, shape, **kwargs)

    async def create(self, name: str, **kwargs: Any) -> AsyncArray:
        """Await `Group.create`."""
        return await self.create_dataset(name, **kwargs)

    async def empty(self, name: str, **kwargs: Any) -> AsyncArray:
        """Await `Group.empty`."""
        return await self._made(name, creation.empty, **kwargs)

    async def zeros(self, name: str, **kwargs: Any) -> AsyncArray:
        """Await `Group.zeros`."""
        return await self._made(name, creation.zeros, **kwargs)

    async def ones(self, name: str, **kwargs: Any) -> AsyncArray:
        """Await `Group.ones`."""
        return await self._made(name, creation.ones, **kwargs)

    async def full(self, name: str, fill_value: Any, **kwargs: Any) -> AsyncArray:
        """Await `Group.full`."""
        return await self._made(name, creation.full, fill_value=fill_value, **kwargs)

    async def array(self, name: str, data: Any, **kwargs: Any) -> AsyncArray:
        """Await `Group.array`."""
        return await self._made(name, creation.array, data, **kwargs)

    async def empty_like(self, name: str, data: Any, **kwargs: Any) -> AsyncArray:
        """Await `Group.empty_like`."""
        return await self._made(name, creation.empty_like, data, **kwargs)

    async def zeros_like(self, name: str, data: Any, **kwargs: Any) -> AsyncArray:
        """Await `Group.zeros_like`."""
        return await self._made(name, creation.zeros_like, data, **kwargs)

    async def ones_like(self, name: str, data: Any, **kwargs: Any) -> AsyncArray:
        """Await `Group.ones_like`."""
        return await self._made(name, creation.ones_like, data, **kwargs)

    async def full_like(self, name: str, data: Any, **kwargs: Any) -> AsyncArray:
        """Await `Group.full_like`."""
        return await self._made(name, creation.full_like, data, **kwargs)

    async def move(self, source: str, dest: str) -> None:
        """Await `Group.move`."""
        await run_async(operations.move(self._state, source, dest))

    async def _made(self, name: str, function: Any, *args: Any, **kwargs: Any) -> AsyncArray:
        return await self._array(operations.create_in(self._state, name, function, *args, **kwargs))

    async def _array(self, operation: Operation[ArrayState]) -> AsyncArray:
        return AsyncArray._of(await run_async(operation))  # type: ignore[no-any-return]
