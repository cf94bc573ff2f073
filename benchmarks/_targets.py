"""What azarr is to reach: a table, and how a row of results is held against it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks._table import Ratio, number, ratio
from benchmarks.contenders import CONTENDERS

Samples = Mapping[str, list[float]]


@dataclass(frozen=True)
class Verdict:
    """One target, held against what was measured.

    Attributes:
        work, against: what is compared with what, e.g. "B read" and "best peer: z5py".
        found, spread, limit: the number, its quartiles where it has any, the most it may be.
    """

    work: str
    against: str
    found: float
    limit: float
    spread: Ratio | None = None

    @property
    def met(self) -> bool:
        return self.found <= self.limit

    def as_json(self) -> dict[str, Any]:
        spread = self.spread and {"low": self.spread.low, "high": self.spread.high}
        numbers = {"found": self.found, "limit": self.limit, **(spread or {})}
        rounded = {key: round(value, 3) for key, value in numbers.items()}
        return {"work": self.work, "against": self.against, **rounded, "met": self.met}


def peers(samples: Samples) -> list[str]:
    return [name for name in samples if CONTENDERS[name].peer and samples[name]]


def fastest(samples: Samples, names: Iterable[str]) -> list[str]:
    """The one of them with the least median, or nobody."""
    return sorted(names, key=lambda name: median(samples[name]))[:1]


def _best_peer(samples: Samples) -> list[str]:
    return fastest(samples, peers(samples))


def _best_that_renames(samples: Samples) -> list[str]:
    return fastest(samples, [name for name in peers(samples) if CONTENDERS[name].renames])


def _tensorstore(samples: Samples) -> list[str]:
    return [name for name in ("tensorstore",) if samples.get(name)]


def _floor(samples: Samples) -> list[str]:
    return [name for name in ("floor",) if samples.get(name)]


def _zarr(samples: Samples) -> list[str]:
    return fastest(samples, [name for name in ("zarr", "zarr fused") if samples.get(name)])


@dataclass(frozen=True)
class Target:
    """The works it is about, whom azarr is held against, and the most the ratio may be."""

    works: tuple[str, ...]
    against: str
    pick: Callable[[Samples], list[str]]
    limit: float
    ours: tuple[str, ...] = ("azarr",)


D = ("D memory", "D local")
CHUNKS = ("chunks by 1", "chunks by 8")
PUBLIC = tuple(f"{name} {what}" for name in ("U", "zstd", "S") for what in ("read", *CHUNKS))

TARGETS = (
    Target(("A read", "A write"), "best peer", _best_peer, 1.0),
    Target(("B read", "C read", "C write"), "tensorstore", _tensorstore, 1.2),
    Target(("B read", "C read", "C write"), "bare codec", _floor, 1.25),
    Target(("B write",), "best peer that renames", _best_that_renames, 1.0),
    Target(D, "tensorstore", _tensorstore, 1.0, ("azarr", "azarr awaited")),
    Target(("E points", "F oindex"), "tensorstore", _tensorstore, 1.5),
    Target(("G chunk", "G row"), "best peer", _best_peer, 1.0),
    Target(("G read", "G write"), "tensorstore", _tensorstore, 1.0),
    Target(PUBLIC, "tensorstore", _tensorstore, 1.0),
    Target(("A read", "A write"), "zarr-python 3, its better pipeline", _zarr, 0.65),
)
"""Issue 6 of the project, as it was set."""

ELSE = Target((), "zarr-python 3, its better pipeline", _zarr, 0.5)
"""Of every work but A."""

GROWTH = 1.3
"""The time per chunk, from 10^2 to 10^6 chunks."""

MEMORY_RATIO, MEMORY_MORE = 1.15, 64 * 2**20
"""Peak memory of a full read: of the result's size, and so many bytes more."""

THREADS = 1 / 0.95
"""The time with 8 threads, of that with one."""


def of_rows(rows: Mapping[str, Samples]) -> list[Verdict]:
    """Targets that are ratios of times, for what was measured."""
    verdicts = []
    for target in TARGETS:
        for work in target.works:
            verdicts += _held(target, work, rows.get(work, {}))
    for work, samples in rows.items():
        if work not in TARGETS[-1].works:
            verdicts += _held(ELSE, work, samples)
    return verdicts


def _held(target: Target, work: str, samples: Samples) -> list[Verdict]:
    verdicts = []
    for ours in target.ours:
        for other in target.pick(samples) if samples.get(ours) else ():
            found = ratio(samples[ours], samples[other])
            what = f"{target.against}: {other}" if target.against != other else other
            name = work if ours == "azarr" else f"{work}, awaited"
            verdicts.append(Verdict(name, what, found.middle, target.limit, found))
    return verdicts


def of_curves(curves: Mapping[str, Mapping[str, Any]]) -> list[Verdict]:
    """`curves`: of each key, of each contender, of each kind: [[x, seconds], ...]."""
    verdicts = []
    for kind, points in curves.get("chunks_memory", {}).get("azarr", {}).items():
        (first, begun), (last, ended) = points[0], points[-1]
        name = f"time per chunk, {first} to {last} chunks, {kind}"
        verdicts.append(Verdict(name, "itself", ended / begun, GROWTH))
    for kind, points in curves.get("threads", {}).get("azarr", {}).items():
        by_threads = dict(points)
        if {1, 8} <= by_threads.keys():
            found = by_threads[8] / by_threads[1]
            verdicts.append(Verdict(f"8 threads, {kind}", "one thread", found, THREADS))
    return verdicts


def of_memory(peaks: Iterable[Mapping[str, Any]]) -> list[Verdict]:
    verdicts = []
    for row in peaks:
        if "azarr" in row["more"]:
            most = MEMORY_RATIO + MEMORY_MORE / row["result"]
            found = median(row["more"]["azarr"]) / row["result"]
            verdicts.append(Verdict(f"{row['name']}, peak memory", "the result", found, most))
    return verdicts


def line(verdict: Verdict) -> str:
    """For the terminal."""
    spread = "" if verdict.spread is None else f" {verdict.spread.quartiles}"
    return (
        f"{'met    ' if verdict.met else 'NOT MET'} {verdict.work} / {verdict.against}: "
        f"{number(verdict.found)}{spread}, at most {number(verdict.limit)}"
    )
