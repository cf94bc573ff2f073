"""Reading only the blosc blocks that a selection needs."""

from __future__ import annotations

from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import azarr
from azarr.errors import ChunkDataError, DecodeError
from azarr.storage import MemoryStore
from azarr.testing import CountingStore

SHAPE, CHUNKS = (600, 1000), (400, 1000)
DATA = np.cumsum(np.random.default_rng(0).integers(-3, 4, SHAPE), axis=1).astype("i4")


def stored(**kwargs: Any) -> MemoryStore:
    store = MemoryStore()
    azarr.create(store=store, shape=SHAPE, chunks=CHUNKS, dtype="i4", **kwargs)[...] = DATA
    return store


def compressor(cname: str = "lz4", shuffle: int = 1, blocksize: int = 32768) -> numcodecs.Blosc:
    return numcodecs.Blosc(cname=cname, clevel=5, shuffle=shuffle, blocksize=blocksize)


def opened(memory: MemoryStore) -> tuple[Any, Any]:
    store = CountingStore(memory)
    array = azarr.open_array(store, mode="r", partial_decompress=True)
    store.log.clear()
    return array, store.log


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("cname", ["lz4", "zstd", "blosclz"])
@pytest.mark.parametrize("shuffle", [0, 1, 2])
def test_parts_of_chunks_are_what_is_stored(
    zarr_format: Any, order: str, cname: str, shuffle: int
) -> None:
    array, _ = opened(
        stored(zarr_format=zarr_format, order=order, compressor=compressor(cname, shuffle))
    )
    for selection in [
        (5, slice(7, 90)),
        (599, 999),
        (slice(0, 3),),
        (slice(395, 405), slice(3, 9)),
    ]:
        np.testing.assert_array_equal(array[selection], DATA[selection])
    np.testing.assert_array_equal(
        array.vindex[[3, 599, 3], [9, 0, 9]], DATA[[3, 599, 3], [9, 0, 9]]
    )
    np.testing.assert_array_equal(array.oindex[[399, 2], 5:7], DATA[[399, 2], 5:7])


def test_a_small_part_fetches_a_small_part_in_two_requests() -> None:
    memory = stored(zarr_format=2, compressor=compressor())
    array, log = opened(memory)
    array[3, :50]
    assert len(log) == 2
    assert log.received < memory.size("0.0") / 8
    cost = array.explain((3, slice(50)))
    assert cost.requests_least <= len(log) <= cost.requests


def test_what_would_not_read_less_is_read_whole_in_one_request() -> None:
    array, log = opened(stored(zarr_format=2, compressor=compressor()))
    np.testing.assert_array_equal(array[:], DATA)
    np.testing.assert_array_equal(array[:400, 3], DATA[:400, 3])
    assert log.counts == {"get": 3}


def test_a_missing_chunk_is_one_request_and_the_fill_value() -> None:
    memory = MemoryStore()
    azarr.create(store=memory, shape=SHAPE, chunks=CHUNKS, dtype="i4", fill_value=7)
    array, log = opened(memory)
    assert array[3, 3] == 7
    assert len(log) == 1


@pytest.mark.parametrize("codec", [None, numcodecs.Zstd(1), numcodecs.GZip(1)])
def test_other_compressors_are_read_whole(codec: Any) -> None:
    array, log = opened(stored(zarr_format=2, compressor=codec))
    assert array[3, 3] == DATA[3, 3]
    assert log.counts == {"get": 1}


@pytest.mark.parametrize("data", ["random", "constant"])
def test_chunks_that_do_not_compress_or_compress_to_nothing_work(data: str) -> None:
    memory = MemoryStore()
    values = np.zeros(SHAPE, "i4") + 3
    if data == "random":
        values = np.random.default_rng(0).integers(-(2**31), 2**31 - 1, SHAPE, "i4")
    azarr.create(
        store=memory, shape=SHAPE, chunks=CHUNKS, dtype="i4", zarr_format=2, compressor=compressor()
    )[...] = values
    array, _ = opened(memory)
    np.testing.assert_array_equal(array[3:5, 8:11], values[3:5, 8:11])
    np.testing.assert_array_equal(array[399:401, -1], values[399:401, -1])


def test_fields_of_structures_work() -> None:
    data = np.zeros(200_000, [("a", "i4"), ("b", "f8")])
    data["a"] = np.arange(len(data))
    memory = MemoryStore()
    azarr.array(data, store=memory, chunks=100_000, zarr_format=2, compressor=compressor())
    array, log = opened(memory)
    assert array["a", 150_000] == 150_000
    assert array[5]["b"] == 0
    assert len(log) == 4


@pytest.mark.parametrize("at", [4, 5, 8, 9, 15, 16, 17, 21])
def test_a_damaged_header_is_an_error_and_nothing_worse(at: int) -> None:
    memory = stored(zarr_format=2, compressor=compressor())
    value = bytearray(memory["0.0"])
    value[at] ^= 0xFF
    memory["0.0"] = bytes(value)
    array, _ = opened(memory)
    with pytest.raises(ChunkDataError) as caught:
        array[3, :50]
    assert "chunk (0, 0)" in str(caught.value.__notes__)
    assert isinstance(caught.value, DecodeError)


@settings(max_examples=30)
@given(data=st.data())
def test_any_small_region_is_what_is_stored(data: st.DataObject) -> None:
    array, _ = opened(PLAIN)
    starts = [data.draw(st.integers(0, length - 1)) for length in SHAPE]
    lengths = [data.draw(st.integers(1, 40)) for _ in SHAPE]
    steps = [data.draw(st.integers(1, 9)) for _ in SHAPE]
    selection = tuple(
        slice(start, start + length, step)
        for start, length, step in zip(starts, lengths, steps, strict=True)
    )
    np.testing.assert_array_equal(array[selection], DATA[selection])


PLAIN = stored(zarr_format=2, compressor=compressor(blocksize=50_000))
