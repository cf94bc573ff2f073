"""The registered v3 codecs on bits: `packbits` (array->bytes) and `bitround` (array->array).

Source: zarr-extensions, codecs/packbits and codecs/bitround.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from azarr.codecs._configuration import Field, integer, one_of, read
from azarr.codecs._stage import Chunk, Codec, Memory, Size, Stage, need_chunk
from azarr.errors import DecodeError, MetadataError
from azarr.model import CodecSpec, in_memory_order, part_of, small_type
from azarr.typing import Buffer, NDArray

_BIT = Field(
    "a bit number of the data type or null",
    lambda value: value is None or (type(value) is int and value >= 0),
    None,
)
_PACKBITS_FIELDS = {
    "padding_encoding": one_of("none", "first_byte", "last_byte", default="none"),
    "first_bit": _BIT,
    "last_bit": _BIT,
}


def _compile_packbits(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    settings = read(spec, _PACKBITS_FIELDS)
    component = _component(spec, chunk.dtype)
    small = small_type(chunk.dtype)
    highest = _highest_bit(component) if small is None else small.bits - 1
    signed = component.kind == "i" or chunk.dtype.name in ("int2", "int4")
    first, last = _bit_range(spec, chunk.dtype, highest, settings)
    bits = (chunk.nbytes // component.itemsize) * (last - first + 1)
    nbytes = -(-bits // 8)
    padding = bytes([8 * nbytes - bits])
    head = padding if settings["padding_encoding"] == "first_byte" else b""
    tail = padding if settings["padding_encoding"] == "last_byte" else b""
    total = len(head) + nbytes + len(tail)

    def encode(array: NDArray) -> Buffer:
        unpacked = _to_bits(np.ascontiguousarray(array).view(component), component)
        kept = unpacked[:, first : last + 1]
        return head + np.packbits(kept, bitorder="little").tobytes() + tail

    def decode(data: Buffer) -> NDArray:
        if len(data) != total:
            raise DecodeError(f"codec {spec.name!r}: {len(data)} bytes where {total} are expected")
        body = memoryview(data)[len(head) : len(head) + nbytes]
        if (head and data[0] != head[0]) or (tail and data[-1] != tail[0]):
            raise DecodeError(f"codec {spec.name!r}: it does not have {padding[0]} padding bits")
        flat = np.unpackbits(np.frombuffer(body, np.uint8), count=bits, bitorder="little")
        values = _from_bits(flat.reshape(-1, last - first + 1), component, first, signed)
        if small is not None:  # in memory, bits beyond those of the data type are zero
            values = values & component.type((1 << small.bits) - 1)
        return values.view(chunk.dtype).reshape(chunk.shape)

    return Stage(after=Memory(Size(total)), encode=encode, decode=decode)


def _component(spec: CodecSpec, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype whose bits are counted: half of a complex number, the number itself otherwise."""
    small = small_type(dtype)
    if small is not None:
        return np.dtype(f"u{2 if small.bits > 8 else 1}")
    if dtype.kind == "c":
        return np.dtype(f"{dtype.byteorder}f{dtype.itemsize // 2}")
    if dtype.kind not in "biuf":
        raise MetadataError(f"codec {spec.name!r} packs booleans and numbers, not {dtype}")
    return dtype


def _highest_bit(component: np.dtype[Any]) -> int:
    return 0 if component.kind == "b" else 8 * component.itemsize - 1


def _bit_range(
    spec: CodecSpec, dtype: np.dtype[Any], highest: int, settings: Mapping[str, int | None]
) -> tuple[int, int]:
    first, last = settings["first_bit"], settings["last_bit"]
    first = 0 if first is None else first
    last = highest if last is None else last
    if not first <= last <= highest:
        raise MetadataError(
            f"codec {spec.name!r}: bits {first} to {last} are not a range within 0 to {highest}, "
            f"the bits of {dtype}"
        )
    return first, last


def _to_bits(array: NDArray, component: np.dtype[Any]) -> NDArray:
    """One row of bits per component, least significant first."""
    stored = array.astype(component.newbyteorder("<"), copy=False).reshape(-1, 1)
    rows = stored.view(np.uint8)
    return rows if component.kind == "b" else np.unpackbits(rows, axis=1, bitorder="little")


