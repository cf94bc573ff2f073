"""The names of azarr, awaitable: `await azarr.aio.open_array(...)`, under asyncio and trio.

Every function takes the arguments of its blocking namesake, and is documented there.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ParamSpec, TypeVar

from azarr import tools
from azarr.blocking import presented, presented_tool
from azarr.engine import ArrayState, AwaitedWay, GroupState, Operation, run_all_async, run_async
from azarr.nodes import (
    AsyncArray,
    AsyncAttributes,
    AsyncGroup,
    ManyReads,
    async_node,
    consolidated,
    creation,
    group_creation,
)

P = ParamSpec("P")
T = TypeVar("T")


def _awaitable(function: Callable[..., Any], twin: Callable[P, T]) -> Callable[P, T]:
    """`twin` with the signature of `function` and a docstring that points to the blocking one."""
    twin = presented(function, twin, __name__)
    twin.__doc__ = f"Await what `azarr.{function.__name__}` returns."
    return twin


def _array(
    function: Callable[P, Operation[ArrayState]],
) -> Callable[P, Coroutine[Any, Any, AsyncArray]]:
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> AsyncArray:
        return AsyncArray._of(await run_async(function(*args, **kwargs)))  # type: ignore[no-any-return]

    return _awaitable(function, awaited)


def _group(
    function: Callable[P, Operation[GroupState]],
) -> Callable[P, Coroutine[Any, Any, AsyncGroup]]:
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> AsyncGroup:
        return AsyncGroup._of(await run_async(function(*args, **kwargs)))  # type: ignore[no-any-return]

    return _awaitable(function, awaited)


def _node(
    function: Callable[P, Operation[ArrayState | GroupState]],
) -> Callable[P, Coroutine[Any, Any, AsyncArray | AsyncGroup]]:
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> AsyncArray | AsyncGroup:
        return async_node(await run_async(function(*args, **kwargs)))

    return _awaitable(function, awaited)


def _tool(function: Callable[P, tools.Tool[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    async def awaited(*args: P.args, **kwargs: P.kwargs) -> T:
        return await function(*args, **kwargs)(AwaitedWay())

    twin = presented_tool(function, awaited, __name__)
    twin.__doc__ = f"Await what `azarr.{function.__name__}` returns."
    return twin


async def read_many(reads: Iterable[tuple[Any, Any]]) -> list[Any]:
    """Await what `azarr.read_many` returns."""
    many = await ManyReads.planned(reads)
    await run_all_async(many.operations)
    return many.results


create_array = _array(creation.create_array)
create = _array(creation.create)
array = _array(creation.array)
empty = _array(creation.empty)
zeros = _array(creation.zeros)
ones = _array(creation.ones)
full = _array(creation.full)
empty_like = _array(creation.empty_like)
zeros_like = _array(creation.zeros_like)
ones_like = _array(creation.ones_like)
full_like = _array(creation.full_like)
open_array = _array(creation.open_array)
open_like = _array(creation.open_like)
group = _group(group_creation.group)
create_group = _group(group_creation.create_group)
open_group = _group(group_creation.open_group)
consolidate_metadata = _group(consolidated.consolidate_metadata)
open_consolidated = _group(consolidated.open_consolidated)
open = _node(creation.open)
save = _tool(tools.save)
save_array = _tool(tools.save_array)
save_group = _tool(tools.save_group)
load = _tool(tools.load)
copy = _tool(tools.copy)
copy_all = _tool(tools.copy_all)
copy_store = _tool(tools.copy_store)
tree = _tool(tools.tree)

__all__ = [
    "AsyncArray",
    "AsyncAttributes",
    "AsyncGroup",
    "array",
    "consolidate_metadata",
    "copy",
    "copy_all",
    "copy_store",
    "create",
    "create_array",
    "create_group",
    "empty",
    "empty_like",
    "full",
    "full_like",
    "group",
    "load",
    "ones",
    "ones_like",
    "open",
    "open_array",
    "open_consolidated",
    "open_group",
    "open_like",
    "read_many",
    "save",
    "save_array",
    "save_group",
    "tree",
    "zeros",
    "zeros_like",
]
