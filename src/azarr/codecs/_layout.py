"""Arrays of fixed-size elements as plain memory: the v3 codec `bytes`, and v2 without a codec.

Where the stored byte order is the one in memory, decoding is a view and encoding at most one copy.
The numbers of ml_dtypes go by their bits: NumPy does not know a byte order of theirs, and bits
beyond those that count are cleared, so that equal elements are equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azarr.codecs._configuration import one_of, read
from azarr.codecs._stage import Chunk, Codec, Memory, Size, Stage, exportable, exports, need_chunk
from azarr.errors import DecodeError, MetadataError
from azarr.model import CodecSpec, DataType, SmallType, small_type
from azarr.typing import Buffer, NDArray

_FIELDS = {"endian": one_of("little", "big", default=None)}
_NUMPY_ORDER = {"little": "<", "big": ">", None: "="}


def memory_layout(chunk: Chunk) -> Stage:
    """The chunk as it lies in memory, in `chunk.order`: Zarr v2, where the dtype says it all."""
    return _stage(chunk, chunk.dtype)


def _compile_bytes(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    if chunk.data_type.is_object:
        raise MetadataError(
            f"codec {spec.name!r} cannot hold elements of variable length ({chunk.data_type}); "
            "'vlen-utf8' and 'vlen-bytes' can"
        )
    endian = read(spec, _FIELDS)["endian"]
    if endian is None and has_byte_order(chunk.dtype):
        raise MetadataError(
            f"codec {spec.name!r}: 'endian' is missing, and {chunk.dtype} has more than one byte; "
            "it must be 'little' or 'big'"
        )
    small = small_type(chunk.dtype)
    if small is not None:
        return _small_stage(chunk, small, _NUMPY_ORDER[endian])
    return _stage(chunk, chunk.dtype.newbyteorder(_NUMPY_ORDER[endian]))  # type: ignore[arg-type]


def has_byte_order(dtype: np.dtype[Any]) -> bool:
    """Whether `endian` has to be said for elements of a dtype."""
    small = small_type(dtype)
    if small is not None:
        return small.bits > 8
    # Structures are exempt: zarr-python 3 writes them without `endian`, each field as it is.
    return dtype.fields is None and dtype.newbyteorder("<") != dtype.newbyteorder(">")


def _small_stage(chunk: Chunk, small: SmallType, byte_order: str) -> Stage:
    shape, dtype = chunk.shape, chunk.dtype
    bits = np.dtype(np.uint16 if small.bits > 8 else np.uint8)
    stored = bits.newbyteorder(byte_order)  # type: ignore[arg-type]
    words = chunk.nbytes // bits.itemsize
    view = _viewer(Chunk(DataType.of(bits), (words,)), stored)
    mask = bits.type((1 << small.bits) - 1)

    def encode(array: NDArray) -> NDArray:
        memory = np.ascontiguousarray(array).reshape(-1).view(bits) & mask
        return exportable(memory.astype(stored, copy=False).view(f"V{dtype.itemsize}"))

    def decode(data: Buffer) -> NDArray:
        return (view(data).astype(bits, copy=False) & mask).view(dtype).reshape(shape)

    return Stage(after=Memory(Size(chunk.nbytes), dtype), encode=encode, decode=decode)


def _stage(chunk: Chunk, stored: np.dtype[Any]) -> Stage:
    is_view = stored == chunk.dtype
    view = _viewer(chunk, stored)

    def decode_swapped(data: Buffer) -> NDArray:
        return view(data).astype(chunk.dtype)

    return Stage(
        after=Memory(Size(chunk.nbytes), stored),
        encode=_contiguous(chunk, stored),
        decode=view if is_view else decode_swapped,
        is_view=is_view,
    )


def _viewer(chunk: Chunk, stored: np.dtype[Any]) -> Callable[[Buffer], NDArray]:
    ndarray = np.ndarray
    shape, order, nbytes = chunk.shape, chunk.order, chunk.nbytes

    def view(data: Buffer) -> NDArray:
        if len(data) != nbytes:
            raise DecodeError(
                f"a chunk of shape {shape} and data type {stored} takes {nbytes} bytes, "
                f"but there are {len(data)}"
            )
        return ndarray(shape, stored, data, 0, None, order)

    return view


def _contiguous(chunk: Chunk, stored: np.dtype[Any]) -> Callable[[NDArray], NDArray]:
    order = chunk.order
    is_buffer = exports(stored)
    if is_buffer and stored == chunk.dtype:
        # The functions of NumPy themselves: 0.04 us where the chunk is contiguous already.
        return np.ascontiguousarray if order == "C" else np.asfortranarray

    def contiguous(array: NDArray) -> NDArray:
        array = array.astype(stored, order=order, copy=False)
        return array if is_buffer else exportable(array)

    return contiguous


BYTES = Codec("array->bytes", _compile_bytes, shared=True)
