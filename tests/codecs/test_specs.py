"""What users write for a codec becomes the name each format has for it, and back."""

from __future__ import annotations

from typing import Any

import numcodecs
import pytest

from azarr.codecs import Parts, compile_parts, default_codecs, numcodec_of, spec_of
from azarr.errors import MetadataError, UsageError
from azarr.model import CodecSpec, DataType

U2 = DataType.of("u2")


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (
            numcodecs.Blosc("zstd", 3, numcodecs.Blosc.BITSHUFFLE),
            CodecSpec(
                "blosc",
                {
                    "typesize": 2,
                    "cname": "zstd",
                    "clevel": 3,
                    "shuffle": "bitshuffle",
                    "blocksize": 0,
                },
            ),
        ),
        (
            numcodecs.Blosc(shuffle=numcodecs.Blosc.AUTOSHUFFLE),
            CodecSpec(
                "blosc",
                {"typesize": 2, "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0},
            ),
        ),
        (numcodecs.Zstd(level=3), CodecSpec("zstd", {"level": 3, "checksum": False})),
        (numcodecs.GZip(level=4), CodecSpec("gzip", {"level": 4})),
        ({"id": "crc32c"}, CodecSpec("crc32c", {})),
        (
            {"id": "crc32c", "location": "start"},
            CodecSpec("numcodecs.crc32c", {"location": "start"}),
        ),
        (numcodecs.VLenUTF8(), CodecSpec("vlen-utf8", {})),
        (numcodecs.BZ2(level=2), CodecSpec("numcodecs.bz2", {"level": 2})),
        ("gzip", CodecSpec("gzip", {"level": 5})),
        ("bytes", CodecSpec("bytes", {"endian": "little"})),
        ("numcodecs.shuffle", CodecSpec("numcodecs.shuffle", {"elementsize": 2})),
        (
            {"name": "zstd", "configuration": {"level": 1}},
            CodecSpec("zstd", {"level": 1, "checksum": False}),
        ),
        (CodecSpec("anything", {"x": 1}), CodecSpec("anything", {"x": 1})),
    ],
    ids=str,
)
def test_a_v3_specification_has_the_names_and_fields_of_v3(codec: Any, expected: CodecSpec) -> None:
    spec = spec_of(codec, 3, U2)
    assert spec.name == expected.name
    assert dict(spec.configuration) == dict(expected.configuration)


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (numcodecs.Zlib(level=3), {"id": "zlib", "level": 3}),
        ({"id": "delta", "dtype": "<i4"}, {"id": "delta", "dtype": "<i4"}),
        ("zlib", {"id": "zlib"}),
        ("numcodecs.zlib", {"id": "zlib"}),
        (CodecSpec("zstd", {"level": 3}), {"id": "zstd", "level": 3}),
        (
            CodecSpec("blosc", {"cname": "zstd", "shuffle": "bitshuffle", "typesize": 4}),
            {"id": "blosc", "cname": "zstd", "shuffle": 2},
        ),
    ],
    ids=str,
)
def test_a_v2_specification_is_a_numcodecs_configuration(codec: Any, expected: Any) -> None:
    assert spec_of(codec, 2).to_v2() == expected


def test_what_v2_cannot_name_is_refused() -> None:
    with pytest.raises(MetadataError, match="transpose"):
        spec_of(CodecSpec("transpose", {"order": [0]}), 2)


def test_what_is_no_codec_is_refused() -> None:
    for thing in (5, object(), ["zlib"]):
        with pytest.raises(UsageError, match="is no codec"):
            spec_of(thing, 3)


def test_a_codec_of_zarr_python_is_taken() -> None:
    codecs = pytest.importorskip("zarr.codecs")
    spec = spec_of(codecs.ZstdCodec(level=3), 3, U2)
    assert (spec.name, spec.configuration["level"]) == ("zstd", 3)


@pytest.mark.parametrize(
    "codec",
    [
        numcodecs.Blosc("zlib", 2, 0, 1024),
        numcodecs.Zstd(level=9, checksum=True),
        numcodecs.GZip(level=3),
        numcodecs.LZMA(preset=2),
        numcodecs.Delta("<i4"),
        numcodecs.VLenBytes(),
    ],
    ids=repr,
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_numcodecs_object_comes_back_from_its_specification(codec: Any, zarr_format: Any) -> None:
    assert numcodec_of(spec_of(codec, zarr_format, U2)) == codec


def test_a_codec_without_numcodecs_object_stays_a_specification() -> None:
    spec = CodecSpec("transpose", {"order": [1, 0]})
    assert numcodec_of(spec) is spec


@pytest.mark.parametrize(
    "dtype", ["u1", "<f8", "S3", "<U4", "<M8[ns]", [("a", "<i4")], "str", "bytes", "array:i4"]
)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_default_codecs_compile_for_every_data_type(dtype: Any, zarr_format: Any) -> None:
    data_type = DataType.of(dtype)
    if dtype == "array:i4" and zarr_format == 3:
        with pytest.raises(MetadataError, match="'array'"):
            default_codecs(data_type, zarr_format)
        return
    filters, serializer, compressors = default_codecs(data_type, zarr_format)
    assert (serializer is None) == (zarr_format == 2)
    compile_parts(
        Parts(
            data_type=data_type,
            chunk_shape=(3,),
            filters=filters,
            serializer=serializer,
            compressors=compressors,
        )
    )


def test_default_codecs_of_v2_are_those_of_zarr_python_2() -> None:
    _, _, compressors = default_codecs(U2, 2)
    assert [numcodec_of(spec) for spec in compressors] == [numcodecs.Blosc()]


def test_python_objects_have_no_default_codec() -> None:
    with pytest.raises(MetadataError, match="object codec"):
        default_codecs(DataType.of(object, "json2"), 2)
