"""The process of one contender: takes orders as lines of JSON, and answers each with one.

`python -m benchmarks._worker NAME [--fsync]`. Orders are the methods of `Worker`. What libraries
print goes to the standard error.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _data, _memory, _points
from benchmarks._actions import Prepared
from benchmarks._works import Layout, Work
from benchmarks.contenders import Contender, make

IN_MEMORY = 2**29
"""Bytes of data up to which each process that writes has them in memory of its own."""


class Worker:
    """One contender, and the work it has been given."""

    def __init__(self, contender: Contender) -> None:
        self.contender = contender
        self._prepared: Prepared | None = None

    def hello(self) -> dict[str, Any]:
        return {
            "version": self.contender.version(),
            "python": platform.python_version(),
            "files": self.contender.files,
            "numpy": np.__version__,
            "imports": self.contender.imports,
            "first_use": self.contender.first_use,
        }

    def can(self, work: dict[str, Any]) -> dict[str, Any]:
        return {"can": self.contender.can(Work.of_json(work))}

    def make(self, work: dict[str, Any], data: str) -> dict[str, Any]:
        """Make the numbers of a work's array."""
        layout = Work.of_json(work).layout
        assert layout is not None
        _data.make(layout, Path(data))
        return {}

    def write(self, work: dict[str, Any], data: str, place: str) -> dict[str, Any]:
        """Write the array that others are to read."""
        layout = self._layout(work)
        self.contender.create(layout, Path(place)).write(..., _data.load(Path(data), False))
        return {}

    def read_back(self, work: dict[str, Any], data: str, place: str, files: str) -> dict[str, Any]:
        """Compare what another has written with the data."""
        found = self.contender.open(self._layout(work), Path(place), files).read(...)
        _data.compare(found, _data.load(Path(data), False), "what was written")
        return {}

    def prepare(
        self, work: dict[str, Any], data: str | None, source: str | None, files: str
    ) -> dict[str, Any]:
        given = Work.of_json(work)
        values = None
        if data is not None:
            assert given.layout is not None
            own = given.writes and given.layout.nbytes <= IN_MEMORY
            values = _data.load(Path(data), own)
        place = None if source is None else Path(source)
        self._prepared = Prepared(self.contender, given, values, place, files)
        gc.collect()
        return {}

    def take(self, place: str | None) -> dict[str, Any]:
        assert self._prepared is not None
        gc.collect()
        return {"seconds": self._prepared.take(None if place is None else Path(place))}

    def peak(self) -> dict[str, Any]:
        """Memory of a full read of what is prepared: before it, and the most during it."""
        assert self._prepared is not None
        before = _memory.now_after_reset()
        result = self._prepared.opened.read(...)
        most = _memory.most()
        self._prepared.judged(self._prepared.values)(result)
        return {"before": before, "most": most}

    def grow(self, key: str, point: int, place: str) -> dict[str, Any]:
        return {"seconds": _points.grow(self.contender, key, point, Path(place))}

    def end(self) -> dict[str, Any]:
        self._prepared = None
        gc.collect()
        return {}

    @staticmethod
    def _layout(work: dict[str, Any]) -> Layout:
        layout = Work.of_json(work).layout
        assert layout is not None
        return layout


def main() -> None:
    """Answer orders until there are none left."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)

    def answer(document: dict[str, Any]) -> None:
        answers.write(json.dumps(document) + "\n")

    try:
        worker = Worker(make(sys.argv[1], "--fsync" in sys.argv))
        answer(worker.hello())
    except Exception as error:
        answer({"error": _said(error), "kind": "missing"})
        return
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer(getattr(worker, order.pop("do"))(**order))
        except _data.Wrong as error:
            answer({"error": str(error), "kind": "wrong"})
        except Exception as error:
            traceback.print_exc()
            answer({"error": _said(error), "kind": "failed"})


def _said(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first[:300]}"


if __name__ == "__main__":
    main()
