"""The v3 codec `sharding_indexed`: a chunk stored as inner chunks with an index of their places.

Its configuration, and a shard as a whole; what lies where in one is `_shard_layout`.
https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from azarr.codecs._configuration import Field, one_of, read
from azarr.codecs._pipeline import Parts, Pipeline, compile_parts
from azarr.codecs._shard_layout import ShardLayout
from azarr.codecs._stage import Chunk, Codec, Memory, Size, Stage, need_chunk
from azarr.errors import ChunkDataError, MetadataError
from azarr.model import CodecSpec, DataType, show, split_codecs
from azarr.typing import Buffer, NDArray, Shape

_DEFAULT_INDEX_CODECS = (CodecSpec("bytes", {"endian": "little"}), CodecSpec("crc32c"))
_MOST_INNER_CHUNKS = 2**26
"""An index of 1 GiB. Metadata that asks for more is a mistake or an attack."""


def sharding_spec(
    chunk_shape: Shape, codecs: Sequence[CodecSpec], index_location: str = "end"
) -> CodecSpec:
    """The specification of shards with inner chunks of a shape, each encoded by the codecs."""
    return CodecSpec(
        "sharding_indexed",
        {
            "chunk_shape": list(chunk_shape),
            "codecs": [codec.to_v3() for codec in codecs],
            "index_codecs": [codec.to_v3() for codec in _DEFAULT_INDEX_CODECS],
            "index_location": index_location,
        },
    )


def _compile(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    fields = read(spec, _FIELDS)
    inner_shape = tuple(fields["chunk_shape"])
    counts = _counts(spec, chunk.shape, inner_shape)
    filters, serializer, compressors = split_codecs(_specs(spec, fields["codecs"]))
    inner = compile_parts(
        Parts(
            data_type=chunk.data_type,
            chunk_shape=inner_shape,
            filters=filters,
            serializer=serializer,
            compressors=compressors,
            fill_value=chunk.fill_value,
        )
    )
    index = _index_pipeline(spec, counts, fields["index_codecs"])
    nbytes = index.stored.nbytes
    layout = ShardLayout(
        chunk.shape, inner, counts, nbytes, index, fields["index_location"] == "end"
    )
    return Stage(
        after=Memory(_size(layout)),
        encode=_encoder(layout),
        decode=_decoder(layout, chunk),
        detail=layout,
    )


def _size(layout: ShardLayout) -> Size:
    """How large a shard can be. Gaps are legal, so nothing but the order of magnitude is sure."""
    inner, count = layout.inner.stored, prod(layout.counts)
    nbytes = inner.nbytes * count + layout.index_nbytes
    return Size(nbytes, exact=False, per_byte=max(1, inner.per_byte))


def _index_pipeline(spec: CodecSpec, counts: Shape, codecs: Any) -> Pipeline:
    specs = _DEFAULT_INDEX_CODECS if codecs is None else _specs(spec, codecs)
    filters, serializer, compressors = split_codecs(specs)
    pipeline = compile_parts(
        Parts(
            data_type=DataType.of("u8"),
            chunk_shape=(*counts, 2),
            filters=filters,
            serializer=serializer,
            compressors=compressors,
        )
    )
    if not pipeline.stored.exact:
        raise MetadataError(
            f"codec {spec.name!r}: index_codecs {show([each.name for each in specs])} do not make "
            "an index of fixed size; 'bytes', 'transpose' and 'crc32c' do"
        )
    return pipeline


def _encoder(layout: ShardLayout) -> Callable[[NDArray], Buffer]:
    def encode(chunk: NDArray) -> Buffer:
        encode_inner = layout.inner.encode
        # `bytes` may be a view of the chunk; nothing is kept after assembling.
        shard = layout.assemble([encode_inner(chunk[where]) for where in layout.slices()])
        return b"" if shard is None else shard

    return encode


def _decoder(layout: ShardLayout, chunk: Chunk) -> Callable[[Buffer], NDArray]:
    def decode(shard: Buffer) -> NDArray:
        out = np.empty(chunk.shape, chunk.dtype)
        view = memoryview(shard)
        entries = zip(layout.index_of(shard), layout.slices(), strict=True)
        for number, (entry, where) in enumerate(entries):
            if entry is None:
                out[where] = chunk.fill_value
                continue
            try:
                out[where] = layout.inner.decode(view[entry[0] : sum(entry)])
            except ChunkDataError as error:
                raise layout.located(error, number) from error
        return out

    return decode


def _counts(spec: CodecSpec, shape: Shape, inner: Shape) -> Shape:
    if len(inner) != len(shape) or any(i == 0 or s % i for s, i in zip(shape, inner, strict=True)):
        raise MetadataError(
            f"codec {spec.name!r}: chunk_shape {show(inner)} does not divide the shard's shape "
            f"{show(shape)}"
        )
    counts = tuple(s // i for s, i in zip(shape, inner, strict=True))
    if prod(counts) > _MOST_INNER_CHUNKS:
        raise MetadataError(
            f"codec {spec.name!r}: {prod(counts)} inner chunks in a shard; at most "
            f"{_MOST_INNER_CHUNKS} are supported"
        )
    return counts


def _specs(spec: CodecSpec, codecs: Any) -> tuple[CodecSpec, ...]:
    return tuple(CodecSpec.from_v3(codec) for codec in codecs)


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        type(length) is int and length >= 0 for length in value
    )


_FIELDS = {
    "chunk_shape": Field("a list of integers >= 0", _is_shape),
    "codecs": Field("a list of codecs", lambda value: isinstance(value, (list, tuple))),
    "index_codecs": Field("a list of codecs", lambda value: isinstance(value, (list, tuple)), None),
    "index_location": one_of("start", "end", default="end"),
}

SHARDING_INDEXED = Codec("array->bytes", _compile)
