"""Runs `benchmarks.round_trips`, a program of its own, and reads the tables that it prints."""

from __future__ import annotations

import subprocess
from typing import Any

from benchmarks._process import ROOT, Process, clean_environment

PATIENCE = 400.0
"""Seconds. It takes about 100 for each round."""


def measure(worker: Process, rounds: int) -> dict[str, Any]:
    """What it printed: "settings", "tables" (rows, which are cells) and "targets"; or "failed"."""
    command = [worker.python, "-m", "benchmarks.round_trips", "--rounds", str(rounds)]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=clean_environment(worker.cache),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {PATIENCE:.0f} s"}
    if done.returncode:
        return {"failed": done.stderr.strip().rpartition("\n")[2][:300]}
    return parsed(done.stdout)


def parsed(text: str) -> dict[str, Any]:
    """Tables are lines that begin with a bar, targets those that begin with a verdict."""
    tables: list[list[list[str]]] = []
    targets, settings, before = [], "", ""
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|\n ").split("|")]
            if not before.startswith("|"):
                tables.append([])
            if not all(cell.strip("-: ") == "" for cell in cells):
                tables[-1].append(cells)
        elif line.startswith(("met", "MISSED")):
            targets.append(" ".join(line.split()))
        elif line.strip() and not settings:
            settings = line.strip()
        before = line
    return {"settings": settings, "tables": tables, "targets": targets}
