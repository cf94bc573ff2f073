"""Text for a terminal of 80 columns: quantities, shapes, untrusted names, a table that grows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

WORK_WIDTH = 40
HEADINGS = ("time", "MB/s", "requests", "round trips")
WIDTHS = (9, 8, 10, 13)


def shape_text(shape: Iterable[int]) -> str:
    """`(60, 100)` -> "60 x 100"; "scalar" for no dimensions."""
    return " x ".join(map(str, shape)) or "scalar"


def bytes_text(nbytes: int) -> str:
    """A number of bytes, in units of 1000: "64.0 MB"."""
    size = float(nbytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.1f} {unit}" if unit != "bytes" else f"{nbytes} bytes"
        size /= 1000
    return f"{size:.1f} TB"


def seconds_text(seconds: float) -> str:
    """A time, with three digits: "9.87 ms", "10.3 s"."""
    value, unit = (seconds, "s ") if seconds >= 1 else (seconds * 1000, "ms")
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"


def name_text(name: str) -> str:
    """A name from a store, which is not trusted: what a terminal might obey is escaped."""
    return name if name.isprintable() else ascii(name)


@dataclass(frozen=True, slots=True)
class Measured:
    """What some work cost: seconds, decoded bytes moved, requests; round trips where they count."""

    seconds: float
    nbytes: int
    requests: int
    round_trips: int | None = None

    def cells(self) -> tuple[str, ...]:
        """Texts under `HEADINGS`."""
        rate = self.nbytes / 1e6 / self.seconds
        return (
            seconds_text(self.seconds),
            f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}",
            f"{self.requests:,}",
            "-" if self.round_trips is None else f"{self.round_trips:,}",
        )


class Table:
    """A table whose rows are printed one by one, each as soon as it is known.

    On a terminal the label of the work under way is shown at once, with its progress.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = out.isatty()
        self._unfinished = False
        self._line("work", HEADINGS)
        self._write("-" * (WORK_WIDTH + sum(WIDTHS)) + "\n")

    def heading(self, text: str) -> None:
        """A line above the rows that belong together."""
        self._write(text + "\n")

    def begin(self, label: str, progress: str = "...") -> None:
        """Show what is under way; it is overwritten by the next call."""
        if self._live:
            self._write(f"\r  {label:<{WORK_WIDTH - 2}}  {progress}")
            self._unfinished = True

    def row(self, label: str, measured: Measured) -> None:
        """The finished work."""
        if self._live:
            self._write("\r")
        self._line("  " + label, measured.cells())
        self._unfinished = False

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._unfinished:  # an error message gets a line of its own
            self._write("\n")

    def _line(self, label: str, cells: Iterable[str]) -> None:
        padded = (f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
        self._write(f"{label:<{WORK_WIDTH}}{''.join(padded)}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
