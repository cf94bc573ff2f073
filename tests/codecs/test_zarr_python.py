"""What zarr-python 3 writes decodes to its values, and what azarr writes zarr-python reads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from azarr.codecs import compile_pipeline
from azarr.model import ArrayMetadata, document_keys, parse_node

zarr = pytest.importorskip("zarr", minversion="3.0.8")

SHAPE, CHUNKS = (10, 12), (5, 6)

CODECS: dict[str, tuple[Any, dict[str, Any]]] = {}


def case(name: str, dtype: Any, **arguments: Any) -> None:
    CODECS[name] = (dtype, arguments)


def named(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


for _dtype in ("bool", "int8", "uint16", "int64", "float16", "float64", "complex64", "U5", "S3"):
    case(f"bytes {_dtype}", _dtype, compressors=None)
for _dtype in ("M8[ns]", "m8[10s]", [("a", "i4"), ("b", "f8")]):
    case(f"default {_dtype}", _dtype)
case("big-endian", "int32", serializer=named("bytes", endian="big"), compressors=None)
case("transpose", "int32", filters=[named("transpose", order=[1, 0])])
for _cname in ("lz4", "lz4hc", "blosclz", "zlib", "zstd"):
    case(f"blosc {_cname}", "int32", compressors=named("blosc", cname=_cname, shuffle="shuffle"))
case("blosc bits", "int32", compressors=named("blosc", shuffle="bitshuffle", typesize=4))
case("blosc odd type size", "int32", compressors=named("blosc", shuffle="shuffle", typesize=3))
case("zstd", "float32", compressors=named("zstd", level=3, checksum=True))
case("gzip", "float32", compressors=named("gzip", level=6))
case("crc32c", "float32", compressors=[named("zstd", level=1), {"name": "crc32c"}])
case("string", "str")
case("string blosc", "str", compressors=named("blosc", cname="zstd"))
for _name in "blosc lz4 zstd zlib gzip bz2 lzma crc32 crc32c adler32 fletcher32".split():
    case(f"numcodecs.{_name}", "int32", compressors=named(f"numcodecs.{_name}"))
case("numcodecs.jenkins_lookup3", "int32", compressors=named("numcodecs.jenkins_lookup3"))
case("numcodecs.shuffle", "int32", compressors=[named("numcodecs.shuffle"), named("zstd", level=1)])
case("numcodecs.delta", "int32", filters=named("numcodecs.delta", dtype="int32", astype="int16"))
case(
    "numcodecs.fixedscaleoffset",
    "float64",
    filters=named("numcodecs.fixedscaleoffset", scale=10, offset=3, astype="int16"),
)
case("numcodecs.quantize", "float32", filters=named("numcodecs.quantize", digits=2))
case("numcodecs.astype", "float64", filters=named("numcodecs.astype", encode_dtype="float32"))
case("numcodecs.bitround", "float32", filters=named("numcodecs.bitround", keepbits=5))
case("numcodecs.packbits", "bool", filters=named("numcodecs.packbits"))
case(
    "two filters",
    "int64",
    filters=[
        named("numcodecs.delta", dtype="int64"),
        named("numcodecs.astype", encode_dtype="int16", decode_dtype="int64"),
    ],
)


def values(dtype: Any) -> Any:
    if dtype == "str":
        words = ["", "a", "éa", "日本", "x" * 100]
        return np.resize(np.array(words, object), SHAPE)
    if isinstance(dtype, list):
        array = np.zeros(SHAPE, dtype)
        array["a"] = np.arange(120).reshape(SHAPE)
        array["b"] = array["a"] / 7
        return array
    base = np.cumsum(np.random.default_rng(1).integers(-3, 4, 120)).reshape(SHAPE)
    return (base % 2 == 0) if dtype == "bool" else base.astype("i4").astype(dtype)


def chunk_slices(metadata: ArrayMetadata) -> Iterator[tuple[str, tuple[slice, ...]]]:
    for coords in itertools.product(*map(range, metadata.chunk_counts)):
        yield (
            metadata.chunk_key_encoding.key(coords),
            tuple(
                slice(i * c, (i + 1) * c) for i, c in zip(coords, metadata.chunk_shape, strict=True)
            ),
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(CODECS))
def test_chunks_of_zarr_python_read_and_chunks_of_azarr_read_there(name: str) -> None:
    dtype, arguments = CODECS[name]
    if isinstance(arguments.get("compressors"), dict):
        arguments = {**arguments, "compressors": [arguments["compressors"]]}
    if isinstance(arguments.get("filters"), dict):
        arguments = {**arguments, "filters": [arguments["filters"]]}
    stored: dict[str, Any] = {}
    store = zarr.storage.MemoryStore(stored)
    array = zarr.create_array(store, shape=SHAPE, chunks=CHUNKS, dtype=dtype, **arguments)
    array[...] = values(dtype)
    expected = np.asarray(array[...])

    documents = {key: stored[key].to_bytes() if key in stored else None for key in document_keys()}
    metadata = parse_node(documents, "")
    assert isinstance(metadata, ArrayMetadata)
    pipeline = compile_pipeline(metadata)
    buffer = zarr.core.buffer.cpu.Buffer
    for key, where in chunk_slices(metadata):
        decoded = pipeline.decode(stored[key].to_bytes())
        np.testing.assert_array_equal(decoded, expected[where].astype(decoded.dtype))
        encoded = pipeline.encode(decoded)
        assert np.array_equal(pipeline.decode(encoded), decoded)
        stored[key] = buffer.from_bytes(bytes(encoded))
    again = zarr.open_array(store, mode="r")
    np.testing.assert_array_equal(np.asarray(again[...]), expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<i4", ">f8", "<M8[ms]", "<U4", "|S3", "|b1"])
def test_v2_chunks_of_zarr_python_read_and_are_written_the_same(dtype: str, order: str) -> None:
    numcodecs = pytest.importorskip("numcodecs")
    for compressor in (None, numcodecs.Blosc(), numcodecs.Zstd(), numcodecs.LZ4()):
        stored: dict[str, Any] = {}
        array = zarr.create_array(
            zarr.storage.MemoryStore(stored),
            shape=SHAPE,
            chunks=CHUNKS,
            dtype=dtype,
            order=order,
            zarr_format=2,
            compressors=compressor,
            filters=None,
        )
        array[...] = values(dtype)
        documents = {
            key: stored[key].to_bytes() if key in stored else None for key in document_keys()
        }
        metadata = parse_node(documents, "")
        assert isinstance(metadata, ArrayMetadata)
        pipeline = compile_pipeline(metadata)
        for key, where in chunk_slices(metadata):
            decoded = pipeline.decode(stored[key].to_bytes())
            np.testing.assert_array_equal(decoded, values(dtype)[where])
            assert bytes(pipeline.encode(decoded)) == stored[key].to_bytes()
