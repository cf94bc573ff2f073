"""The exact requests that shards cost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import CountingStore, LatencyStore

VALUES = np.random.default_rng(1).integers(0, 2**16, (64, 64), dtype=np.uint16)


@pytest.fixture(params=["start", "end"])
def index_location(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore(MemoryStore())


@pytest.fixture
def array(store: CountingStore, index_location: str) -> Iterator[azarr.Array]:
    """4 shards of 4 x 4 inner chunks, not compressed: 128 bytes each; nothing is known of them."""
    array = azarr.create_array(
        store,
        shape=(64, 64),
        chunks=(8, 8),
        shards={"shape": (32, 32), "index_location": index_location},
        dtype="u2",
        compressors=None,
    )
    array[...] = VALUES
    store.log.clear()
    with azarr.config.using(coalesce_gap=0):
        yield array


def requests(store: CountingStore) -> list[tuple[str, str]]:
    return [(request.kind, request.key) for request in store.log.requests]


def test_a_selection_that_covers_a_shard_reads_it_in_one_request(
    store: CountingStore, array: azarr.Array
) -> None:
    assert (array[32:, :32] == VALUES[32:, :32]).all()
    assert requests(store) == [("get", "c/1/0")]


def test_a_selection_of_all_that_a_shard_has_inside_the_array_reads_it_in_one_request(
    store: CountingStore,
) -> None:
    array = azarr.create_array(store, shape=(10, 10), chunks=(4, 4), shards=(8, 8), dtype="u2")
    array[...] = VALUES[:10, :10]
    store.log.clear()
    assert (array[...] == VALUES[:10, :10]).all()
    assert [kind for kind, _ in requests(store)] == ["get"] * 4


def test_a_part_of_a_shard_is_read_by_its_index_and_then_by_ranges(
    store: CountingStore, array: azarr.Array
) -> None:
    assert array[9, 9] == VALUES[9, 9]
    assert requests(store) == [("get_ranges", "c/0/0")] * 2
    index, inner_chunk = store.log.requests
    assert (index.received, inner_chunk.received) == (16 * 16 + 4, 128)


def test_the_second_access_to_a_shard_is_one_request(
    store: CountingStore, array: azarr.Array
) -> None:
    array[9, 9]
    store.log.clear()
    assert array[20, 20] == VALUES[20, 20]
    assert requests(store) == [("get_ranges", "c/0/0")]
    assert store.log.received == 128


def test_neighbouring_inner_chunks_are_one_byte_range(
    store: CountingStore, array: azarr.Array
) -> None:
    array[9, 9]
    store.log.clear()
    assert (array[8:16, :32] == VALUES[8:16, :32]).all()
    assert requests(store) == [("get_ranges", "c/0/0")]
    assert store.log.received == 4 * 128


@pytest.mark.parametrize(("gap", "received"), [(0, 4 * 128), (3 * 128, 13 * 128)])
def test_gaps_up_to_the_limit_are_read_rather_than_skipped(
    store: CountingStore, array: azarr.Array, gap: int, received: int
) -> None:
    array[9, 9]
    store.log.clear()
    with azarr.config.using(coalesce_gap=gap):
        assert (array[:32, :8] == VALUES[:32, :8]).all()
    assert store.log.received == received
    assert len(store.log) == 1


def test_a_byte_range_made_of_several_has_a_limit(store: CountingStore, array: azarr.Array) -> None:
    array[9, 9]
    store.log.clear()
    ranges: list[Any] = []
    read = store.store.get_ranges_with_generation
    store.store.get_ranges_with_generation = lambda *args: ranges.extend(args[1]) or read(*args)  # type: ignore[method-assign]
    with azarr.config.using(coalesce_bytes=256):
        assert (array[8:16, :32] == VALUES[8:16, :32]).all()
    assert [stop - start for start, stop in ranges] == [256, 256]


def test_a_shard_that_is_missing_is_one_request(index_location: str) -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(
        store,
        shape=(64, 64),
        chunks=(8, 8),
        shards={"shape": (32, 32), "index_location": index_location},
        dtype="u2",
        fill_value=3,
    )
    store.log.clear()
    assert array[5, 5] == 3
    assert (array[:32, :32] == 3).all()
    assert requests(store) == [("get_ranges", "c/0/0"), ("get", "c/0/0")]


def test_inner_chunks_that_are_missing_need_no_range(
    store: CountingStore, make: Callable[..., azarr.Array]
) -> None:
    array = azarr.create_array(
        store, shape=(64,), chunks=(8,), shards=(32,), dtype="u2", write_empty_chunks=False
    )
    array[8:16] = 1
    store.log.clear()
    assert array[0] == 0
    assert requests(store) == [("get_ranges", "c/0")]
    assert array[20] == 0
    assert len(store.log) == 2  # whether the shard is still the one whose index is remembered
    assert store.log.requests[1].received == 0


def test_writing_all_inner_chunks_of_a_shard_is_one_write_without_reading(
    store: CountingStore, array: azarr.Array
) -> None:
    array[32:, 32:] = 5
    assert requests(store) == [("set", "c/1/1")]


def test_writing_all_that_a_shard_has_inside_the_array_is_one_write_without_reading(
    store: CountingStore,
) -> None:
    array = azarr.create_array(store, shape=(10, 10), chunks=(4, 4), shards=(8, 8), dtype="u2")
    store.log.clear()
    array[...] = VALUES[:10, :10]
    # Those that reach out of the array are created, if there are none.
    assert [kind for kind, _ in requests(store)] == ["set", "set_if", "set_if", "set_if"]


@pytest.mark.parametrize(
    "selection", [(5, 5), (slice(0, 24), slice(0, 24)), (slice(None, 32, 3), 7)]
)
def test_writing_some_inner_chunks_is_one_read_and_one_write_per_shard(
    store: CountingStore, array: azarr.Array, selection: Any
) -> None:
    array[selection] = 1
    assert requests(store) == [("get_with_generation", "c/0/0"), ("set_if", "c/0/0")]


def test_a_write_across_shards_reads_and_writes_each_once(
    store: CountingStore, array: azarr.Array
) -> None:
    array[20:40, 20:40] = 1
    assert store.log.counts == {"get_with_generation": 4, "set_if": 4}
    points = np.array([1, 30, 2, 50, 3]), np.array([1, 2, 30, 1, 33])
    store.log.clear()
    array.set_coordinate_selection(points, 9)
    assert store.log.counts == {"get_with_generation": 3, "set_if": 3}


def test_the_index_is_read_again_after_a_write(store: CountingStore, array: azarr.Array) -> None:
    array[9, 9]
    array[9, 9] = 17
    store.log.clear()
    assert array[9, 9] == 17
    # With what was known, which is refused; the index; the inner chunk.
    assert store.log.counts == {"get_ranges": 3}
    array[10, 9]
    assert store.log.counts == {"get_ranges": 4}


def test_inner_chunks_that_become_empty_are_not_stored_and_a_shard_of_none_is_deleted() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(
        store,
        shape=(32,),
        chunks=(8,),
        shards=(32,),
        dtype="u2",
        compressors=None,
        write_empty_chunks=False,
    )
    array[...] = 1
    assert store.size("c/0") == 4 * 16 + 4 * 16 + 4
    array[8:16] = 0
    assert store.size("c/0") == 3 * 16 + 4 * 16 + 4
    array[:8] = array[16:] = 0
    assert store.size("c/0") is None
    store.log.clear()
    array[...] = 0
    assert store.log.counts == {"delete": 1}


@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.anyio
async def test_inner_chunks_are_two_round_trips_the_first_time_and_one_when_the_index_is_known(
    index_location: str,
) -> None:
    store = LatencyStore(MemoryStore(), 0.2)
    array = await azarr.aio.create_array(
        store,
        shape=(64, 64),
        chunks=(8, 8),
        shards={"shape": (32, 32), "index_location": index_location},
        dtype="u2",
    )
    store.log.clear()
    await array.setitem(..., VALUES)
    assert store.log.round_trips == 1
    store.log.clear()
    with azarr.config.using(coalesce_gap=32 * 32 * 2 - 1):  # a shard has one byte more
        assert (await array.getitem((slice(None), 3)) == VALUES[:, 3]).all()
    assert store.log.round_trips == 2
    assert len(store.log) == 4
    store.log.clear()
    assert (await array.getitem((slice(None), 12)) == VALUES[:, 12]).all()
    assert store.log.round_trips == 1
    assert len(store.log) == 2


def test_what_explain_says_of_shards_is_what_happens(
    store: CountingStore, array: azarr.Array
) -> None:
    for selection in [(5, 5), (slice(0, 32), slice(0, 40)), (slice(None), 3), ...]:
        for _ in range(2):  # the second time the indexes are known
            cost = array.explain(selection)
            store.log.clear()
            array[selection]
            assert cost.requests_least <= len(store.log) <= cost.requests
            assert store.log.received <= cost.bytes_read


class Dict(dict):  # type: ignore[type-arg]
    """A mapping that is no store: without generations, and without byte ranges."""


def test_shards_in_a_plain_mapping_are_read_and_written() -> None:
    store = Dict()
    array = azarr.create_array(store, shape=(64, 64), chunks=(8, 8), shards=(32, 32), dtype="u2")
    array[...] = VALUES
    array[3, 3:60] = 8
    assert (array[3, 3:60] == 8).all()
    assert (array[4:40, 8:50] == VALUES[4:40, 8:50]).all()


def test_many_threads_that_write_to_one_shard_lose_nothing(tmp_path: Any) -> None:
    for place in (MemoryStore(), LocalStore(tmp_path), Dict()):
        array = azarr.create_array(place, shape=(64,), chunks=(4,), shards=(64,), dtype="i4")

        def write(number: int, array: azarr.Array = array) -> None:
            array[number] = number + 1

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(64)))
        assert array[...].tolist() == list(range(1, 65))


def test_one_shard_of_large_inner_chunks_is_decoded_by_several_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from azarr.engine.arrays import _read_shards

    threads: set[int] = set()
    both = threading.Event()
    scatterer = _read_shards.scatterer

    def noting(*args: Any) -> Any:
        scatter = scatterer(*args)

        def scatter_and_note(*step: Any) -> None:
            threads.add(threading.get_ident())
            if len(threads) == 2:
                both.set()
            both.wait(5)  # the first one, for the second
            scatter(*step)

        return scatter_and_note

    monkeypatch.setattr(_read_shards, "scatterer", noting)
    shape = (512, 1024)  # 4 inner chunks of 256 KiB in each of 2 shards
    values = np.arange(np.prod(shape), dtype="u4").reshape(shape)
    array = azarr.create_array({}, shape=shape, chunks=(256, 256), shards=(512, 512), dtype="u4")
    array[...] = values
    with azarr.config.using(threads=2):
        for selection in ((slice(None), slice(0, 512)), (slice(10, 500), slice(3, 400))):
            threads.clear()
            both.clear()
            np.testing.assert_array_equal(array[selection], values[selection])
            assert len(threads) == 2
