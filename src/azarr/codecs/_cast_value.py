"""The registered v3 codecs on the values of real numbers: `cast_value` and `scale_offset`.

What cannot be represented is an error in both directions, as their specifications ask for.
Source: zarr-extensions, codecs/cast_value and codecs/scale_offset.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from azarr.codecs._configuration import Field, one_of, read
from azarr.codecs._rounding import ROUNDINGS, NotRepresentable, Real, convert, real
from azarr.codecs._stage import Chunk, Codec, Stage, need_chunk
from azarr.errors import AzarrError, DecodeError, MetadataError, UsageError
from azarr.model import CodecSpec, DataType, fill_of_v3, parse_v3_data_type, small_type
from azarr.typing import NDArray


def _is_map(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"encode", "decode"}
        and all(
            isinstance(pairs, list)
            and all(isinstance(pair, list) and len(pair) == 2 for pair in pairs)
            for pairs in value.values()
        )
    )


_ANYTHING = Field("a JSON value", lambda value: True, None)
_CAST_FIELDS = {
    "data_type": Field("a Zarr v3 data type", lambda value: isinstance(value, str | dict)),
    "rounding": one_of(*ROUNDINGS, default="nearest-even"),
    "out_of_range": one_of("clamp", "wrap", default=None),
    "scalar_map": Field("an object with 'encode' and 'decode'", _is_map, None),
}
_SCALE_FIELDS = {"offset": _ANYTHING, "scale": _ANYTHING}

Pairs = Sequence[tuple[Any, Any]]


def _numbers(spec: CodecSpec, dtype: np.dtype[Any]) -> Real:
    found = real(dtype)
    if found is None:
        raise MetadataError(f"codec {spec.name!r} works on real numbers, not on {dtype}")
    return found


def _stage(
    spec: CodecSpec,
    chunk: Chunk,
    data_type: DataType,
    encode: Callable[[NDArray], NDArray],
    decode: Callable[[NDArray], NDArray],
) -> Stage:
    """The stage of two conversions, with the fill value converted as the elements are."""
    encoding = _guarded(spec, encode, UsageError)
    after = replace(chunk, data_type=data_type)
    if chunk.fill_value is not None:
        fill = np.full(1, chunk.fill_value, chunk.dtype)
        there = _guarded(spec, encode, MetadataError, "fill value: ")(fill)
        _guarded(spec, decode, MetadataError, "fill value: ")(there)
        after = replace(after, fill_value=there[0])
    return Stage(after=after, encode=encoding, decode=_guarded(spec, decode, DecodeError))


def _guarded(
    spec: CodecSpec,
    function: Callable[[NDArray], NDArray],
    error: type[AzarrError],
    what: str = "",
) -> Callable[[NDArray], NDArray]:
    def call(array: NDArray) -> NDArray:
        try:
            return function(np.ascontiguousarray(array).reshape(-1)).reshape(array.shape)
        except NotRepresentable as problem:
            raise error(f"codec {spec.name!r}: {what}{problem}") from problem

    return call


def _compile_cast(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    fields = read(spec, _CAST_FIELDS)
    data_type = parse_v3_data_type(fields["data_type"])
    here, there = _numbers(spec, chunk.dtype), _numbers(spec, data_type.dtype)
    rounding, beyond = fields["rounding"], fields["out_of_range"]
    if beyond == "wrap" and there.is_float:
        raise MetadataError(
            f"codec {spec.name!r}: out_of_range is 'wrap', which {data_type.dtype} cannot"
        )
    # Decoding to floats has nothing to wrap.
    back = None if beyond == "wrap" and here.is_float else beyond
    maps = fields["scalar_map"] or {}
    to = _pairs(maps.get("encode", ()), chunk.data_type, data_type)
    fro = _pairs(maps.get("decode", ()), data_type, chunk.data_type)
    return _stage(
        spec,
        chunk,
        data_type,
        lambda array: _cast(array, here, there, rounding, beyond, to),
        lambda array: _cast(array, there, here, rounding, back, fro),
    )


def _pairs(pairs: Sequence[Any], source: DataType, target: DataType) -> Pairs:
    return [(fill_of_v3(_plain(a), source), fill_of_v3(_plain(b), target)) for a, b in pairs]


def _plain(value: Any) -> Any:
    return "Infinity" if value == "+Infinity" else value  # so the specification's example has it


def _cast(
    array: NDArray, source: Real, target: Real, rounding: str, beyond: str | None, pairs: Pairs
) -> NDArray:
    if not pairs:
        return convert(array, source, target, rounding, beyond)
    mapped = np.zeros(array.shape, bool)
    values = np.zeros(array.shape, target.dtype)
    for key, value in pairs:
        found = np.isnan(array) if source.is_float and np.isnan(key) else array == key
        values[found & ~mapped] = value
        mapped |= found
    rest = ~mapped
    values[rest] = convert(array[rest], source, target, rounding, beyond)
    return values


def _compile_scale(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    numbers = _numbers(spec, chunk.dtype)
    fields = read(spec, _SCALE_FIELDS)
    offset = _scalar(fields["offset"], chunk.data_type, 0)
    scale = _scalar(fields["scale"], chunk.data_type, 1)
    if scale == 0:
        raise MetadataError(f"codec {spec.name!r}: scale is 0, which nothing can be divided by")
    encode, decode = (_on_floats if numbers.is_float else _on_integers)(numbers, offset, scale)
    return _stage(spec, chunk, chunk.data_type, encode, decode)


def _scalar(value: Any, data_type: DataType, default: int) -> Any:
    scalar = data_type.cast_fill(default) if value is None else fill_of_v3(value, data_type)
    return scalar.item()


def _on_floats(numbers: Real, offset: float, scale: float) -> tuple[Any, Any]:
    """Every step is rounded to the data type: NumPy computes in it, and ml_dtypes as if it did."""
    wide = numbers.dtype if small_type(numbers.dtype) is None else np.dtype(np.float32)

    def step(array: NDArray, result: NDArray) -> NDArray:
        lost = np.isfinite(array.astype(wide)) & ~(np.abs(result) <= numbers.high)
        if lost.any():
            raise NotRepresentable(f"a result is out of range in {numbers.dtype}")
        return result.astype(numbers.dtype)

    def encode(array: NDArray) -> NDArray:
        with np.errstate(all="ignore"):
            moved = step(array, array.astype(wide) - wide.type(offset))
            return step(moved, moved.astype(wide) * wide.type(scale))

    def decode(array: NDArray) -> NDArray:
        with np.errstate(all="ignore"):
            scaled = step(array, array.astype(wide) / wide.type(scale))
            return step(scaled, scaled.astype(wide) + wide.type(offset))

    return encode, decode


def _on_integers(numbers: Real, offset: int, scale: int) -> tuple[Any, Any]:
    """Only the ends have to be looked at: what lies between them stays there."""
    wide = numbers.dtype if numbers.dtype.kind in "iu" else np.dtype(np.int64)

    def check(*ends: int) -> None:
        for end in ends:
            if not numbers.low <= end <= numbers.high:
                raise NotRepresentable(f"{end} is out of range in {numbers.dtype}")

    def encode(array: NDArray) -> NDArray:
        values = array.astype(wide)
        if values.size:
            low, high = int(values.min()) - offset, int(values.max()) - offset
            check(low, high, low * scale, high * scale)
        return ((values - wide.type(offset)) * wide.type(scale)).astype(numbers.dtype)

    def decode(array: NDArray) -> NDArray:
        values = array.astype(wide)
        if values.size:
            low, high = int(values.min()) // scale, int(values.max()) // scale
            check(low, high, low + offset, high + offset)
        quotient, rest = np.divmod(values, wide.type(scale))
        if rest.any():
            raise NotRepresentable(f"an element is no multiple of {scale}")
        return (quotient + wide.type(offset)).astype(numbers.dtype)

    return encode, decode


CAST_VALUE = Codec("array->array", _compile_cast)
SCALE_OFFSET = Codec("array->array", _compile_scale)
