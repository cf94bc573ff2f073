"""Work G: an array of 64 shards with 256 inner chunks each: all of it, one inner chunk, one row.

`python -m benchmarks.sharding [--quick] [--works read,row] [--rounds N] [--folder DIR]`
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
from benchmarks._shard_contenders import SHARD_CONTENDERS
from benchmarks._table import print_table
from benchmarks._works import SHARD_WORKS, quick

SETTINGS = """\
Data: rows are random walks; inner chunks: Blosc, LZ4, level 5, shuffle; index at the end, CRC32C.
Times are medians of {rounds} rounds after one to warm up; all take turns, and read the same files.
tensorstore calls fsync and cannot be told not to; the others do not. Page cache warm.
Shard indexes are known after the first round to azarr; the others read them again each time.
Files in {folder}. {cores} cores, CPython {python}.
"""

LEGEND = """
Ratios are azarr's time over the other's: less than 1 is faster. aim: the ratio to reach.
unsteady: the middle half of the samples spans a factor of 1.5; repeat on a quiet machine, writes
also with --folder on a RAM disk (/dev/shm). Every result was equal to the data; files were read
back by the implementation in the first column.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 if a result was wrong."""
    options = _options(argv)
    blosc.use_threads = False
    contenders = installed(SHARD_CONTENDERS)
    print("; ".join(contender.version() for contender in contenders))
    print(
        SETTINGS.format(
            rounds=options.rounds,
            folder=options.folder or tempfile.gettempdir(),
            cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
            python=platform.python_version(),
        )
    )
    names = options.works.split(",")
    works = [work for work in SHARD_WORKS if work.name.split()[-1] in names]
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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharding", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the data")
    parser.add_argument("--works", default="read,write,chunk,row", help="names of the works to do")
    parser.add_argument("--rounds", type=int, default=5, help="samples of each (5)")
    parser.add_argument("--folder", type=Path, help="where up to 4 GB are written and removed")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
