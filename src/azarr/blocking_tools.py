"""The tools of azarr, blocking. They load when one of them is used; together they take 4 ms."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from azarr import tools
from azarr.blocking import presented_tool
from azarr.engine import BlockingWay, drive

P = ParamSpec("P")
T = TypeVar("T")


def _tool(function: Callable[P, tools.Tool[T]]) -> Callable[P, T]:
    def blocking(*args: P.args, **kwargs: P.kwargs) -> T:
        return drive(function(*args, **kwargs)(BlockingWay()))

    return presented_tool(function, blocking, "azarr")


save = _tool(tools.save)
save_array = _tool(tools.save_array)
save_group = _tool(tools.save_group)
load = _tool(tools.load)
copy = _tool(tools.copy)
copy_all = _tool(tools.copy_all)
copy_store = _tool(tools.copy_store)
tree = _tool(tools.tree)