def _from_bits(rows: NDArray, component: np.dtype[Any], first: int, signed: bool) -> NDArray:
    if component.kind == "b":
        return rows.astype(bool).reshape(-1)
    width = 8 * component.itemsize
    full = np.zeros((len(rows), width), np.uint8)
    full[:, first : first + rows.shape[1]] = rows
    if signed:  # the highest stored bit is the sign
        full[:, first + rows.shape[1] :] = rows[:, -1:]
    packed = np.packbits(full, axis=1, bitorder="little")
    return packed.view(component.newbyteorder("<")).reshape(-1).astype(component, copy=False)


_MANTISSA_BITS = {"float16": 10, "float32": 23, "float64": 52, "bfloat16": 7}


def _compile_bitround(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    keep = read(spec, {"keepbits": integer(1, 64)})["keepbits"]
    return Stage(after=chunk, encode=_rounder(spec, chunk, keep), decode=lambda array: array)


def _rounder(spec: CodecSpec, chunk: Chunk, keep: int) -> Callable[[NDArray], NDArray]:
    dtype = chunk.dtype
    part = _float_part(dtype)
    if part.name in _MANTISSA_BITS:
        return lambda array: _round_floats(np.ascontiguousarray(array), part, keep)
    if dtype.kind in "iu":
        return lambda array: _round_integers(array, keep)
    if dtype.kind in "mM":
        return lambda array: _round_integers(array.view(np.int64), keep).view(dtype)
    raise MetadataError(f"codec {spec.name!r} rounds numbers and times, not {dtype}")


def _float_part(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the parts of a complex number, any other dtype as it is; in memory order."""
    small = small_type(dtype)
    if small is not None:
        return part_of(dtype) if small.family == "small complex" else dtype
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype.newbyteorder("=")


def _round_floats(array: NDArray, component: np.dtype[Any], keep: int) -> NDArray:
    """Keep `keep` bits of the mantissa, ties to even; infinities and NaN stay what they are."""
    mantissa = _MANTISSA_BITS[component.name]
    if mantissa <= keep:
        return array
    native = in_memory_order(array.dtype)
    values = array.astype(native).reshape(-1).view(component)
    bits = values.view(f"u{component.itemsize}")
    one, dropped = bits.dtype.type(1), bits.dtype.type(mantissa - keep)
    half = (one << (dropped - one)) - one
    rounded = (bits + half + (bits >> dropped & one)) >> dropped << dropped
    np.copyto(bits, rounded, where=np.isfinite(values))
    return values.view(native).reshape(array.shape).astype(array.dtype)


def _round_integers(array: NDArray, keep: int) -> NDArray:
    """Keep `keep` bits from the highest one set, ties to even; what would overflow is cut off.

    The sign is kept beside the magnitude, so that -1 stays -1.
    """
    native = array.astype(array.dtype.newbyteorder("="))
    # abs() of the lowest integer overflows to itself, which as an unsigned number is right.
    bits = np.abs(native).view(f"u{native.dtype.itemsize}") if native.dtype.kind == "i" else native
    length = sum((bits >> bit != 0).astype(bits.dtype) for bit in range(8 * native.dtype.itemsize))
    one = bits.dtype.type(1)
    dropped = np.where(length > keep, length - bits.dtype.type(keep), 0).astype(bits.dtype)
    half = np.where(dropped > 0, (one << np.maximum(dropped, 1) - one) - one, 0).astype(bits.dtype)
    kept = bits >> dropped << dropped
    rounded = (
        np.where(dropped > 0, bits + half + (bits >> dropped & one), bits) >> dropped << dropped
    )
    rounded = np.where((rounded < kept) | (rounded > np.iinfo(native.dtype).max), kept, rounded)
    signed = rounded.view(native.dtype)
    result: NDArray = np.where(native < 0, -signed, signed).astype(array.dtype)
    return result


PACKBITS = Codec("array->bytes", _compile_packbits)
BITROUND = Codec("array->array", _compile_bitround)
