"""N5's lz4 in the three forms that are found in files, and damage to each."""

from __future__ import annotations

from base64 import b85decode

import numpy as np
import pytest
from hypothesis import given, strategies as st

from azarr.codecs import Parts, Pipeline, compile_parts
from azarr.codecs._xxhash import xxh32
from azarr.errors import ChunkDataError
from azarr.model import CodecSpec, DataType

# Of the LZ4 frame library (4.4.5 of the Python package lz4): b"azarr reads!" * 6000 in blocks of
# 64 KiB that refer back to each other, and in blocks that do not; bytes(range(24)), not compressed.
LINKED = (
    "1R_lsL_l5^0RRBcVR~V5av*YLVPtb53;_TC|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|Ns"
    "C0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|"
    "NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC"
    "0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|N"
    "q=jAz^x9aw7l$01y2C|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|3Oe?VPtb500000gB06)"
)
INDEPENDENT = (
    "1R_lsctAiI0RR91005sB0RRBcVR~V5av*YLVPtb53;_TC|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|Ns"
    "C0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|"
    "NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC"
    "0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|N"
    "sC0|NsC0|Nq=jAz^x9a=y0C(Juf10MBwDa%Ev;b0J}RVR8%r|NsC0|NsC0|NsC0|NsC0|NsC0|NsC0|20r$VPtb5"
    "E8<2!00000"
)
STORED = "1R_lsXh0YM00000002)I004jh0RjUA1qKHQ2?`4g4Gs?w5fT#=6&4o&0000"
TEXT = b"azarr reads!" * 6000


def pipeline(nbytes: int, block_bytes: int = 65536) -> Pipeline:
    return compile_parts(
        Parts(
            data_type=DataType.of("u1"),
            chunk_shape=(nbytes,),
            serializer=CodecSpec("bytes"),
            compressors=[CodecSpec("n5.lz4", {"blockSize": block_bytes})],
        )
    )


@pytest.mark.parametrize(
    ("frame", "expected"),
    [(LINKED, TEXT), (INDEPENDENT, TEXT), (STORED, bytes(range(24)))],
)
def test_lz4_frames_read(frame: str, expected: bytes) -> None:
    assert pipeline(len(expected)).decode(b85decode(frame)).tobytes() == expected


def test_a_stream_of_blocks_is_what_lz4_java_defines() -> None:
    """12 bytes that LZ4 makes no smaller, stored; then the empty block that ends the stream."""
    data = bytes.fromhex("000100020003000400050006")
    checksum = xxh32(data, 0x9747B28C) & 0x0FFFFFFF
    expected = (
        b"LZ4Block\x16"
        + b"".join(n.to_bytes(4, "little") for n in (12, 12, checksum))
        + data
        + b"LZ4Block\x16"
        + bytes(12)
    )
    lz4 = pipeline(12)
    assert lz4.encode(np.frombuffer(data, "u1")) == expected
    assert lz4.decode(expected).tobytes() == data


# https://github.com/Cyan4973/xxHash: the sanity checks of the reference implementation
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0x02CC5D05),
        (b"a", 0x550D7456),
        (b"abc", 0x32D153FF),
        (b"Nobody inspects the spammish repetition", 0xE2293B2F),
    ],
)
def test_checksums_are_those_of_the_reference_implementation(data: bytes, expected: int) -> None:
    assert xxh32(data) == expected


@given(
    data=st.binary(min_size=1, max_size=300),
    repeats=st.integers(1, 40),
    block_bytes=st.sampled_from([6, 64, 100, 1024, 65536]),
)
def test_what_is_written_reads(data: bytes, repeats: int, block_bytes: int) -> None:
    data *= repeats
    lz4 = pipeline(len(data), block_bytes)
    assert lz4.decode(lz4.encode(np.frombuffer(data, "u1"))).tobytes() == data


def forms() -> dict[str, bytes]:
    chunk = np.frombuffer(TEXT, "u1")
    return {
        "stream": bytes(pipeline(len(TEXT)).encode(chunk)),
        "raw": bytes(pipeline(len(TEXT), 6).encode(chunk)),
        "linked frame": b85decode(LINKED),
        "frame": b85decode(INDEPENDENT),
    }


@pytest.mark.parametrize("form", forms())
def test_a_chunk_of_another_size_is_refused(form: str) -> None:
    stored = forms()[form]
    for nbytes in (1, len(TEXT) - 1, len(TEXT) + 1, 2 * len(TEXT)):
        with pytest.raises(ChunkDataError):
            pipeline(nbytes).decode(stored)


@pytest.mark.parametrize("form", forms())
def test_a_chunk_that_is_cut_off_is_refused(form: str) -> None:
    stored = forms()[form]
    lz4 = pipeline(len(TEXT))
    for size in [*range(40), *range(40, len(stored), 11), len(stored) - 1]:
        with pytest.raises(ChunkDataError):
            lz4.decode(stored[:size])
    with pytest.raises(ChunkDataError):
        lz4.decode(stored + b"\0")


@pytest.mark.parametrize("form", ["stream", "linked frame", "frame"])
def test_a_changed_byte_is_noticed_or_harmless(form: str) -> None:
    """Every form but the raw block has checksums over all that it holds."""
    stored = forms()[form]
    lz4 = pipeline(len(TEXT))
    for position in [*range(40), *range(40, len(stored), 11)]:
        damaged = bytearray(stored)
        damaged[position] ^= 0x41
        try:
            decoded = lz4.decode(damaged)
        except ChunkDataError:
            continue
        assert decoded.tobytes() == TEXT, position
