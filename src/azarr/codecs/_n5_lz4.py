"""N5's compression `lz4`: the LZ4Block stream of lz4-java; raw LZ4 blocks and LZ4 frames also read.

Java writes LZ4Block streams, z5 a raw LZ4 block, the Rust implementation an LZ4 frame. Sources:
https://github.com/lz4/lz4-java (LZ4BlockOutputStream) and
https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md.
"""

from __future__ import annotations

import struct
from typing import Any, Final

from azarr.codecs._configuration import integer, read
from azarr.codecs._stage import Codec, Memory, Stage, as_bytes
from azarr.codecs._xxhash import xxh32
from azarr.errors import ChecksumError, DecodeError, MetadataError
from azarr.model import CodecSpec
from azarr.typing import Buffer

_STREAM: Final = b"LZ4Block"
# magic, token (method and the exponent of the block size), compressed and decoded size, checksum
_BLOCK = struct.Struct("<8sBIII")
_STORED, _COMPRESSED = 0x10, 0x20
_SMALLEST, _LARGEST, _EXPONENT_BASE = 64, 2**25, 10
_SEED: Final = 0x9747B28C
_CHECKSUM_BITS: Final = 0x0FFFFFFF  # lz4-java hashes through java.util.zip.Checksum, and drops four

_FRAME: Final = b"\x04\x22\x4d\x18"
_FRAME_BLOCK_BYTES = {4: 2**16, 5: 2**18, 6: 2**20, 7: 2**22}
_STORED_FLAG: Final = 2**31
_WINDOW: Final = 64 * 1024

# LZ4_MAX_INPUT_SIZE of lz4.h
_MOST_BYTES: Final = 0x7E000000
_FIELDS = {"blockSize": integer(0, _LARGEST, default=65536)}


def _compile(spec: CodecSpec, before: Memory) -> Stage:
    if before.size.nbytes > _MOST_BYTES:
        raise MetadataError(
            f"codec {spec.name!r} holds at most {_MOST_BYTES} bytes, but a chunk has "
            f"{before.size.nbytes}; choose smaller chunks or another compressor"
        )
    block_bytes = read(spec, _FIELDS)["blockSize"]
    expected = before.size.nbytes

    def encode(memory: Any) -> Buffer:
        data = as_bytes(memory)
        # lz4-java refuses such a size. z5 writes its level there, and reads raw blocks only.
        return _compressed(data) if block_bytes < _SMALLEST else _stream(data, block_bytes)

    def decode(data: Buffer) -> Buffer:
        try:
            return _decoded(data, expected)
        except (RuntimeError, ValueError, struct.error, IndexError) as error:
            if isinstance(error, DecodeError | ChecksumError):
                raise
            raise DecodeError(f"codec {spec.name!r}: {error} ({len(data)} bytes)") from error

    return Stage(after=Memory(before.size.compressed()), encode=encode, decode=decode)


def _decoded(data: Buffer, expected: int) -> Buffer:
    view = memoryview(data)
    if bytes(view[:8]) == _STREAM:
        decoded = _read_stream(view, expected)
    elif bytes(view[:4]) == _FRAME:
        decoded = _read_frame(view, expected)
    else:
        return _inflate(view, expected)
    if len(decoded) != expected:
        raise ValueError(f"it holds {len(decoded)} bytes, but a chunk has {expected}")
    return decoded


def _compressed(data: Buffer) -> bytes:
    from numcodecs import lz4

    return bytes(lz4.compress(data)[4:])  # numcodecs puts the size first


def _inflate(block: Buffer, nbytes: int) -> bytes:
    """Decode a raw LZ4 block of `nbytes`; RuntimeError or ValueError if it has more or less."""
    from numcodecs import lz4

    return bytes(lz4.decompress(b"".join((nbytes.to_bytes(4, "little"), block))))


def _stream(data: Buffer, block_bytes: int) -> bytes:
    exponent = max((block_bytes - 1).bit_length() - _EXPONENT_BASE, 0)
    view = memoryview(data)
    parts = []
    for start in range(0, len(view), block_bytes):
        block = view[start : start + block_bytes]
        packed: Buffer = _compressed(block)
        method = _COMPRESSED
        if len(packed) >= len(block):
            packed, method = block, _STORED
        checksum = xxh32(block, _SEED) & _CHECKSUM_BITS
        parts += [
            _BLOCK.pack(_STREAM, method | exponent, len(packed), len(block), checksum),
            packed,
        ]
    parts.append(_BLOCK.pack(_STREAM, _STORED | exponent, 0, 0, 0))
    return b"".join(parts)


