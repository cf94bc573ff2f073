"""What `explain` says before, a counting store counts after."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import trio
import trio.testing
from hypothesis import given, strategies as st

import azarr
import azarr.aio
from azarr.storage import MemoryStore
from azarr.testing import CountingStore, LatencyStore

SHAPE, CHUNKS = (37, 23), (10, 7)
PLAIN: dict[str, Any] = {"shape": SHAPE, "chunks": CHUNKS, "dtype": "i4", "compressors": None}
MASK = np.zeros(SHAPE, bool)
MASK[3:15:2, 1:22:9] = True

SELECTIONS: dict[str, tuple[str | None, Any]] = {
    "everything": ("basic", ...),
    "an element": ("basic", (36, 22)),
    "a strided region": ("basic", (slice(3, 36, 4), slice(1, 20))),
    "nothing": ("basic", (slice(5, 5), slice(None))),
    "an outer product": ("orthogonal", ([35, 2, 2, 11], slice(6, 8))),
    "a Boolean axis": ("orthogonal", (np.arange(37) % 9 == 0, [0, 22])),
    "points": ("coordinate", ([3, 36, 3, 20], [0, 22, 0, 21])),
    "a mask": ("mask", MASK),
    "blocks": ("block", (slice(1, 4), 2)),
    "brackets": (None, (slice(0, 20), slice(7, 14))),
}
METHODS = {
    kind: (f"get_{kind}_selection", f"set_{kind}_selection")
    for kind in ("basic", "orthogonal", "coordinate", "mask", "block")
}


def read(array: Any, kind: str | None, selection: Any) -> Any:
    return array[selection] if kind is None else getattr(array, METHODS[kind][0])(selection)


def write(array: Any, kind: str | None, selection: Any, value: Any) -> None:
    if kind is None:
        array[selection] = value
    else:
        getattr(array, METHODS[kind][1])(selection, value)


def counted(**kwargs: Any) -> tuple[Any, Any]:
    """An array with data in it, and the log of the requests to its store from now on."""
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, **{**PLAIN, **kwargs})
    array[...] = np.arange(array.size, dtype="i4").reshape(array.shape)
    store.log.clear()
    return array, store.log


@pytest.mark.parametrize("name", SELECTIONS)
def test_reading_makes_the_requests_and_fetches_the_bytes_that_were_explained(name: str) -> None:
    kind, selection = SELECTIONS[name]
    array, log = counted()
    cost = array.explain(selection, kind=kind)
    assert not log.requests
    result = read(array, kind, selection)
    assert (cost.requests, cost.bytes_read) == (len(log), log.received)
    assert (cost.round_trips, cost.in_flight) == (log.round_trips, log.most_in_flight)
    assert cost.exact
    assert cost.bytes_wanted == np.asarray(result).nbytes
    assert cost.chunks == cost.keys == len(log)


@pytest.mark.parametrize("name", SELECTIONS)
def test_writing_makes_the_requests_and_stores_the_bytes_that_were_explained(name: str) -> None:
    kind, selection = SELECTIONS[name]
    array, log = counted()
    cost = array.explain(selection, kind=kind, write=True)
    assert not log.requests
    write(array, kind, selection, 7)
    assert cost.requests == len(log)
    assert (cost.bytes_read, cost.bytes_written) == (log.received, log.sent)
    assert cost.round_trips == log.round_trips


@pytest.mark.parametrize("name", SELECTIONS)
def test_an_async_array_explains_the_same_requests_as_the_blocking_one(name: str) -> None:
    kind, selection = SELECTIONS[name]
    array, _ = counted()
    assert array.async_array.explain(selection, kind=kind) == array.explain(selection, kind=kind)


@pytest.mark.parametrize("write_it", [False, True])
@pytest.mark.parametrize("limit", [3, 128])
@pytest.mark.parametrize("name", SELECTIONS)
def test_on_a_slow_store_the_round_trips_are_those_that_were_explained(
    name: str, limit: int, write_it: bool
) -> None:
    kind, selection = SELECTIONS[name]

    async def main() -> None:
        store = LatencyStore(MemoryStore(), 1)
        array = await azarr.aio.create_array(store, **PLAIN)
        await array.setitem(..., 1)
        store.log.clear()
        with azarr.config.using(requests=limit):
            cost = array.explain(selection, kind=kind, write=write_it)
            assert not store.log.requests
            if kind is None:
                call = array.setitem(selection, 2) if write_it else array.getitem(selection)
            else:
                method = getattr(array, METHODS[kind][write_it])
                call = method(selection, 2) if write_it else method(selection)
            await call
        assert cost.requests == len(store.log)
        assert cost.round_trips == store.log.round_trips
        assert cost.in_flight == store.log.most_in_flight

    # Virtual time: it goes on when every task waits, so that a busy machine changes nothing.
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


SHARDED: dict[str, Any] = {"shards": (20, 14), "chunks": (5, 7)}


@pytest.mark.parametrize("name", SELECTIONS)
def test_of_shards_the_requests_are_bounded_first_and_exact_once_the_indexes_are_known(
    name: str,
) -> None:
    kind, selection = SELECTIONS[name]
    array, log = counted(**SHARDED)
    before = array.explain(selection, kind=kind)
    assert not log.requests
    result = read(array, kind, selection)
    assert before.requests_least <= len(log) <= before.requests
    assert log.received <= before.bytes_read
    assert log.round_trips <= before.round_trips
    assert before.bytes_wanted == np.asarray(result).nbytes

    log.clear()
    after = array.explain(selection, kind=kind)
    read(array, kind, selection)
    assert after.exact
    assert after.requests == len(log)
    assert log.received <= after.bytes_read


def test_ranges_of_a_shard_with_a_known_index_are_counted_to_the_byte() -> None:
    array, log = counted(**SHARDED)
    array[0, 0]
    log.clear()
    cost = array.explain((slice(0, 5), slice(0, 14)))
    array[0:5, 0:14]
    assert (cost.requests, cost.bytes_read) == (1, log.received)
    assert cost.byte_ranges == 1, "neighbours are one range"
    assert cost.chunks == 2


@pytest.mark.parametrize("name", SELECTIONS)
def test_writing_to_shards_makes_the_requests_that_were_explained(name: str) -> None:
    kind, selection = SELECTIONS[name]
    array, log = counted(**SHARDED)
    cost = array.explain(selection, kind=kind, write=True)
    write(array, kind, selection, 7)
    assert cost.requests_least <= len(log) <= cost.requests
    assert log.received <= cost.bytes_read
    assert log.sent <= cost.bytes_written


def test_missing_chunks_cost_the_same_requests() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, **PLAIN)
    store.log.clear()
    array[:12]
    assert array.explain(slice(12)).requests == len(store.log)


def test_writing_one_field_reads_every_chunk_first() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=8, chunks=4, dtype=[("a", "i4"), ("b", "f8")])
    whole, field = array.explain(write=True), array.explain("a", write=True)
    store.log.clear()
    array["a"] = 3
    assert (whole.requests, field.requests, len(store.log)) == (2, 4, 4)
    assert field.bytes_wanted == 8 * 4


@given(data=st.data())
def test_any_region_costs_what_is_counted(data: st.DataObject) -> None:
    axes = []
    for length in SHAPE:
        start = data.draw(st.integers(0, length))
        stop = data.draw(st.integers(start, length))
        axes.append(slice(start, stop, data.draw(st.integers(1, 12))))
    array, log = counted()
    selection = tuple(axes)
    reading, writing = array.explain(selection), array.explain(selection, write=True)
    array[selection]
    assert (reading.requests, reading.bytes_read) == (len(log), log.received)
    log.clear()
    array[selection] = 5
    assert (writing.requests, writing.bytes_written) == (len(log), log.sent)


@pytest.mark.parametrize("write_it", [False, True])
def test_the_peak_memory_is_about_what_is_allocated(write_it: bool) -> None:
    array = azarr.create_array(MemoryStore(), shape=(2000, 1000), chunks=(500, 500), dtype="f8")
    array[...] = np.random.default_rng(0).random(array.shape)
    cost = array.explain(slice(900), write=write_it)
    value = np.ones((900, 1000))
    with azarr.config.using(threads=1):
        cost = array.explain(slice(900), write=write_it)
        tracemalloc.start()
        if write_it:
            array[:900] = value
        else:
            array[:900]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # What a write stores stays in the memory store: it is not the operation's own.
    stored = cost.bytes_written if write_it else 0
    assert 0.3 * peak <= cost.peak_memory + stored
    assert cost.peak_memory <= 4 * peak


def test_explaining_a_huge_read_takes_no_time_per_chunk() -> None:
    array = azarr.create_array({}, shape=(10**9, 10**9), chunks=(10, 10), dtype="u1")
    assert array.explain(...).chunks == 10**16


def test_a_selection_that_does_not_fit_is_refused() -> None:
    array, _ = counted()
    with pytest.raises(IndexError, match="out of bounds"):
        array.explain(37)
    with pytest.raises(ValueError, match="kind 'fancy'"):
        array.explain(0, kind="fancy")


def test_a_cost_reads_well_and_cannot_be_changed() -> None:
    array, _ = counted()
    cost = array.explain(slice(5))
    lines = str(cost).splitlines()
    assert lines[0] == "read"
    assert lines[1] == "  chunks        4 of 16"
    assert len({line[:14].rstrip() for line in lines}) == len(lines)
    assert "<td" in cost._repr_html_()
    with pytest.raises(AttributeError):
        cost.requests = 3
