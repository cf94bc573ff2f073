"""The two ways of doing several operations one after the other: blocking, and awaited.

What is written once as a coroutine over a `Way` is driven in the caller's thread by the blocking
one, which never suspends, and awaited by the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

from azarr.engine.runtimes._run import Operation, run, run_async
from azarr.engine.runtimes._run_all import run_all, run_all_async

T = TypeVar("T")


class Way(Protocol):
    """How operations, and functions that block, are carried out."""

    is_async: ClassVar[bool]

    async def do(self, operation: Operation[T]) -> T:
        """The result of an operation."""

    async def do_all(self, operations: Sequence[Operation[T]]) -> list[T]:
        """The results of operations that do not depend on each other."""

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """The result of a function that blocks, of something that is no store: an HDF5 file."""


class BlockingWay:
    """In the caller's thread; its methods never suspend."""

    is_async: ClassVar[bool] = False

    async def do(self, operation: Operation[T]) -> T:
        return run(operation)

    async def do_all(self, operations: Sequence[Operation[T]]) -> list[T]:
        return run_all(operations)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)


class AwaitedWay:
    """Under asyncio or trio; functions that block are called in worker threads."""

    is_async: ClassVar[bool] = True

    async def do(self, operation: Operation[T]) -> T:
        return await run_async(operation)

    async def do_all(self, operations: Sequence[Operation[T]]) -> list[T]:
        return await run_all_async(operations)

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        from azarr.engine.runtimes._threads import in_thread

        return await in_thread(function, *args)
