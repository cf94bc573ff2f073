"""N5 blocks: a header before the compressed elements, which lets blocks be smaller than a chunk.

Two serializers share it: `n5_block` of N5 arrays, and `n5_default` of Zarr v3. Big-endian, axes in
N5's order (x first): u16 mode, then

    mode 0, plain:    u16 ndim, ndim x u32 sizes;                   payload: the elements
    mode 1, varlength: as mode 0, u32 number of stored elements;    payload: that many
    mode 2, object:   u32 number of bytes (as the Java library does, against the README)

https://github.com/saalfeldlab/n5#file-system-specification; N5BlockCodecs.java of n5 4.x.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Final

import numpy as np

from azarr.codecs._configuration import Field, read
from azarr.codecs._objects import variable_size
from azarr.codecs._pipeline import Parts, Pipeline, compile_parts
from azarr.codecs._stage import Chunk, Codec, Memory, Size, Stage, need_chunk
from azarr.errors import DecodeError, MetadataError, UsageError
from azarr.model import CodecSpec, DataType, show
from azarr.typing import Buffer, NDArray, Shape

PLAIN, VARLENGTH, OBJECT = 0, 1, 2

# "Chunks cannot be larger than 2GB" of the specification, before compression as in tensorstore.
_MOST_BYTES: Final = 2**31
_BYTES = DataType.of("u1")
# Shapes of cut off blocks whose pipelines are kept: an array has 2 ** ndim of them.
_SHAPES: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class N5Block:
    """A block as it is stored, decompressed.

    Attributes:
        mode: PLAIN (0), VARLENGTH (1) or OBJECT (2).
        shape: the positions it stands for, in NumPy's order; None in mode 2, which does not say.
        elements: what is stored, in one dimension. In mode 1 there can be any number of them. Those
            of the data types `string` and `object` are bytes.
    """

    mode: int
    shape: Shape | None
    elements: NDArray


@dataclass(frozen=True, slots=True)
class _Header:
    mode: int
    shape: Shape | None
    count: int
    nbytes: int


class N5Blocks:
    """Reads and writes the blocks of one array; the `detail` of its pipeline.

    Example:
        >>> import azarr, numpy as np
        >>> from azarr.codecs import compile_pipeline
        >>> labels = azarr.create_array(
        ...     {}, shape=(4, 4), chunks=(2, 2), dtype="u1", zarr_format="n5", compressors=None
        ... )
        >>> blocks = compile_pipeline(labels.metadata).detail
        >>> stored = blocks.write(blocks.varlength((2, 2), np.array([7, 8, 9], "u1")))
        >>> stored.hex(" ", -4)
        '00010002 00000002 00000002 00000003 070809'
        >>> blocks.read(stored).elements
        array([7, 8, 9], dtype=uint8)
    """

    def __init__(
        self, data_type: DataType, shape: Shape, compressors: tuple[CodecSpec, ...], name: str
    ) -> None:
        self._name = name
        self._shape = shape
        self._stored = _BYTES if data_type.is_object else data_type
        self._most = variable_size(prod(shape))
        self._compressors = compressors
        self._of_shape = lru_cache(_SHAPES)(self._compile)
        self._whole_header, self._whole = self._compile(shape)

    def _compile(self, shape: Shape) -> tuple[bytes, Pipeline]:
        """The header of a plain block, and what makes the bytes after it."""
        sizes = struct.pack(f">{len(shape)}I", *reversed(shape))
        return struct.pack(">HH", PLAIN, len(shape)) + sizes, self._pipeline(shape)

    def _pipeline(self, shape: Shape) -> Pipeline:
        return compile_parts(
            Parts(
                data_type=self._stored,
                chunk_shape=shape,
                serializer=CodecSpec("bytes", {"endian": "big"}),
                compressors=self._compressors,
            )
        )

    def varlength(self, shape: Shape, elements: NDArray) -> N5Block:
        """A block of mode 1: any number of elements that stand for `shape` positions."""
        return N5Block(VARLENGTH, shape, elements)

    def encode_plain(self, chunk: NDArray) -> bytes:
        """A block of mode 0, in the shape of the chunk."""
        header, pipeline = self._of_shape(chunk.shape)
        return b"".join((header, pipeline.encode(chunk)))

    def decode_plain(self, data: Buffer) -> NDArray:
        """The elements of a block in its own shape, which is at most that of a chunk.

        Raises:
            ChunkDataError: the block is damaged, or its elements are not one for each position.
        """
        view = memoryview(data)
        size = len(self._whole_header)
        if view[:size] == self._whole_header:
            return self._whole.decode(view[size:])
        header = self._header(view)
        if header.shape is None or header.count != prod(header.shape):
            raise DecodeError(
                f"codec {self._name!r}: a block of mode {header.mode} with {header.count} elements "
                f"for the positions {header.shape} is no part of an array; N5Blocks.read reads it"
            )
        return self._of_shape(header.shape)[1].decode(view[header.nbytes :])

    def read(self, data: Buffer) -> N5Block:
        """A stored block of any mode.

        Raises:
            ChunkDataError: the block is damaged.
        """
        view = memoryview(data)
        header = self._header(view)
        payload = view[header.nbytes :]
        nbytes = header.count * self._stored.itemsize
        # The array's metadata do not bound the number of elements, so the stored bytes must.
        if header.mode != PLAIN and not self._most.allows(nbytes, len(payload)):
            raise DecodeError(
                f"codec {self._name!r}: the block header says {nbytes} bytes, which {len(payload)} "
                "stored ones cannot be"
            )
        elements = self._pipeline((header.count,)).decode(payload)
        return N5Block(header.mode, header.shape, elements)

    def extent(self, data: Buffer) -> Shape:
        """The positions of a chunk that a stored block has, from its header.

        Raises:
            ChunkDataError: the header is damaged.
        """
        shape = self._header(memoryview(data)).shape
        return (1,) * len(self._shape) if shape is None else shape

    def write(self, block: N5Block) -> bytes:
        """The bytes to store for a block."""
        elements = np.asarray(block.elements, self._stored.dtype).reshape(-1)
        header = struct.pack(">H", block.mode)
        if block.shape is not None:
            sizes = (len(block.shape), *reversed(block.shape))
            header += struct.pack(f">H{len(block.shape)}I", *sizes)
        if block.mode != PLAIN:
            header += struct.pack(">I", len(elements))
        return b"".join((header, self._pipeline(elements.shape).encode(elements)))

    def _header(self, view: memoryview) -> _Header:
        try:
            (mode,) = struct.unpack_from(">H", view)
            if mode == OBJECT:
                (count,) = struct.unpack_from(">I", view, 2)
                return _Header(mode, None, count, nbytes=6)
            if mode not in (PLAIN, VARLENGTH):
                raise self._damaged(f"mode {mode}; 0, 1 and 2 are known")
            (ndim,) = struct.unpack_from(">H", view, 2)
            if ndim != len(self._shape):
                raise self._damaged(f"{ndim} dimensions; the array has {len(self._shape)}")
            shape = struct.unpack_from(f">{ndim}I", view, 4)[::-1]
            if any(size > most for size, most in zip(shape, self._shape, strict=True)):
                raise self._damaged(f"the size {shape}; a chunk has {self._shape}")
            nbytes = 4 + 4 * ndim
            if mode == PLAIN:
                return _Header(mode, shape, prod(shape), nbytes)
            (count,) = struct.unpack_from(">I", view, nbytes)
            return _Header(mode, shape, count, nbytes + 4)
        except struct.error:
            raise self._damaged(f"only {len(view)} bytes") from None

    def _damaged(self, found: str) -> DecodeError:
        return DecodeError(f"codec {self._name!r}: the block header has {found}")


def _padded(blocks: N5Blocks, chunk: Chunk) -> Callable[[Buffer], NDArray]:
    """Decodes a block and fills it up with zeros to the shape of a chunk."""
    shape, dtype, decode_plain = chunk.shape, chunk.dtype, blocks.decode_plain

    def decode(data: Buffer) -> NDArray:
        block = decode_plain(data)
        if block.shape == shape:
            return block
        padded = np.zeros(shape, dtype)
        padded[tuple(map(slice, block.shape))] = block
        return padded

    return decode


def _encode_strings(blocks: N5Blocks) -> Callable[[NDArray], bytes]:
    """As the Java library does: UTF-8, each string followed by a NUL, the bytes counted."""

    def encode(chunk: NDArray) -> bytes:
        strings = chunk.reshape(-1).tolist()
        for string in strings:
            if not isinstance(string, str) or "\0" in string:
                raise UsageError(
                    f"{string!r} cannot be stored in N5, which ends each string with a NUL; "
                    "strings without one can"
                )
        text = "".join(string + "\0" for string in strings).encode()
        return blocks.write(N5Block(VARLENGTH, chunk.shape, np.frombuffer(text, np.uint8)))

    return encode


def _decode_strings(blocks: N5Blocks, chunk: Chunk) -> Callable[[Buffer], NDArray]:
    def decode(data: Buffer) -> NDArray:
        block = blocks.read(data)
        # Old versions of the Java library wrote mode 0 where bytes and positions are equally many.
        if block.shape is None:
            raise DecodeError("codec 'n5_block': a block of objects in an array of strings")
        try:
            *strings, rest = block.elements.tobytes().decode().split("\0")
        except UnicodeDecodeError as error:
            raise DecodeError(f"codec 'n5_block': strings that are no UTF-8: {error}") from error
        if rest or len(strings) != prod(block.shape):
            raise DecodeError(
                f"codec 'n5_block': {len(strings)} strings for the positions {block.shape}"
                + (", and the last is cut off" if rest else "")
            )
        values = np.full(chunk.shape, "", object)
        part = np.fromiter(strings, object, len(strings)).reshape(block.shape)
        values[tuple(map(slice, block.shape))] = part
        return values

    return decode


def _encode_object(blocks: N5Blocks) -> Callable[[NDArray], bytes]:
    """A block of objects holds one value: that of its first position."""

    def encode(chunk: NDArray) -> bytes:
        first, *others = chunk.reshape(-1).tolist()
        if not isinstance(first, bytes) or any(other != b"" for other in others):
            raise UsageError(
                "a block of the N5 data type 'object' holds one value, of type bytes, at its first "
                "position; the others must be b''"
            )
        return blocks.write(N5Block(OBJECT, None, np.frombuffer(first, np.uint8)))

    return encode


def _decode_object(blocks: N5Blocks, chunk: Chunk) -> Callable[[Buffer], NDArray]:
    def decode(data: Buffer) -> NDArray:
        values = np.full(chunk.count, b"", object)
        values[0] = blocks.read(data).elements.tobytes()
        return values.reshape(chunk.shape)

    return decode


def _check_size(spec: CodecSpec, chunk: Chunk) -> None:
    if chunk.nbytes > _MOST_BYTES and not chunk.data_type.is_object:
        raise MetadataError(
            f"codec {spec.name!r}: a chunk of shape {chunk.shape} and data type {chunk.dtype} has "
            f"{chunk.nbytes} bytes; a block of N5 has at most {_MOST_BYTES}"
        )


def _compile_block(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    _check_size(spec, chunk)
    compressors = tuple(read(spec, _FRAME_FIELDS)["codecs"])
    blocks = N5Blocks(chunk.data_type, chunk.shape, compressors, spec.name)
    size = variable_size(chunk.count) if chunk.data_type.is_object else _encoded(chunk)
    match chunk.data_type.element:
        case None:
            encode: Callable[[NDArray], bytes] = blocks.encode_plain
            decode = _padded(blocks, chunk)
        case "string":
            encode, decode = _encode_strings(blocks), _decode_strings(blocks, chunk)
        case _:
            encode, decode = _encode_object(blocks), _decode_object(blocks, chunk)
    after, extent = Memory(size), blocks.extent
    return Stage(after=after, encode=encode, decode=decode, detail=blocks, extent=extent)


def _encoded(chunk: Chunk) -> Size:
    return Size(4 + 4 * len(chunk.shape) + chunk.nbytes).compressed()


def _compile_default(spec: CodecSpec, before: Any) -> Stage:
    """https://github.com/zarr-developers/zarr-extensions/tree/main/codecs/n5_default.

    Zarr's axes are those of N5 here, so the transpose codec that it prescribes reverses them.
    """
    chunk = need_chunk(spec, before)
    _check_size(spec, chunk)
    compressors = _inner_compressors(spec, chunk)
    reverse = Chunk(chunk.data_type, chunk.shape[::-1])
    blocks = N5Blocks(chunk.data_type, reverse.shape, compressors, spec.name)
    padded = _padded(blocks, reverse)
    return Stage(
        after=Memory(_encoded(chunk)),
        encode=lambda array: blocks.encode_plain(array.T),
        decode=lambda data: padded(data).T,
    )


def _inner_compressors(spec: CodecSpec, chunk: Chunk) -> tuple[CodecSpec, ...]:
    codecs = [CodecSpec.from_v3(codec) for codec in read(spec, _DEFAULT_FIELDS)["codecs"]]
    names = [codec.name for codec in codecs]
    order = [*reversed(range(len(chunk.shape)))]
    if names[:2] != ["transpose", "bytes"] or len(codecs) > 3 or chunk.data_type.is_object:
        raise MetadataError(
            f"codec {spec.name!r}: its codecs are {names} for data type {chunk.dtype}; expected "
            "'transpose', 'bytes' and at most one compressor, for numbers"
        )
    transpose, layout, *compressors = codecs
    if transpose.configuration.get("order") != order:
        raise MetadataError(
            f"codec {spec.name!r}: the order of its transpose codec is "
            f"{show(transpose.configuration.get('order'))}; expected {order}"
        )
    if layout.configuration.get("endian", "big") != "big":
        raise MetadataError(f"codec {spec.name!r}: blocks of N5 are big-endian")
    return tuple(compressors)


_FRAME_FIELDS = {"codecs": Field("a list of codecs", lambda value: isinstance(value, tuple), ())}
_DEFAULT_FIELDS = {"codecs": Field("a list of codecs", lambda value: isinstance(value, list))}

N5_BLOCK = Codec("array->bytes", _compile_block, frames=True)
N5_DEFAULT = Codec("array->bytes", _compile_default)
