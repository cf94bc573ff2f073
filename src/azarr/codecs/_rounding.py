"""Numbers of one data type as numbers of another: every rounding, every way out of range. Pure.

The rules are those of the registered codec `cast_value`. A float is worked on as a float64, which
holds those of every narrower type exactly; an integer of 64 bits stays one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from azarr.model import number_range, small_type
from azarr.typing import NDArray

ROUNDINGS = ("nearest-even", "towards-zero", "towards-positive", "towards-negative", "nearest-away")


class NotRepresentable(ValueError):
    """A number that the rules have no number for."""


@dataclass(frozen=True, slots=True)
class Real:
    """What a data type of real numbers can hold.

    Attributes:
        low, high: the finite numbers at its ends.
        bits: of its two's complement; 0 for a float.
    """

    dtype: np.dtype[Any]
    low: Any
    high: Any
    bits: int
    has_nan: bool = False
    has_infinity: bool = False

    @property
    def is_float(self) -> bool:
        return not self.bits


def real(dtype: np.dtype[Any]) -> Real | None:
    """What a dtype can hold; None: it is not one of real numbers."""
    small = small_type(dtype)
    if small is not None and small.family == "small integer":
        return Real(dtype, *number_range(dtype), bits=small.bits)
    if small is not None and small.family == "small float":
        with np.errstate(all="ignore"):
            infinite = np.array(np.inf).astype(dtype).astype(np.float64)
        return Real(dtype, *number_range(dtype), 0, small.nan is not None, bool(np.isinf(infinite)))
    if dtype.kind in "iu":
        integers = np.iinfo(dtype)
        return Real(dtype, int(integers.min), int(integers.max), integers.bits)
    if small is None and dtype.kind == "f":
        floats = np.finfo(dtype)
        return Real(dtype, float(floats.min), float(floats.max), 0, True, True)
    return None


def convert(
    array: NDArray, source: Real, target: Real, rounding: str, out_of_range: str | None
) -> NDArray:
    """The numbers of an array of the source's dtype in that of the target.

    Raises:
        NotRepresentable: a number is out of range and that is not provided for, or is a NaN or an
            infinity that the target does not have.
    """
    if not target.is_float:
        if source.is_float:
            return _float_to_integer(array.astype(np.float64), target, rounding, out_of_range)
        return _integer_to_integer(_wide(array), source, target, out_of_range)
    exact: NDArray = array.astype(np.float64) if source.is_float else _wide(array)
    if not source.is_float and source.bits > 53:
        exact = exact.astype(object)  # Python compares its integers with floats exactly
    return _to_float(exact, target, rounding, out_of_range)


def _wide(array: NDArray) -> NDArray:
    return array if array.dtype.kind in "iu" else array.astype(np.int64)


def _integer_to_integer(
    array: NDArray, source: Real, target: Real, out_of_range: str | None
) -> NDArray:
    if out_of_range == "wrap":
        return _wrapped(array.astype(np.uint64), target)
    low, high = max(source.low, target.low), min(source.high, target.high)
    if out_of_range == "clamp":
        return np.clip(array, low, high).astype(target.dtype)
    outside = (array < low) | (array > high)
    _refuse(array, outside, target, "is out of range")
    return array.astype(target.dtype)


def _wrapped(bits: NDArray, target: Real) -> NDArray:
    """The lowest bits of 64, as two's complement where the target has negative numbers."""
    mask, sign = np.uint64(2**target.bits - 1), np.uint64(2 ** (target.bits - 1))
    low = bits & mask
    if target.low < 0:
        low = ((low ^ sign) - sign).view(np.int64)
    return low.astype(target.dtype)


def _float_to_integer(
    array: NDArray, target: Real, rounding: str, out_of_range: str | None
) -> NDArray:
    _refuse(array, ~np.isfinite(array), target, "has no integer")
    whole = _WHOLE[rounding](array)
    # Both are powers of two, or zero: exact also where the highest integer is not.
    below, above = whole < float(target.low), whole >= float(target.high + 1)
    if out_of_range is None:
        _refuse(array, below | above, target, "is out of range")
    if out_of_range == "wrap":
        rest = np.fmod(whole, 2.0**64)
        size = np.abs(rest).astype(np.uint64)
        return _wrapped(np.where(rest < 0, np.uint64(0) - size, size), target)
    inside = np.where(below | above, 0, whole)
    wide = np.uint64 if target.high > 2**63 else np.int64
    result = inside.astype(wide).astype(target.dtype)
    result[below] = target.low
    result[above] = target.high
    return result


