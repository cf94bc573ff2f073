"""Bytes that no codec wrote raise ChunkDataError, and cheaply; they never read as values."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, strategies as st

from azarr.errors import ChecksumError, ChunkDataError, DecodeError

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
SHAPE = (16, 16)
NBYTES = 1024

# Every codec that makes bytes, after what it may stand.
COMPRESSORS: dict[str, Any] = {
    **{name: {"id": name} for name in "blosc zstd lz4 gzip zlib bz2 lzma base64".split()},
    **{name: {"id": name} for name in "crc32 adler32 fletcher32 jenkins_lookup3 shuffle".split()},
    "crc32c": {"id": "crc32c", "location": "end"},
    "zstd with checksum": {"id": "zstd", "checksum": True},
    "blosc zstd": {"id": "blosc", "cname": "zstd", "shuffle": 2},
}
# These hold a checksum of the decoded bytes, so no damage goes unnoticed.
CHECKED = [
    *"crc32 adler32 fletcher32 jenkins_lookup3 crc32c gzip zlib bz2 lzma".split(),
    "zstd with checksum",
]


NUMCODECS = tuple(int(part) for part in numcodecs.__version__.split(".")[:3])


@contextmanager
def at_most(nbytes: int) -> Iterator[None]:
    """Fails if the block has more than so many bytes of Python's and NumPy's memory at a time."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= nbytes, f"{peak} bytes at a time"


@pytest.fixture(params=list(COMPRESSORS))
def stored(request: pytest.FixtureRequest, v2: Any, measurements: Any) -> Any:
    pipeline = v2("<i4", SHAPE, compressor=COMPRESSORS[request.param])
    chunk = measurements("<i4", SHAPE)
    return pipeline, bytes(pipeline.encode(chunk)), chunk


def test_a_chunk_cut_off_anywhere_is_refused(stored: Any) -> None:
    pipeline, data, _ = stored
    for length in [*range(40), *range(40, len(data), 97), len(data) - 1]:
        with pytest.raises(ChunkDataError):
            pipeline.decode(data[:length])


def test_a_chunk_with_something_behind_it_is_refused(stored: Any) -> None:
    pipeline, data, _ = stored
    if "base64" in repr(pipeline):
        pytest.skip("base64 passes over everything outside of its alphabet")
    with pytest.raises(ChunkDataError):
        pipeline.decode(data + b"\x01")


def test_a_chunk_of_another_shape_is_refused(v2: Any, stored: Any) -> None:
    pipeline, data, _ = stored
    for shape in ((16, 15), (16, 17), (1, 1)):
        other = v2("<i4", shape, compressor=pipeline.parts.compressors[0].to_v2())
        with pytest.raises(ChunkDataError):
            other.decode(data)


@given(data=st.data())
@pytest.mark.parametrize("name", list(COMPRESSORS))
def test_changed_bytes_raise_or_decode_to_a_whole_chunk(
    v2: Any, measurements: Any, name: str, data: Any
) -> None:
    pipeline = v2("<i4", SHAPE, compressor=COMPRESSORS[name])
    chunk = measurements("<i4", SHAPE)
    damaged = bytearray(pipeline.encode(chunk))
    changes = st.tuples(st.integers(0, len(damaged) - 1), st.integers(1, 255))
    for position, difference in data.draw(st.lists(changes, min_size=1, max_size=3)):
        damaged[position] ^= difference
    try:
        decoded = pipeline.decode(bytes(damaged))
    except ChunkDataError:
        return
    assert decoded.shape == chunk.shape
    assert decoded.dtype == chunk.dtype
    if name in CHECKED:
        # A header may have bits that mean nothing; the values are what was written.
        assert np.array_equal(decoded, chunk)


@given(data=st.binary(max_size=200))
@pytest.mark.parametrize("name", [name for name in COMPRESSORS if name != "shuffle"])
def test_garbage_is_refused(v2: Any, name: str, data: bytes) -> None:
    with pytest.raises(ChunkDataError):
        v2("<i4", SHAPE, compressor=COMPRESSORS[name]).decode(data)


