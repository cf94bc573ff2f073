"""What is done at one point of a curve, in a worker: arrays or groups are made and read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from math import isqrt, prod
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks import _data
from benchmarks._actions import names
from benchmarks._works import Layout
from benchmarks.contenders import Contender

ENOUGH = 0.15
"""Seconds after which a point has been measured often enough in one turn."""

LONG = 4.0
"""What takes less is done once more before, to warm up."""

FEW_FILES = 256
"""Arrays of so many files are removed at once, see `_turns`."""


def grow(contender: Contender, key: str, point: int, place: Path) -> dict[str, float]:
    """Seconds by what was done, e.g. "read" and "write": per chunk, per MiB, in all, per node."""
    return GROWERS[key](contender, point, place)


def _chunks(contender: Contender, count: int, place: Path | None) -> dict[str, float]:
    side = isqrt(count)
    seconds = _read_and_write(contender, Layout((side * 8,) * 2, (8, 8), "u2", "none"), place)
    return {name: each / side**2 for name, each in seconds.items()}


def _size(contender: Contender, mib: int, place: Path) -> dict[str, float]:
    layout = Layout((mib * 512, 512), (512, 512), "i4")
    return {name: each / mib for name, each in _read_and_write(contender, layout, None).items()}


def _threads(contender: Contender, threads: int, place: Path) -> dict[str, float]:
    layout = Layout((4096, 8192), (512, 512), "i4")
    with contender.threads(threads):
        return _read_and_write(contender, layout, None)


def _nodes(contender: Contender, count: int, place: Path) -> dict[str, float]:
    wanted = names(count)
    create, group = _best(lambda: contender.create_nodes(wanted, None))
    list_, _ = _best(lambda: contender.list_nodes(group))
    return {"create": create / count, "list": list_ / count}


def _read_and_write(contender: Contender, layout: Layout, place: Path | None) -> dict[str, float]:
    values = _data.made(layout)
    few = prod(n // c for n, c in zip(layout.shape, layout.stored, strict=True)) <= FEW_FILES
    places = (None if place is None else place / f"{i}.zarr" for i in count())

    def new() -> tuple[Any, Any]:
        where = next(places)
        return contender.create(layout, where), where

    arrays: list[Any] = []

    def created() -> Callable[[], None]:
        if arrays and arrays[0][1] is not None and few:
            shutil.rmtree(arrays[0][1])
        arrays[:] = [new()]
        return lambda: arrays[0][0].write(..., values)

    seconds = {"write": _median(created)}
    array, where = arrays[0]
    if where is not None:
        array = contender.open(layout, where, contender.files)
    seconds["read"], found = _best(lambda: array.read(...))
    _data.compare(found, values, contender.version())
    return seconds


def _best(do: Callable[[], Any]) -> tuple[float, Any]:
    """The median of some repetitions, and what the last of them returned."""
    results: list[Any] = []

    def prepared() -> Callable[[], None]:
        results.clear()
        return lambda: results.append(do())

    return _median(prepared), results[0]


def _median(prepare: Callable[[], Callable[[], Any]]) -> float:
    """The median of some repetitions; what `prepare` does is outside the clock."""
    samples: list[float] = []

    def enough() -> bool:
        if len(samples) < 2:
            return bool(samples) and samples[0] > LONG
        return sum(samples) > ENOUGH or len(samples) > 50

    while not enough():
        do = prepare()
        start = perf_counter()
        do()
        samples.append(perf_counter() - start)
    return median(samples[1:] or samples)


GROWERS: dict[str, Callable[[Contender, int, Path], dict[str, float]]] = {
    "chunks_memory": lambda contender, count, place: _chunks(contender, count, None),
    "chunks_local": _chunks,
    "size": _size,
    "threads": _threads,
    "nodes": _nodes,
}
