"""XXH32, the checksum of LZ4 streams, in pure Python: about 25 MB/s.

Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md. The four accumulators are
one big integer, a lane of 64 bits each: a product of 32 by 32 bits stays in its lane.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from azarr.typing import Buffer

_PRIME_1: Final = 0x9E3779B1
_PRIME_2: Final = 0x85EBCA77
_PRIME_3: Final = 0xC2B2AE3D
_PRIME_4: Final = 0x27D4EB2F
_PRIME_5: Final = 0x165667B1
_LOW: Final = 0xFFFFFFFF
_LANES: Final = _LOW | _LOW << 64 | _LOW << 128 | _LOW << 192
_STRIPE: Final = 16  # bytes: a 32-bit word for each of the four accumulators


def xxh32(data: Buffer, seed: int = 0) -> int:
    """The XXH32 of the data.

    Example:
        >>> hex(xxh32(b"abc"))
        '0x32d153ff'
    """
    view = memoryview(data).cast("B")
    whole = len(view) - len(view) % _STRIPE
    if whole:
        total = _converged(view[:whole], seed)
    else:
        total = seed + _PRIME_5
    total = (total + len(view)) & _LOW
    words = len(view) - len(view) % 4
    for start in range(whole, words, 4):
        word = int.from_bytes(view[start : start + 4], "little")
        total = _rotated(total + word * _PRIME_3, 17) * _PRIME_4 & _LOW
    for byte in view[words:]:
        total = _rotated(total + byte * _PRIME_5, 11) * _PRIME_1 & _LOW
    total = (total ^ total >> 15) * _PRIME_2 & _LOW
    total = (total ^ total >> 13) * _PRIME_3 & _LOW
    return total ^ total >> 16


def _rotated(value: int, bits: int) -> int:
    value &= _LOW
    return (value << bits | value >> 32 - bits) & _LOW


def _converged(stripes: memoryview, seed: int) -> int:
    starts = (seed + _PRIME_1 + _PRIME_2, seed + _PRIME_2, seed, seed - _PRIME_1)
    accumulators = sum((start & _LOW) << 64 * lane for lane, start in enumerate(starts))
    products = (np.frombuffer(stripes, "<u4") * np.uint32(_PRIME_2)).astype("<u8").tobytes()
    from_bytes, lanes, prime = int.from_bytes, _LANES, _PRIME_1
    for start in range(0, len(products), 32):
        accumulators += from_bytes(products[start : start + 32], "little")
        accumulators &= lanes
        accumulators = (accumulators << 13 | accumulators >> 19) & lanes
        accumulators = accumulators * prime & lanes
    rotations = (1, 7, 12, 18)
    return sum(_rotated(accumulators >> 64 * lane, bits) for lane, bits in enumerate(rotations))
