"""The v3 codec `sharding_indexed`: a chunk stored as inner chunks with an index of their places.

Everything about the layout of a shard, as pure functions: where the index is, what it says, which
byte ranges to read, how a shard is put together. Which inner chunks a selection needs is for the
layers above. https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/index.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, TypeAlias

import numpy as np

from azarr.codecs._configuration import Field, one_of, read
from azarr.codecs._pipeline import Parts, Pipeline, compile_parts
from azarr.codecs._stage import Chunk, Codec, Memory, Size, Stage, need_chunk
from azarr.errors import DecodeError, MetadataError
from azarr.model import CodecSpec, DataType, split_codecs
from azarr.typing import Buffer, ByteRange, NDArray, Shape

Entry: TypeAlias = tuple[int, int]
"""`(offset, nbytes)` of an inner chunk in its shard."""

Index: TypeAlias = list[Entry | None]
"""An entry per inner chunk in C order; None: the inner chunk is its fill value."""

_EMPTY = 2**64 - 1
_DEFAULT_INDEX_CODECS = (CodecSpec("bytes", {"endian": "little"}), CodecSpec("crc32c"))
_MOST_INNER_CHUNKS = 2**26
"""An index of 1 GiB. Metadata that asks for more is a mistake or an attack."""


@dataclass(frozen=True, slots=True, eq=False)
class ShardLayout:
    """How the inner chunks of a shard are laid out.

    Attributes:
        shape: the shape of a shard.
        inner: the pipeline of an inner chunk.
        counts: inner chunks along each dimension of a shard.
        index_nbytes: bytes of the stored index, the same in every shard.
    """

    shape: Shape
    inner: Pipeline
    counts: Shape
    index_nbytes: int
    _index: Pipeline
    _index_at_end: bool

    @property
    def index_range(self) -> ByteRange:
        """The byte range of the index in any shard."""
        return (-self.index_nbytes, None) if self._index_at_end else (0, self.index_nbytes)

    def parse_index(self, data: Buffer, shard_nbytes: int | None = None) -> Index:
        """The index from the bytes of its range.

        Raises:
            ChunkDataError: wrong checksum, an inner chunk outside of the shard, or half an entry.
        """
        entries = self._index.decode(data).reshape(-1, 2)
        offsets, sizes = entries[:, 0], entries[:, 1]
        missing = (offsets == _EMPTY) & (sizes == _EMPTY)
        limit = np.uint64(2**63 if shard_nbytes is None else shard_nbytes)
        outside = ~missing & ((offsets > limit) | (sizes > limit - np.minimum(offsets, limit)))
        if outside.any():
            number = int(np.flatnonzero(outside)[0])
            raise DecodeError(
                f"shard index: inner chunk {number} at offset {offsets[number]} with "
                f"{sizes[number]} bytes reaches beyond the shard"
                + ("" if shard_nbytes is None else f" of {shard_nbytes} bytes")
            )
        index: Index = list(zip(offsets.tolist(), sizes.tolist(), strict=True))
        for number in np.flatnonzero(missing).tolist():
            index[number] = None
        return index

    def index_of(self, shard: Buffer) -> Index:
        """The index of a whole shard."""
        if len(shard) < self.index_nbytes:
            raise DecodeError(
                f"a shard of {len(shard)} bytes cannot hold its index of {self.index_nbytes} bytes"
            )
        start, stop = self.index_range
        return self.parse_index(memoryview(shard)[start:stop], len(shard))

    def split(self, shard: Buffer | None) -> list[Buffer | None]:
        """The encoded inner chunks of a shard in C order; all None if there is no shard."""
        if shard is None:
            return [None] * prod(self.counts)
        view = memoryview(shard)
        return [
            None if entry is None else view[entry[0] : entry[0] + entry[1]]
            for entry in self.index_of(shard)
        ]

    def assemble(self, chunks: Sequence[Buffer | None]) -> bytes | None:
        """A shard of the encoded inner chunks in C order; None if there are none.

        The inner chunks lie in C order without gaps, so that neighbours are read together.
        """
        entries = np.full((len(chunks), 2), _EMPTY, np.uint64)
        position = 0 if self._index_at_end else self.index_nbytes
        parts: list[Buffer] = []
        for number, chunk in enumerate(chunks):
            if chunk is not None:
                nbytes = memoryview(chunk).nbytes
                entries[number] = position, nbytes
                position += nbytes
                parts.append(chunk)
        if not parts:
            return None
        index = bytes(self._index.encode(entries.reshape(*self.counts, 2)))
        return b"".join([*parts, index] if self._index_at_end else [index, *parts])

    def slices(self) -> Iterator[tuple[slice, ...]]:
        """Where each inner chunk lies in the shard's array, in C order."""
        tables = [
            [slice(i * chunk, (i + 1) * chunk) for i in range(count)]
            for chunk, count in zip(self.inner.chunk_shape, self.counts, strict=True)
        ]
        return product(*tables)

    def keys(self, indices: Sequence[Sequence[int]], prefix: str = "") -> Iterator[int]:
        """The numbers of the product of inner chunk indices, in place of keys in a plan."""
        strides = [prod(self.counts[axis + 1 :]) for axis in range(len(self.counts))]
        scaled = [
            [index * stride for index in axis]
            for axis, stride in zip(indices, strides, strict=True)
        ]
        return map(sum, product(*scaled))

    def keys_at(self, indices: Sequence[Sequence[int]], prefix: str = "") -> Iterator[int]:
        """The numbers of single inner chunks, given one column of indices per dimension."""
        strides = [prod(self.counts[axis + 1 :]) for axis in range(len(self.counts))]
        return (
            sum(index * stride for index, stride in zip(row, strides, strict=True))
            for row in zip(*indices, strict=True)
        )


