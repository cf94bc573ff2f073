"""What is done in a work: prepared, done under the clock, compared with the data afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks._data import Wrong, compare
from benchmarks._works import Work, middle, pieces
from benchmarks.contenders import Contender, Opened

LEAST = 0.03
"""Seconds a sample takes at least: what is quicker is repeated."""


class Turn(NamedTuple):
    """What is done under the clock, how often within it, and how its result is judged."""

    do: Callable[[], Any]
    times: int = 1
    judge: Callable[[Any], None] = lambda result: None


class Prepared:
    """A work that a contender is about to do, again and again.

    Args:
        values: the data, read-only; None for works on groups.
        source: where the array to read is; None for memory, which each fills by itself.
        files: the format of the source.
    """

    def __init__(
        self,
        contender: Contender,
        work: Work,
        values: np.ndarray | None,
        source: Path | None,
        files: str,
    ) -> None:
        self.contender, self.work = contender, work
        self._values, self._files = values, files
        self._source: Any = source
        self._opened: Opened | None = None
        self._times = 0
        self._turn = ACTIONS[work.action]
        if work.action == "list_nodes":
            self._source = contender.create_nodes(names(work.count), source)
        elif work.layout is not None and work.action != "write":
            if source is None:
                self._opened = contender.create(work.layout, None)
                self._opened.write(..., self.values)
            else:
                self._opened = contender.open(work.layout, source, files)

    @property
    def values(self) -> np.ndarray:
        assert self._values is not None
        return self._values

    @property
    def opened(self) -> Opened:
        assert self._opened is not None
        return self._opened

    def take(self, place: Path | None) -> float:
        """Do it, writing into a new folder; seconds of one repetition.

        Raises:
            Wrong: the result is not the data.
        """
        turn = self._turn(self, place)
        start = perf_counter()
        result = turn.do()
        seconds = (perf_counter() - start) / turn.times
        turn.judge(result)
        return seconds

    @staticmethod
    def _seconds(action: Callable[[], object]) -> float:
        start = perf_counter()
        action()
        return perf_counter() - start

    def judged(self, expected: np.ndarray) -> Callable[[Any], None]:
        what = f"{self.work.name}, {self.contender.version()}"
        return lambda result: compare(result, expected, what)

    def repeated(self, selection: Any) -> Turn:
        """Reading a small region, often enough for the clock."""
        if not self._times:
            # The first one also imports, and starts threads.
            seconds = [self._seconds(lambda: self.opened.read(selection)) for _ in range(5)]
            self._times = max(1, round(LEAST / min(seconds)))
        times = self._times
        judge = self.judged(self.values[selection])
        return Turn(lambda: self.opened.repeat(selection, times), times, judge)


def names(count: int) -> list[str]:
    """Names of the members of a group."""
    return [f"array{i:04}" for i in range(count)]


def _read(it: Prepared, place: Path | None) -> Turn:
    return Turn(lambda: it.opened.read(...), judge=it.judged(it.values))


def _write(it: Prepared, place: Path | None) -> Turn:
    assert it.work.layout is not None
    array = it.contender.create(it.work.layout, place)

    def judge(_: Any) -> None:
        if place is None:  # files are read back by another contender
            it.judged(it.values)(array.read(...))

    return Turn(lambda: array.write(..., it.values), judge=judge)


def _round_trip(it: Prepared, place: Path | None) -> Turn:
    layout = it.work.layout
    assert layout is not None

    def do() -> None:
        values = it.opened.read(...)
        it.contender.create(layout, place).write(..., values)

    return Turn(do)


def _region(it: Prepared, place: Path | None) -> Turn:
    """16 x 16 elements within one chunk, off its edges."""
    assert it.work.layout is not None
    return it.repeated(middle(it.work.layout, (16, 16), it.work.layout.chunks[0] // 4))


def _inner_chunk(it: Prepared, place: Path | None) -> Turn:
    assert it.work.layout is not None
    return it.repeated(middle(it.work.layout, it.work.layout.chunks))


def _row(it: Prepared, place: Path | None) -> Turn:
    assert it.work.layout is not None
    row, _ = middle(it.work.layout, (1, 1), it.work.layout.chunks[0] // 4)
    return it.repeated((row, slice(0, it.work.layout.shape[1])))


def _points(it: Prepared, place: Path | None) -> Turn:
    rng = np.random.default_rng(1)
    points = tuple(rng.integers(0, n, it.work.count) for n in it.values.shape)
    return Turn(lambda: it.opened.points(points), judge=it.judged(it.values[points]))


def _orthogonal(it: Prepared, place: Path | None) -> Turn:
    """Every so many rows and columns."""
    count = min(it.work.count, *it.values.shape)
    indices = tuple(np.arange(0, n, n // count)[:count] for n in it.values.shape)
    return Turn(lambda: it.opened.orthogonal(indices), judge=it.judged(it.values[np.ix_(*indices)]))


def _each(it: Prepared, piece: tuple[int, ...]) -> Turn:
    selections = pieces(it.values.shape, piece)
    judge = it.judged(it.values[selections[-1]])
    if not it._times:  # once, every one of them is compared, as it cannot be under the clock
        it._times = 1
        for selection in selections:
            it.judged(it.values[selection])(it.opened.read(selection))
    return Turn(lambda: it.opened.each(selections, it.work.concurrency), judge=judge)


def _each_stored(it: Prepared, place: Path | None) -> Turn:
    assert it.work.layout is not None
    return _each(it, it.work.layout.stored)


def _each_inner(it: Prepared, place: Path | None) -> Turn:
    assert it.work.layout is not None
    return _each(it, it.work.layout.chunks)


def _create_nodes(it: Prepared, place: Path | None) -> Turn:
    wanted = names(it.work.count)
    return Turn(lambda: it.contender.create_nodes(wanted, place))


def _list_nodes(it: Prepared, place: Path | None) -> Turn:
    def judge(found: Any) -> None:
        nodes = set(found.values())
        if sorted(found) != names(it.work.count) or nodes != {((100, 100), "int32")}:
            raise Wrong(f"{it.work.name}, {it.contender.version()}: members are missing")

    return Turn(lambda: it.contender.list_nodes(it._source), judge=judge)


ACTIONS: dict[str, Callable[[Prepared, Path | None], Turn]] = {
    "read": _read,
    "write": _write,
    "round_trip": _round_trip,
    "region": _region,
    "inner_chunk": _inner_chunk,
    "row": _row,
    "points": _points,
    "orthogonal": _orthogonal,
    "each_stored": _each_stored,
    "each_inner": _each_inner,
    "create_nodes": _create_nodes,
    "list_nodes": _list_nodes,
}
