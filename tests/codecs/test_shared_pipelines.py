"""Which arrays share a compiled pipeline, and where the built-in codecs are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from azarr import codecs
from azarr.codecs import Codec, Memory, Parts, Stage, compile_parts, find_codec, register_codec
from azarr.errors import MetadataError, UnknownCodecError
from azarr.model import CodecSpec, DataType, split_codecs

LITTLE = CodecSpec("bytes", {"endian": "little"})
PARTS = Parts(
    data_type=DataType.of("f8"),
    chunk_shape=(4,),
    serializer=LITTLE,
    compressors=(CodecSpec("gzip", {"level": 1}),),
    fill_value=np.float64(0),
)


def test_equal_parts_share_a_pipeline() -> None:
    again = replace(PARTS, compressors=[CodecSpec("gzip", {"level": 1})])
    assert compile_parts(PARTS) is compile_parts(again)


@pytest.mark.parametrize(
    "change",
    [
        {"data_type": DataType.of("i8"), "fill_value": np.int64(0)},
        {"chunk_shape": (5,)},
        {"serializer": CodecSpec("bytes", {"endian": "big"})},
        {"compressors": (CodecSpec("gzip", {"level": 2}),)},
        {"compressors": ()},
        {"fill_value": np.float64(-0.0)},
        {"serializer": None},
        {"serializer": None, "order": "F"},
        {
            "serializer": None,
            "filters": (CodecSpec("numcodecs.zlib", {"level": 1}),),
            "compressors": (),
        },
        {"serializer": None, "compressors": (CodecSpec("numcodecs.zlib", {"level": 1}),)},
    ],
)
def test_other_parts_have_another_pipeline(change: dict[str, Any]) -> None:
    changed = replace(PARTS, **change)
    pipeline = compile_parts(changed)
    assert pipeline is not compile_parts(PARTS)
    assert pipeline.parts == changed
    assert compile_parts(replace(PARTS)).parts == PARTS


def test_a_configuration_that_is_equal_but_wrong_is_refused() -> None:
    compile_parts(PARTS)
    with pytest.raises(MetadataError, match="level is True"):
        compile_parts(replace(PARTS, compressors=(CodecSpec("gzip", {"level": True}),)))


def test_a_registered_codec_is_compiled_for_each_array_and_can_be_replaced() -> None:
    name, made = "example.shared", list[str]()

    def codec(label: str) -> Codec:
        def compile_it(spec: CodecSpec, before: Memory) -> Stage:
            made.append(label)
            return Stage(after=before, encode=bytes, decode=bytes)

        return Codec("bytes->bytes", compile_it)

    parts = replace(PARTS, compressors=(CodecSpec(name),))
    with pytest.raises(UnknownCodecError):
        compile_parts(parts)
    for label in ("old", "new"):
        register_codec(name, codec(label))
        assert compile_parts(parts) is not compile_parts(parts)
    assert made == ["old", "old", "new", "new"]


def test_a_codec_that_numcodecs_may_exchange_is_not_shared() -> None:
    parts = replace(PARTS, compressors=(CodecSpec("numcodecs.shuffle", {"elementsize": 8}),))
    assert compile_parts(parts) is not compile_parts(parts)


@pytest.mark.parametrize("name", sorted(codecs._BUILT_IN))
def test_a_built_in_codec_is_where_the_table_says_and_of_the_kind_that_documents_take(
    name: str,
) -> None:
    codec = find_codec(name)
    assert isinstance(codec, Codec)
    if "*" in name or name.startswith(("azarr.", "n5")):
        return
    others = {
        "array->array": [CodecSpec(name), LITTLE],
        "array->bytes": [CodecSpec(name)],
        "bytes->bytes": [LITTLE, CodecSpec(name)],
    }
    split_codecs(others[codec.kind])  # raises if the model takes it for another kind
