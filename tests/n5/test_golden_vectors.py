"""Blocks as the N5 specification prints them.

https://github.com/saalfeldlab/n5#file-system-specification: a block of 1x2x3 uint16 (N5's order)
with the values 1 to 6.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import azarr

HEADER = "0000 0003 00000001 00000002 00000003"
PAYLOADS = {
    "raw": "0001 0002 0003 0004 0005 0006",
    "bzip2": """
        42 5a 68 39 31 41 59 26 53 59 02 3e 0d d2 00 00 00 40 00 7f 00 20 00 31 0c 01 0d 31
        a8 73 94 33 7c 5d c9 14 e1 42 40 08 f8 37 48
    """,
    "gzip": """
        1f 8b 08 00 00 00 00 00 00 00 63 60 64 60 62 60 66 60 61 60 65 60 03 00 aa ea 6d bf
        0c 00 00 00
    """,
    "xz": """
        fd 37 7a 58 5a 00 00 04 e6 d6 b4 46 02 00 21 01 16 00 00 00 74 2f e5 a3 01 00 0b 00
        01 00 02 00 03 00 04 00 05 00 06 00 0d 03 09 ca 34 ec 15 a7 00 01 24 0c a6 18 d8 d8
        1f b6 f3 7d 01 00 00 00 00 04 59 5a
    """,
}
# x is N5's first axis and NumPy's last.
VALUES = np.arange(1, 7, dtype="u2").reshape(3, 2, 1)


def block(compression: str) -> bytes:
    return bytes.fromhex(HEADER + PAYLOADS[compression])


def container(compression: Any, stored: bytes) -> dict[str, bytes]:
    document = {
        "dimensions": [1, 2, 3],
        "blockSize": [1, 2, 3],
        "dataType": "uint16",
        "compression": compression,
    }
    return {"attributes.json": json.dumps(document).encode(), "0/0/0": stored}


@pytest.mark.parametrize("compression", PAYLOADS)
def test_the_blocks_of_the_specification_read(compression: str) -> None:
    store = container({"type": compression}, block(compression))
    array = azarr.open_array(store, zarr_format="n5")
    assert array.shape == (3, 2, 1)
    assert array[...].tolist() == VALUES.tolist()


@pytest.mark.parametrize("compression", ["raw", "xz"])  # other encoders pack otherwise
def test_blocks_are_written_as_in_the_specification(compression: str) -> None:
    store = container({"type": compression}, b"")
    azarr.open_array(store, zarr_format="n5")[...] = VALUES
    assert store["0/0/0"] == block(compression)


def test_gzip_blocks_differ_from_the_specification_in_the_name_of_the_system_alone() -> None:
    store = container({"type": "gzip"}, b"")
    azarr.open_array(store, zarr_format="n5")[...] = VALUES
    expected = bytearray(block("gzip"))
    name_of_system = 16 + 9  # byte 9 of a gzip header: Java says 0, zlib 3 (Unix)
    expected[name_of_system] = store["0/0/0"][name_of_system]
    assert store["0/0/0"] == expected


def test_the_legacy_compression_type_reads() -> None:
    store = container({}, block("gzip"))
    document = json.loads(store["attributes.json"])
    del document["compression"]
    store["attributes.json"] = json.dumps({**document, "compressionType": "gzip"}).encode()
    array = azarr.open_array(store, zarr_format="n5")
    assert array[...].tolist() == VALUES.tolist()
    array.attrs["unit"] = "s"
    written = json.loads(store["attributes.json"])
    assert written["compression"] == {"type": "gzip", "level": -1, "useZlib": False}
    assert "compressionType" not in written


def test_concatenated_gzip_members_read() -> None:
    import gzip

    elements = VALUES.astype(">u2").tobytes()
    payload = gzip.compress(elements[:5]) + gzip.compress(elements[5:])
    store = container({"type": "gzip"}, bytes.fromhex(HEADER) + payload)
    assert azarr.open_array(store, zarr_format="n5")[...].tolist() == VALUES.tolist()


def test_the_example_of_n5_default_in_zarr_v3_writes_the_block_of_the_specification() -> None:
    # zarr-extensions/codecs/n5_default: Zarr's axes are those of N5, reversed inside the block.
    store: dict[str, bytes] = {}
    codecs = [
        {"name": "transpose", "configuration": {"order": [2, 1, 0]}},
        {"name": "bytes", "configuration": {"endian": "big"}},
    ]
    array = azarr.create_array(
        store,
        shape=(1, 2, 3),
        chunks=(1, 2, 3),
        dtype="u2",
        serializer={"name": "n5_default", "configuration": {"codecs": codecs}},
        compressors=None,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    array[...] = VALUES.T
    assert store["0/0/0"] == block("raw")
    assert azarr.open_array(store)[...].tolist() == VALUES.T.tolist()
    truncated = "0000 0003 00000001 00000001 00000002 0007 0008"
    store["0/0/0"] = bytes.fromhex(truncated)
    assert azarr.open_array(store)[...].tolist() == [[[7, 8, 0], [0, 0, 0]]]


@pytest.mark.parametrize(
    "codecs",
    [
        [{"name": "bytes", "configuration": {"endian": "big"}}],
        [{"name": "transpose", "configuration": {"order": [0, 1]}}, {"name": "bytes"}],
        [
            {"name": "transpose", "configuration": {"order": [1, 0]}},
            {"name": "bytes", "configuration": {"endian": "little"}},
        ],
        [],
    ],
)
def test_n5_default_with_other_codecs_than_it_prescribes_is_refused(codecs: Any) -> None:
    with pytest.raises(azarr.errors.MetadataError, match="n5_default"):
        azarr.create_array(
            {},
            shape=(2, 2),
            dtype="u2",
            serializer={"name": "n5_default", "configuration": {"codecs": codecs}},
            compressors=None,
        )