@pytest.mark.parametrize("name", "crc32 adler32 fletcher32 jenkins_lookup3 crc32c".split())
def test_a_wrong_checksum_is_a_checksum_error_that_names_the_codec(
    v2: Any, measurements: Any, name: str
) -> None:
    pipeline = v2("<i4", SHAPE, compressor=COMPRESSORS[name])
    damaged = bytearray(pipeline.encode(measurements("<i4", SHAPE)))
    damaged[100] ^= 1
    with pytest.raises(ChecksumError, match=f"numcodecs.{name}"):
        pipeline.decode(damaged)


def test_an_uncompressed_chunk_of_the_wrong_length_is_refused(v3: Any) -> None:
    pipeline = v3("u2", (4, 4), LITTLE)
    for length in (0, 31, 33, 64):
        with pytest.raises(DecodeError, match=f"takes 32 bytes, but there are {length}"):
            pipeline.decode(bytes(length))


# Bombs: small inputs that decode to far more than a chunk.

BOMB_BYTES = 16 * 1024 * 1024
# The state of a decoder; that of lzma is a dictionary of 8 MiB.
DECODER_BYTES = {"lzma": 9_000_000}


def zstd_of_unknown_size(block_headers: list[tuple[int, int]]) -> bytes:
    """A frame of RLE blocks (content, size) that does not say how much it holds."""
    blocks = b""
    for number, (byte, size) in enumerate(block_headers):
        header = (number == len(block_headers) - 1) | 1 << 1 | size << 3
        blocks += header.to_bytes(3, "little") + bytes([byte])
    return b"\x28\xb5\x2f\xfd\x00\x58" + blocks  # window of 2 MiB


BOMBS: dict[str, Callable[[], bytes]] = {
    "blosc": lambda: numcodecs.Blosc("zstd").encode(bytes(BOMB_BYTES)),
    "zstd": lambda: numcodecs.Zstd().encode(bytes(BOMB_BYTES)),
    "lz4": lambda: numcodecs.LZ4().encode(bytes(BOMB_BYTES)),
    "gzip": lambda: gzip.compress(bytes(BOMB_BYTES)),
    "zlib": lambda: zlib.compress(bytes(BOMB_BYTES)),
    "bz2": lambda: bz2.compress(bytes(BOMB_BYTES)),
    "lzma": lambda: lzma.compress(bytes(BOMB_BYTES), preset=0),
}
MORE_BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "zstd of unknown size": ("zstd", lambda: zstd_of_unknown_size([(0, 100_000)] * 1000)),
    "zstd of two frames": (
        "zstd",
        lambda: numcodecs.Zstd().encode(bytes(NBYTES)) + numcodecs.Zstd().encode(bytes(BOMB_BYTES)),
    ),
    "zstd that promises a terabyte": (
        "zstd",
        lambda: b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 2**40) + bytes(100),
    ),
    "gzip of two members": (
        "gzip",
        lambda: gzip.compress(bytes(NBYTES)) + gzip.compress(bytes(BOMB_BYTES)),
    ),
    "gzip of many empty members": ("gzip", lambda: gzip.compress(b"") * 20_000),
    "blosc that lies": (
        "blosc",
        lambda: b"\x02\x01\x01\x04" + struct.pack("<III", NBYTES, 2**30, 100) + bytes(84),
    ),
    "lz4 that promises 2 GiB": ("lz4", lambda: struct.pack("<I", 2**31 - 1) + bytes(100)),
}


@pytest.mark.parametrize("name", [*BOMBS, *MORE_BOMBS])
def test_a_bomb_costs_no_more_than_about_a_chunk(v2: Any, name: str) -> None:
    codec, make = MORE_BOMBS[name] if name in MORE_BOMBS else (name, BOMBS[name])
    pipeline = v2("<i4", SHAPE, compressor={"id": codec})
    bomb = make()
    with at_most(5 * len(bomb) + DECODER_BYTES.get(codec, 200_000)), pytest.raises(DecodeError):
        pipeline.decode(bomb)


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_bomb_inside_a_compressor_costs_no_more_than_about_a_chunk(v3: Any, name: str) -> None:
    # The outer size is not known exactly: it is what the inner compressor may have made.
    pipeline = v3("i4", SHAPE, LITTLE, f"numcodecs.{name}", f"numcodecs.{name}")
    bomb = numcodecs.get_codec({"id": name}).encode(bytes(BOMB_BYTES))
    with at_most(5 * len(bomb) + DECODER_BYTES.get(name, 200_000)), pytest.raises(DecodeError):
        pipeline.decode(bytes(bomb))


