"""Codecs as documents name them: both formats' spellings, and the order of kinds."""

from __future__ import annotations

import pytest

from azarr.errors import MetadataError
from azarr.model import CodecSpec, register_codec_kind, split_codecs


def specs(*names: str) -> list[CodecSpec]:
    return [CodecSpec(name) for name in names]


def test_a_numcodecs_configuration_is_a_spec_and_back():
    config = {"id": "delta", "dtype": "<i4", "astype": "<i2"}
    spec = CodecSpec.from_v2(config)
    assert spec == CodecSpec("numcodecs.delta", {"dtype": "<i4", "astype": "<i2"})
    assert spec.to_v2() == config
    assert spec.numcodecs_id == "delta"


def test_a_codec_of_v3_only_cannot_be_written_in_v2():
    with pytest.raises(MetadataError, match="'sharding_indexed' cannot be written in Zarr v2"):
        CodecSpec("sharding_indexed").to_v2()


@pytest.mark.parametrize("bad", [None, "blosc", [], {}, {"id": None}, {"id": ""}, {"id": 3}])
def test_a_v2_codec_is_an_object_with_an_id(bad):
    with pytest.raises(MetadataError, match="id"):
        CodecSpec.from_v2(bad)


def test_a_bare_name_is_a_codec_without_configuration():
    assert CodecSpec.from_v3("crc32c") == CodecSpec("crc32c")
    assert CodecSpec.from_v3({"name": "crc32c"}) == CodecSpec("crc32c", {})
    assert CodecSpec("crc32c").to_v3() == {"name": "crc32c"}


def test_a_numcodecs_codec_always_has_a_configuration_in_v3():
    spec = CodecSpec("numcodecs.adler32")
    assert spec.to_v3() == {"name": "numcodecs.adler32", "configuration": {}}


def test_the_draft_name_of_the_bytes_codec_is_read():
    spec = CodecSpec.from_v3({"name": "endian", "configuration": {"endian": "little"}})
    assert spec == CodecSpec("bytes", {"endian": "little"})


@pytest.mark.parametrize(
    "bad",
    [
        None,
        3,
        "",
        [],
        {},
        {"name": 1},
        {"name": ""},
        {"name": "gzip", "configuration": None},
        {"name": "gzip", "configuration": []},
        {"name": "gzip", "level": 3},
        {"name": "gzip", "must_understand": "no"},
    ],
)
def test_a_v3_codec_is_a_name_or_an_object_with_a_name(bad):
    with pytest.raises(MetadataError, match="codec"):
        CodecSpec.from_v3(bad)


def test_codecs_are_split_where_arrays_become_bytes():
    codecs = specs("transpose", "numcodecs.delta", "bytes", "blosc", "crc32c")
    filters, serializer, compressors = split_codecs(codecs)
    assert filters == tuple(codecs[:2])
    assert serializer == codecs[2]
    assert compressors == tuple(codecs[3:])


def test_a_codec_of_unknown_kind_is_what_its_position_makes_it():
    filters, serializer, compressors = split_codecs(specs("mine", "bytes", "yours"))
    assert (filters, serializer, compressors) == (
        (CodecSpec("mine"),),
        CodecSpec("bytes"),
        (CodecSpec("yours"),),
    )
    assert split_codecs(specs("transpose", "mine", "gzip"))[1] == CodecSpec("mine")


def test_a_registered_kind_decides_where_the_position_does_not():
    register_codec_kind("test.serializer", "array->bytes")
    assert split_codecs(specs("test.filter", "test.serializer"))[1] == CodecSpec("test.serializer")


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("gzip",),
        ("transpose",),
        ("transpose", "gzip"),
        ("bytes", "bytes"),
        ("gzip", "bytes"),
        ("bytes", "transpose"),
        ("bytes", "gzip", "sharding_indexed"),
    ],
)
def test_codecs_out_of_order_are_refused(names):
    with pytest.raises(MetadataError, match="codecs"):
        split_codecs(specs(*names))
