"""How it is measured: contenders take turns, and every result is compared with the data.

A sample is one contender's turn at one work. What surrounds the work (opening before a read,
creating before a write, comparing) is outside the clock, and done in other processes where it can
be. Folders of thousands of files are removed only at the end: on ext4, right after 4096 files were
removed, writing 4096 new ones took 2 to 4 s instead of 0.2 s, for the bare loop too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks._process import Failed, Process
from benchmarks._works import Layout, Size, Work
from benchmarks.contenders import CONTENDERS, OURS

PATIENCE: dict[Size, float] = {"quick": 1.0, "default": 1.0, "large": 20.0}
"""A contender that has spent so many seconds on a row gets no further turns, by the size of the
run: so that all of a default run takes about twelve minutes."""

LEAST = 2
"""But so many samples it has in any case."""

FEW_FILES = 256
"""Arrays of so many files are removed at once, so that the disk does not fill."""

READERS: dict[str, tuple[str, ...]] = {
    "zarr3": ("tensorstore", "zarr", "azarr", "floor"),
    "zarr2": ("azarr",),  # tensorstore does not read zstd as numcodecs declares it
    "hdf5": (),
}
"""Who reads back what another has written, by its files: the first that is of another family; else
the writer itself."""


class Wrong(Exception):
    """A contender's result is not the data, or azarr could not do a work."""


@dataclass
class Outcome:
    """A row of the table: seconds by contender, and who failed, and how.

    Attributes:
        about: the data that a work is done on.
    """

    name: str
    about: str
    samples: dict[str, list[float]]
    failures: dict[str, str] = field(default_factory=dict)


