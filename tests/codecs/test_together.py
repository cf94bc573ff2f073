"""Several small chunks decoded by one call are what each is when decoded alone, or refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numcodecs import blosc

from azarr.codecs import Parts, Pipeline, compile_parts
from azarr.errors import ChunkDataError
from azarr.model import CodecSpec, DataType
from azarr.typing import NDArray

COUNT = 20
MEMORY = 3 * COUNT * 65536


def compiled(
    dtype: Any = "u2",
    shape: tuple[int, ...] = (16, 24),
    order: str = "C",
    **blosc_settings: Any,
) -> Pipeline:
    settings = {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0, **blosc_settings}
    return compile_parts(
        Parts(
            data_type=DataType.of(np.dtype(dtype)),
            chunk_shape=shape,
            order=order,
            compressors=[CodecSpec("numcodecs.blosc", settings)],
        )
    )


def chunks(pipeline: Pipeline, seed: int = 0, noise: int = 9) -> list[NDArray]:
    """Chunks that compress, each otherwise."""
    random = np.random.default_rng(seed)
    dtype, shape = pipeline.data_type.dtype, pipeline.chunk_shape
    steps = random.integers(0, noise, (COUNT, *shape)).cumsum(axis=-1) // 16
    if dtype.names:
        return [*np.rec.fromarrays([steps % 7, steps], dtype=dtype)]
    return [*steps.astype(dtype)]


def together(pipeline: Pipeline, encoded: list[Any]) -> NDArray | None:
    assert pipeline.decode_together is not None
    sizes = [len(data) for data in encoded]
    return pipeline.decode_together(encoded, sizes, np.empty(MEMORY, np.uint8))


def assert_decoded(pipeline: Pipeline, wanted: list[NDArray]) -> None:
    encoded = [pipeline.encode(chunk) for chunk in wanted]
    found = together(pipeline, encoded)
    assert found is not None
    assert found.shape == (len(wanted), *pipeline.chunk_shape)
    np.testing.assert_array_equal(found, np.stack(wanted))


@pytest.mark.parametrize("cname", blosc.list_compressors())
@pytest.mark.parametrize("shuffle", [0, 1, 2])
@pytest.mark.parametrize(
    "dtype", ["u1", "u2", ">i4", "f8", "c16", "S3", [("a", "u1"), ("b", "i4")]]
)
def test_every_compressor_shuffle_and_data_type(cname: str, shuffle: int, dtype: Any) -> None:
    pipeline = compiled(dtype, cname=cname, shuffle=shuffle)
    assert_decoded(pipeline, chunks(pipeline))


@pytest.mark.parametrize("clevel", [1, 9])
@pytest.mark.parametrize(
    "shape", [(), (1,), (40,), (127,), (128,), (300, 2), (4, 5, 6), (181, 181)]
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_shape_order_and_level(shape: tuple[int, ...], clevel: int, order: str) -> None:
    """Blocks are split from 128 elements on; what is too short to be compressed is stored."""
    pipeline = compiled(shape=shape, order=order, clevel=clevel)
    wanted = chunks(pipeline, noise=2)
    encoded = [pipeline.encode(chunk) for chunk in wanted]
    found = together(pipeline, encoded)
    stored = any(data[2] & 0x02 for data in encoded)
    assert stored == (np.prod(shape, dtype=int) * 2 < 128)
    if stored:
        assert found is None
    else:
        np.testing.assert_array_equal(found, np.stack(wanted))


def test_uncompressed_chunks_are_put_one_after_the_other() -> None:
    for order in "CF":
        pipeline = compile_parts(
            Parts(data_type=DataType.of(np.dtype("i4")), chunk_shape=(5, 7), order=order)
        )
        assert_decoded(pipeline, chunks(pipeline))
        encoded = [bytes(pipeline.encode(chunk)) for chunk in chunks(pipeline)]
        assert together(pipeline, [*encoded[:-1], encoded[-1][:-1]]) is None
        assert together(pipeline, [*encoded[:-1], encoded[-1] + b"x"]) is None
        assert together(pipeline, [encoded[0][:-1], encoded[1] + b"x", *encoded[2:]]) is None


def test_memoryviews_decode_as_bytes_do() -> None:
    pipeline = compiled()
    wanted = chunks(pipeline)
    encoded = [bytes(pipeline.encode(chunk)) for chunk in wanted]
    everything = memoryview(b"".join(encoded))
    at, views = 0, []
    for data in encoded:
        views.append(everything[at : at + len(data)])
        at += len(data)
    found = together(pipeline, views)
    assert found is not None
    np.testing.assert_array_equal(found, np.stack(wanted))


@pytest.mark.parametrize(
    "other",
    [
        {"shuffle": 0},
        {"shuffle": 2},
        {"cname": "zlib"},
        {"typesize": 1},
        {"clevel": 0},
    ],
    ids=str,
)
def test_buffers_that_are_not_alike_are_refused(other: dict[str, Any]) -> None:
    pipeline, stranger = compiled(), compiled(**other)
    wanted = chunks(pipeline)
    for at in (0, 7, COUNT - 1):
        encoded = [pipeline.encode(chunk) for chunk in wanted]
        encoded[at] = stranger.encode(wanted[at])
        np.testing.assert_array_equal(pipeline.decode(encoded[at]), wanted[at])
        assert together(pipeline, encoded) is None


def test_a_chunk_that_could_not_be_compressed_is_refused() -> None:
    pipeline = compiled()
    random = np.random.default_rng(0).integers(0, 2**16, pipeline.chunk_shape).astype("u2")
    encoded = [pipeline.encode(chunk) for chunk in [*chunks(pipeline), random]]
    assert encoded[-1][2] & 0x02
    assert together(pipeline, encoded) is None


def test_chunks_of_several_blocks_are_refused() -> None:
    pipeline = compiled("S20", shape=(3000,), cname="zlib", blocksize=4000)  # not split
    encoded = [bytes(pipeline.encode(chunk)) for chunk in chunks(pipeline)]
    assert int.from_bytes(encoded[0][8:12], "little") < 60_000
    assert together(pipeline, encoded) is None


def test_neighbours_in_one_buffer_decode_as_single_ones_do() -> None:
    pipeline = compiled()
    wanted = chunks(pipeline)
    encoded = [bytes(pipeline.encode(chunk)) for chunk in wanted]
    sizes = [len(data) for data in encoded]
    memory = np.empty(MEMORY, np.uint8)
    decode = pipeline.decode_together
    assert decode is not None
    for parts in ([0, COUNT], [0, 1, 7, COUNT], [0, COUNT - 1, COUNT]):
        spans = [b"".join(encoded[start:stop]) for start, stop in pairwise(parts)]
        found = decode(spans, sizes, memory)
        assert found is not None
        np.testing.assert_array_equal(found, np.stack(wanted))
        # What is missing must not be taken for what the memory held before.
        assert decode([*spans[:-1], spans[-1][:-1]], sizes, memory) is None
        assert decode([*spans, b"x"], sizes, memory) is None


def test_too_little_memory_is_refused() -> None:
    pipeline = compiled()
    encoded = [pipeline.encode(chunk) for chunk in chunks(pipeline)]
    nbytes = COUNT * pipeline.nbytes + 16 + 4 * COUNT + sum(map(len, encoded))
    decode = pipeline.decode_together
    assert decode is not None
    sizes = [len(data) for data in encoded]
    assert decode(encoded, sizes, np.empty(nbytes, np.uint8)) is not None
    assert decode(encoded, sizes, np.empty(nbytes - 1, np.uint8)) is None


def decoded_alone(pipeline: Pipeline, data: Any) -> NDArray | None:
    try:
        return pipeline.decode(data)
    except ChunkDataError:
        return None


@given(
    at=st.integers(0, COUNT - 1),
    place=st.integers(0, 10_000),
    value=st.integers(0, 255),
    seed=st.integers(0, 3),
    dtype=st.sampled_from(["u1", "u2", "f8"]),
    cname=st.sampled_from(["lz4", "zstd", "blosclz"]),
)
@settings(max_examples=600, deadline=None)
def test_a_damaged_buffer_is_refused_or_reads_as_it_does_alone(
    at: int, place: int, value: int, seed: int, dtype: str, cname: str
) -> None:
    """Any one byte may be wrong: sizes of splits, starts of blocks, flags, compressed data."""
    pipeline = compiled(dtype, cname=cname)
    encoded = [bytearray(pipeline.encode(chunk)) for chunk in chunks(pipeline, seed)]
    encoded[at][place % len(encoded[at])] = value
    found = together(pipeline, encoded)
    if found is not None:
        for data, chunk in zip(encoded, found, strict=True):
            alone = decoded_alone(pipeline, bytes(data))
            assert alone is not None
            np.testing.assert_array_equal(chunk, alone)


@given(cut=st.integers(0, 400), more=st.binary(max_size=30), at=st.integers(0, COUNT - 1))
@settings(max_examples=200, deadline=None)
def test_a_buffer_of_another_length_is_refused(cut: int, more: bytes, at: int) -> None:
    pipeline = compiled()
    encoded = [bytes(pipeline.encode(chunk)) for chunk in chunks(pipeline)]
    right = encoded[at]
    encoded[at] = right[: max(0, len(right) - cut)] + more
    if len(encoded[at]) != len(right):
        assert together(pipeline, encoded) is None


def test_a_split_that_says_it_reaches_into_the_next_buffer_is_refused() -> None:
    pipeline = compiled("u1")
    encoded = [bytearray(pipeline.encode(chunk)) for chunk in chunks(pipeline)]
    size = int.from_bytes(encoded[3][20:24], "little")
    for wrong in (size + 1, size + 500, 2**31, 2**32 - 1, size - 1, 0):
        encoded[3][20:24] = wrong.to_bytes(4, "little")
        assert together(pipeline, encoded) is None


def test_large_chunks_other_codecs_and_objects_have_no_faster_way() -> None:
    assert compiled(shape=(256, 256)).decode_together is None
    gzip = [CodecSpec("gzip", {"level": 1})]
    little = CodecSpec("bytes", {"endian": "little"})
    parts = Parts(
        data_type=DataType.of("u2"), chunk_shape=(8,), serializer=little, compressors=gzip
    )
    assert compile_parts(parts).decode_together is None
    swapped = Parts(
        data_type=DataType.of("<u2"),
        chunk_shape=(8,),
        serializer=CodecSpec("bytes", {"endian": "big"}),
    )
    assert compile_parts(swapped).decode_together is None
