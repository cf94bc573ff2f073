"""What is encoded decodes to the same values, for every codec and every data type it takes."""

from __future__ import annotations

from typing import Any

import hypothesis.extra.numpy as numpy_strategies
import numpy as np
import pytest
from hypothesis import given, strategies as st

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}

V3_COMPRESSORS = [
    {"name": "gzip", "configuration": {"level": 1}},
    {"name": "zstd", "configuration": {"level": 1, "checksum": True}},
    {"name": "blosc", "configuration": {"cname": "zstd", "clevel": 5, "shuffle": "noshuffle"}},
    {
        "name": "blosc",
        "configuration": {"cname": "lz4", "shuffle": "bitshuffle", "typesize": 4, "blocksize": 0},
    },
    {"name": "crc32c"},
    *(
        {"name": f"numcodecs.{name}"}
        for name in (
            "blosc lz4 zlib zstd bz2 lzma gzip crc32 crc32c adler32 fletcher32 "
            "jenkins_lookup3 base64"
        ).split()
    ),
]

DTYPES = st.one_of(
    numpy_strategies.boolean_dtypes(),
    numpy_strategies.integer_dtypes(endianness="?"),
    numpy_strategies.unsigned_integer_dtypes(endianness="?"),
    numpy_strategies.floating_dtypes(sizes=(16, 32, 64), endianness="?"),
    numpy_strategies.complex_number_dtypes(sizes=(64, 128), endianness="?"),
    numpy_strategies.datetime64_dtypes(max_period="s", min_period="ns", endianness="?"),
    numpy_strategies.byte_string_dtypes(min_len=1, max_len=5),
    numpy_strategies.unicode_string_dtypes(min_len=1, max_len=5, endianness="?"),
    st.just(np.dtype([("a", "<i2"), ("b", ">f8"), ("c", "S3"), ("d", "<i4", (2,))])),
    st.just(np.dtype("V7")),
)
SHAPES = numpy_strategies.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=5)


