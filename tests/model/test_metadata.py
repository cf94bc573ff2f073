"""Neutral metadata: what contradicts itself is refused before anybody works with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from azarr.errors import MetadataError
from azarr.model import (
    ArrayMetadata,
    ChunkKeyEncoding,
    CodecSpec,
    DataType,
    GroupMetadata,
    RegularGrid,
)


def array_v2(**changes: Any) -> ArrayMetadata:
    fields: dict[str, Any] = {
        "zarr_format": 2,
        "shape": (10, 7),
        "data_type": DataType.of(">i4"),
        "chunk_grid": RegularGrid((4, 7)),
        "chunk_key_encoding": ChunkKeyEncoding("v2", "."),
        "fill_value": 0,
    }
    return ArrayMetadata(**{**fields, **changes})


def array_v3(**changes: Any) -> ArrayMetadata:
    v3 = {
        "zarr_format": 3,
        "chunk_key_encoding": ChunkKeyEncoding("default", "/"),
        "serializer": CodecSpec("bytes", {"endian": "little"}),
    }
    return array_v2(**{**v3, **changes})


def test_the_properties_follow_from_the_fields():
    metadata = array_v3(
        filters=[CodecSpec("transpose", {"order": [1, 0]})], compressors=[CodecSpec("gzip")]
    )
    assert (metadata.ndim, metadata.size, metadata.chunk_shape) == (2, 70, (4, 7))
    assert metadata.chunk_counts == (3, 1)
    assert [codec.name for codec in metadata.codecs] == ["transpose", "bytes", "gzip"]


def test_v2_keeps_the_byte_order_and_v3_leaves_it_to_the_codecs():
    assert array_v2().dtype == np.dtype(">i4")
    assert array_v3().dtype == np.dtype("=i4")


def test_the_fill_value_is_an_element():
    assert type(array_v3(fill_value=5.0).fill_value) is np.int32
    with pytest.raises(MetadataError, match="fill value"):
        array_v3(fill_value=1.5)


def test_only_v2_may_leave_the_fill_value_undefined():
    assert array_v2(fill_value=None).fill_value is None
    with pytest.raises(MetadataError, match="fill value"):
        array_v3(fill_value=None)


def test_equal_metadata_has_the_same_bits_in_its_fill_value():
    floats = DataType.of("f8")
    nan = array_v3(data_type=floats, fill_value=np.nan)
    assert nan == replace(nan)
    assert nan != replace(nan, fill_value=-np.nan)
    zero = replace(nan, fill_value=0.0)
    assert zero != replace(zero, fill_value=-0.0)
    assert zero != replace(zero, shape=(1, 7))
    assert zero != "zero"


@pytest.mark.parametrize("bad", [-1, 1.5, True, None, "3", 2**63])
def test_an_extent_is_an_integer_that_numpy_can_index(bad):
    with pytest.raises(MetadataError, match=r"shape\[0\]"):
        array_v3(shape=(bad, 7))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zarr_format": 4}, "zarr_format is 4"),
        ({"shape": 5}, "shape is 5"),
        ({"shape": (10,)}, "has 1"),
        ({"shape": (2**32, 2**32), "chunk_grid": RegularGrid((1, 1))}, "shape is"),
        ({"shape": (2**62, 2**62, 0), "chunk_grid": RegularGrid((1, 1, 1))}, "shape is"),
        ({"chunk_grid": RegularGrid((2**31, 2**30))}, "chunk_shape is"),
        ({"shape": (1,) * 65, "chunk_grid": RegularGrid((1,) * 65)}, "dimensions"),
        ({"order": "F"}, "order: 'F'"),
        ({"serializer": None}, "serializer"),
        ({"dimension_names": ("x",)}, "1 entries"),
        ({"dimension_names": ("x", 3)}, "dimension_names"),
        ({"chunk_key_encoding": ChunkKeyEncoding("n5", "/")}, "chunk key encoding: 'n5'"),
    ],
)
def test_a_contradiction_in_v3_metadata_is_refused(changes, words):
    with pytest.raises(MetadataError) as info:
        array_v3(**changes)
    assert words in str(info.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"order": "K"}, "order: 'K'"),
        ({"serializer": CodecSpec("bytes")}, "serializer"),
        ({"compressors": (CodecSpec("numcodecs.a"), CodecSpec("numcodecs.b"))}, "compressors: 2"),
        ({"dimension_names": ("x", "y")}, "dimension_names"),
        ({"chunk_key_encoding": ChunkKeyEncoding("default", "/")}, "chunk key encoding: 'default'"),
        ({"data_type": DataType.of(str)}, "object codec"),
    ],
)
def test_a_contradiction_in_v2_metadata_is_refused(changes, words):
    with pytest.raises(MetadataError) as info:
        array_v2(**changes)
    assert words in str(info.value)


def test_dimension_names_may_repeat_and_may_be_missing():
    assert array_v3(dimension_names=["x", "x"]).dimension_names == ("x", "x")
    assert array_v3(dimension_names=[None, "x"]).dimension_names == (None, "x")


def test_a_group_has_attributes():
    assert GroupMetadata(zarr_format=3).attributes == {}
    assert GroupMetadata(zarr_format=2, attributes={"a": 1}) != GroupMetadata(zarr_format=2)