class Turns:
    """Measures works in a folder, with workers that are already running.

    Args:
        workers: by the name of the contender.
        new: makes a further worker. Those write what others read, and read what others wrote, so
            that in the measured ones nothing else is done.
        folder: an empty one; what is written stays there.
        rounds: samples of each contender, after one that does not count.
        patience: see `PATIENCE`.
    """

    def __init__(
        self,
        workers: dict[str, Process],
        new: Callable[[str], Process],
        folder: Path,
        rounds: int,
        patience: float,
    ) -> None:
        self.workers, self.rounds, self._patience = workers, rounds, patience
        self._new = new
        self._helpers: dict[str, Process] = {}
        self._folder = folder
        self._data: dict[Layout, Path] = {}
        self._sources: dict[tuple[Layout, str], Path] = {}
        self._numbers = count()

    def measure(self, work: Work) -> Outcome:
        """One row.

        Raises:
            Wrong: something read or written is not equal to the data.
        """
        row = Outcome(work.name, str(work.layout or f"{work.count} arrays"), {})
        given = {"work": work.as_json()}
        taking = [worker for worker in self.workers.values() if worker("can", **given)["can"]]
        data = self.data(work) if work.layout is not None else None
        os.sync()  # what the row before has written is not to be written during this one
        for worker in [*taking]:
            try:
                self.prepare(work, worker, data)
            except Failed as error:
                _note(row, worker, error)
                taking.remove(worker)
        row.samples = {worker.name: [] for worker in taking}
        spent = dict.fromkeys(row.samples, 0.0)
        for k in range(self.rounds + 1):
            for worker in rotated(taking, k):  # everybody comes first as often
                name = worker.name
                if name in row.failures or (spent[name] > self._patience and k > LEAST):
                    continue
                start = perf_counter()
                seconds = self._turn(row, work, worker, data if k in (0, self.rounds) else None)
                spent[name] += perf_counter() - start
                if seconds is not None and k:  # the first round warms up caches and imports
                    row.samples[name].append(seconds)
        for worker in taking:
            if worker.name not in row.failures:
                worker("end")
        return row

    def prepare(self, work: Work, worker: Process, data: Path | None) -> None:
        """Give a contender what it needs for its turns.

        Raises:
            Failed: it cannot do it.
        """
        source = self._source_for(work, worker)
        files = worker.about["files"]
        given = {"work": work.as_json(), "data": _path(data), "source": _path(source)}
        worker("prepare", files=files, **given)

    def grow(self, name: str, key: str, point: int) -> dict[str, float]:
        """What a contender's turn at a point of a curve took, see `_points`."""
        found = self.workers[name]("grow", key=key, point=point, place=str(self.place()))
        seconds: dict[str, float] = found["seconds"]
        return seconds

    def _turn(self, row: Outcome, work: Work, worker: Process, data: Path | None) -> float | None:
        place = self.place() if work.writes and work.media == "local" else None
        try:
            seconds: float = worker("take", place=_path(place))["seconds"]
        except Failed as error:
            _note(row, worker, error)
            return None
        if place is not None and work.layout is not None:
            if data is not None:
                self._read_back(work, worker, data, place)
            if _files(work.layout) <= FEW_FILES:
                shutil.rmtree(place)
        return seconds

    def _read_back(self, work: Work, writer: Process, data: Path, place: Path) -> None:
        reader, files = self.reader_of(writer), writer.about["files"]
        try:
            reader("read_back", work=work.as_json(), data=str(data), place=str(place), files=files)
        except Failed as error:
            raise Wrong(f"{work.name} by {writer.name}, read by {reader.name}: {error}") from error

    def reader_of(self, writer: Process) -> Process:
        """Who reads back what a contender has written."""
        for name in READERS[writer.about["files"]]:
            if name in self.workers and family(name) != family(writer.name):
                return self.helper(name)
        return self.helper(writer.name)

    def helper(self, name: str) -> Process:
        """A worker of a contender that is not measured."""
        if name not in self._helpers:
            self._helpers[name] = self._new(name)
        return self._helpers[name]

    def close(self) -> None:
        """End the helpers."""
        for helper in self._helpers.values():
            helper.close()

    def data(self, work: Work) -> Path:
        """The file of the numbers of a work's array, made when first asked for."""
        layout = work.layout
        assert layout is not None
        key = Layout(layout.shape, (), layout.dtype, values=layout.values)
        if key not in self._data:
            path = self._data[key] = self._folder / f"{len(self._data)}.npy"
            self.helper("azarr")("make", work=work.as_json(), data=str(path))
        return self._data[key]

    def _source_for(self, work: Work, worker: Process) -> Path | None:
        """Where a contender reads: all that share a format read the same files."""
        if work.media == "memory" or work.action in {"write", "create_nodes"}:
            return None
        if work.layout is None:
            return self.place()
        files = worker.about["files"]
        if (work.layout, files) not in self._sources:
            place = self._sources[work.layout, files] = self.place()
            azarr = self.helper("azarr")
            writer = azarr if azarr.about["files"] == files else self.helper(worker.name)
            data = self.data(work)
            writer("write", work=work.as_json(), data=str(data), place=str(place))
            reader = self.reader_of(writer)
            given = {"work": work.as_json(), "data": str(data), "place": str(place)}
            reader("read_back", files=files, **given)
            os.sync()
        return self._sources[work.layout, files]

    def place(self) -> Path:
        """A new one, which is not there yet."""
        return self._folder / f"{next(self._numbers)}.zarr"  # z5py goes by the name


def _note(row: Outcome, worker: Process, error: Failed) -> None:
    """Another implementation may be unable to do something; azarr may not, and nobody be wrong."""
    if error.kind == "wrong" or worker.name in OURS:
        raise Wrong(f"{row.name}, {worker.name}: {error}") from error
    row.failures[worker.name] = str(error)
    row.samples.pop(worker.name, None)


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _files(layout: Layout) -> int:
    return prod(n // s for n, s in zip(layout.shape, layout.stored, strict=True))


def family(name: str) -> str:
    """Contenders of one family read and write with the same code."""
    return CONTENDERS[name].family or name


def rotated(items: Sequence[Any], k: int) -> list[Any]:
    """The items from the `k`-th on, then those before it."""
    k %= max(1, len(items))
    return [*items[k:], *items[:k]]
