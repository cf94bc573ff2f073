"""Checksums of 4 bytes, little-endian, before or after the bytes they are of.

The v3 codec `crc32c`, and numcodecs' crc32, crc32c, adler32, fletcher32 and jenkins_lookup3. A
wrong checksum is a `ChecksumError`; decoding returns a view.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from azarr.codecs._configuration import one_of, read
from azarr.codecs._numcodecs import make_numcodec
from azarr.codecs._stage import Codec, Memory, Stage, as_bytes
from azarr.errors import ChecksumError, DecodeError
from azarr.model import CodecSpec
from azarr.typing import Buffer

Checksum: TypeAlias = Callable[[Buffer], int]
Location: TypeAlias = Literal["start", "end"]

_WIDTH: Final = 4
# CRC-32C (Castagnoli), reflected: RFC 3720, appendix B.4
_CASTAGNOLI: Final = 0x82F63B78


@cache
def crc32c_function() -> Checksum:
    """The fastest CRC-32C there is: `google_crc32c` or `crc32c` if installed, else a table.

    The table takes about 0.1 us a byte, the packages 0.1 ns; a shard index rarely has more than
    a few kilobytes.
    """
    try:
        value = import_module("google_crc32c").value
    except ImportError:
        pass
    else:
        # It takes bytes or an ndarray, but no memoryview.
        return lambda data: value(np.frombuffer(data, np.uint8))
    try:
        function: Checksum = import_module("crc32c").crc32c
    except ImportError:
        return _crc32c_by_table
    return function


def _crc32c_by_table(data: Buffer) -> int:
    table = _crc32c_table()
    crc = 0xFFFFFFFF
    for byte in as_bytes(data):
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


@cache
def _crc32c_table() -> tuple[int, ...]:
    def entry(value: int) -> int:
        for _ in range(8):
            value = value >> 1 ^ (_CASTAGNOLI if value & 1 else 0)
        return value

    return tuple(map(entry, range(256)))


def _stage(spec: CodecSpec, before: Memory, checksum: Checksum, location: Location) -> Stage:
    name, size = spec.name, before.size
    allows = size.allows
    at_start = location == "start"

    def encode(memory: Any) -> Buffer:
        body = as_bytes(memory)
        stored = checksum(body).to_bytes(_WIDTH, "little")
        return b"".join((stored, body) if at_start else (body, stored))

    def decode(data: Buffer) -> Buffer:
        if len(data) <= _WIDTH or not allows(len(data) - _WIDTH, len(data)):
            raise DecodeError(
                f"codec {name!r}: {len(data)} bytes, but {size} and a checksum are expected"
            )
        view = memoryview(data)
        body, stored = (
            (view[_WIDTH:], view[:_WIDTH]) if at_start else (view[:-_WIDTH], view[-_WIDTH:])
        )
        expected, found = int.from_bytes(stored, "little"), checksum(body)
        if expected != found:
            raise ChecksumError(
                f"codec {name!r}: the stored checksum is {expected:#010x}, that of the "
                f"{len(body)} bytes is {found:#010x}"
            )
        return body

    return Stage(after=Memory(size.plus(_WIDTH)), encode=encode, decode=decode)


def _with_location(function: Callable[[], Checksum], default: Location) -> Codec:
    fields = {"location": one_of("start", "end", default=default)}

    def compile_(spec: CodecSpec, before: Memory) -> Stage:
        return _stage(spec, before, function(), read(spec, fields)["location"])

    return Codec("bytes->bytes", compile_)


def _compile_crc32c(spec: CodecSpec, before: Memory) -> Stage:
    read(spec, {})
    return _stage(spec, before, crc32c_function(), "end")


def _compile_appended(spec: CodecSpec, before: Memory) -> Stage:
    # numcodecs exposes fletcher32 and jenkins_lookup3 as whole codecs, which append the checksum.
    codec = make_numcodec(spec)

    def checksum(body: Buffer) -> int:
        return int.from_bytes(bytes(codec.encode(body)[-_WIDTH:]), "little")

    return _stage(spec, before, checksum, "end")


CRC32C = Codec("bytes->bytes", _compile_crc32c, shared=True)
NUMCODECS_CRC32C = _with_location(crc32c_function, "end")
NUMCODECS_CRC32 = _with_location(lambda: zlib.crc32, "start")
NUMCODECS_ADLER32 = _with_location(lambda: zlib.adler32, "start")
NUMCODECS_APPENDED = Codec("bytes->bytes", _compile_appended)
