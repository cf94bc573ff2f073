"""Every codec of numcodecs, and of packages that register with it, behind a `numcodecs.<id>` name.

Codecs whose decoded size can be computed have a rule here; what a codec without a rule makes is
checked only at the end of the pipeline, and its memory is its own affair. Codecs that have a
faster or a safer implementation are registered over this one (see the door of the package).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from azarr.codecs._stage import Chunk, Codec, Memory, Size, Stage, as_bytes
from azarr.errors import DecodeError, MetadataError, UnknownCodecError, UsageError
from azarr.model import CodecSpec, DataType, show
from azarr.typing import Buffer, NDArray

PREFIX = "numcodecs."


def make_numcodec(spec: CodecSpec) -> Any:
    """The numcodecs object for a `numcodecs.<id>` specification.

    Raises:
        UnknownCodecError: numcodecs does not know the id, or lacks the package it needs.
        MetadataError: the configuration is not what the codec takes.
    """
    import numcodecs.registry

    codec_id = spec.name.removeprefix(PREFIX)
    try:
        return numcodecs.registry.get_codec({**spec.configuration, "id": codec_id})
    except Exception as error:
        # numcodecs has raised ValueError for unknown ids, and its own error since 0.16.
        known = sorted({*numcodecs.registry.codec_registry, *numcodecs.registry.entries})
        if codec_id not in known:
            raise UnknownCodecError(
                f"unknown codec {spec.name!r}: numcodecs knows {', '.join(known)}"
                f"{_HINTS.get(codec_id, '')}"
            ) from error
        raise MetadataError(
            f"codec {spec.name!r}: configuration {show(dict(spec.configuration))} is refused: "
            f"{error}"
        ) from error


_HINTS = {
    "msgpack2": "; msgpack2 needs the package msgpack",
    "pcodec": "; pcodec needs the package pcodec",
    "zfpy": "; zfpy needs the package zfpy",
    "crc32c": "; crc32c needs the package google-crc32c",
}


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a codec on elements makes of them.

    Attributes:
        decoded: the attribute of the numcodecs object that is the decoded dtype; None: any dtype.
        encoded: the encoded dtype; None: as decoded.
        count: the number of encoded elements, from the number of decoded ones.
        default: a parameter that zarr-python fills in from the array when it is missing.
    """

    decoded: str | None = "dtype"
    encoded: str | None = "astype"
    count: Callable[[int], int] = int
    default: str | None = "dtype"


# packbits: a byte that says how many bits are padding, then 8 elements a byte.
_RULES = {
    "delta": _Rule(),
    "fixedscaleoffset": _Rule(),
    "quantize": _Rule(),
    "astype": _Rule("decode_dtype", "encode_dtype", default="decode_dtype"),
    "bitround": _Rule(None, None, default=None),
    "packbits": _Rule(None, None, lambda count: 1 + math.ceil(count / 8), default=None),
}


# They are numbers. Metadata may name longer ones, which would be made just to look at them.
_LARGEST_ELEMENT = 1024


def _encoded_dtype(codec: Any, rule: _Rule, before: np.dtype[Any]) -> np.dtype[Any]:
    if codec.codec_id == "packbits":
        return np.dtype(np.uint8)
    dtype: np.dtype[Any] = getattr(codec, rule.encoded) if rule.encoded else before
    return dtype


def _dtype(before: Chunk | Memory) -> np.dtype[Any]:
    return before.dtype if before.dtype is not None else np.dtype(np.uint8)


def _compile_elements(spec: CodecSpec, before: Any) -> Stage:
    """A codec that transforms elements: array->array in v3, one memory into another in v2."""
    rule = _RULES[spec.name.removeprefix(PREFIX)]
    dtype = _dtype(before)
    if rule.default and spec.configuration.get(rule.default) is None:
        spec = replace(spec, configuration={**spec.configuration, rule.default: dtype.str})
    codec = make_numcodec(spec)
    _probe(spec, codec, rule, before)
    encoded = _encoded_dtype(codec, rule, dtype)
    if isinstance(before, Memory):
        return _on_memory(spec, codec, rule, before, encoded)
    return _on_arrays(spec, codec, rule, before, encoded)


def _probe(spec: CodecSpec, codec: Any, rule: _Rule, before: Chunk | Memory) -> None:
    """Refuse elements that the codec cannot encode, before anything is written."""
    dtype = _dtype(before)
    decoded = getattr(codec, rule.decoded) if rule.decoded else dtype
    for each in (decoded, _encoded_dtype(codec, rule, dtype)):
        if not 0 < each.itemsize <= _LARGEST_ELEMENT:
            raise MetadataError(
                f"codec {spec.name!r}: elements of {each.itemsize} bytes; it has 1 to "
                f"{_LARGEST_ELEMENT}"
            )
    # numcodecs reinterprets memory: two 4-byte elements as one of 8, anything as packed booleans.
    if codec.codec_id == "packbits":
        fits = dtype.kind == "b"
    elif isinstance(before, Memory):
        fits = not before.size.exact or before.size.nbytes % decoded.itemsize == 0
    else:
        fits = decoded.itemsize == dtype.itemsize
    problem: object = "their sizes differ"
    if fits:
        try:
            codec.encode(np.zeros(decoded.itemsize, dtype))
        except Exception as error:
            problem = error
        else:
            return
    raise MetadataError(
        f"codec {spec.name!r} with configuration {dict(spec.configuration)} cannot encode "
        f"elements of data type {dtype.str!r}: {problem}"
    )


