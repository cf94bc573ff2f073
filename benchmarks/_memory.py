"""Memory that a process holds and has held, in bytes. Linux; elsewhere what `resource` knows."""

from __future__ import annotations

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def _field(name: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def now_after_reset() -> int:
    """What is held now; from here on `most` counts."""
    if not STATUS.exists():
        return most()
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak of resident memory
    return _field("VmRSS")


def most() -> int:
    """The most that was held since the last reset; without /proc, since the process began."""
    if STATUS.exists():
        return _field("VmHWM")
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
