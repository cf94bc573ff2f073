"""How results are printed: times, and azarr's time over that of each other."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median, quantiles
from typing import NamedTuple


class Ratio(NamedTuple):
    """azarr's time over another's, pair by pair in each round: the median and the quartiles."""

    middle: float
    low: float
    high: float

    @property
    def quartiles(self) -> str:
        return f"({number(self.low)} to {number(self.high)})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Rounds that only one has count in none."""
    pairs = [a / b for a, b in zip(ours, theirs, strict=False)]
    if len(pairs) < 2:
        return Ratio(pairs[0], pairs[0], pairs[0])
    low, middle, high = quantiles(pairs, n=4, method="inclusive")
    return Ratio(middle, low, high)


def unsteady(times: Sequence[float]) -> bool:
    """Whether the middle half of the samples spans a factor of 1.5: they prove little."""
    if len(times) < 2:
        return False
    low, _, high = quantiles(times, n=4, method="inclusive")
    return high > 1.5 * low


def number(value: float) -> str:
    """Two digits that count."""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def time(seconds: float) -> str:
    """In a unit that leaves one to three digits before the point."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        value = seconds * factor
        if value >= 1 or unit == "us":
            break
    return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"


def line(name: str, samples: dict[str, list[float]], reference: str = "azarr") -> str:
    """A row in the terminal: each time, and in parentheses the ratio of azarr's time to it."""
    cells = []
    for contender, times in samples.items():
        text = f"{contender} {time(median(times))}"
        if contender != reference and reference in samples:
            text += f" ({number(ratio(samples[reference], times).middle)})"
        cells.append(text + ("~" if unsteady(times) else ""))
    return f"{name}: " + " | ".join(cells)