def test_an_lzma_header_cannot_ask_for_a_huge_dictionary(v2: Any) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 512 * 1024 * 1024}]
    greedy = lzma.compress(bytes(NBYTES), filters=filters)
    with pytest.raises(DecodeError, match="lzma"):
        v2("<i4", SHAPE, compressor={"id": "lzma"}).decode(greedy)


@pytest.mark.parametrize("codec", ["pcodec", "zfpy"])
def test_damaged_or_other_numbers_are_refused(
    v2: Any, v3: Any, measurements: Any, codec: str
) -> None:
    pytest.importorskip(codec)
    name = f"numcodecs.{codec}"
    stored = bytes(v3("f4", SHAPE, name).encode(measurements("f4", SHAPE)))
    for dtype, shape in (("f4", (16, 15)), ("f4", (16, 17)), ("f8", (16, 8)), ("i4", SHAPE)):
        with pytest.raises(DecodeError, match=codec):
            v3(dtype, shape, name).decode(stored)
    for data in (b"", stored[:3], bytes(100), b"\xff" * 100):
        with pytest.raises(DecodeError, match=codec):
            v2("f4", SHAPE, compressor={"id": codec}).decode(data)
    # Damage to the numbers themselves may go unnoticed, but never ends outside of the chunk.
    for position in range(0, len(stored), 7):
        damaged = bytearray(stored)
        damaged[position] ^= 0x55
        try:
            assert v3("f4", SHAPE, name).decode(damaged[: position + 9]).shape == SHAPE
        except DecodeError:
            continue


# Elements of variable length.


def vlen(*elements: bytes, count: int | None = None) -> bytes:
    """Elements as vlen-utf8 and vlen-bytes store them."""
    head = struct.pack("<I", len(elements) if count is None else count)
    return head + b"".join(struct.pack("<I", len(each)) + each for each in elements)


DAMAGED_STRINGS = {
    "empty": b"",
    "half a header": b"\x03\x00",
    "no elements": vlen(count=3),
    "too few": vlen(b"a", b"b"),
    "too many": vlen(b"a", b"b", b"c", b"d"),
    "a huge count": vlen(b"a", b"b", b"c", count=2**32 - 1),
    "a huge length": struct.pack("<II", 3, 2**32 - 1) + b"abc",
    "cut off": vlen(b"a", b"b", b"ccc")[:-1],
    "not UTF-8": vlen(b"a", b"b", b"\xff\xfe"),
}


@pytest.mark.parametrize("name", list(DAMAGED_STRINGS))
def test_damaged_strings_are_refused(v3: Any, v2: Any, name: str) -> None:
    for pipeline in (v3("str", (3,), "vlen-utf8"), v2(object, (3,), {"id": "vlen-utf8"})):
        with at_most(300_000), pytest.raises(DecodeError, match="vlen-utf8"):
            pipeline.decode(DAMAGED_STRINGS[name])


@pytest.mark.parametrize("name", list(DAMAGED_STRINGS)[:-1])
@pytest.mark.parametrize("codec", ["vlen-bytes", "vlen-array"])
def test_damaged_bytes_and_arrays_are_refused(v2: Any, codec: str, name: str) -> None:
    pipeline = v2(object, (3,), {"id": codec, **({"dtype": "u1"} if codec == "vlen-array" else {})})
    with at_most(300_000), pytest.raises(DecodeError, match=codec):
        pipeline.decode(DAMAGED_STRINGS[name])


