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

from numcodecs import blosc

from benchmarks._contenders import installed
from benchmarks._measure import Wrong
from benchmarks._table import print_table
from benchmarks._works import WORKS, quick

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
            print_table(
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


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.read_write", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the data")
    parser.add_argument("--works", default="ABCD", help="letters of the works to do")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each (5)")
    parser.add_argument("--folder", type=Path, help="where up to 2 GB are written and removed")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
