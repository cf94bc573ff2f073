"""The event loop of the caller is never blocked for long, whatever is awaited."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import AsyncCountingStore

pytestmark = pytest.mark.alone

LONGEST = 0.05


def longest_gap(action: Callable[[], Awaitable[object]]) -> float:
    """The longest time, in seconds, in which another task got no turn."""
    gaps: list[float] = []

    async def main() -> None:
        async def tick() -> None:
            last = perf_counter()
            while True:
                await anyio.lowlevel.checkpoint()
                now = perf_counter()
                gaps.append(now - last)
                last = now

        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            await anyio.lowlevel.checkpoint()
            await action()
            group.cancel_scope.cancel()

    gc.collect()
    anyio.run(main)
    return max(gaps)


def stays_responsive(action: Callable[[], Awaitable[object]]) -> bool:
    """Whether one of eight runs is: the machine may be busy, azarr may not."""
    return any(longest_gap(action) <= LONGEST for _ in range(8))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "local"])
def test_a_large_read_or_write_leaves_the_loop_to_others(kind: str, tmp_path: Path) -> None:
    store = MemoryStore() if kind == "memory" else LocalStore(tmp_path)
    array = azarr.create_array(store, shape=(4096, 4096), chunks=(1024, 1024), dtype="i4")
    value = np.random.default_rng(0).integers(0, 100, array.shape).astype("i4")
    assert stays_responsive(lambda: array.async_array.setitem(..., value))
    assert stays_responsive(lambda: array.async_array.getitem(...))


@pytest.mark.slow
def test_many_small_chunks_leave_the_loop_to_others() -> None:
    array = azarr.create_array({}, shape=60_000, chunks=1, dtype="u1")
    assert stays_responsive(lambda: array.async_array.setitem(..., 1))
    assert stays_responsive(lambda: array.async_array.getitem(...))


@pytest.mark.slow
def test_an_async_store_that_never_waits_leaves_the_loop_to_others() -> None:
    """A cache in front of a store answers at once: that must not keep the loop from the rest."""
    store = AsyncCountingStore(MemoryStore())
    array = azarr.create_array(store, shape=30_000, chunks=1, dtype="u1")
    assert stays_responsive(lambda: array.async_array.getitem(...))


def test_an_async_store_that_never_waits_can_be_cancelled() -> None:
    store = AsyncCountingStore(MemoryStore())
    array = azarr.create_array(store, shape=30_000, chunks=1, dtype="u1")
    store.log.clear()

    async def main() -> None:
        with anyio.move_on_after(0.02) as scope:
            await array.async_array.getitem(...)
        assert scope.cancelled_caught

    anyio.run(main)
    assert len(store.log) < 30_000


@pytest.mark.slow
def test_creating_an_array_with_many_chunks_of_data_leaves_the_loop_to_others() -> None:
    data = np.arange(80_000).astype("u1")
    assert stays_responsive(lambda: azarr.aio.array(data, chunks=1))


@pytest.mark.slow
def test_listing_a_large_group_leaves_the_loop_to_others() -> None:
    root = azarr.create_group(MemoryStore())
    document = root.store["zarr.json"]
    for i in range(10_000):
        root.store.set(f"g{i}/zarr.json", document)
    assert stays_responsive(root.async_group.members)


@pytest.mark.slow
def test_selecting_many_points_leaves_the_loop_to_others() -> None:
    array = azarr.create_array(MemoryStore(), shape=(2000, 2000), chunks=(500, 500), dtype="u1")
    rng = np.random.default_rng(0)
    points = tuple(rng.integers(0, 2000, 1_500_000) for _ in range(2))
    assert stays_responsive(lambda: array.async_array.vindex.getitem(points))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_loop_of_small_reads_lets_others_run_and_can_be_cancelled(backend: str) -> None:
    array = azarr.create_array({}, shape=10, chunks=5, dtype="i4").async_array

    async def main() -> None:
        with anyio.move_on_after(0.05) as scope:
            while True:
                await array.getitem(0)
        assert scope.cancelled_caught

    anyio.run(main, backend=backend)


def test_a_group_over_an_async_store_closes_it() -> None:
    closed: list[Any] = []

    class Closing(AsyncCountingStore):
        async def close(self) -> None:
            closed.append(self)

    with azarr.create_group(Closing(MemoryStore())) as group:
        pass
    assert closed == [group.store]
