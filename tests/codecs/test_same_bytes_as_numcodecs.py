"""Zarr v2 chunks are, byte for byte, what numcodecs writes for the same configuration."""

from __future__ import annotations

from typing import Any

import numcodecs
import numpy as np
import pytest

CODECS = [
    numcodecs.Blosc(),
    numcodecs.Blosc("zstd", 3, numcodecs.Blosc.BITSHUFFLE),
    numcodecs.Blosc("zlib", 1, numcodecs.Blosc.NOSHUFFLE),
    numcodecs.Blosc("lz4hc", 9, numcodecs.Blosc.AUTOSHUFFLE, blocksize=256),
    numcodecs.Blosc("blosclz", 0),
    numcodecs.Zstd(level=5),
    numcodecs.Zstd(level=-3, checksum=True),
    numcodecs.LZ4(acceleration=3),
    numcodecs.Zlib(level=7),
    numcodecs.BZ2(level=2),
    numcodecs.LZMA(preset=1),
    numcodecs.LZMA(format=3, filters=[{"id": 0x21, "preset": 1}]),
    numcodecs.Shuffle(elementsize=4),
    numcodecs.CRC32(),
    numcodecs.CRC32(location="end"),
    numcodecs.Adler32(),
    numcodecs.Fletcher32(),
    numcodecs.JenkinsLookup3(),
    numcodecs.Base64(),
]
if hasattr(numcodecs, "CRC32C"):  # needs google-crc32c
    CODECS += [numcodecs.CRC32C(), numcodecs.CRC32C(location="start")]
DTYPES = ["|b1", "|u1", "<i4", ">f8", "<c8", "<M8[ns]", ">m8[s]", "|S4", "<U3", "|V8"]


def config(codec: Any) -> dict[str, Any]:
    found: dict[str, Any] = codec.get_config()
    if codec.codec_id in ("crc32", "crc32c"):
        found["location"] = codec.location
    return found


@pytest.mark.parametrize("codec", CODECS, ids=repr)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_compressor_writes_what_numcodecs_writes(
    v2: Any, measurements: Any, codec: Any, dtype: str, order: str
) -> None:
    kind = {"S": "S4", "U": "<U3", "V": "<i8"}.get(np.dtype(dtype).kind, dtype)
    chunk = measurements("<i2", (12, 30)).astype(kind).view(dtype)
    pipeline = v2(dtype, chunk.shape, compressor=config(codec), order=order)
    memory = np.asarray(chunk, order=order)
    if codec.codec_id in ("jenkins_lookup3", "fletcher32"):
        memory = memory.reshape(-1, order="A")  # numcodecs ravels these in C order
    assert bytes(pipeline.encode(chunk)) == bytes(codec.encode(memory))


def test_gzip_writes_what_numcodecs_writes_but_for_the_header(v2: Any, measurements: Any) -> None:
    chunk = measurements("<i4", (30, 30))
    codec = numcodecs.GZip(level=3)
    encoded = v2("<i4", chunk.shape, compressor=codec).encode(chunk)
    # 10 bytes of header hold the time of writing and the operating system.
    assert encoded[10:] == codec.encode(chunk)[10:]
    assert bytes(codec.decode(encoded)) == chunk.tobytes()


def test_gzip_writes_the_same_bytes_at_any_time(v2: Any, measurements: Any) -> None:
    pipeline = v2("<i4", (30, 30), compressor=numcodecs.GZip())
    assert pipeline.encode(measurements("<i4", (30, 30)))[4:8] == bytes(4)


FILTERS = [
    ("<i4", numcodecs.Delta("<i4", "<i2")),
    ("<f8", numcodecs.FixedScaleOffset(offset=1, scale=10, dtype="<f8", astype="<i4")),
    ("<f4", numcodecs.Quantize(digits=2, dtype="<f4")),
    ("<f4", numcodecs.BitRound(keepbits=4)),
    ("<i8", numcodecs.AsType(encode_dtype="<i4", decode_dtype="<i8")),
    ("|b1", numcodecs.PackBits()),
]


@pytest.mark.parametrize(("dtype", "codec"), FILTERS, ids=repr)
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_filter_and_blosc_write_what_numcodecs_writes(
    v2: Any, measurements: Any, dtype: str, codec: Any, order: str
) -> None:
    # Blosc shuffles by the item size of what the filter made, not of the array.
    chunk = measurements("<i2", (12, 30)).astype(dtype)
    pipeline = v2(dtype, chunk.shape, codec, compressor=numcodecs.Blosc(), order=order)
    # Flat, because numcodecs' BitRound turns memory in F order into C order.
    memory = chunk.reshape(-1, order=order)
    expected = numcodecs.Blosc().encode(codec.encode(memory))
    assert pipeline.encode(chunk) == expected


STRINGS = np.array([["a", "", "éa"], ["日本", "x" * 300, "z"]], object)
RAGGED = np.empty((2, 3), object)
for _index in np.ndindex(2, 3):
    RAGGED[_index] = np.arange(sum(_index), dtype="<i2")

OBJECT_CODECS = [
    (STRINGS, numcodecs.VLenUTF8()),
    (np.array([[b"a", b""], [b"\xff", b"x" * 300]], object), numcodecs.VLenBytes()),
    (RAGGED, numcodecs.VLenArray("<i2")),
    (STRINGS, numcodecs.JSON()),
    (np.array([[1, None], ["x", [1, 2]]], object), numcodecs.JSON(encoding="utf-16")),
    (STRINGS, numcodecs.Pickle()),
    (STRINGS, numcodecs.Categorize(["a", "z", "日本"], dtype=object)),
]


@pytest.mark.parametrize(
    ("chunk", "codec"), OBJECT_CODECS, ids=[codec.codec_id for _, codec in OBJECT_CODECS]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_object_codec_writes_what_numcodecs_writes_and_reads_it(
    v2: Any, chunk: Any, codec: Any, order: str
) -> None:
    allow_pickle = codec.codec_id == "pickle"
    pipeline = v2(object, chunk.shape, codec, order=order, allow_pickle=allow_pickle)
    encoded = bytes(pipeline.encode(chunk))
    assert encoded == bytes(codec.encode(np.asarray(chunk, order=order)))
    decoded = pipeline.decode(encoded)
    assert decoded.shape == chunk.shape
    assert decoded.dtype == object
    for index in np.ndindex(chunk.shape):
        expected = chunk[index]
        if codec.codec_id == "categorize" and expected not in codec.labels:
            expected = ""
        assert np.array_equal(decoded[index], expected)
