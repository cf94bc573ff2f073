"""The bytes being worked on are bounded in the whole process, and handed over in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import azarr
from azarr.engine.runtimes._anyio import AnyioRuntime
from azarr.storage import MemoryStore
from azarr.testing import AsyncCountingStore, LatencyStore

MEBIBYTE = 2**20


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_an_operation_ends_with_its_last_step_and_waits_for_no_further_turn(loop: str) -> None:
    done: list[str] = []

    async def operation(name: str) -> None:
        async def work(steps: Iterator[Any]) -> None:
            for _ in steps:
                await anyio.wait_all_tasks_blocked()

        runtime = AnyioRuntime(AsyncCountingStore(MemoryStore()))
        await runtime.for_each(work, iter([name]), 1, MEBIBYTE)
        done.append(name)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for name in "abcd":
                group.start_soon(operation, name)
                await anyio.lowlevel.checkpoint()
            assert not done

    with azarr.config.using(bytes_in_flight=MEBIBYTE):
        anyio.run(main, backend=loop)
    assert done == ["a", "b", "c", "d"]


class Weighed(LatencyStore):
    """Notes the most bytes that are being sent at once."""

    now = most = 0

    async def set(self, key: str, value: Any) -> None:
        self.now += len(value)
        self.most = max(self.most, self.now)
        try:
            await super().set(key, value)
        finally:
            self.now -= len(value)


@pytest.mark.parametrize("mebibytes", [1, 4, 16])
def test_moving_large_chunks_holds_as_many_as_may_be_in_flight(mebibytes: int) -> None:
    store = Weighed(MemoryStore(), 0.01)
    root = azarr.create_group(store)
    chunk = mebibytes * MEBIBYTE
    array = root.create_array("a", shape=32 * MEBIBYTE, chunks=chunk, dtype="u1", compressors=None)
    array[:] = 1
    store.most = 0
    with azarr.config.using(bytes_in_flight=8 * MEBIBYTE):
        root.move("a", "b")
    assert store.most <= max(8, mebibytes) * MEBIBYTE
    assert (root["b"][...] == 1).all()
