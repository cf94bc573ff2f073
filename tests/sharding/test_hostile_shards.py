"""Shards that nobody wrote properly: an error that names the inner chunk, and nothing worse."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from google_crc32c import value as crc32c
from hypothesis import given, strategies as st

import azarr
from azarr.errors import ChunkDataError, MetadataError
from azarr.storage import LocalStore, MemoryStore

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
ZSTD = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
EMPTY = 2**64 - 1
COUNT = 4  # inner chunks of 8 elements of 2 bytes


def shard(entries: list[tuple[int, int]], body: bytes = bytes(64)) -> bytes:
    """A shard whose index says what it should not, with a checksum that is right."""
    index = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    return body + index + struct.pack("<I", crc32c(index))


@pytest.fixture(params=["memory", "local", "mapping"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    return {"memory": MemoryStore, "local": lambda: LocalStore(tmp_path), "mapping": dict}[
        request.param
    ]()


@pytest.fixture(params=["plain", "compressed"])
def array(
    request: pytest.FixtureRequest,
    store: Any,
    make: Callable[..., azarr.Array],
    sharding: Callable[..., Any],
) -> azarr.Array:
    codecs = [BYTES] if request.param == "plain" else [BYTES, ZSTD]
    return make(store, [sharding((8,), codecs)], shape=(32,), shard=(32,))


ACTIONS: dict[str, Callable[[azarr.Array], Any]] = {
    "an inner chunk": lambda array: array[9],
    "the shard": lambda array: array[...],
    "a write": lambda array: array.__setitem__(9, 1),
    "points": lambda array: array.get_coordinate_selection(([30, 9, 1],)),
}

GOOD = [(0, 16), (16, 16), (32, 16), (48, 16)]
BAD_ENTRIES = {
    "out of the file": (10**6, 16),
    "across the end": (64 + 64, 16),
    "larger than the file": (0, 10**6),
    "huge": (2**62, 2**62),
    "huge offset": (2**63, 16),
    "an overflow": (2**64 - 8, 16),
    "half empty, no offset": (EMPTY, 16),
    "half empty, no size": (16, EMPTY),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("entry", BAD_ENTRIES)
def test_an_entry_that_cannot_be_right_is_an_error_that_names_the_inner_chunk(
    array: azarr.Array, store: Any, entry: str, action: str
) -> None:
    store["c/0"] = shard([GOOD[0], BAD_ENTRIES[entry], *GOOD[2:]])
    before = store["c/0"]
    with pytest.raises(ChunkDataError, match=r"inner chunk \(1,\)") as caught:
        ACTIONS[action](array)
    assert any("key 'c/0'" in note for note in caught.value.__notes__)
    assert store["c/0"] == before


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("length", [0, 1, 3, 67])
def test_a_shard_smaller_than_its_index_is_an_error(
    array: azarr.Array, store: Any, length: int, action: str
) -> None:
    store["c/0"] = bytes(length)
    with pytest.raises(ChunkDataError, match=f"a shard of {length} bytes cannot hold its index"):
        ACTIONS[action](array)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_wrong_checksum_of_the_index_is_an_error(
    array: azarr.Array, store: Any, action: str
) -> None:
    good = bytearray(shard(GOOD))
    good[70] ^= 1
    store["c/0"] = bytes(good)
    with pytest.raises(ChunkDataError, match=r"shard index: .*checksum"):
        ACTIONS[action](array)


@pytest.mark.parametrize("action", ACTIONS)
def test_inner_chunks_that_are_not_what_was_written_are_named(
    array: azarr.Array, store: Any, action: str
) -> None:
    entries = [(0, 15) if len(array.compressors) == 0 else (0, 16)] * COUNT
    store["c/0"] = shard(entries, b"\xff" * 64)
    with pytest.raises(ChunkDataError, match=r"inner chunk \([0-3],\): "):
        ACTIONS[action](array)


def test_inner_chunks_may_overlap_have_gaps_and_lie_in_any_order(
    make: Callable[..., azarr.Array], sharding: Callable[..., Any], store: Any
) -> None:
    array = make(store, [sharding((8,), [BYTES])], shape=(32,), shard=(32,))
    body = np.arange(50, dtype="<u2").tobytes()
    store["c/0"] = shard([(60, 16), (10, 16), (10, 16), (14, 16)], body)
    expected = [*range(30, 38), *range(5, 13), *range(5, 13), *range(7, 15)]
    assert array[...].tolist() == expected
    assert array[8:].tolist() == expected[8:]
    array[0] = 1
    assert array[...].tolist() == [1, *expected[1:]]


def test_overlapping_inner_chunks_do_not_make_a_shard_grow_beyond_its_array(
    make: Callable[..., azarr.Array], sharding: Callable[..., Any]
) -> None:
    store = MemoryStore()
    array = make(
        store, [sharding((1,), [BYTES, ZSTD])], shape=(2**14,), shard=(2**14,), data_type="uint8"
    )
    store["c/0"] = shard([(0, 4000)] * 2**14, bytes(4000))
    with pytest.raises(ChunkDataError, match="overlap"):
        array[0] = 1


def peak_bytes(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bomb_in_an_inner_chunk_takes_no_memory(
    make: Callable[..., azarr.Array], sharding: Callable[..., Any]
) -> None:
    import numcodecs

    store = MemoryStore()
    array = make(store, [sharding((8,), [BYTES, ZSTD])], shape=(32,), shard=(32,))
    bomb = numcodecs.Zstd(3).encode(bytes(2**26))
    store["c/0"] = shard([(0, len(bomb))] * COUNT, bomb)

    def read() -> None:
        with pytest.raises(ChunkDataError, match=r"inner chunk \(1,\)"):
            array[9]

    assert peak_bytes(read) < 2**20


def test_metadata_of_many_inner_chunks_is_refused_or_opened_without_memory(
    make: Callable[..., azarr.Array], sharding: Callable[..., Any]
) -> None:
    def open_them() -> None:
        make(MemoryStore(), [sharding((1,), [BYTES])], shape=(2**26,), shard=(2**26,))
        with pytest.raises(MetadataError, match="inner chunks in a shard"):
            make(MemoryStore(), [sharding((1,), [BYTES])], shape=(2**40,), shard=(2**40,))

    assert peak_bytes(open_them) < 2**20


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"chunk_shape": [5]}, "does not divide"),
        ({"chunk_shape": [0]}, "does not divide"),
        ({"chunk_shape": [8, 1]}, "does not divide"),
        ({"chunk_shape": [-8]}, "chunk_shape"),
        ({"chunk_shape": 8}, "chunk_shape"),
        ({"chunk_shape": [True]}, "chunk_shape"),
        ({"codecs": []}, "array->bytes"),
        ({"codecs": [{"name": "crc32c"}]}, "array->bytes"),
        ({"codecs": [BYTES, {"name": "sharding_indexed"}]}, "array->bytes"),
        ({"codecs": "bytes"}, "codecs"),
        ({"codecs": [{"name": "no-such-codec"}]}, "no-such-codec"),
        ({"index_codecs": [BYTES, ZSTD]}, "fixed size"),
        ({"index_codecs": [{"name": "vlen-utf8"}]}, "vlen-utf8"),
        ({"index_codecs": []}, "array->bytes"),
        ({"index_location": "middle"}, "index_location"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_configurations_that_make_no_sense_are_refused_when_opening(
    make: Callable[..., azarr.Array],
    sharding: Callable[..., Any],
    configuration: dict[str, Any],
    message: str,
) -> None:
    codec = sharding((8,), [BYTES])
    codec["configuration"] |= configuration
    with pytest.raises(MetadataError, match=message):
        make(MemoryStore(), [codec], shape=(32,), shard=(32,))


def nested(depth: int, sharding: Callable[..., Any]) -> list[Any]:
    codecs = [BYTES]
    for _ in range(depth):
        codecs = [sharding((8,), codecs)]
    return codecs


def test_shards_nested_without_end_are_refused(
    make: Callable[..., azarr.Array], sharding: Callable[..., Any]
) -> None:
    with pytest.raises(MetadataError, match="nest"):
        make(MemoryStore(), nested(200, sharding), shape=(32,), shard=(32,))


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("inner", [[BYTES], [BYTES, ZSTD], [BYTES, {"name": "crc32c"}]])
def test_changing_any_bytes_of_a_shard_reads_or_is_an_error_of_the_chunk(
    make: Callable[..., azarr.Array],
    sharding: Callable[..., Any],
    inner: list[Any],
    location: str,
) -> None:
    store = MemoryStore()
    # Without a checksum of the index, so that its entries are what they are changed to.
    codec = sharding((8,), inner, index_codecs=[BYTES], index_location=location)
    array = make(store, [codec], shape=(32,), shard=(32,))
    array[...] = np.arange(32)
    good = store["c/0"]

    @given(
        st.lists(st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)), max_size=8),
        st.integers(0, len(good)),
        st.binary(max_size=8),
        st.sampled_from([9, slice(None), slice(3, 20)]),
    )
    def check(
        changes: list[tuple[int, int]], length: int, extra: bytes, selection: int | slice
    ) -> None:
        changed = bytearray(good)
        for position, value in changes:
            changed[position] = value
        for value in (bytes(changed), bytes(changed[:length]), bytes(changed) + extra):
            store["c/0"] = value
            try:
                array[selection]
                array[9] = 3
            except ChunkDataError:
                pass

    check()
