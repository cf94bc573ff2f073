"""How it is measured: contenders take turns, medians count, and every result is compared.

A sample is one contender's turn at one work. What surrounds the work (opening before a read,
comparing) is outside the clock. Nothing is removed between samples: on ext4, right after 4096 files
were removed, writing 4096 new ones took 2 to 4 s instead of 0.2 s, for the bare loop too.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks._contenders import Contender
from benchmarks._works import Work, random_walk, region_of


class Wrong(Exception):
    """A contender's result is not the data."""


def measure(
    work: Work, contenders: Sequence[Contender], rounds: int, folder: Path
) -> dict[str, list[float]]:
    """Seconds of one repetition, a list of samples by the name of the contender.

    Args:
        work, contenders: who does what; the first contender is the bare codec.
        rounds: samples of each contender, after one that does not count.
        folder: an empty one, for the files; they stay there.

    Raises:
        Wrong: something read or written is not equal to the data.
    """
    values = random_walk(work.data)
    samples: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    turn = _writing if work.action == "write" else _reading
    take = turn(work, contenders, values, folder)
    for k in range(rounds + 1):
        for contender in rotated(contenders, k):  # everybody comes first as often
            gc.collect()
            seconds = take(contender)
            if k:  # the first round warms up caches, thread pools and imports
                samples[contender.name].append(seconds)
    return samples


def rotated(items: Sequence[Any], k: int) -> list[Any]:
    """The items from the `k`-th on, then those before it."""
    k %= len(items)
    return [*items[k:], *items[:k]]


def _writing(
    work: Work, contenders: Sequence[Contender], values: np.ndarray, folder: Path
) -> Callable[[Contender], float]:
    floor = contenders[0]
    places = (folder / str(number) for number in count())

    def take(contender: Contender) -> float:
        place = next(places)
        start = perf_counter()
        target = contender.write(work, place, values)
        seconds = perf_counter() - start
        # Files are read back by the bare codec, memory by who wrote it.
        reader = contender if work.media == "memory" else floor
        _compare(reader.open(work, target)(None), values, work, contender)
        return seconds

    return take


def _reading(
    work: Work, contenders: Sequence[Contender], values: np.ndarray, folder: Path
) -> Callable[[Contender], float]:
    # All read the same files, which the last contender wrote; memory each has of its own.
    shared = None if work.media == "memory" else contenders[-1].write(work, folder, values)
    region = region_of(work) if work.action == "region" else None
    expected = values if region is None else values[region]
    readers = {
        contender.name: contender.open(
            work, contender.write(work, folder, values) if shared is None else shared
        )
        for contender in contenders
    }

    def take(contender: Contender) -> float:
        read = readers[contender.name]
        start = perf_counter()
        for _ in range(work.repeat):
            result = read(region)
        seconds = (perf_counter() - start) / work.repeat
        _compare(result, expected, work, contender)
        return seconds

    return take


def _compare(result: np.ndarray, expected: np.ndarray, work: Work, contender: Contender) -> None:
    if result.dtype != expected.dtype or not np.array_equal(result, expected):
        raise Wrong(f"{work.name}, {work.media}: the result of {contender.name} is not the data")
