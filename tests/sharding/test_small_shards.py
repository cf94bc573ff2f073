"""Shards that are read whole while their index is not known: requests, errors, other writers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
from azarr.engine.process._cache import Cache
from azarr.engine.process._process import process
from azarr.errors import ChunkDataError, DecodeError, StoreError
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import (
    AsyncFaultStore,
    BlockingLatencyStore,
    CountingStore,
    LatencyStore,
)

VALUES = np.random.default_rng(2).integers(1, 2**16, (64, 64), dtype=np.uint16)
SHARD = 32 * 32 * 2
"""Decoded bytes. 16 inner chunks of 128 bytes, not compressed."""
INDEX = 16 * 16 + 4


@pytest.fixture(params=["start", "end"])
def index_location(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["generations", "no generations"])
def values(request: pytest.FixtureRequest) -> MemoryStore:
    """What is stored. Without generations, an index is known by its bytes."""
    store = MemoryStore()
    store.conditional = request.param == "generations"
    return store


def create(store: Any, index_location: str = "end", **options: Any) -> azarr.Array:
    shards = {"shape": (32, 32), "index_location": index_location}
    usual: dict[str, Any] = {"shape": (64, 64), "chunks": (8, 8), "dtype": "u2"}
    usual |= {"compressors": None, "shards": shards}
    return azarr.create_array(store, **(usual | options))


@pytest.fixture
def array(values: MemoryStore, index_location: str) -> azarr.Array:
    """4 shards in a slow store whose answers come at once. Nothing is known of them."""
    create(values, index_location)[...] = VALUES
    array = azarr.open_array(LatencyStore(values, 0), mode="r+")
    array.store.log.clear()
    return array


def asked(store: Any) -> list[tuple[str, int]]:
    """What was asked and how much came, since it was asked this the last time."""
    requests = [(each.kind, each.received) for each in store.log.requests]
    store.log.clear()
    return requests


def whole_of(array: azarr.Array) -> tuple[str, int]:
    return "get_with_generation" if array.store.conditional else "get", SHARD + INDEX


def ranges_of(array: azarr.Array, nbytes: int) -> tuple[str, int]:
    return "get_ranges", nbytes + (0 if array.store.conditional else INDEX)


def test_the_first_inner_chunk_takes_one_request_and_the_next_only_its_range(
    array: azarr.Array,
) -> None:
    assert array[9, 9] == VALUES[9, 9]
    assert asked(array.store) == [whole_of(array)]
    assert array[20, 20] == VALUES[20, 20]
    assert asked(array.store) == [ranges_of(array, 128)]


@pytest.mark.parametrize("way", ["blocking", "blocking store", "asyncio", "trio"])
def test_a_row_over_two_shards_is_one_round_trip_whoever_asks(way: str) -> None:
    kind = BlockingLatencyStore if way == "blocking store" else LatencyStore
    store: Any = kind(MemoryStore(), 0)
    array = create(store)
    array[...] = VALUES
    store.seconds = 0.02

    def read(row: int) -> Any:
        store.log.clear()
        if way.startswith("blocking"):
            return array[row]
        return anyio.run(array.async_array.getitem, row, backend=way)

    for row, kinds in ((3, "get_with_generation"), (3, "get_ranges"), (12, "get_ranges")):
        np.testing.assert_array_equal(read(row), VALUES[row])
        assert store.log.counts == {kinds: 2}
        assert store.log.round_trips == 1 or way == "blocking store"


@pytest.mark.parametrize(("more", "requests"), [(0, 1), (-1, 2)])
def test_a_shard_is_small_up_to_the_gap(array: azarr.Array, more: int, requests: int) -> None:
    with azarr.config.using(coalesce_gap=SHARD + more):
        cost = array.explain((9, 9))
        array[9, 9]
    assert len(array.store.log) == cost.requests == cost.round_trips == requests
    # Without generations, the index comes again with each range.
    assert array.store.log.received <= cost.bytes_read or not array.store.conditional


@pytest.mark.parametrize(("more", "requests"), [(0, 2), (-1, 4)])
def test_all_the_small_shards_of_a_read_have_a_limit_together(
    array: azarr.Array, more: int, requests: int
) -> None:
    with azarr.config.using(coalesce_bytes=2 * SHARD + more):
        cost = array.explain(9)
        np.testing.assert_array_equal(array[9], VALUES[9])
    assert len(array.store.log) == cost.requests == requests


def test_explain_says_it_before_and_after(array: azarr.Array) -> None:
    cost = array.explain((9, 9))
    assert (cost.requests, cost.requests_least, cost.round_trips, cost.byte_ranges) == (1, 1, 1, 1)
    assert cost.exact
    assert cost.bytes_read == SHARD + INDEX
    array[9, 9]
    assert array.explain((9, 9)).bytes_read == 128
    assert array.explain(9).bytes_read == 4 * 128 + SHARD + INDEX


def test_shards_of_different_shapes_are_small_each_by_itself() -> None:
    store = LatencyStore(MemoryStore(), 0)
    array = create(store, chunks=(8, 8), shards=[[8, 56], [64]])
    array[...] = VALUES
    store.log.clear()
    with azarr.config.using(coalesce_gap=8 * 64 * 2):
        cost = array.explain((slice(None), 3))
        np.testing.assert_array_equal(array[:, 3], VALUES[:, 3])
    assert store.log.counts == {"get_with_generation": 1, "get_ranges": 2}
    assert cost.requests == 3


def test_in_memory_nothing_is_read_that_is_not_needed() -> None:
    store = CountingStore(MemoryStore())
    array = create(store)
    array[...] = VALUES
    store.log.clear()
    array[9, 9]
    assert asked(store) == [("get_ranges", INDEX), ("get_ranges", 128)]


@pytest.mark.parametrize(
    ("edge", "kinds"), [(64, ["get_with_generation"]), (128, ["get_ranges"] * 2)]
)
def test_local_shards_are_small_up_to_16_KiB(tmp_path: Any, edge: int, kinds: list[str]) -> None:
    store = CountingStore(LocalStore(tmp_path))
    array = create(store, shape=(edge, edge), shards=(edge, edge), dtype="f4")
    array[...] = 3
    store.log.clear()
    assert array[9, 9] == 3
    assert [kind for kind, _ in asked(store)] == kinds
    assert array[20, 20] == 3
    assert [kind for kind, _ in asked(store)] == ["get_ranges"]


def test_the_index_is_read_first_where_elements_have_any_length() -> None:
    store = LatencyStore(MemoryStore(), 0)
    array = create(store, dtype=str)
    array[...] = VALUES.astype(str).astype(object)
    store.log.clear()
    cost = array.explain((9, 9))
    assert array[9, 9] == str(VALUES[9, 9])
    assert store.log.counts == {"get_ranges": 2}
    assert cost.requests == 2


def test_a_shard_that_is_larger_than_its_decoded_bytes_is_read_all_the_same(
    values: MemoryStore,
) -> None:
    """Random bytes do not compress, and here is a gap of 100 kB before the index."""
    array = create(LatencyStore(values, 0), compressors={"name": "zstd"})
    array[...] = VALUES
    shard = bytes(values["c/0/0"])
    values["c/0/0"] = shard[:-INDEX] + bytes(100_000) + shard[-INDEX:]
    assert array[9, 9] == VALUES[9, 9]
    assert array[20, 20] == VALUES[20, 20]


def test_a_missing_shard_is_one_request_each_time(array: azarr.Array, values: MemoryStore) -> None:
    del values["c/0/0"]
    for _ in range(2):
        assert array[9, 9] == 0
        assert [nbytes for _, nbytes in asked(array.store)] == [0]


def test_a_missing_inner_chunk_needs_no_other_request(values: MemoryStore) -> None:
    array = create(LatencyStore(values, 0), fill_value=5, write_empty_chunks=False)
    array[:8, :8] = 1
    array.store.log.clear()
    assert array[9, 9] == 5
    assert len(array.store.log) == 1


def test_a_store_that_fails_is_not_a_missing_shard(values: MemoryStore) -> None:
    create(values)[...] = VALUES
    store = AsyncFaultStore(LatencyStore(values, 0), keys="c/*")
    store.latency = "remote"
    array = azarr.open_array(store, mode="r")
    with pytest.raises(StoreError, match="injected"):
        array[9, 9]
    store.faults.times = 0
    store.faults.failed = 0
    assert array[9, 9] == VALUES[9, 9]


def test_part_of_a_shard_is_written_with_one_read_and_one_write(array: azarr.Array) -> None:
    array[9, 9] = 1
    reads = whole_of(array)[0]
    writes = "set_if" if array.store.conditional else "set"
    assert [kind for kind, _ in asked(array.store)] == [reads, writes]
    assert array[9, 9] == 1
    assert asked(array.store) == [whole_of(array)]


def test_after_another_process_has_written_the_shard_is_read_whole_again(
    array: azarr.Array, values: MemoryStore
) -> None:
    array[9, 9]
    azarr.open_array(values, mode="r+")[9, 9] = 1
    asked(array.store)
    assert array[9, 9] == 1
    # What is known is refused; or it holds, where it is the index itself, which is the same.
    assert asked(array.store)[1:] == [whole_of(array)] * array.store.conditional
    assert array[9, 10] == VALUES[9, 10]
    assert asked(array.store) == [ranges_of(array, 128)]


def test_readers_of_other_inner_chunks_at_the_same_time_do_not_all_read_the_whole_shard(
    array: azarr.Array,
) -> None:
    found = azarr.read_many([(array, (8 * i, 0)) for i in range(4)])
    assert found == [VALUES[8 * i, 0] for i in range(4)]
    requests = asked(array.store)
    assert requests.count(whole_of(array)) == 1
    assert sum(nbytes for _, nbytes in requests) < 2 * SHARD + 6 * INDEX


def test_a_reader_who_is_cancelled_is_not_waited_for(array: azarr.Array) -> None:
    store = array.store
    assert isinstance(store, LatencyStore)
    store.seconds = 60

    async def main() -> None:
        with anyio.move_on_after(0.05):
            await array.async_array.getitem((9, 9))
        store.seconds = 0
        assert await array.async_array.getitem((9, 9)) == VALUES[9, 9]

    anyio.run(main)
    assert asked(store)[1:] == [whole_of(array)]


Damage = Callable[[bytearray, bool], bytes]


def _index_changed(shard: bytearray, at_end: bool) -> bytes:
    shard[-INDEX + 9 if at_end else 9] ^= 1
    return bytes(shard)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "no bytes": (lambda shard, at_end: b"", "a shard of 0 bytes cannot hold its index"),
    "too few": (lambda shard, at_end: bytes(shard[:50]), "a shard of 50 bytes cannot hold"),
    "a wrong checksum": (_index_changed, "shard index: .*checksum"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("gap", [None, 0])
@pytest.mark.parametrize("cache_bytes", [0, 2**20])
def test_damaged_shards_are_the_same_errors_as_by_ranges(
    array: azarr.Array,
    values: MemoryStore,
    index_location: str,
    damage: str,
    gap: int | None,
    cache_bytes: int,
) -> None:
    make, message = DAMAGES[damage]
    values["c/0/0"] = make(bytearray(values["c/0/0"]), index_location == "end")
    with azarr.config.using(coalesce_gap=gap, cache_bytes=cache_bytes):
        for _ in range(2):
            with pytest.raises(ChunkDataError, match=message) as caught:
                array[9, 9]
            assert any("key 'c/0/0'" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("gap", [None, 0])
def test_of_a_shard_that_was_cut_off_what_is_there_is_read(gap: int | None) -> None:
    """Its index is at its start, and says that the last inner chunks are beyond its end."""
    values = MemoryStore()
    create(values, "start")[...] = VALUES
    values["c/0/0"] = bytes(values["c/0/0"])[: INDEX + 5 * 128 + 7]
    array = azarr.open_array(LatencyStore(values, 0), mode="r")
    with azarr.config.using(coalesce_gap=gap):
        for _ in range(2):
            assert array[1, 31] == VALUES[1, 31]
            with pytest.raises(DecodeError, match=r"inner chunk \(1, 1\) .* reaches beyond"):
                array[9, 9]


@pytest.mark.parametrize("gap", [None, 0])
def test_a_damaged_inner_chunk_is_named(gap: int | None) -> None:
    values = MemoryStore()
    create(values, compressors={"name": "zstd"})[...] = VALUES
    shard = bytes(values["c/0/0"])
    values["c/0/0"] = b"\xff" * (len(shard) - INDEX) + shard[-INDEX:]
    array = azarr.open_array(LatencyStore(values, 0), mode="r")
    with (
        azarr.config.using(coalesce_gap=gap),
        pytest.raises(ChunkDataError, match=r"inner chunk \(1, 1\): "),
    ):
        array[9, 9]


@pytest.mark.parametrize("max_age", [0.0, None])
def test_through_the_cache_it_is_one_request_too(
    array: azarr.Array, max_age: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process(), "cache", Cache())
    with azarr.config.using(cache_bytes=2**20, cache_max_age=max_age):
        assert array[9, 9] == VALUES[9, 9]
        assert asked(array.store) == [whole_of(array)]
        assert array[20, 20] == VALUES[20, 20]
        assert asked(array.store) == [ranges_of(array, 128)]
        np.testing.assert_array_equal(array[:32, :32], VALUES[:32, :32])
