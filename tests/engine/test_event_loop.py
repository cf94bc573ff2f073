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
from azarr.testing import AsyncCountingStore, LatencyStore

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
            await anyio.lowlevel.checkpoint()  # the other task notes how long the last step took
            group.cancel_scope.cancel()

    gc.collect()
    anyio.run(main)
    return max(gaps)


def stays_responsive(action: Callable[[], Awaitable[object]], longest: float = LONGEST) -> bool:
    """Whether one of eight runs is: the machine may be busy, azarr may not."""
    return any(longest_gap(action) <= longest for _ in range(8))


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
def test_creating_and_consolidating_many_nodes_leaves_the_loop_to_others() -> None:
    store = MemoryStore()
    root = azarr.create_group(store).async_group
    nodes = {f"a{i}": {"shape": 4} for i in range(1500)}
    assert stays_responsive(lambda: root.create_hierarchy(nodes, overwrite=True))
    assert stays_responsive(lambda: azarr.aio.consolidate_metadata(store))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "async"])
def test_many_attributes_leave_the_loop_to_others(kind: str) -> None:
    memory = MemoryStore()
    store = memory if kind == "memory" else AsyncCountingStore(memory)
    group = azarr.create_group(store).async_group
    values = {str(i): [*range(20)] for i in range(8000)}
    assert stays_responsive(lambda: group.attrs.update(values))
    assert stays_responsive(lambda: azarr.aio.open_group(store))


@pytest.mark.slow
def test_selecting_many_points_leaves_the_loop_to_others() -> None:
    array = azarr.create_array(MemoryStore(), shape=(2000, 2000), chunks=(500, 500), dtype="u1")
    rng = np.random.default_rng(0)
    points = tuple(rng.integers(0, 2000, 1_500_000) for _ in range(2))
    assert stays_responsive(lambda: array.async_array.vindex.getitem(points))


@pytest.mark.slow
def test_finding_what_a_large_mask_selects_leaves_the_loop_to_others() -> None:
    array = azarr.create_array(MemoryStore(), shape=(8000, 8000), chunks=(500, 500), dtype="u1")
    mask = np.random.default_rng(0).random(array.shape) < 0.01
    twin = array.async_array
    assert stays_responsive(lambda: twin.get_mask_selection(mask))
    assert stays_responsive(lambda: twin.vindex.getitem(mask))
    assert stays_responsive(lambda: twin.getitem(mask))
    assert stays_responsive(lambda: twin.set_mask_selection(mask, 1))


@pytest.mark.slow
@pytest.mark.parametrize("shards", [None, (8192, 16384)])
@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("cache_bytes", [0, 10**9])
def test_a_chunk_that_takes_long_to_copy_leaves_the_loop_to_others(
    shards: Any, written: bool, cache_bytes: int
) -> None:
    """From a store that is awaited, on the loop of the caller."""
    place, shape = MemoryStore(), (8192, 16384)
    array = azarr.create_array(
        place,
        shape=shape,
        chunks=(512, 512) if shards else shape,
        shards=shards,
        dtype="u1",
        compressors=None,
        fill_value=3,
    )
    if written:
        array[...] = 1
    awaited = azarr.open_array(LatencyStore(place, 0.001)).async_array
    with azarr.config.using(cache_bytes=cache_bytes):
        assert stays_responsive(lambda: awaited.getitem(...), longest=0.02)


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
