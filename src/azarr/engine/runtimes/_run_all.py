"""Operations on several stores at the same time, as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from azarr.engine.runtimes._run import Operation, run, run_async, start

T = TypeVar("T")


def run_all(operations: Sequence[Operation[T]]) -> list[T]:
    """Do all of them; those that await their stores wait for their stores at the same time."""
    if len(operations) < 2 or not any(operation.awaits for operation in operations):
        return [run(operation) for operation in operations]
    return start(lambda: run_all_async(operations)).result()


async def run_all_async(operations: Sequence[Operation[T]]) -> list[T]:
    """Do all of them at the same time. The first error stops the others."""
    if len(operations) == 1:
        return [await run_async(operations[0])]
    import anyio

    results: list[Any] = [None] * len(operations)
    errors: list[Exception] = []

    async def carry_out(at: int) -> None:
        try:
            results[at] = await run_async(operations[at])
        except Exception as error:
            errors.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for at in range(len(operations)):
            group.start_soon(carry_out, at)
    if errors:
        raise errors[0]
    return results
