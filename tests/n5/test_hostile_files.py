"""Documents and blocks that are damaged, contradict themselves, or want to exhaust memory."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import lzma
import tracemalloc
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import azarr
from azarr.errors import ChunkDataError, MetadataError

DOCUMENT: dict[str, Any] = {
    "dimensions": [5, 4],
    "blockSize": [3, 2],
    "dataType": "uint16",
    "compression": {"type": "raw"},
}
HEADER = "0000 0002 00000003 00000002"


def opened(stored: bytes | None = None, **changes: Any) -> azarr.Array:
    document = {key: value for key, value in {**DOCUMENT, **changes}.items() if value is not ...}
    store = {"attributes.json": json.dumps(document).encode()}
    if stored is not None:
        store["0/0"] = stored
    return azarr.open_array(store, mode="r+", zarr_format="n5")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimensions": "5"}, "attributes.json: dimensions is '5'"),
        ({"dimensions": [5, -4]}, "shape"),
        ({"dimensions": [2**62, 2**62]}, "more than"),
        ({"dimensions": [5, 4.5]}, "dimensions"),
        ({"dimensions": [], "blockSize": []}, "without dimensions"),
        ({"dimensions": [5]}, "dimensions"),
        ({"blockSize": ...}, "blockSize is missing"),
        ({"blockSize": [0, 2]}, "blockSize"),
        ({"blockSize": [2**31, 2]}, "blockSize"),
        ({"blockSize": [2**31 - 1, 2]}, "at most 2147483648"),
        ({"blockSize": [True, 2]}, "blockSize"),
        ({"dataType": ...}, "dataType"),
        ({"dataType": "float16"}, "dataType.*float16.*uint8"),
        ({"dataType": ["uint8"]}, "dataType"),
        ({"compression": ...}, "compression is missing"),
        ({"compression": "gzip"}, "compression"),
        ({"compression": {"type": 5}}, "compression"),
        ({"compression": {"type": "snappy"}}, "unknown N5 compression 'snappy'"),
        ({"compression": {"type": "gzip", "level": 17}}, "level is 17"),
        ({"compression": {"type": "gzip", "useZlib": "no"}}, "useZlib is 'no'"),
        ({"compression": {"type": "lz4", "blockSize": -1}}, "blockSize is -1"),
        ({"compression": {"type": "blosc", "cname": "best"}}, "cname is 'best'"),
        ({"compression": {"type": "x", "id": "pickle"}}, "pickle"),
        ({"n5": "5.0.0"}, "n5 is '5.0.0'.*not known"),
        ({"n5": 4}, "n5 is 4"),
    ],
)
def test_a_document_that_is_wrong_is_refused_by_field_and_value(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(MetadataError, match=message):
        opened(**changes)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b"[" * 5000, b'{"n5": NaN}'])
def test_a_document_that_is_no_json_object_is_refused(text: bytes) -> None:
    with pytest.raises(MetadataError, match=r"attributes\.json"):
        azarr.open({"attributes.json": text}, mode="r", zarr_format="n5")


@pytest.mark.parametrize("version", ["4.9.9", "4", "1.5.0", "snapshot", ""])
def test_earlier_versions_and_what_is_no_version_are_read(version: str) -> None:
    assert opened(n5=version)[0, 0] == 0


def test_a_newer_version_of_the_container_is_refused_wherever_it_is_opened() -> None:
    store: dict[str, bytes] = {}
    root = azarr.open_group(store, zarr_format="n5")
    root.create_array("a/b", shape=(3,), dtype="u1")
    store["attributes.json"] = b'{"n5": "5.0.0"}'
    for path in ("", "a", "a/b"):
        with pytest.raises(MetadataError, match=r"5\.0\.0"):
            azarr.open(store, path=path, mode="r", zarr_format="n5")
    with pytest.raises(MetadataError, match=r"5\.0\.0"):
        azarr.create_array(store, name="c", shape=(3,), zarr_format="n5")


@pytest.mark.parametrize(
    ("header", "payload", "message"),
    [
        ("", 0, "only 0 bytes"),
        ("00", 0, "only 1 bytes"),
        ("0000 0002 00000003 0000", 0, "only 10 bytes"),
        ("0001 0002 00000003 00000002 0000", 0, "only 14 bytes"),
        ("0002 0000", 0, "only 4 bytes"),
        ("0003 0002 00000003 00000002", 12, "mode 3"),
        ("0000 ffff 00000003 00000002", 12, "65535 dimensions; the array has 2"),
        ("0000 0001 00000003", 6, "1 dimensions; the array has 2"),
        ("0000 0002 00000003 00000003", 18, "a chunk has"),
        ("0000 0002 00000002 00000003", 12, "a chunk has"),
        ("0000 0002 ffffffff ffffffff", 12, "a chunk has"),
        (HEADER, 11, "takes 12 bytes, but there are 11"),
        (HEADER, 13, "takes 12 bytes, but there are 13"),
        ("0000 0002 00000003 00000001", 12, "takes 6 bytes, but there are 12"),
        ("0000 0002 00000000 00000002", 2, "takes 0 bytes, but there are 2"),
        ("0001 0002 00000003 00000002 00000007", 14, "7 elements for the positions"),
        ("0001 0002 00000003 00000002 ffffffff", 14, "elements for the positions"),
        ("0002 00000006", 12, "mode 2"),
    ],
)
def test_a_block_that_is_wrong_is_refused(header: str, payload: int, message: str) -> None:
    array = opened(bytes.fromhex(header) + bytes(payload))
    with pytest.raises(ChunkDataError, match=message):
        array[0, 0]
    with pytest.raises(ChunkDataError, match=message):
        array[0, 0] = 1


def test_a_block_without_positions_is_zeros() -> None:
    assert opened(bytes.fromhex("0000 0002 00000000 00000002"))[:2, :3].tolist() == [[0] * 3] * 2


BOMB = bytes(64 * 2**20)
BOMBS = {
    "gzip": lambda: gzip.compress(BOMB),
    "bzip2": lambda: bz2.compress(BOMB),
    "xz": lambda: lzma.compress(BOMB),
    "zstd": lambda: bytes(numcodecs.Zstd().encode(np.frombuffer(BOMB, "u1"))),
    "blosc": lambda: bytes(numcodecs.Blosc().encode(np.frombuffer(BOMB, "u1"))),
    "lz4": lambda: bytes(numcodecs.LZ4().encode(np.frombuffer(BOMB, "u1")))[4:],
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("data_type", ["uint16", "string", "object"])
def test_a_bomb_is_refused_within_the_memory_of_a_chunk(kind: str, data_type: str) -> None:
    header = {"uint16": HEADER, "string": "0001 0002 00000003 00000002 00000010"}
    array = opened(
        bytes.fromhex(header.get(data_type, "0002 00000010")) + BOMBS[kind](),
        compression={"type": kind},
        dataType=data_type,
    )
    tracemalloc.start()
    try:
        with pytest.raises(ChunkDataError):
            array[0, 0]
        # The window of xz alone takes 8 MiB.
        assert tracemalloc.get_traced_memory()[1] < 12 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("mode", ["0001 0002 00000003 00000002", "0002"])
def test_a_header_that_promises_gigabytes_of_strings_or_objects_is_refused(mode: str) -> None:
    array = opened(
        bytes.fromhex(mode + "ffffffff") + b"a\0",
        dataType="object" if mode == "0002" else "string",
    )
    with pytest.raises(ChunkDataError, match="4294967295 bytes"):
        array[0, 0]


@pytest.mark.parametrize(
    ("payload", "message"),
    [(b"a\0b\0c\0d\0e\0", "5 strings"), (b"a\0b\0c\0d\0e\0f", "cut off"), (b"\xff\0", "UTF-8")],
)
def test_strings_that_are_wrong_are_refused(payload: bytes, message: str) -> None:
    header = bytes.fromhex("0001 0002 00000003 00000002") + len(payload).to_bytes(4, "big")
    with pytest.raises(ChunkDataError, match=message):
        opened(header + payload, dataType="string")[0, 0]


def test_strings_in_a_block_of_objects_are_refused() -> None:
    with pytest.raises(ChunkDataError, match="block of objects"):
        opened(bytes.fromhex("0002 00000002") + b"a\0", dataType="string")[0, 0]


@settings(max_examples=200)
@given(data=st.data())
def test_a_damaged_block_reads_as_an_error_or_as_a_whole_chunk(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["raw", "gzip", "zstd", "blosc", "lz4"]))
    array = opened(compression={"type": kind}, dataType="uint8")
    array[:2, :3] = np.arange(6).reshape(2, 3)
    stored = bytearray(array.store["0/0"])
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(stored) - 1))
        stored[position] = data.draw(st.integers(0, 255))
    array.store["0/0"] = bytes(stored[: data.draw(st.integers(0, len(stored)))])
    with contextlib.suppress(ChunkDataError):
        assert array[:2, :3].shape == (2, 3)


@settings(max_examples=200)
@given(data=st.data())
def test_a_damaged_document_opens_or_is_refused(data: st.DataObject) -> None:
    text = bytearray(json.dumps({"n5": "4.0.0", **DOCUMENT}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MetadataError):
        azarr.open({"attributes.json": bytes(text)}, mode="r", zarr_format="n5")