@st.composite
def chunks(draw: st.DrawFn, dtypes: st.SearchStrategy[Any] = DTYPES) -> np.ndarray[Any, Any]:
    """Chunks of random bytes, in C, F or no contiguous order."""
    dtype, shape = draw(dtypes), draw(SHAPES)
    count = int(np.prod(shape))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = random.integers(0, 100, count * dtype.itemsize, dtype=np.uint8)
    if dtype.kind == "U":
        array = np.full(count, "añ"[: dtype.itemsize // 4], dtype)
    elif dtype.kind == "b":
        array = (values % 2).view(dtype)
    else:
        array = values.view(dtype)
    layout = draw(st.sampled_from("CFS"))
    array = array.reshape(shape)
    if layout == "F":
        return np.asfortranarray(array).reshape(shape)
    if layout == "S" and array.ndim:
        return np.repeat(array, 2, axis=0)[::2]
    return array


def same(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> bool:
    """Bit for bit, so that NaN and the padding of strings count."""
    return (
        left.shape == right.shape
        and left.dtype == right.dtype
        and (left.tobytes() == right.tobytes())
    )


@given(chunk=chunks(), codecs=st.lists(st.sampled_from(V3_COMPRESSORS), max_size=3))
@pytest.mark.parametrize("serializer", [LITTLE, BIG], ids=["little", "big"])
def test_bytes_then_any_compressors_give_the_chunk_back(
    v3: Any, serializer: Any, chunk: Any, codecs: list[Any]
) -> None:
    pipeline = v3(chunk.dtype, chunk.shape, serializer, *codecs)
    native = chunk.astype(pipeline.data_type.dtype)
    assert same(pipeline.decode(bytes(pipeline.encode(native))), native)


@given(
    chunk=chunks(),
    compressor=st.sampled_from([None, *V3_COMPRESSORS[5:]]),
    order=st.sampled_from("CF"),
)
def test_a_v2_chunk_comes_back_in_its_byte_order_and_either_memory_order(
    v2: Any, chunk: Any, compressor: Any, order: str
) -> None:
    if compressor is not None:
        compressor = {"id": compressor["name"].removeprefix("numcodecs.")}
    pipeline = v2(chunk.dtype, chunk.shape, compressor=compressor, order=order)
    decoded = pipeline.decode(memoryview(pipeline.encode(chunk)))
    assert same(decoded, chunk)
    assert decoded.flags.f_contiguous if order == "F" else decoded.flags.c_contiguous


@given(data=st.data(), chunk=chunks())
def test_transposed_chunks_come_back(v3: Any, data: Any, chunk: Any) -> None:
    axes = data.draw(st.permutations(range(chunk.ndim)))
    pipeline = v3(
        chunk.dtype, chunk.shape, {"name": "transpose", "configuration": {"order": axes}}, LITTLE
    )
    native = chunk.astype(pipeline.data_type.dtype)
    encoded = bytes(pipeline.encode(native))
    assert same(pipeline.decode(encoded), native)
    stored = native.transpose(axes).astype(native.dtype.newbyteorder("<"))
    assert encoded == stored.tobytes()


@pytest.mark.parametrize(
    ("dtype", "filters"),
    [
        ("<i4", [{"id": "delta", "dtype": "<i4"}]),
        ("<i4", [{"id": "delta", "dtype": "<i4", "astype": "<i2"}]),
        (">u2", [{"id": "delta", "dtype": ">u2"}, {"id": "shuffle", "elementsize": 2}]),
        ("<i8", [{"id": "astype", "encode_dtype": "<i2", "decode_dtype": "<i8"}]),
        ("<f8", [{"id": "fixedscaleoffset", "offset": 0, "scale": 1, "dtype": "<f8"}]),
        (
            "<f8",
            [{"id": "fixedscaleoffset", "offset": 5, "scale": 1, "dtype": "<f8", "astype": "<i2"}],
        ),
        ("<f4", [{"id": "quantize", "digits": 1, "dtype": "<f4"}]),
        ("<f4", [{"id": "bitround", "keepbits": 20}]),
        ("|b1", [{"id": "packbits"}]),
        ("<M8[ns]", [{"id": "delta", "dtype": "<i8"}]),
        ("<u2", [{"id": "zlib", "level": 1}, {"id": "crc32"}, {"id": "base64"}]),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressor", [None, {"id": "blosc"}, {"id": "zstd", "level": 1}])
def test_v2_filters_come_back(
    v2: Any, measurements: Any, dtype: str, filters: list[Any], order: str, compressor: Any
) -> None:
    chunk = measurements("<i2", (6, 7)).astype(dtype)
    pipeline = v2(dtype, (6, 7), *filters, order=order, compressor=compressor)
    assert same(pipeline.decode(pipeline.encode(chunk)), chunk)


@pytest.mark.parametrize(
    ("dtype", "filters"),
    [
        ("int32", [{"name": "numcodecs.delta", "configuration": {"dtype": "int32"}}]),
        ("int32", [{"name": "numcodecs.delta", "configuration": {"dtype": "<i4", "astype": "i2"}}]),
        (
            "float64",
            [
                {
                    "name": "numcodecs.fixedscaleoffset",
                    "configuration": {"offset": 0, "scale": 10, "astype": "i2"},
                }
            ],
        ),
        ("int64", [{"name": "numcodecs.astype", "configuration": {"encode_dtype": "i2"}}]),
        ("float32", [{"name": "numcodecs.quantize", "configuration": {"digits": 1}}]),
        ("float32", [{"name": "numcodecs.bitround", "configuration": {"keepbits": 20}}]),
        ("bool", ["numcodecs.packbits"]),
        ("float32", [{"name": "bitround", "configuration": {"keepbits": 20}}]),
    ],
)
@pytest.mark.parametrize("transposed", [False, True])
def test_v3_filters_come_back_also_after_a_transpose(
    v3: Any, measurements: Any, dtype: str, filters: list[Any], transposed: bool
) -> None:
    chunk = measurements("<i2", (6, 7)).astype(dtype)
    if transposed:
        filters = [{"name": "transpose", "configuration": {"order": [1, 0]}}, *filters]
    pipeline = v3(dtype, (6, 7), *filters, LITTLE, {"name": "blosc"})
    assert same(pipeline.decode(pipeline.encode(chunk)), chunk)


@pytest.mark.parametrize("codec", ["pcodec", "zfpy"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_compressors_of_numbers_come_back(
    v2: Any, v3: Any, measurements: Any, codec: str, order: str
) -> None:
    pytest.importorskip(codec)
    chunk = measurements("<f4", (9, 10))
    configuration = {"tolerance": 1e-3} if codec == "zfpy" else {}
    if order == "C":
        pipeline = v3("f4", (9, 10), {"name": f"numcodecs.{codec}", "configuration": configuration})
        np.testing.assert_allclose(pipeline.decode(pipeline.encode(chunk)), chunk, atol=1e-3)
    if order == "C" or codec == "pcodec":  # zfpy refuses memory in F order
        pipeline = v2("<f4", (9, 10), compressor={"id": codec, **configuration}, order=order)
        np.testing.assert_allclose(pipeline.decode(pipeline.encode(chunk)), chunk, atol=1e-3)


@pytest.mark.parametrize("compressor", ["blosc", "zstd", "lz4"])
@pytest.mark.parametrize("dtype", ["<i4", ">f8", "<M8[s]", "S3", [("t", "<M8[s]"), ("x", "<f4")]])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_chunk_is_decoded_into_the_array_given(
    v2: Any, measurements: Any, compressor: str, dtype: Any, order: str
) -> None:
    shape = (160, 200)
    chunk = measurements("<i4", shape).astype(dtype)
    pipeline = v2(dtype, shape, compressor={"id": compressor}, order=order)
    assert pipeline.decodes_into
    into = np.empty(shape, dtype, order=order)
    assert pipeline.decode(pipeline.encode(chunk), into) is into
    assert same(into, chunk)
    assert same(pipeline.decode(pipeline.encode(chunk)), chunk)


def test_a_plain_chunk_is_decoded_as_a_view_of_the_stored_bytes(v3: Any, measurements: Any) -> None:
    pipeline = v3("u2", (64, 64), LITTLE)
    stored = measurements("u2", (64, 64)).tobytes()
    decoded = pipeline.decode(stored)
    assert not decoded.flags.owndata
    assert not decoded.flags.writeable
    assert np.shares_memory(decoded, np.frombuffer(stored, "u2"))


def test_a_large_plain_chunk_is_encoded_as_a_view(v3: Any, measurements: Any) -> None:
    chunk = measurements("u2", (128, 128))
    encoded = v3("u2", (128, 128), LITTLE).encode(chunk)
    assert np.shares_memory(np.frombuffer(encoded, "u2"), chunk)
