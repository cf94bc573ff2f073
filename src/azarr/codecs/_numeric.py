"""Compressors of numbers rather than bytes: numcodecs' `pcodec` and `zfpy`, each with its package.

Their headers are checked against the chunk before anything is decoded. In Zarr v3 they are
array->bytes, so the layout of the chunk in memory is part of them; in v2 they follow it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from azarr.codecs._layout import memory_layout
from azarr.codecs._numcodecs import guarded, make_numcodec
from azarr.codecs._stage import Chunk, Codec, Memory, Stage, as_bytes
from azarr.errors import DecodeError, MetadataError, UsageError
from azarr.model import CodecSpec
from azarr.typing import Buffer, NDArray


def _pcodec_decoder(dtype: np.dtype[Any], count: int) -> Callable[[Buffer], Buffer]:
    standalone = import_module("pcodec.standalone")

    def decode(data: Buffer) -> Buffer:
        out = np.empty(count, dtype)
        progress = standalone.simple_decompress_into(bytes(data), out)
        if progress.n_processed != count or not progress.finished:
            raise ValueError(f"it does not hold the {count} numbers of a chunk")
        return as_bytes(out)

    return decode


def _zfpy_decoder(dtype: np.dtype[Any], count: int) -> Callable[[Buffer], Buffer]:
    zfpy = import_module("zfpy")

    def decode(data: Buffer) -> Buffer:
        data = bytes(data)
        header = zfpy.header(data)
        extents = [header[axis] for axis in ("nx", "ny", "nz", "nw") if header[axis]]
        if math.prod(extents) != count or header["type"] != dtype.type:
            raise ValueError(f"it holds {extents} numbers of {header['type'].__name__}")
        # zfp reads words until it has every block, not until the bytes end; zeros stand behind
        # them for the largest stream there can be: blocks of 4 per axis, stored plainly.
        blocks = math.prod(-(-extent // 4) * 4 for extent in extents)
        return as_bytes(zfpy.decompress_numpy(data + bytes(2 * blocks * dtype.itemsize + 4096)))

    return decode


_Decoder = Callable[[np.dtype[Any], int], Callable[[Buffer], Buffer]]


def _on_memory(spec: CodecSpec, before: Memory, decoder: _Decoder) -> Stage:
    codec, dtype = make_numcodec(spec), before.dtype
    try:
        codec.encode(np.zeros(4, dtype or np.uint8))
    except Exception as error:
        raise MetadataError(
            f"codec {spec.name!r} cannot encode elements of data type {dtype}: {error}"
        ) from error
    count = before.size.nbytes // dtype.itemsize if dtype is not None else before.size.nbytes
    decode = decoder(dtype or np.dtype(np.uint8), count)
    return Stage(
        after=Memory(before.size.compressed()),
        encode=guarded(spec.name, lambda memory: as_bytes(codec.encode(memory)), UsageError),
        decode=guarded(spec.name, decode, DecodeError),
    )


def _compiler(decoder: _Decoder) -> Callable[[CodecSpec, Any], Stage]:
    def compile_(spec: CodecSpec, before: Chunk | Memory) -> Stage:
        if isinstance(before, Memory):
            return _on_memory(spec, before, decoder)
        layout = memory_layout(before)
        numbers = _on_memory(spec, _memory(layout), decoder)

        def encode(array: NDArray) -> Buffer:
            encoded: Buffer = numbers.encode(layout.encode(array))
            return encoded

        def decode(data: Buffer) -> NDArray:
            decoded: NDArray = layout.decode(numbers.decode(data))
            return decoded

        return Stage(after=numbers.after, encode=encode, decode=decode)

    return compile_


def _memory(layout: Stage) -> Memory:
    assert isinstance(layout.after, Memory)
    return layout.after


PCODEC = Codec("array->bytes", _compiler(_pcodec_decoder))
ZFPY = Codec("array->bytes", _compiler(_zfpy_decoder))
