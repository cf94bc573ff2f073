"""Works A to D: whole arrays of large and of small chunks, and one small region.

`python -m benchmarks.read_write [--quick] [--works A,C] [--rounds N] [--folder DIR]`
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles

from numcodecs import blosc

from benchmarks._contenders import Contender, installed
from benchmarks._measure import Wrong, measure
from benchmarks._works import WORKS, Aim, Work, quick

SETTINGS = """\
Data: rows are random walks; Blosc chunks: LZ4, level 5, shuffle; Zarr v3. Times are medians of
{rounds} rounds after one to warm up; the contenders take turns, and read the same files.
Nobody calls fsync: azarr has durable=False (its default), zarr-python has no such setting, the
floor writes plain files, without the rename that makes a write whole. Page cache warm.
Files in {folder}. {cores} cores, CPython {python}; Blosc's own threads are off.
"""

LEGEND = """
floor: a bare loop over numcodecs into a NumPy array; A with two threads, the rest with one.
Ratios are azarr's time over the other's: less than 1 is faster. aim: the ratio or time to reach.
unsteady: the middle half of the samples spans a factor of 1.5; repeat on a quiet machine, writes
also with --folder on a RAM disk (/dev/shm). Every result was equal to the data; files were
read back by the bare codec.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 if a result was wrong."""
    options = _options(argv)
    blosc.use_threads = False
    contenders = installed()
    print("; ".join(contender.version() for contender in contenders))
    print(
        SETTINGS.format(
            rounds=options.rounds,
            folder=options.folder or tempfile.gettempdir(),
            cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
            python=platform.python_version(),
        )
    )
    works = [work for work in WORKS if work.name[0] in options.works]
    try:
        with tempfile.TemporaryDirectory(prefix="azarr-bench-", dir=options.folder) as folder:
            _print_table(
                [quick(work) for work in works] if options.quick else works,
                contenders,
                options.rounds,
                Path(folder),
            )
    except Wrong as error:
        print(f"wrong: {error}", file=sys.stderr)
        return 1
    print(LEGEND, end="")
    return 0


def _print_table(
    works: Sequence[Work], contenders: Sequence[Contender], rounds: int, folder: Path
) -> None:
    print(_header(contenders))
    for number, work in enumerate(works):
        samples = measure(work, contenders, rounds, folder / str(number))
        seconds = {name: median(times) for name, times in samples.items()}
        print(_row(work, contenders, seconds), flush=True)
        unsteady = {name: times for name, times in samples.items() if _quartiles_differ(times)}
        for name, times in unsteady.items():
            print(f"  unsteady: {name} took {_time(min(times))} to {_time(max(times))}")


def _quartiles_differ(times: list[float]) -> bool:
    """Whether the middle half of the samples spans a factor of 1.5: the row proves little."""
    if len(times) < 2:
        return False
    low, _, high = quantiles(times, n=4, method="inclusive")
    return high > 1.5 * low


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.read_write", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the data")
    parser.add_argument("--works", default="ABCD", help="letters of the works to do")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each (5)")
    parser.add_argument("--folder", type=Path, help="where up to 2 GB are written and removed")
    return parser.parse_args(argv)


def _header(contenders: Sequence[Contender]) -> str:
    names = [f"{contender.name:>10}" for contender in contenders]
    ratios = [f"{'/' + contender.name:>8}" for contender in contenders[:-1]]
    line = f"{'work':<42}{''.join(names)}{''.join(ratios)}  aim"
    return f"{line}\n{'-' * (len(line) + 30)}"


def _row(work: Work, contenders: Sequence[Contender], seconds: dict[str, float]) -> str:
    times = [f"{_time(seconds[contender.name]):>10}" for contender in contenders]
    own = seconds[contenders[-1].name]
    ratios = [f"{own / seconds[contender.name]:>8.2f}" for contender in contenders[:-1]]
    return f"{work!s:<42}{''.join(times)}{''.join(ratios)}  {_aims(work.aim, own, seconds)}"


def _aims(aim: Aim, own: float, seconds: dict[str, float]) -> str:
    """Each aim, and whether it was reached."""
    bounds = {
        "floor": (aim.of_floor, own / seconds["floor"]),
        "zarr": (aim.of_zarr, own / seconds["zarr"] if "zarr" in seconds else None),
        "us": (aim.seconds and aim.seconds * 1e6, own * 1e6),
    }
    return " ".join(
        f"{name} {bound:g} {'ok' if value <= bound else 'NOT YET'}"
        for name, (bound, value) in bounds.items()
        if bound is not None and value is not None
    )


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} us" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


if __name__ == "__main__":
    raise SystemExit(main())
