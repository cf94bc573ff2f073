"""gzip, zlib, bz2 and lzma (xz): the compressors of the standard library.

Decoding asks for one byte more than a chunk may have and no further, so a bomb costs no more memory
than the chunk it pretends to be.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Protocol

from azarr.codecs._configuration import Field, integer, read
from azarr.codecs._stage import Codec, Memory, Stage, as_bytes
from azarr.errors import DecodeError, MetadataError
from azarr.model import CodecSpec
from azarr.typing import Buffer

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
# Later members of a stream are fed in pieces: each leaves a copy of what it has not used.
_PIECE: Final = 64 * 1024
# Above the dictionary of xz preset 9 (65 MiB); a header can ask for 4 GiB.
_LZMA_MEMORY: Final = 256 * 1024 * 1024


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: Buffer, max_length: int, /) -> bytes: ...


class _TooLong(ValueError):
    pass


def inflate(
    start: Callable[[], _Decompressor], data: Buffer, most: int, *, members: bool
) -> Buffer:
    """Decode one stream, or with `members` any number of them and zeros after the last.

    Raises:
        ValueError: more than `most` bytes come out, the stream is cut off, or something follows.
    """
    view = memoryview(data)
    parts: list[bytes] = []
    position, left, piece = 0, most + 1, len(view)
    while True:
        stream = start()
        while not stream.eof:
            fed = view[position : position + piece]
            part = stream.decompress(fed, left)
            left -= len(part)
            if left <= 0:
                raise _TooLong(f"it holds more than {most} bytes")
            if not len(fed):
                raise ValueError("it is cut off")
            if part:
                parts.append(part)
            position += len(fed) - len(stream.unused_data)
        piece = _PIECE
        if position == len(view):
            break
        if not members:
            raise ValueError(f"{len(view) - position} bytes follow its end")
        # As `gzip` does: padding with zeros is no member.
        if not view[position] and not any(view[position:]):
            break
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _stage(
    spec: CodecSpec,
    before: Memory,
    encode: Callable[[Any], Buffer],
    start: Callable[[], _Decompressor],
    *,
    members: bool,
) -> Stage:
    name, size = spec.name, before.size

    def decode(data: Buffer) -> Buffer:
        try:
            return inflate(start, data, size.most(len(data)), members=members)
        except MemoryError:
            raise
        except (
            Exception
        ) as error:  # zlib.error, lzma.LZMAError, OSError (bz2), EOFError, ValueError
            raise DecodeError(f"codec {name!r}: {error} ({len(data)} bytes)") from error

    return Stage(after=Memory(size.compressed()), encode=encode, decode=decode)


def _compile_zlib(window: int, default_level: int) -> Callable[[CodecSpec, Memory], Stage]:
    # -1 is zlib's own default (6); numcodecs and N5 write it.
    fields = {"level": integer(-1, 9, default=default_level)}

    def compile_(spec: CodecSpec, before: Memory) -> Stage:
        level = read(spec, fields)["level"]

        def encode(memory: Any) -> Buffer:
            # The time stamp of a gzip header stays 0, so the same chunk gives the same bytes.
            return zlib.compress(as_bytes(memory), level, window)

        def start() -> _Decompressor:
            return zlib.decompressobj(window)

        return _stage(spec, before, encode, start, members=window == _GZIP_WINDOW)

    return compile_


def _compile_bz2(spec: CodecSpec, before: Memory) -> Stage:
    import bz2

    level = read(spec, {"level": integer(1, 9, default=1)})["level"]

    def encode(memory: Any) -> Buffer:
        return bz2.compress(as_bytes(memory), level)

    return _stage(spec, before, encode, bz2.BZ2Decompressor, members=True)


@lru_cache(64)
def _try_lzma(settings: str) -> None:
    """Raise for settings (JSON) that lzma refuses. Trying takes 0.1 GB, so each is tried once."""
    import lzma

    lzma.LZMACompressor(**json.loads(settings))


def _compile_lzma(spec: CodecSpec, before: Memory) -> Stage:
    import lzma

    settings = read(spec, _LZMA_FIELDS)
    filters, format_ = settings["filters"], settings["format"]
    # A raw stream has no header that could ask for memory, and takes no limit.
    limit = None if format_ == lzma.FORMAT_RAW else _LZMA_MEMORY

    def encode(memory: Any) -> Buffer:
        return lzma.compress(as_bytes(memory), **settings)

    def start() -> _Decompressor:
        return lzma.LZMADecompressor(format_, limit, filters)

    try:
        _try_lzma(json.dumps(settings))
        start()
    except (lzma.LZMAError, ValueError, TypeError) as error:
        raise MetadataError(f"codec {spec.name!r}: {error}; configuration {settings}") from error
    return _stage(spec, before, encode, start, members=format_ != lzma.FORMAT_RAW)


def _optional(kind: type, allowed: str, default: Any) -> Field:
    return Field(f"{allowed} or null", lambda value: value is None or type(value) is kind, default)


_LZMA_FIELDS = {
    "format": integer(1, 3, default=1),
    "check": integer(-1, 15, default=-1),
    "preset": _optional(int, "an integer", None),
    "filters": _optional(list, "a list of filter chains", None),
}

GZIP = Codec("bytes->bytes", _compile_zlib(_GZIP_WINDOW, default_level=5), shared=True)
NUMCODECS_GZIP = Codec("bytes->bytes", _compile_zlib(_GZIP_WINDOW, default_level=1), shared=True)
NUMCODECS_ZLIB = Codec("bytes->bytes", _compile_zlib(zlib.MAX_WBITS, default_level=1), shared=True)
NUMCODECS_BZ2 = Codec("bytes->bytes", _compile_bz2, shared=True)
NUMCODECS_LZMA = Codec("bytes->bytes", _compile_lzma, shared=True)
