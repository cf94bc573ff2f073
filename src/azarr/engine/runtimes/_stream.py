"""Operations one after the other, with the next ones under way: bounded memory, no waiting.

A stream is an iterator that owns what it has begun. Leaving its `with` block stops all of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from azarr.engine.process._background import BackgroundCall
from azarr.engine.runtimes._run import Operation, run, run_async, start_operation
from azarr.errors import UsageError

K = TypeVar("K")
T = TypeVar("T")


class Stream(Generic[K, T]):
    """Results of operations in order, blocking.

    On an async or a remote store, `ahead` operations are under way on the background event loop
    while the caller works. On any other an operation is carried out when its result is asked for.
    """

    def __init__(self, operations: Iterable[tuple[K, Operation[T]]], ahead: int) -> None:
        self._operations = iter(operations)
        self._ahead = ahead
        self._begun: deque[tuple[K, BackgroundCall[T] | Operation[T]]] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> tuple[K, T]:
        while len(self._begun) <= self._ahead:
            item = next(self._operations, None)
            if item is None:
                break
            name, operation = item
            begun = start_operation(operation) if operation.awaits else operation
            self._begun.append((name, begun))
        if not self._begun:
            raise StopIteration
        name, first = self._begun.popleft()
        try:
            return name, run(first) if isinstance(first, Operation) else first.result()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop what is under way; nothing more comes out."""
        self._operations = iter(())
        calls = [begun for _, begun in self._begun if isinstance(begun, BackgroundCall)]
        self._begun.clear()
        for call in calls:
            call.stop()
        for call in calls:
            call.cancel()


class AsyncStream(Generic[K, T]):
    """Results of operations in order, awaited, with `ahead` more under way in one task group.

    To be used as `async with ... as stream: async for ... in stream`: the tasks live in the block,
    and leaving it, by `break`, an error or cancellation, ends them.

    Args:
        begin: the operations, asked for when the block is entered.
    """

    def __init__(
        self, begin: Callable[[], Awaitable[Iterable[tuple[K, Operation[T]]]]], ahead: int
    ) -> None:
        self._begin = begin
        self._operations: Iterator[tuple[K, Operation[T]]] = iter(())
        self._ahead = ahead
        self._begun: deque[_Begun[K, T]] = deque()
        self._group: Any = None

    async def __aenter__(self) -> Self:
        import anyio

        self._operations = iter(await self._begin())
        self._group = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        group, self._group = self._group, None
        group.cancel_scope.cancel()
        # An error of the block leaves it as it is, not inside the group's ExceptionGroup.
        await group.__aexit__(None, None, None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[K, T]:
        if self._group is None:
            raise UsageError("a stream is used inside its block: async with ... as stream")
        while len(self._begun) <= self._ahead:
            item = next(self._operations, None)
            if item is None:
                break
            self._begun.append(_Begun(*item))
            self._group.start_soon(self._begun[-1].carry_out)
        if not self._begun:
            raise StopAsyncIteration
        begun = self._begun.popleft()
        return begun.name, await begun.result()


class _Begun(Generic[K, T]):
    """One operation, carried out by a task of its own."""

    def __init__(self, name: K, operation: Operation[T]) -> None:
        import anyio

        self.name = name
        self._operation = operation
        self._ended = anyio.Event()
        self._value: Any = None
        self._error: Exception | None = None

    async def carry_out(self) -> None:
        try:
            self._value = await run_async(self._operation)
        except Exception as error:
            self._error = error
        self._ended.set()

    async def result(self) -> T:
        await self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]