def _read_stream(view: memoryview, expected: int) -> bytes:
    decoded = bytearray()
    position, nbytes = 0, -1
    while nbytes:
        magic, token, packed, nbytes, checksum = _BLOCK.unpack_from(view, position)
        position += _BLOCK.size
        block = view[position : position + packed]
        position += packed
        method, most = token & 0xF0, 1 << (token & 0x0F) + _EXPONENT_BASE
        if (
            magic != _STREAM
            or method not in (_STORED, _COMPRESSED)
            or nbytes > most
            or len(block) != packed
            or (method == _STORED and packed != nbytes)
        ):
            raise ValueError(f"its block before byte {position} is damaged or cut off")
        if len(decoded) + nbytes > expected:
            raise ValueError(f"it holds more than {expected} bytes")
        part = bytes(block) if method == _STORED else _inflate(block, nbytes)
        if nbytes and xxh32(part, _SEED) & _CHECKSUM_BITS != checksum:
            raise ChecksumError(f"codec 'n5.lz4': wrong checksum of the block before {position}")
        decoded += part
    if position != len(view):
        raise ValueError(f"{len(view) - position} bytes follow its end")
    return bytes(decoded)


def _read_frame(view: memoryview, expected: int) -> bytes:
    flags, descriptor = view[4], view[5]
    position = 6 + 8 * (flags >> 3 & 1) + 4 * (flags & 1)
    most = _FRAME_BLOCK_BYTES.get(descriptor >> 4 & 7, 0)
    if flags >> 6 != 1 or not most or flags & 1:
        raise ValueError(
            f"its header {bytes(view[4:6]).hex()} is not of an LZ4 frame without dictionary"
        )
    _verify(view[4:position], view[position] << 8, "header", 0xFF00)
    position += 1
    linked, block_checksum, content_checksum = not flags & 32, flags & 16, flags & 4
    decoded = bytearray()
    while True:
        size = _word(view, position)
        position += 4
        if not size:
            break
        stored, size = size & _STORED_FLAG, size & ~_STORED_FLAG
        block = view[position : position + size]
        position += size
        if len(block) != size:
            raise ValueError("it is cut off")
        if block_checksum:
            _verify(block, _word(view, position), "block")
            position += 4
        nbytes = min(most, expected - len(decoded))
        if stored:
            if size > nbytes:
                raise ValueError(f"it holds more than {expected} bytes")
            decoded += block
        else:
            decoded += _inflate_after(decoded[-_WINDOW:] if linked else b"", block, nbytes)
    if content_checksum:
        _verify(decoded, _word(view, position), "content")
        position += 4
    if position != len(view):
        raise ValueError(f"{len(view) - position} bytes follow its end")
    return bytes(decoded)


def _word(view: memoryview, position: int) -> int:
    (value,) = struct.unpack_from("<I", view, position)
    return int(value)


def _verify(data: Buffer, expected: int, what: str, bits: int = 0xFFFFFFFF) -> None:
    if xxh32(data) & bits != expected:
        raise ChecksumError(f"codec 'n5.lz4': wrong checksum of the {what} of the LZ4 frame")


def _inflate_after(window: Buffer, block: memoryview, nbytes: int) -> bytes:
    """A block whose matches may reach back into `window`.

    The library takes no dictionary. So the window becomes part of the block, as literals put
    before those of its first sequence.
    """
    if not window:
        return _inflate(block, nbytes)
    literals, position = block[0] >> 4, 1
    if literals == 15:
        while block[position] == 255:
            literals, position = literals + 255, position + 1
        literals, position = literals + block[position], position + 1
    count = len(window) + literals
    length = bytes([count << 4]) if count < 15 else b"\xf0" + b"\xff" * ((count - 15) // 255)
    if count >= 15:
        length += bytes([(count - 15) % 255])
    joined = bytes([length[0] | block[0] & 15]) + length[1:] + bytes(window) + block[position:]
    return _inflate(joined, len(window) + nbytes)[len(window) :]


LZ4 = Codec("bytes->bytes", _compile)
