"""Zstandard: the v3 codec `zstd` and numcodecs' `Zstd`.

A frame may keep its decoded size to itself, and one header may promise terabytes; what decoding
will take is therefore read off the frame and block headers first. Source of the format: RFC 8878.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from azarr.codecs._configuration import integer, one_of, read
from azarr.codecs._stage import Codec, Memory, Size, Stage
from azarr.errors import DecodeError
from azarr.model import CodecSpec
from azarr.typing import Buffer, NDArray

_FIELDS = {"level": integer(-131072, 22, default=0), "checksum": one_of(False, True, default=False)}

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"  # bytes 1..4 of the magic; byte 0 is 0x50 to 0x5f
_DICTIONARY_ID_BYTES = (0, 1, 2, 4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_MOST_BLOCK_BYTES: Final = 128 * 1024
_RAW, _REPEATED, _COMPRESSED = 0, 1, 2


def _compile(spec: CodecSpec, before: Memory) -> Stage:
    from numcodecs import zstd

    settings = read(spec, _FIELDS)
    level, checksum = settings["level"], settings["checksum"]
    compress = zstd.compress

    def encode(memory: Any) -> Buffer:
        return compress(memory, level, checksum)  # type: ignore[no-any-return]

    after = Memory(before.size.compressed())
    if not before.size.exact:
        return Stage(after=after, encode=encode, decode=_bounded(spec.name, before.size))

    nbytes = before.size.nbytes
    decode_into = _exact(spec.name, nbytes)

    def decode(data: Buffer) -> Buffer:
        out = np.empty(nbytes, np.uint8)
        decode_into(data, out)
        return out.data

    return Stage(after=after, encode=encode, decode=decode, decode_into=decode_into)


def _exact(name: str, nbytes: int) -> Callable[[Buffer, NDArray], None]:
    from numcodecs import zstd

    decompress = zstd.decompress

    def decode_into(data: Buffer, out: NDArray) -> None:
        try:
            declared = _content_size(data, 0)[0]
            if declared is not None and declared != nbytes:
                # It may be the first of several frames.
                declared, _ = _frames(data)
                if declared != nbytes:
                    raise ValueError(f"it holds {declared} bytes, but a chunk has {nbytes}")
            # Given `out`, numcodecs refuses more than fits, and less where no size is declared.
            decompress(data, out)
        except _FOREIGN_ERRORS as error:
            raise DecodeError(f"codec {name!r}: {error} ({len(data)} bytes)") from error

    return decode_into


def _bounded(name: str, size: Size) -> Callable[[Buffer], Buffer]:
    from numcodecs import zstd

    decompress = zstd.decompress

    def decode(data: Buffer) -> Buffer:
        try:
            _, most = _frames(data)
            if not size.allows(most, len(data)):
                raise ValueError(
                    f"it holds up to {most} bytes, and a chunk may have {size.most(len(data))}"
                )
            return decompress(data)  # type: ignore[no-any-return]
        except _FOREIGN_ERRORS as error:
            raise DecodeError(f"codec {name!r}: {error} ({len(data)} bytes)") from error

    return decode


# IndexError: the headers end early. The others are numcodecs' and those raised above.
_FOREIGN_ERRORS = (RuntimeError, ValueError, IndexError)


def _content_size(data: Buffer, start: int) -> tuple[int | None, int, bool]:
    """Of the frame at `start`: declared size or None, where its blocks start, has it a checksum."""
    if bytes(data[start : start + 4]) != _MAGIC:
        raise ValueError("no zstd frame")
    descriptor = data[start + 4]
    single_segment = descriptor >> 5 & 1
    position = start + 5 + (1 - single_segment) + _DICTIONARY_ID_BYTES[descriptor & 3]
    width = _CONTENT_SIZE_BYTES[descriptor >> 6] or single_segment
    field = data[position : position + width]
    if len(field) < width:
        raise IndexError("the frame header is incomplete")
    declared = int.from_bytes(field, "little") + (256 if width == 2 else 0)
    return declared if width else None, position + width, bool(descriptor & 4)


def _frames(data: Buffer) -> tuple[int | None, int]:
    """Declared size of all frames together (None: not all say), and the most they can decode to."""
    declared: int | None = 0
    most = position = 0
    while position < len(data):
        if bytes(data[position + 1 : position + 4]) == _SKIPPABLE and data[position] >> 4 == 5:
            position += 8 + int.from_bytes(data[position + 4 : position + 8], "little")
            continue
        size, position, has_checksum = _content_size(data, position)
        frame_most, position = _blocks(data, position)
        position += 4 * has_checksum
        declared = None if size is None or declared is None else declared + size
        most += frame_most if size is None else size
    if position != len(data):
        raise ValueError("it is cut off")
    return declared, most


def _blocks(data: Buffer, position: int) -> tuple[int, int]:
    """The most that the blocks starting at `position` decode to, and where they end."""
    most, last = 0, False
    while not last:
        header = data[position] | data[position + 1] << 8 | data[position + 2] << 16
        last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        most += _MOST_BLOCK_BYTES if kind == _COMPRESSED else size
        position += 3 + (1 if kind == _REPEATED else size)
    return most, position


ZSTD = Codec("bytes->bytes", _compile)
