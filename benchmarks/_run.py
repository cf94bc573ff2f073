"""A whole run: workers are started, works measured, everything said as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks import _growth, _imports, _peaks, _round_trips, _targets
from benchmarks._environments import Environments
from benchmarks._process import Failed, Process
from benchmarks._results import Results
from benchmarks._table import line
from benchmarks._turns import PATIENCE, Outcome, Turns, Wrong
from benchmarks._works import Size, works
from benchmarks.contenders import CONTENDERS


@dataclass(frozen=True)
class Options:
    """What is run.

    Attributes:
        size: "quick", "default" or "large".
        works: the first words of the works that are wanted; None: all.
        contenders: names; None: all.
        rounds: samples of each contender at each work.
    """

    size: Size
    works: Sequence[str] | None
    contenders: Sequence[str] | None
    rounds: int
    fsync: bool

    def wants(self, name: str) -> bool:
        """Whether a work is to be measured."""
        return self.works is None or any(_begins(name, given) for given in self.works)

    def unknown(self) -> list[str]:
        """The works that were asked for and do not exist."""
        names = [*(work.name for work in works(self.size)), *_imports.NAMES, *FURTHER]
        return [each for each in self.works or () if not any(_begins(name, each) for name in names)]

    @property
    def whole(self) -> bool:
        """Whether this is what the published results are made with."""
        return not (self.works or self.contenders or self.fsync) and self.size == "default"

    def as_json(self) -> dict[str, object]:
        return {"size": self.size, "rounds": self.rounds, "fsync": self.fsync}


def _begins(name: str, given: str) -> bool:
    """Whether the name of a work has these first words."""
    return f"{name} ".startswith(f"{given} ")


FURTHER = ("memory", "growth", "trips")
"""Works that are more than a row of times."""

QUICK = 2
"""Points of a curve in a quick run."""


class Run:
    """One run in a folder.

    Args:
        say: is given each line for the terminal.
    """

    def __init__(
        self,
        options: Options,
        environments: Environments,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self.options, self.environments, self.say = options, environments, say
        self.folder = folder
        self.results = Results(options.as_json())

    def everything(self) -> Results:
        """Measure what is asked for.

        Raises:
            Wrong: a result is not the data, or azarr could not do something.
        """
        with self._workers() as workers:
            patience = PATIENCE[self.options.size]
            turns = Turns(workers, self._new, self.folder, self.options.rounds, patience)
            stages: dict[str, Callable[[], None]] = {
                "rows": lambda: self._rows(turns),
                "imports": lambda: self._imports(workers),
                "memory": lambda: self._memory(turns),
                "growth": lambda: self._curves(turns),
                "trips": lambda: self._trips(workers),
            }
            took = self.results.document["settings"]["seconds"] = {}
            with closing(turns):
                for name, stage in stages.items():
                    begun = perf_counter()
                    stage()
                    took[name] = round(perf_counter() - begun)
        self.say(f"seconds: {took}")
        for verdict in self.results.verdicts():
            self.say(_targets.line(verdict))
        return self.results

    def _new(self, name: str) -> Process:
        python = self.environments.pythons[CONTENDERS[name].environment]
        log = self.folder / "log.txt"
        return Process(python, name, self.options.fsync, log, self.environments.cache)

    @contextmanager
    def _workers(self) -> Iterator[dict[str, Process]]:
        left_out = dict(self.environments.left_out)
        workers: dict[str, Process] = {}
        with ExitStack() as stack:
            for name in self.options.contenders or CONTENDERS:
                if CONTENDERS[name].environment not in self.environments.pythons:
                    continue
                try:
                    worker = self._new(name)
                except Failed as error:
                    left_out[name] = str(error)
                    continue
                stack.callback(worker.close)
                workers[name] = worker
                self.say(f"{name}: {worker.about['version']}, Python {worker.about['python']}")
            for name, why in left_out.items():
                self.say(f"left out: {name}: {why}")
            if "azarr" not in workers:
                raise Wrong(f"azarr cannot be imported: {left_out.get('azarr')}")
            self.results.add_contenders(workers.values(), left_out)
            yield workers

    def _rows(self, turns: Turns) -> None:
        for work in works(self.options.size):
            if self.options.wants(work.name):
                self._row(turns.measure(work))

    def _row(self, outcome: Outcome) -> None:
        self.results.add_row(outcome)
        self.say(line(outcome.name, outcome.samples))
        for name, why in outcome.failures.items():
            self.say(f"  {name} failed: {why}")

    def _imports(self, workers: dict[str, Process]) -> None:
        for name in _imports.NAMES:
            if self.options.wants(name):
                self._row(_imports.measure(name, workers, self.options.rounds))

    def _memory(self, turns: Turns) -> None:
        for work in works(self.options.size) if self.options.wants("memory") else ():
            if work.name in _peaks.WORKS:
                peaks = _peaks.measure(work, turns, self._new)
                self.results.add_memory(peaks)
                self.say(_peaks.line(peaks))

    def _curves(self, turns: Turns) -> None:
        for curve in _growth.CURVES if self.options.wants("growth") else ():
            points = curve.points[: QUICK if self.options.size == "quick" else None]
            found = _growth.measure(curve, points, turns)
            self.results.add_curve(curve.key, found)
            self.say(_growth.line(curve, self.results.document["curves"][curve.key]))

    def _trips(self, workers: dict[str, Process]) -> None:
        if not self.options.wants("trips") or self.options.size == "quick":
            return
        found = _round_trips.measure(workers["azarr"], min(2, self.options.rounds))
        self.results.add_round_trips(found)
        self.say("\n".join(found.get("targets", [f"round trips failed: {found.get('failed')}"])))