def _on_memory(
    spec: CodecSpec, codec: Any, rule: _Rule, before: Memory, encoded: np.dtype[Any]
) -> Stage:
    decoded = getattr(codec, rule.decoded) if rule.decoded else _dtype(before)
    count = rule.count(before.size.nbytes // decoded.itemsize)
    size = replace(before.size, nbytes=count * encoded.itemsize)
    encode_elements = guarded(spec.name, codec.encode, UsageError)

    def encode(memory: Any) -> Any:
        if isinstance(memory, np.ndarray) and not memory.flags.c_contiguous:
            # In F order; numcodecs' bitround would make it C, and decode to a transposed chunk.
            memory = memory.reshape(-1, order="A")
        return encode_elements(memory)

    return Stage(
        after=Memory(size, encoded),
        encode=encode,
        decode=_sized(spec.name, codec, before.size, size),
    )


def _on_arrays(
    spec: CodecSpec, codec: Any, rule: _Rule, chunk: Chunk, encoded: np.dtype[Any]
) -> Stage:
    count = rule.count(chunk.count)
    # zarr-python 3 flattens the chunk here; as the memory is the same, so may the shape stay.
    shape = chunk.shape if count == chunk.count else (count,)
    after = replace(chunk, data_type=DataType.of(encoded), shape=shape)
    encode_flat = guarded(spec.name, codec.encode, UsageError)
    decode_flat = guarded(spec.name, codec.decode, DecodeError)

    def encode(array: NDArray) -> NDArray:
        flat: NDArray = encode_flat(np.ascontiguousarray(array).reshape(-1))
        return flat.view(encoded).reshape(shape)

    def decode(array: NDArray) -> NDArray:
        flat: NDArray = decode_flat(np.ascontiguousarray(array).reshape(-1))
        if flat.nbytes != chunk.nbytes:
            raise DecodeError(
                f"codec {spec.name!r}: it decodes to {flat.nbytes} bytes instead of {chunk.nbytes}"
            )
        return flat.view(chunk.dtype).reshape(chunk.shape)

    return Stage(after=after, encode=encode, decode=decode)


def _compile_shuffle(spec: CodecSpec, before: Memory) -> Stage:
    codec = make_numcodec(spec)
    if before.size.exact and before.size.nbytes % max(codec.elementsize, 1):
        raise MetadataError(
            f"codec {spec.name!r}: a chunk of {before.size.nbytes} bytes is no multiple of "
            f"elementsize {codec.elementsize}"
        )
    return Stage(
        after=Memory(before.size),
        encode=_bytes_of(guarded(spec.name, codec.encode, UsageError)),
        decode=_sized(spec.name, codec, before.size, before.size),
    )


def _compile_any(spec: CodecSpec, before: Any) -> Stage:
    """A codec about which nothing is known."""
    codec = make_numcodec(spec)
    if isinstance(before, Chunk):
        raise MetadataError(
            f"codec {spec.name!r} turns bytes into bytes; it cannot stand where an array is encoded"
        )
    return Stage(
        after=Memory(before.size.compressed()),
        encode=_bytes_of(guarded(spec.name, codec.encode, UsageError)),
        decode=_sized(spec.name, codec, before.size, None),
    )


def _sized(
    name: str, codec: Any, decoded: Size, encoded: Size | None
) -> Callable[[Buffer], Buffer]:
    """Decode memory, checking the number of bytes that go in, where known, and come out."""
    run = guarded(name, codec.decode, DecodeError)

    def decode(data: Buffer) -> Buffer:
        if encoded is not None and not encoded.allows(len(data), len(data)):
            raise DecodeError(f"codec {name!r}: {len(data)} bytes where {encoded} are expected")
        result = as_bytes(run(data))
        if not decoded.allows(len(result), len(data)):
            raise DecodeError(
                f"codec {name!r}: it decodes to {len(result)} bytes instead of {decoded}"
            )
        return result

    return decode


def guarded(
    name: str, function: Callable[[Any], Any], raises: type[DecodeError | UsageError]
) -> Callable[[Any], Any]:
    """`function` of another library, with its errors mapped to one that names the codec."""

    def run(value: Any) -> Any:
        try:
            return function(value)
        except MemoryError:
            raise
        except Exception as error:
            raise raises(f"codec {name!r}: {error}") from error

    return run


def _bytes_of(encode: Callable[[Any], Any]) -> Callable[[Any], Buffer]:
    return lambda memory: as_bytes(encode(memory))


ANY = Codec("bytes->bytes", _compile_any)
ELEMENTS = Codec("array->array", _compile_elements)
SHUFFLE = Codec("bytes->bytes", _compile_shuffle)
