"""What came out of a run, as one document: the machine, the versions, every sample, the targets."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import _targets
from benchmarks._peaks import Peaks
from benchmarks._process import ROOT, Process
from benchmarks._targets import Verdict
from benchmarks._turns import Outcome


class Results:
    """Collects, and says everything that is written to `results.json`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.document: dict[str, Any] = {
            "machine": machine(),
            "settings": settings,
            "contenders": {},
            "left_out": {},
            "rows": [],
            "memory": [],
            "curves": {},
            "round_trips": {},
            "targets": [],
        }
        self.seconds: dict[str, float] = {}

    def add_contenders(self, workers: Iterable[Process], left_out: dict[str, str]) -> None:
        for worker in workers:
            about = {key: worker.about[key] for key in ("version", "python", "numpy")}
            self.document["contenders"][worker.name] = about
        self.document["left_out"].update(left_out)

    def add_row(self, outcome: Outcome) -> None:
        samples = {
            name: [digits(each) for each in times]
            for name, times in outcome.samples.items()
            if times
        }
        row = {"name": outcome.name, "about": outcome.about, "samples": samples}
        self.document["rows"].append({**row, "failures": outcome.failures})

    def add_memory(self, peaks: Peaks) -> None:
        self.document["memory"].append(vars(peaks))

    def add_curve(self, key: str, points: Mapping[tuple[str, int], list[dict[str, float]]]) -> None:
        """`points`: for each contender and point, what each turn took."""
        curve = self.document["curves"].setdefault(key, {})
        for (name, point), turns in points.items():
            for kind in turns[0]:
                middle = median(seconds[kind] for seconds in turns)
                curve.setdefault(name, {}).setdefault(kind, []).append([point, digits(middle)])

    def add_round_trips(self, found: dict[str, Any]) -> None:
        self.document["round_trips"] = found

    def verdicts(self) -> list[Verdict]:
        """Every target that what was measured says something of."""
        rows = {row["name"]: row["samples"] for row in self.document["rows"]}
        found = [
            *_targets.of_rows(rows),
            *_targets.of_curves(self.document["curves"]),
            *_targets.of_memory(self.document["memory"]),
        ]
        self.document["targets"] = [verdict.as_json() for verdict in found]
        return found

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(compact(self.document) + "\n", "utf-8")


def compact(document: dict[str, Any]) -> str:
    """JSON with a line for each row: small, and its changes can be read."""
    parts = []
    for key, value in document.items():
        if isinstance(value, list):
            lines = ",\n  ".join(json.dumps(each) for each in value)
            text = f"[\n  {lines}\n ]" if value else "[]"
        elif isinstance(value, dict):
            lines = ",\n  ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            text = f"{{\n  {lines}\n }}" if value else "{}"
        else:
            text = json.dumps(value)
        parts.append(f" {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}"


def digits(value: float) -> float:
    """Four that count: the rest is noise, and takes space."""
    return float(f"{value:.4g}")


def machine() -> dict[str, Any]:
    """What the times depend on. Nothing that tells whose machine it is."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return {
        "cpu": _cpu(),
        "cores": cores,
        "system": f"{platform.system()} {platform.machine()}",
        "memory_gib": _memory_gib(),
        "commit": _commit(),
    }


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory_gib() -> int | None:
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)


def _commit() -> str | None:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None
