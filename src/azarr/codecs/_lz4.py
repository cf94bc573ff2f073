"""numcodecs' `LZ4`: a raw LZ4 block after its decoded size as a little-endian u32."""

from __future__ import annotations

from typing import Any, Final

from azarr.codecs._configuration import integer, read
from azarr.codecs._stage import Codec, Memory, Stage
from azarr.errors import DecodeError, MetadataError
from azarr.model import CodecSpec
from azarr.typing import Buffer, NDArray

_FIELDS = {"acceleration": integer(-(2**31), 2**31 - 1, default=1)}
# LZ4_MAX_INPUT_SIZE of lz4.h
_MOST_BYTES: Final = 0x7E000000


def _compile(spec: CodecSpec, before: Memory) -> Stage:
    from numcodecs import lz4

    if before.size.exact and before.size.nbytes > _MOST_BYTES:
        raise MetadataError(
            f"codec {spec.name!r} holds at most {_MOST_BYTES} bytes, but a chunk has "
            f"{before.size.nbytes}; choose smaller chunks or another compressor"
        )
    acceleration = read(spec, _FIELDS)["acceleration"]
    name, size = spec.name, before.size
    compress, decompress = lz4.compress, lz4.decompress

    def encode(memory: Any) -> Buffer:
        return compress(memory, acceleration)  # type: ignore[no-any-return]

    def decode(data: Buffer, out: NDArray | None = None) -> Buffer:
        nbytes = int.from_bytes(data[:4], "little")
        if not size.allows(nbytes, len(data)):
            raise DecodeError(
                f"codec {name!r}: the header says {nbytes} bytes, but a chunk has {size} "
                f"({len(data)} bytes are stored)"
            )
        try:
            return decompress(data, out)  # type: ignore[no-any-return]
        except (RuntimeError, ValueError) as error:
            raise DecodeError(f"codec {name!r}: {error} ({len(data)} bytes)") from error

    return Stage(after=Memory(size.compressed()), encode=encode, decode=decode, decode_into=decode)


LZ4 = Codec("bytes->bytes", _compile, shared=True)
