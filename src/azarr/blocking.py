"""The blocking functions of azarr: each runs its operation and returns when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import update_wrapper
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

from azarr.engine import ArrayState, GroupState, Operation, run, run_all
from azarr.nodes import (
    Array,
    Group,
    ManyReads,
    blocking_node,
    consolidated,
    creation,
    group_creation,
)

P = ParamSpec("P")
T = TypeVar("T")


def presented(function: Any, twin: Callable[P, T], module: str) -> Callable[P, T]:
    """`twin` with the docstring and the parameters of `function`, and a return type of its own.

    `function` returns an operation; `help`, editors and the site show what the caller gets: the
    signature of what a function wraps. To make all signatures here would take 4 ms.
    """
    shown = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__
    )
    shown.__kwdefaults__ = function.__kwdefaults__
    result = twin.__annotations__["return"]
    shown.__annotations__ = {**function.__annotations__, "return": result}
    update_wrapper(twin, shown)
    twin.__module__ = module
    return twin


def _array(function: Callable[P, Operation[ArrayState]]) -> Callable[P, Array]:
    def blocking(*args: P.args, **kwargs: P.kwargs) -> Array:
        return Array._of(run(function(*args, **kwargs)))  # type: ignore[no-any-return]

    return presented(function, blocking, "azarr")


def _group(function: Callable[P, Operation[GroupState]]) -> Callable[P, Group]:
    def blocking(*args: P.args, **kwargs: P.kwargs) -> Group:
        return Group._of(run(function(*args, **kwargs)))  # type: ignore[no-any-return]

    return presented(function, blocking, "azarr")


def _node(
    function: Callable[P, Operation[ArrayState | GroupState]],
) -> Callable[P, Array | Group]:
    def blocking(*args: P.args, **kwargs: P.kwargs) -> Array | Group:
        return blocking_node(run(function(*args, **kwargs)))

    return presented(function, blocking, "azarr")


def presented_tool(function: Any, twin: Callable[P, T], module: str) -> Callable[P, T]:
    """As `presented`; a tool's annotation `Tool[X]` says that the caller gets X."""
    result: str = function.__annotations__["return"]
    twin.__annotations__["return"] = result.removeprefix("Tool[").removesuffix("]")
    return presented(function, twin, module)


def read_many(reads: Iterable[tuple[Any, Any]]) -> list[Any]:
    """Read many selections, of many arrays in any number of stores, as one.

    All chunks of all reads are asked for together: one round trip, if there are no more of them
    than requests allowed at a time. All reads are checked before the first request.

    Args:
        reads: pairs of an array and what would stand in its square brackets.

    Raises:
        SelectionError: a selection does not fit its array.

    Example:
        >>> import azarr, numpy as np
        >>> a, b = azarr.array(np.arange(10)), azarr.array(np.arange(20).reshape(4, 5))
        >>> azarr.read_many([(a, slice(3)), (b, (1, slice(2, 4)))])
        [array([0, 1, 2]), array([7, 8])]
    """
    many = ManyReads(reads)
    run_all(many.operations)
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
