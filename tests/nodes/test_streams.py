"""Arrays by pieces: rows, regions, and the next ones on their way."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import StoreError, UsageError
from azarr.storage import MemoryStore
from azarr.testing import AsyncFaultStore, CountingStore, LatencyStore

pytestmark = pytest.mark.anyio

DATA = np.arange(37 * 23, dtype="i4").reshape(37, 23)


def stored(chunks: Any = (10, 7), **kwargs: Any) -> MemoryStore:
    store = MemoryStore()
    azarr.create_array(store, data=DATA, chunks=chunks, **kwargs)
    return store


def test_iterating_reads_every_chunk_once() -> None:
    store = CountingStore(stored())
    array = azarr.open(store)
    store.log.clear()
    np.testing.assert_array_equal(np.stack([*array]), DATA)
    assert len(store.log) == array.nchunks


@pytest.mark.parametrize(
    ("start", "end"),
    [(None, None), (0, 3), (9, 11), (25, None), (None, 99), (5, 5), (8, 2), (40, 50)],
)
async def test_islice_gives_the_rows_that_python_gives(start: Any, end: Any) -> None:
    array = azarr.open(stored())
    expected = [row.tolist() for row in DATA[start:end]]
    assert [row.tolist() for row in array.islice(start, end)] == expected
    assert [row.tolist() async for row in array.async_array.islice(start, end)] == expected


@pytest.mark.parametrize("bound", [-1, 1.5, "a", True])
def test_islice_refuses_bounds_that_are_no_rows(bound: Any) -> None:
    with pytest.raises(UsageError, match="at least 0"):
        list(azarr.open(stored()).islice(bound))


def test_a_0d_array_cannot_be_iterated() -> None:
    with pytest.raises(TypeError, match="0-d"):
        list(azarr.zeros(()))
    with pytest.raises(TypeError, match="unsized"):
        len(azarr.zeros(()))


def test_items_of_a_1d_array_are_scalars() -> None:
    items = list(azarr.array(np.arange(5), chunks=2))
    assert items == [0, 1, 2, 3, 4]
    assert isinstance(items[0], np.integer)


@pytest.mark.parametrize("shape", [None, (5, 23), (4, 4), 37, (-1, 10)])
def test_regions_cover_the_array_once(shape: Any) -> None:
    array = azarr.open(stored())
    seen = np.zeros(DATA.shape, int)
    for region in array.regions(shape):
        seen[region] += 1
    assert (seen == 1).all()


def test_the_default_regions_are_the_stored_values() -> None:
    array = azarr.create_array({}, shape=(8, 8), chunks=(2, 2), shards=(4, 8))
    assert len([*array.regions()]) == 2
    assert [*azarr.zeros(()).regions()] == [()]
    assert [*azarr.zeros((0, 3)).regions()] == []


@pytest.mark.parametrize("kind", ["memory", "async"])
@pytest.mark.parametrize("prefetch", [0, 1, 5, 100])
def test_a_blocking_stream_gives_each_region_in_order(kind: str, prefetch: int) -> None:
    memory = stored()
    array = azarr.open(memory if kind == "memory" else LatencyStore(memory, 0.001))
    result = np.zeros_like(DATA)
    with array.stream(prefetch=prefetch) as regions:
        order = []
        for region, data in regions:
            order.append(region)
            result[region] = data
    assert order == [*array.regions()]
    np.testing.assert_array_equal(result, DATA)


@pytest.mark.parametrize("prefetch", [0, 1, 5, 100])
async def test_an_awaited_stream_gives_each_region_in_order(prefetch: int) -> None:
    for store in (stored(), LatencyStore(stored(), 0.001)):
        array = await azarr.aio.open(store)
        result = np.zeros_like(DATA)
        order = []
        async with array.stream(prefetch=prefetch) as regions:
            async for region, data in regions:
                order.append(region)
                result[region] = data
        assert order == [*array.regions()]
        np.testing.assert_array_equal(result, DATA)


async def test_a_stream_reads_what_it_is_told_in_any_brackets() -> None:
    array = await azarr.aio.open(stored())
    wanted = [(3, slice(None)), slice(2, 5), ([1, 2], [3, 4])]
    async with array.stream(wanted) as reads:
        got = [data async for _, data in reads]
    for selection, data in zip(wanted, got, strict=True):
        np.testing.assert_array_equal(data, DATA[selection])


@pytest.mark.parametrize("prefetch", [0, 2])
async def test_no_more_than_prefetch_and_one_are_read_ahead(prefetch: int) -> None:
    store = LatencyStore(stored(), 0.001)
    array = await azarr.aio.open(store)
    store.log.clear()
    async with array.stream(prefetch=prefetch) as regions:
        await anext(regions)
        await anyio.sleep(0.03)
        assert len(store.log) == prefetch + 1
        await anext(regions)
        await anyio.sleep(0.03)
        assert len(store.log) == prefetch + 2


async def test_reading_ahead_hides_the_latency() -> None:
    store = LatencyStore(stored(), 0.3)
    array = await azarr.aio.open(store)
    store.log.clear()
    async with array.stream(prefetch=100) as regions:
        async for _ in regions:
            pass
    assert store.log.round_trips == 1


async def test_leaving_a_stream_early_leaves_nothing_behind() -> None:
    store = LatencyStore(stored(), 0.02)
    array = await azarr.aio.open(store)
    async with array.stream(prefetch=3) as regions:
        async for _ in regions:
            break
    assert store.log.in_flight == 0
    before = len(store.log)
    await anyio.sleep(0.05)
    assert len(store.log) == before


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    array = await azarr.aio.open(LatencyStore(stored(), 0.01))

    async def broken() -> None:
        async with array.stream() as regions:
            async for _ in regions:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken()


async def test_cancelling_a_stream_stops_it() -> None:
    store = LatencyStore(stored(), 0.02)
    array = await azarr.aio.open(store)
    with anyio.move_on_after(0.03) as scope:
        async with array.stream(prefetch=3) as regions:
            async for _ in regions:
                await anyio.sleep(10)
    assert scope.cancelled_caught
    assert store.log.in_flight == 0


@pytest.mark.parametrize("prefetch", [0, 2])
async def test_the_error_of_a_read_comes_where_its_region_would(prefetch: int) -> None:
    store = AsyncFaultStore(stored(), keys="c/1/*")
    array = await azarr.aio.open(store)
    seen = []

    async def consume() -> None:
        async with array.stream(prefetch=prefetch) as regions:
            async for region, _ in regions:
                seen.append(region)

    with pytest.raises(StoreError, match="injected") as caught:
        await consume()
    assert len(seen) == 4
    assert "chunk (1, 0)" in str(caught.value.__notes__)


def test_the_error_of_a_blocking_stream_stops_the_others() -> None:
    store = AsyncFaultStore(LatencyStore(stored(), 0.001), keys="c/1/*")
    array = azarr.open(store)
    regions = array.stream(prefetch=2)
    seen = [next(regions) for _ in range(4)]
    assert len(seen) == 4
    with pytest.raises(StoreError, match="injected"):
        next(regions)
    assert list(regions) == []
    assert store.store.log.in_flight == 0


def test_leaving_a_blocking_stream_early_stops_what_is_under_way() -> None:
    store = LatencyStore(stored(), 0.02)
    array = azarr.open(store)
    with array.stream(prefetch=3) as regions:
        next(regions)
    assert store.log.in_flight == 0


async def test_an_async_stream_outside_of_its_block_is_refused() -> None:
    array = azarr.open(stored()).async_array
    with pytest.raises(UsageError, match="async with"):
        await anext(array.stream())


@pytest.mark.parametrize("prefetch", [-1, 1.5, True])
def test_a_prefetch_that_is_no_number_of_reads_is_refused(prefetch: Any) -> None:
    with pytest.raises(UsageError, match="prefetch"):
        azarr.zeros(4).stream(prefetch=prefetch)


async def test_memory_stays_bounded_over_a_large_array() -> None:
    import tracemalloc

    array = azarr.create_array({}, shape=(2000, 100_000), chunks=(10, 10_000), dtype="f8")
    tracemalloc.start()
    async with array.async_array.stream(prefetch=2) as regions:
        count = 0
        async for _ in regions:
            count += 1
            if count == 60:
                break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 10 * 10_000 * 8