def coalesce(ranges: Iterable[Entry], gap: int, most: int) -> list[tuple[int, int]]:
    """Byte ranges `(start, stop)` that cover the entries, with neighbours read together.

    Two entries share a range if at most `gap` bytes lie between them and the range stays within
    `most` bytes. Entries may overlap and be in any order.

    Example:
        >>> coalesce([(0, 10), (12, 8), (100, 5)], gap=4, most=1000)
        [(0, 20), (100, 105)]
    """
    merged: list[tuple[int, int]] = []
    for offset, nbytes in sorted(ranges):
        stop = offset + nbytes
        if merged:
            start, end = merged[-1]
            if offset <= end + gap and max(end, stop) - start <= most:
                merged[-1] = (start, max(end, stop))
                continue
        merged.append((offset, stop))
    return merged


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
    probe = index.encode(np.full((*counts, 2), _EMPTY, np.uint64))
    layout = ShardLayout(
        chunk.shape, inner, counts, len(probe), index, fields["index_location"] == "end"
    )
    return Stage(
        after=Memory(Size(2 * chunk.nbytes + len(probe), exact=False, per_byte=1)),
        encode=_encoder(layout),
        decode=_decoder(layout, chunk),
        detail=layout,
    )


def _index_pipeline(spec: CodecSpec, counts: Shape, codecs: Any) -> Pipeline:
    specs = _DEFAULT_INDEX_CODECS if codecs is None else _specs(spec, codecs)
    filters, serializer, compressors = split_codecs(specs)
    if any(each.name not in ("crc32c", "numcodecs.crc32c") for each in compressors):
        raise MetadataError(
            f"codec {spec.name!r}: index_codecs {[each.name for each in specs]} do not make an index "
            "of fixed size; 'bytes', 'transpose' and 'crc32c' do"
        )
    return compile_parts(
        Parts(
            data_type=DataType.of("u8"),
            chunk_shape=(*counts, 2),
            filters=filters,
            serializer=serializer,
            compressors=compressors,
        )
    )


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
        for entry, where in zip(layout.index_of(shard), layout.slices(), strict=True):
            if entry is None:
                out[where] = chunk.fill_value
            else:
                offset, nbytes = entry
                out[where] = layout.inner.decode(view[offset : offset + nbytes])
        return out

    return decode


def _counts(spec: CodecSpec, shape: Shape, inner: Shape) -> Shape:
    if len(inner) != len(shape) or any(i == 0 or s % i for s, i in zip(shape, inner, strict=True)):
        raise MetadataError(
            f"codec {spec.name!r}: chunk_shape {inner} does not divide the shard's shape {shape}"
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