@given(data=st.binary(max_size=60))
@pytest.mark.parametrize("codec", ["vlen-utf8", "vlen-bytes", "vlen-array", "json2", "categorize"])
def test_garbage_never_reads_as_objects_of_another_count(v2: Any, codec: str, data: bytes) -> None:
    options: dict[str, Any] = {
        "vlen-array": {"dtype": "<i2"},
        "categorize": {"labels": ["a"], "dtype": "|O", "astype": "|u1"},
    }
    pipeline = v2(object, (2, 3), {"id": codec, **options.get(codec, {})})
    try:
        decoded = pipeline.decode(data)
    except DecodeError:
        return
    assert decoded.shape == (2, 3)


@pytest.mark.parametrize(
    "items",
    [
        [],
        ["a", "b", "|O", [3]],
        ["a", "b", "c", "|O", [10**12]],
        ["a", "b", "c", "|O", "x"],
        ["a", "b", "c", "d", "|O", [3]],
        [["a"], ["b", "c"], 5, "|O", [3, 1]],
        {"a": 1},
        7,
    ],
    ids=str,
)
def test_json_that_does_not_hold_the_chunk_is_refused(v2: Any, items: Any) -> None:
    with at_most(300_000), pytest.raises(DecodeError, match="json2"):
        v2(object, (3,), {"id": "json2"}).decode(json.dumps(items).encode())


@pytest.mark.parametrize("compressor", ["gzip", "zstd", "blosc", "lz4", "bz2"])
def test_strings_may_compress_well(v3: Any, compressor: str) -> None:
    pipeline = v3("str", (1000,), "vlen-utf8", f"numcodecs.{compressor}")
    chunk = np.full(1000, "the same again " * 100, object)
    assert pipeline.decode(pipeline.encode(chunk)).tolist() == chunk.tolist()


def test_a_bomb_of_strings_is_refused(v3: Any) -> None:
    bomb = zstd_of_unknown_size([(0, 128 * 1024)] * 2000)  # 250 MiB in 8 kB
    with at_most(300_000), pytest.raises(DecodeError, match="zstd"):
        v3("str", (1000,), "vlen-utf8", "zstd").decode(bomb)


# What other writers make, and is no damage.


def test_gzip_members_and_padding_read(v3: Any, measurements: Any) -> None:
    chunk = measurements("<i4", SHAPE)
    data = chunk.tobytes()
    members = [gzip.compress(data[start : start + 100]) for start in range(0, NBYTES, 100)]
    pipeline = v3("i4", SHAPE, LITTLE, "gzip")
    assert np.array_equal(pipeline.decode(b"".join(members)), chunk)
    assert np.array_equal(pipeline.decode(b"".join(members) + bytes(512)), chunk)


@pytest.mark.parametrize("codec", ["bz2", "lzma", "zstd"])
def test_concatenated_streams_read(v2: Any, measurements: Any, codec: str) -> None:
    chunk = measurements("<i4", SHAPE)
    numcodec = numcodecs.get_codec({"id": codec})
    data = chunk.tobytes()
    stored = bytes(numcodec.encode(data[:300])) + bytes(numcodec.encode(data[300:]))
    assert np.array_equal(v2("<i4", SHAPE, compressor=numcodec).decode(stored), chunk)


@pytest.mark.skipif(NUMCODECS < (0, 16, 2), reason="older numcodecs cannot")
def test_a_zstd_frame_of_unknown_size_reads(v2: Any, v3: Any) -> None:
    frame = zstd_of_unknown_size([(1, 1000), (2, 24)])
    expected = np.array([1] * 1000 + [2] * 24, "u1")
    assert np.array_equal(v2("u1", (NBYTES,), compressor={"id": "zstd"}).decode(frame), expected)
    skippable = b"\x5a\x2a\x4d\x18" + struct.pack("<I", 3) + b"abc"
    pipeline = v2("u1", (NBYTES,), compressor={"id": "zstd"})
    assert np.array_equal(pipeline.decode(numcodecs.Zstd().encode(expected)), expected)
    assert np.array_equal(pipeline.decode(skippable + frame + skippable), expected)
    with pytest.raises(DecodeError):
        pipeline.decode(skippable)
    strings = v3("str", (1,), "vlen-utf8", "zstd")
    text = zstd_of_unknown_size([(1, 1), (0, 3), (5, 1), (0, 3), (65, 5)])
    assert strings.decode(text).tolist() == ["AAAAA"]
