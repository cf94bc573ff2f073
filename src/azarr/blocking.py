"""The blocking functions of azarr: each runs its operation and returns when it is done."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from azarr.engine import ArrayState, GroupState, Operation, run
from azarr.nodes import Array, Group, blocking_node, creation

P = ParamSpec("P")


def _array(function: Callable[P, Operation[ArrayState]]) -> Callable[P, Array]:
    @wraps(function)
    def blocking(*args: P.args, **kwargs: P.kwargs) -> Array:
        return Array._of(run(function(*args, **kwargs)))  # type: ignore[no-any-return]

    return blocking


def _group(function: Callable[P, Operation[GroupState]]) -> Callable[P, Group]:
    @wraps(function)
    def blocking(*args: P.args, **kwargs: P.kwargs) -> Group:
        return Group._of(run(function(*args, **kwargs)))  # type: ignore[no-any-return]

    return blocking


def _node(
    function: Callable[P, Operation[ArrayState | GroupState]],
) -> Callable[P, Array | Group]:
    @wraps(function)
    def blocking(*args: P.args, **kwargs: P.kwargs) -> Array | Group:
        return blocking_node(run(function(*args, **kwargs)))

    return blocking


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
group = _group(creation.group)
create_group = _group(creation.create_group)
open_group = _group(creation.open_group)
open = _node(creation.open)
