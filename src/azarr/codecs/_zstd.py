"""Zstandard: the v3 codec `zstd` and numcodecs' `Zstd`.

A frame may keep its decoded size to itself, and one header may promise terabytes; what decoding
will take is therefore read off the frame and block headers first. Source of the format: RFC 8878.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

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
_REPEATED, _COMPRESSED = 1, 2
# Blocks of frames that do not say their size are taken to be full.
_SLACK_BYTES: Final = 1024 * 1024
# IndexError: the headers end early. The others are numcodecs' and those raised below.
_FOREIGN_ERRORS = (RuntimeError, ValueError, IndexError)


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
    decode_frames = _bounded(name, Size(2 * nbytes + _SLACK_BYTES, exact=False))

    def decode_into(data: Buffer, out: NDArray) -> None:
        try:
            if bytes(data[:4]) == _MAGIC and _frame_header(data, 0).declared in (nbytes, None):
                # Given `out`, numcodecs refuses more than fits, and less where no size is declared.
                decompress(data, out)
                return
        except _FOREIGN_ERRORS as error:
            raise DecodeError(f"codec {name!r}: {error} ({len(data)} bytes)") from error
        decoded = decode_frames(data)
        if len(decoded) != nbytes:
            raise DecodeError(
                f"codec {name!r}: it holds {len(decoded)} bytes, but a chunk has {nbytes} "
                f"({len(data)} bytes are stored)"
            )
        out.reshape(-1, order="A").view(np.uint8)[:] = np.frombuffer(decoded, np.uint8)

    return decode_into


def _bounded(name: str, size: Size) -> Callable[[Buffer], Buffer]:
    """Decode any number of frames, once their headers promise no more than is allowed."""
    from numcodecs import zstd

    decompress = zstd.decompress

    def decode(data: Buffer) -> Buffer:
        try:
            frames = list(_frames(data))
            most = sum(frame.most for frame in frames)
            if not size.allows(most, len(data)):
                raise ValueError(
                    f"it holds up to {most} bytes, but {size.most(len(data))} are allowed"
                )
            view = memoryview(data)
            # numcodecs takes an empty frame for damage.
            parts = [decompress(view[each.start : each.stop]) for each in frames if each.most]
        except _FOREIGN_ERRORS as error:
            raise DecodeError(f"codec {name!r}: {error} ({len(data)} bytes)") from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    return decode


class _Frame(NamedTuple):
    """Where a frame (or the blocks of one) lies, its declared size, and the most it decodes to."""

    start: int
    stop: int
    declared: int | None
    most: int


def _frame_header(data: Buffer, start: int) -> _Frame:
    """The header of the frame at `start`; its `stop` is where the blocks begin."""
    descriptor = data[start + 4]
    single_segment = descriptor >> 5 & 1
    position = start + 5 + (1 - single_segment) + _DICTIONARY_ID_BYTES[descriptor & 3]
    width = _CONTENT_SIZE_BYTES[descriptor >> 6] or single_segment
    field = data[position : position + width]
    if len(field) < width:
        raise IndexError("the frame header is incomplete")
    declared = int.from_bytes(field, "little") + (256 if width == 2 else 0) if width else None
    return _Frame(start, position + width, declared, 0)


def _frames(data: Buffer) -> Iterator[_Frame]:
    """Every frame that is not there to be skipped."""
    position = 0
    while position < len(data):
        if bytes(data[position + 1 : position + 4]) == _SKIPPABLE and data[position] >> 4 == 5:
            position += 8 + int.from_bytes(data[position + 4 : position + 8], "little")
        elif bytes(data[position : position + 4]) == _MAGIC:
            header = _frame_header(data, position)
            most, stop = _blocks(data, header.stop)
            stop += 4 if data[position + 4] & 4 else 0  # a checksum
            declared = header.declared
            yield _Frame(position, stop, declared, most if declared is None else declared)
            position = stop
        else:
            raise ValueError(f"there is no zstd frame at byte {position}")
    if position != len(data):
        raise ValueError("it is cut off")


def _blocks(data: Buffer, position: int) -> tuple[int, int]:
    """The most that the blocks starting at `position` decode to, and where they end."""
    most, last = 0, False
    while not last:
        header = data[position] | data[position + 1] << 8 | data[position + 2] << 16
        last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        most += _MOST_BLOCK_BYTES if kind == _COMPRESSED else size
        position += 3 + (1 if kind == _REPEATED else size)
    return most, position


ZSTD = Codec("bytes->bytes", _compile, shared=True)
