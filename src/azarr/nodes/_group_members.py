"""What is under a group: listing, visiting, showing it; in both facades."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from azarr.engine import ArrayState, GroupState, run, run_async
from azarr.errors import NodeNotFoundError
from azarr.nodes._array import Array
from azarr.nodes._async_array import AsyncArray
from azarr.nodes._facade import GroupFacade
from azarr.nodes._hierarchy_tree import Tree, tree_of
from azarr.nodes._report import Items, Report, group_items
from azarr.nodes.operations import _group as operations
from azarr.nodes.operations._node import get_child


class GroupMembers(GroupFacade):
    """The nodes under a group; every call blocks until it is done."""

    def _node(self, state: ArrayState | GroupState) -> Any:
        return Array._of(state) if isinstance(state, ArrayState) else type(self)._of(state)

    def members(self, max_depth: int | None = 0) -> dict[str, Any]:
        """The nodes under the group, opened, by their paths relative to it, sorted.

        Round trips: the listing of the group, then per level one (v3) or two (v2), whatever the
        number of nodes.

        Args:
            max_depth: how many levels below the direct members; None: all.

        Example:
            >>> import azarr
            >>> root = azarr.group()
            >>> array = root.create_array("a/b", shape=(3,), dtype="i2")
            >>> root.members(max_depth=None)
            {'a': <azarr.Group '/a'>, 'a/b': <azarr.Array '/a/b' (3,) int16>}
        """
        found = run(operations.members(self._state, max_depth))
        return {path: self._node(state) for path, state in found.items()}

    def arrays(self, recurse: bool = False) -> Iterator[tuple[str, Array]]:
        """The arrays in the group with their names; `recurse`: also in the groups below."""
        return iter(_of_kind(self.members(None if recurse else 0), Array))

    def array_keys(self, recurse: bool = False) -> Iterator[str]:
        """The names of the arrays in the group; `recurse`: also in the groups below."""
        return (name for name, _ in self.arrays(recurse))

    def groups(self) -> Iterator[tuple[str, Any]]:
        """The groups directly under the group, with their names."""
        return iter(_of_kind(self.members(), GroupMembers))

    def group_keys(self) -> Iterator[str]:
        """The names of the groups directly under the group."""
        return (name for name, _ in self.groups())

    def visititems(self, func: Callable[[str, Any], Any]) -> Any:
        """Call `func(path, node)` for every node under the group, in sorted order.

        Stops at the first result that is not None, and returns it. All nodes are found before the
        first call, see `members`.
        """
        for path, node in self.members(None).items():
            result = func(path, node)
            if result is not None:
                return result
        return None

    def visitvalues(self, func: Callable[[Any], Any]) -> Any:
        """Call `func(node)` for every node under the group; see `visititems`."""
        return self.visititems(lambda _, node: func(node))

    def visit(self, func: Callable[[str], Any]) -> Any:
        """Call `func(path)` for every node under the group; see `visititems`.

        Example:
            >>> import azarr
            >>> root = azarr.group()
            >>> _ = root.create_groups("foo", "bar/baz")
            >>> root.visit(print)
            bar
            bar/baz
            foo
        """
        return self.visititems(lambda path, _: func(path))

    def visitkeys(self, func: Callable[[str], Any]) -> Any:
        """The same as `visit`."""
        return self.visit(func)

    def tree(self, expand: bool = False, level: int | None = None) -> Tree:
        """The hierarchy under the group, to be printed or shown in a notebook.

        Args:
            expand: unfold all of it in a notebook.
            level: how many levels to show; None: all.

        Example:
            >>> import azarr
            >>> root = azarr.group()
            >>> array = root.create_array("foo/bar", shape=(10, 10), dtype="i4")
            >>> root.tree()
            /
            └── foo
                └── bar (10, 10) int32
        """
        found = run(operations.members(self._state, _depth(level))) if level != 0 else {}
        return tree_of(self.basename, found, expand)

    @property
    def info(self) -> Report:
        """A report on the group and its direct members; see `info_items`."""
        return Report(tuple(self.info_items()))

    def info_items(self) -> Items:
        """The rows of `info`: names and values."""
        return group_items(self, *_names(run(operations.members(self._state))))

    def __getattr__(self, name: str) -> Any:
        """A member as an attribute: `group.foo` is `group["foo"]`."""
        # Notebooks, copy and pickle look for names with underscores: no request for these.
        if not name.startswith("_"):
            try:
                return self._node(run(get_child(self._held, name)))
            except NodeNotFoundError:
                pass
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.members())


class AsyncGroupMembers(GroupFacade):
    """The same to be awaited; what is a property there and needs requests is a method here."""

    def _node(self, state: ArrayState | GroupState) -> Any:
        return AsyncArray._of(state) if isinstance(state, ArrayState) else type(self)._of(state)

    async def members(self, max_depth: int | None = 0) -> dict[str, Any]:
        """Await `Group.members`."""
        found = await run_async(operations.members(self._state, max_depth))
        return {path: self._node(state) for path, state in found.items()}

    async def arrays(self, recurse: bool = False) -> list[tuple[str, AsyncArray]]:
        """Await `Group.arrays`."""
        return _of_kind(await self.members(None if recurse else 0), AsyncArray)

    async def array_keys(self, recurse: bool = False) -> list[str]:
        """Await `Group.array_keys`."""
        return [name for name, _ in await self.arrays(recurse)]

    async def groups(self) -> list[tuple[str, Any]]:
        """Await `Group.groups`."""
        return _of_kind(await self.members(), AsyncGroupMembers)

    async def group_keys(self) -> list[str]:
        """Await `Group.group_keys`."""
        return [name for name, _ in await self.groups()]

    async def visititems(self, func: Callable[[str, Any], Any]) -> Any:
        """Await `Group.visititems`; `func` may be a coroutine function."""
        for path, node in (await self.members(None)).items():
            result = func(path, node)
            if inspect.isawaitable(result):
                result = await result
            if result is not None:
                return result
        return None

    async def visitvalues(self, func: Callable[[Any], Any]) -> Any:
        """Await `Group.visitvalues`; `func` may be a coroutine function."""
        return await self.visititems(lambda _, node: func(node))

    async def visit(self, func: Callable[[str], Any]) -> Any:
        """Await `Group.visit`; `func` may be a coroutine function."""
        return await self.visititems(lambda path, _: func(path))

    async def visitkeys(self, func: Callable[[str], Any]) -> Any:
        """The same as `visit`."""
        return await self.visit(func)

    async def tree(self, expand: bool = False, level: int | None = None) -> Tree:
        """Await `Group.tree`."""
        found = {}
        if level != 0:
            found = await run_async(operations.members(self._state, _depth(level)))
        return tree_of(self.basename, found, expand)

    async def info(self) -> Report:
        """Await `Group.info`."""
        return Report(tuple(await self.info_items()))

    async def info_items(self) -> Items:
        """Await `Group.info_items`."""
        return group_items(self, *_names(await run_async(operations.members(self._state))))


def _of_kind(nodes: dict[str, Any], kind: type) -> list[tuple[str, Any]]:
    """Nodes of one kind with their own names, which is what zarr 2 gives also when it recurses."""
    return [
        (path.rpartition("/")[2], node) for path, node in nodes.items() if isinstance(node, kind)
    ]


def _depth(level: int | None) -> int | None:
    return None if level is None else level - 1


def _names(nodes: dict[str, ArrayState | GroupState]) -> tuple[list[str], list[str]]:
    """The names of the arrays, and those of the groups."""
    arrays = [name for name, state in nodes.items() if isinstance(state, ArrayState)]
    return arrays, [name for name in nodes if name not in arrays]
