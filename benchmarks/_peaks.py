"""Peak memory of a full read: a new process for each sample, which opens the array and reads it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from statistics import median

from benchmarks._process import Failed, Process
from benchmarks._turns import Turns, Wrong
from benchmarks._works import Work
from benchmarks.contenders import OURS

WORKS = ("A read", "B read", "G read", "U read", "zstd read", "S read")
ROUNDS = 2
"""Samples of each: they hardly differ."""


@dataclass
class Peaks:
    """Bytes, by contender: held before the read, and the most during it beyond those.

    Attributes:
        result: bytes of the array that is read.
    """

    name: str
    result: int
    before: dict[str, list[int]] = field(default_factory=dict)
    more: dict[str, list[int]] = field(default_factory=dict)


def measure(work: Work, turns: Turns, new: Callable[[str], Process]) -> Peaks:
    """Every contender that can do the work."""
    assert work.layout is not None
    peaks = Peaks(work.name.replace(" read", ""), work.layout.nbytes)
    data = turns.data(work)
    for name, worker in turns.workers.items():
        if not worker("can", work=work.as_json())["can"]:
            continue
        for _ in range(ROUNDS):
            try:
                with closing(new(name)) as fresh:
                    turns.prepare(work, fresh, data)
                    found = fresh("peak")
            except Failed as error:
                if name in OURS or error.kind == "wrong":
                    raise Wrong(f"{work.name}, memory, {name}: {error}") from error
                break  # the same work says why where its time is measured
            peaks.before.setdefault(name, []).append(found["before"])
            peaks.more.setdefault(name, []).append(found["most"] - found["before"])
    return peaks


def line(peaks: Peaks) -> str:
    """For the terminal: peak beyond what was held before, of the result's size."""
    cells = [f"{name} {median(each) / peaks.result:.2f}x" for name, each in peaks.more.items()]
    return f"{peaks.name}, peak memory beyond the start, of the result: {' | '.join(cells)}"
