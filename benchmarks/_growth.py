"""Curves: how time grows with the number of chunks, the size, the threads, the nodes of a group.

What is done at a point of a curve stands in `_points`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks._process import Failed
from benchmarks._table import number
from benchmarks._turns import Turns, Wrong, rotated

TURNS = 3
"""Turns of each contender at each point."""

SLOW = 1.5
"""A point that takes so many seconds is left at the turns that it has had."""


@dataclass(frozen=True)
class Curve:
    """One curve for each contender.

    Attributes:
        key: names it in orders, results and file names.
        x, y: what the axes show, and what one of it is.
        points: on the x axis.
        contenders: who takes part, where it is there.
        patience: a contender whose next point is likely to take more seconds stops; azarr goes on.
    """

    key: str
    title: str
    x: str
    y: str
    points: tuple[int, ...]
    contenders: tuple[str, ...]
    patience: float = 4.0

    def likely(self, point: int, seconds: Mapping[str, float]) -> float:
        """Seconds that a point takes, each thing done once, if one costs what it did there."""
        return sum(seconds.values()) * (1 if self.key == "threads" else point)


ALL = ("azarr", "zarr", "zarr fused", "zarr 2", "tensorstore")

CURVES = (
    Curve(
        "chunks_memory",
        "Chunks of 128 bytes in memory",
        "chunks of the array",
        "us per chunk",
        (100, 1024, 10_000, 102_400, 1_000_000),
        ALL,
        patience=8.0,
    ),
    Curve(
        "chunks_local",
        "Chunks of 128 bytes in files",
        "chunks of the array",
        "us per chunk",
        (100, 1024, 10_000, 40_000),
        (*ALL, "zarrs"),
    ),
    Curve(
        "size",
        "Chunks of 1 MiB in memory",
        "MiB of the array",
        "us per MiB",
        (1, 4, 16, 64, 256, 1024),
        ALL,
    ),
    Curve(
        "threads",
        "128 MiB in memory in chunks of 1 MiB",
        "threads",
        "ms",
        (1, 2, 4, 8),
        ("azarr", "zarr fused", "tensorstore"),
    ),
    Curve(
        "nodes",
        "Arrays in a group, in memory",
        "arrays in the group",
        "us per array",
        (10, 100, 1000, 10_000),
        ("azarr", "zarr", "zarr 2"),
    ),
)

SCALES = {"us": 1e6, "ms": 1e3}

Points = dict[tuple[str, int], list[dict[str, float]]]
"""What each turn took, by contender and point: seconds by what was done, e.g. "read"."""


def measure(curve: Curve, points: Sequence[int], turns: Turns) -> Points:
    """Contenders take turns at each point.

    Raises:
        Wrong: a result is not the data, or azarr could not do it.
    """
    found: Points = {}
    stopped: dict[str, int] = {}
    taking = [name for name in curve.contenders if name in turns.workers]
    for k in range(TURNS):
        for point in points:
            for name in rotated(taking, k):
                before = found.get((name, point), [{}])[-1]
                slow = curve.likely(point, before) > SLOW
                if slow or point > stopped.get(name, points[-1]):
                    continue
                try:
                    seconds = turns.grow(name, curve.key, point)
                except Failed as error:
                    if name == "azarr" or error.kind == "wrong":
                        raise Wrong(f"{curve.title}, {name}: {error}") from error
                    stopped[name] = point - 1
                    continue
                found.setdefault((name, point), []).append(seconds)
                then = min((later for later in points if later > point), default=0)
                if curve.likely(then, seconds) > curve.patience and name != "azarr":
                    stopped.setdefault(name, point)
    return found


def line(curve: Curve, found: Mapping[str, Mapping[str, Any]]) -> str:
    """For the terminal: each contender at the first and the last of its points."""
    scale = SCALES[curve.y.partition(" ")[0]]
    cells = []
    for name, kinds in found.items():
        for kind, points in kinds.items():
            (first, begun), (last, ended) = points[0], points[-1]
            ends = f"{number(begun * scale)} at {first}, {number(ended * scale)} at {last}"
            cells.append(f"{name} {kind} {ends}")
    return f"{curve.title}, {curve.y}: {' | '.join(cells)}"
