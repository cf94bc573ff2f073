"""What cannot work is refused when a pipeline is compiled, with the value and what is allowed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from azarr.codecs import (
    Codec,
    Parts,
    Stage,
    compile_parts,
    compile_pipeline,
    find_codec,
    register_codec,
)
from azarr.errors import MetadataError, UnknownCodecError, UsageError
from azarr.model import ArrayMetadata, ChunkKeyEncoding, CodecSpec, DataType, RegularGrid

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}


def named(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


WRONG_V3: list[tuple[str, str, list[Any], str]] = [
    ("no endian", "i4", ["bytes"], "'endian' is missing.*'little' or 'big'"),
    ("endian", "i4", [named("bytes", endian="middle")], "'middle'.*'little', 'big'"),
    ("unknown field", "i4", [named("bytes", endian="big", x=1)], "unknown field 'x'.*endian"),
    ("bytes of strings", "str", ["bytes"], "variable length.*vlen-utf8"),
    ("strings of bytes", "bytes", ["vlen-utf8"], "'string'"),
    ("strings of numbers", "i4", ["vlen-utf8"], "'string'"),
    ("no permutation", "i4", [named("transpose", order=[0, 0]), LITTLE], r"\[0, 0\].*\[0, 1\]"),
    ("short permutation", "i4", [named("transpose", order=[0]), LITTLE], r"\[0\].*\[0, 1\]"),
    ("no order", "i4", ["transpose", LITTLE], "'order' is missing.*permutation"),
    ("blosc level", "i4", [LITTLE, named("blosc", clevel=11)], "clevel is 11.*0 to 9"),
    ("blosc name", "i4", [LITTLE, named("blosc", cname="brotli")], "'brotli'.*'lz4'.*'zstd'"),
    ("blosc shuffle", "i4", [LITTLE, named("blosc", shuffle=1)], "shuffle is 1.*'bitshuffle'"),
    ("blosc type size", "i4", [LITTLE, named("blosc", typesize=0)], "typesize is 0.*at least 1"),
    ("zstd level", "i4", [LITTLE, named("zstd", level=23)], "level is 23.*-131072 to 22"),
    ("zstd checksum", "i4", [LITTLE, named("zstd", checksum=1)], "checksum is 1.*False, True"),
    ("gzip level", "i4", [LITTLE, named("gzip", level="5")], "level is '5'.*0? to 9|-1 to 9"),
    ("gzip boolean", "i4", [LITTLE, named("gzip", level=True)], "level is True"),
    ("crc32c", "i4", [LITTLE, named("crc32c", location="start")], "unknown field 'location'.*none"),
    ("packbits", "i4", [named("packbits", padding_encoding="no")], "'no'.*'first_byte'"),
    ("packbits bits", "i4", [named("packbits", first_bit=9, last_bit=3)], "bits 9 to 3.*0 to 31"),
    ("packbits of strings", "S3", ["packbits"], "packs booleans and numbers"),
    ("bitround", "f4", [named("bitround", keepbits=0), LITTLE], "keepbits is 0.*1 to 64"),
    ("bitround of strings", "S3", [named("bitround", keepbits=3), "bytes"], "rounds numbers"),
    ("delta size", "i4", [named("numcodecs.delta", dtype="<i8"), LITTLE], "'<i4'.*sizes differ"),
    ("delta dtype", "i4", [named("numcodecs.delta", dtype="x"), LITTLE], "numcodecs.delta.*'x'"),
    ("bitround of ints", "i4", [named("numcodecs.bitround", keepbits=3), LITTLE], "'<i4'.*float"),
    ("packbits of ints", "i4", ["numcodecs.packbits", LITTLE], "numcodecs.packbits.*'<i4'"),
    ("zlib level", "i4", [LITTLE, named("numcodecs.zlib", level=99)], "level is 99"),
    ("lzma", "i4", [LITTLE, named("numcodecs.lzma", preset=99)], "numcodecs.lzma.*99"),
    ("shuffle", "i4", [LITTLE, named("numcodecs.shuffle", elementsize=7)], "96 bytes.*7"),
    ("numcodecs argument", "i4", [LITTLE, named("numcodecs.base64", x=1)], "base64.*'x'"),
]


@pytest.mark.parametrize(
    ("dtype", "codecs", "message"),
    [case[1:] for case in WRONG_V3],
    ids=[case[0] for case in WRONG_V3],
)
def test_a_configuration_that_cannot_work_is_refused(
    v3: Any, dtype: str, codecs: list[Any], message: str
) -> None:
    with pytest.raises(MetadataError, match=message):
        v3(dtype, (4, 6), *codecs)


@pytest.mark.parametrize("order", ["C", "F", [0, 1], [1, 0]])
def test_transpose_reads_permutations_and_the_letters_of_early_drafts(v3: Any, order: Any) -> None:
    pipeline = v3("u1", (2, 3), named("transpose", order=order), "bytes")
    chunk = np.arange(6, dtype="u1").reshape(2, 3)
    expected = chunk.T if order in ("F", [1, 0]) else chunk
    assert bytes(pipeline.encode(chunk)) == expected.tobytes()


@pytest.mark.parametrize("dtype", ["u1", "bool", "S4", "V3", [("a", "<i4"), ("b", "u1")]])
def test_endian_may_be_left_out_where_there_is_none(v3: Any, dtype: Any) -> None:
    assert v3(dtype, (2,), "bytes").nbytes == 2 * np.dtype(dtype).itemsize


@pytest.mark.parametrize(
    ("field", "specs"),
    [
        ("filters", [CodecSpec("gzip", {"level": 1})]),
        ("filters", [CodecSpec("bytes", {"endian": "little"})]),
        ("compressors", [CodecSpec("transpose", {"order": [0]})]),
        ("compressors", [CodecSpec("bytes", {"endian": "little"})]),
        ("serializer", CodecSpec("gzip", {"level": 1})),
    ],
)
def test_codecs_in_the_wrong_order_are_refused(field: str, specs: Any) -> None:
    arguments = {
        "data_type": DataType.of("i4"),
        "chunk_shape": (4,),
        "serializer": CodecSpec("bytes", {"endian": "little"}),
        field: specs,
    }
    with pytest.raises(MetadataError, match=r"cannot stand where .* is needed"):
        compile_parts(Parts(**arguments))


def test_an_unknown_codec_is_refused_and_the_known_ones_are_listed(v2: Any) -> None:
    with pytest.raises(UnknownCodecError, match=r"'rot13'; known are .*blosc.*register_codec"):
        compile_parts(
            Parts(data_type=DataType.of("u1"), chunk_shape=(4,), serializer=CodecSpec("rot13", {}))
        )
    with pytest.raises(UnknownCodecError, match=r"'numcodecs.rot13'.*numcodecs knows .*zlib"):
        v2("u1", (4,), compressor={"id": "rot13"})


def test_chunks_too_large_for_a_compressor_are_refused(v2: Any) -> None:
    for codec in ("blosc", "lz4"):
        with pytest.raises(MetadataError, match=rf"{codec}.*holds at most .*2147483648"):
            v2("u1", (2**31,), compressor={"id": codec})


def test_objects_need_an_object_codec_first(v2: Any) -> None:
    data_type = DataType.of(object, "json2")
    zlib = CodecSpec("numcodecs.zlib", {})
    json2 = CodecSpec("numcodecs.json2", {})
    for filters in ([], [zlib], [zlib, json2]):
        with pytest.raises(MetadataError, match=r"vlen-utf8|first filter"):
            compile_parts(Parts(data_type=data_type, chunk_shape=(2,), filters=filters))
    with pytest.raises(MetadataError, match="must be the first filter"):
        v2("u1", (2,), {"id": "zlib"}, {"id": "json2"})


def test_pickle_is_refused_unless_it_is_allowed_by_name() -> None:
    metadata = ArrayMetadata(
        zarr_format=2,
        shape=(3,),
        data_type=DataType.of(object, "pickle"),
        chunk_grid=RegularGrid((3,)),
        chunk_key_encoding=ChunkKeyEncoding("v2", "."),
        filters=(CodecSpec("numcodecs.pickle", {"protocol": 5}),),
    )
    with pytest.raises(MetadataError, match="allow_pickle=True"):
        compile_pipeline(metadata)
    pipeline = compile_pipeline(metadata, allow_pickle=True)
    chunk = np.array([{1}, None, "x"], object)
    assert pipeline.decode(pipeline.encode(chunk)).tolist() == chunk.tolist()


def test_pickle_is_refused_wherever_it_stands(v3: Any) -> None:
    with pytest.raises(MetadataError, match="allow_pickle=True"):
        v3("str", (3,), "numcodecs.pickle")


def test_values_that_a_codec_cannot_encode_are_a_usage_error(v3: Any, v2: Any) -> None:
    with pytest.raises(UsageError, match="vlen-utf8"):
        v3("str", (2,), "vlen-utf8").encode(np.array(["a", 5], object))
    with pytest.raises(UsageError, match="json2"):
        v2(object, (2,), {"id": "json2"}).encode(np.array(["a", {1}], object))


# The registry.


@pytest.fixture
def unregister() -> Any:
    from azarr.codecs import _registry

    before = dict(_registry._codecs)
    yield
    _registry._codecs.clear()
    _registry._codecs.update(before)


def _compile_xor(spec: CodecSpec, before: Any) -> Stage:
    key = spec.configuration["key"]

    def xor(data: Any) -> bytes:
        return bytes(np.frombuffer(data, "u1") ^ np.uint8(key))

    return Stage(after=before, encode=xor, decode=xor)


@pytest.mark.usefixtures("unregister")
def test_a_registered_codec_works_in_both_formats(v2: Any, v3: Any) -> None:
    chunk = np.arange(4, dtype="u1")
    register_codec("xor", Codec("bytes->bytes", _compile_xor))
    register_codec("numcodecs.xor", Codec("bytes->bytes", _compile_xor))
    pipelines = [
        v3("u1", (4,), "bytes", named("xor", key=255)),
        v2("u1", (4,), compressor={"id": "xor", "key": 255}),
    ]
    for pipeline in pipelines:
        assert bytes(pipeline.encode(chunk)) == b"\xff\xfe\xfd\xfc"
        assert np.array_equal(pipeline.decode(pipeline.encode(chunk)), chunk)


@pytest.mark.usefixtures("unregister")
def test_a_name_with_a_star_stands_for_every_name_with_that_beginning(v3: Any) -> None:
    register_codec("acme.*", Codec("bytes->bytes", _compile_xor))
    assert find_codec("acme.one") is find_codec("acme.two")


def test_only_codecs_can_be_registered() -> None:
    with pytest.raises(UsageError, match=re.escape("must be an azarr.codecs.Codec")):
        register_codec("x", lambda: None)  # type: ignore[arg-type]


class _EntryPoint:
    name, value = "acme.xor", "acme:XOR"

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded

    def load(self) -> Any:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


@pytest.fixture
def entry_point(monkeypatch: pytest.MonkeyPatch, unregister: Any) -> Any:
    from azarr.codecs import _registry

    def offer(loaded: Any, name: str = "acme.xor") -> None:
        monkeypatch.setattr(_registry, "_entry_points", lambda: {name: _EntryPoint(loaded)})

    return offer


def test_a_package_offers_codecs_by_entry_points(v3: Any, entry_point: Any) -> None:
    entry_point(Codec("bytes->bytes", _compile_xor))
    pipeline = v3("u1", (2,), "bytes", named("acme.xor", key=1))
    assert bytes(pipeline.encode(np.array([0, 1], "u1"))) == b"\x01\x00"


def test_an_entry_point_cannot_replace_a_codec_that_is_built_in(v3: Any, entry_point: Any) -> None:
    entry_point(RuntimeError("never loaded"), name="gzip")
    v3("u1", (2,), "bytes", named("gzip", level=1))


@pytest.mark.parametrize("loaded", [ImportError("no acme"), "not a codec"])
def test_an_entry_point_that_does_not_load_says_so(entry_point: Any, loaded: Any) -> None:
    entry_point(loaded)
    with pytest.raises(UnknownCodecError, match="acme:XOR cannot be used"):
        find_codec("acme.xor")