def _to_float(array: NDArray, target: Real, rounding: str, out_of_range: str | None) -> NDArray:
    numbers = array.astype(np.float64)
    finite = np.isfinite(numbers)
    if not target.has_nan:
        _refuse(array, np.isnan(numbers), target, "has no number")
    if not target.has_infinity:
        _refuse(array, np.isinf(numbers), target, "has no number")
    with np.errstate(all="ignore"):
        clipped = np.clip(numbers, target.low, target.high)
        near = np.where(finite, clipped, 0).astype(target.dtype)
        lower, upper = _neighbours(array, near, finite, target)
    result: NDArray = _CHOICE[rounding](array, lower, upper, target)
    result[~finite] = numbers[~finite].astype(target.dtype)
    # Beyond the last number: rounded to it, as long as it is nearer than a further one would be.
    one: Any = target.dtype.type
    for sign, last, first in ((1, target.high, target.low), (-1, target.low, target.high)):
        step = abs(last - float(np.nextafter(one(last), one(first))))
        with np.errstate(over="ignore"):  # of a number at the other end: minus infinity will do
            excess = np.where(finite, sign * (numbers - last), 0)
        beyond = excess > 0
        if not beyond.any():
            continue
        too_far = beyond & _too_far(excess, step, rounding, sign)
        if out_of_range is None:
            _refuse(array, too_far, target, "is out of range")
        result[beyond] = one(last)
        if target.has_infinity:
            result[too_far] = one(sign * np.inf)
    return result


def _too_far(excess: NDArray, step: float, rounding: str, sign: int) -> NDArray:
    away = {"towards-positive": sign > 0, "towards-negative": sign < 0}.get(rounding, False)
    if rounding.startswith("nearest"):
        return excess >= step / 2  # a tie goes away: the last number is odd
    return excess >= (0 if away else step)


def _neighbours(
    exact: NDArray, near: NDArray, finite: NDArray, target: Real
) -> tuple[NDArray, NDArray]:
    """The numbers of the target around each: equal where it is one of them."""
    value = near.astype(np.float64)
    one: Any = target.dtype.type
    down, up = np.nextafter(near, one(target.low)), np.nextafter(near, one(target.high))
    known = np.where(finite, exact, 0)
    lower = np.where((value > known).astype(bool), down, near)
    upper = np.where((value < known).astype(bool), up, near)
    return lower.astype(target.dtype), upper.astype(target.dtype)


def _nearest(exact: NDArray, lower: NDArray, upper: NDArray, target: Real, ties: Any) -> NDArray:
    low, high = lower.astype(np.float64), upper.astype(np.float64)
    if exact.dtype == object:
        low, high = low.astype(object), high.astype(object)
        to_low = np.array([x - int(a) for x, a in zip(exact.flat, low.flat, strict=True)])
        to_high = np.array([int(b) - x for x, b in zip(exact.flat, high.flat, strict=True)])
        down, up = to_low.reshape(exact.shape), to_high.reshape(exact.shape)
    else:
        with np.errstate(invalid="ignore"):
            down, up = exact - low, high - exact
    take_upper = (up < down) | ((up == down) & ties(lower, upper))
    return np.where(take_upper.astype(bool), upper, lower).astype(target.dtype)


def _is_odd(numbers: NDArray) -> NDArray:
    bits = np.ascontiguousarray(numbers).view(f"u{numbers.dtype.itemsize}")
    odd: NDArray = (bits & bits.dtype.type(1)).astype(bool)
    return odd


def _nearest_away(array: NDArray) -> NDArray:
    whole = np.trunc(array)
    return np.where(np.abs(array - whole) >= 0.5, whole + np.copysign(1.0, array), whole)


_WHOLE: dict[str, Any] = {
    "nearest-even": np.rint,
    "towards-zero": np.trunc,
    "towards-positive": np.ceil,
    "towards-negative": np.floor,
    "nearest-away": _nearest_away,
}
_CHOICE: dict[str, Any] = {
    "nearest-even": lambda x, low, high, t: _nearest(x, low, high, t, lambda a, b: _is_odd(a)),
    "towards-zero": lambda x, low, high, t: np.where((x < 0).astype(bool), high, low),
    "towards-positive": lambda x, low, high, t: high.copy(),
    "towards-negative": lambda x, low, high, t: low.copy(),
    "nearest-away": lambda x, low, high, t: _nearest(
        x, low, high, t, lambda a, b: b.astype(np.float64) > 0
    ),
}


def _refuse(array: NDArray, wrong: NDArray, target: Real, problem: str) -> None:
    if wrong.any():
        first = array[wrong.astype(bool)].reshape(-1)[0]
        raise NotRepresentable(f"{first} {problem} in {target.dtype}")
