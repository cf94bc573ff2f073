"""azarr beside other implementations and the bare codec: `python -m benchmarks --help`.

The environments are built when they are missing; `--here` measures only what is installed beside
the Python that runs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import _environments
from benchmarks._process import ROOT, clean_environment
from benchmarks._run import Options, Run
from benchmarks._turns import Wrong
from benchmarks._works import Size
from benchmarks.contenders import CONTENDERS

RESULTS = ROOT / "benchmarks" / "results"
WORKS = "A to G, U, zstd, S, groups, import, memory, growth, trips, or more words of their names"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write the results; 1 if a result was wrong."""
    given = _arguments(argv)
    size: Size = "quick" if given.quick else "large" if given.large else "default"
    options = Options(
        size=size,
        works=given.works and given.works.split(","),
        contenders=given.contenders and given.contenders.split(","),
        rounds=given.rounds or (3 if given.quick else 7),
        fsync=given.fsync,
    )
    if options.unknown() or not {*(options.contenders or ())} <= CONTENDERS.keys():
        print(f"there are works {WORKS}, and contenders {', '.join(CONTENDERS)}", file=sys.stderr)
        return 2
    environments = _environments.here() if given.here else _environments.build(_say, given.fresh)
    folder = given.results or (RESULTS if options.whole else None)
    with tempfile.TemporaryDirectory(prefix="azarr-bench-", dir=given.folder) as place:
        try:
            results = Run(options, environments, Path(place), _say).everything()
        except Wrong as error:
            print(f"wrong: {error}", file=sys.stderr)
            return 1
        if folder is not None:  # before the files are removed, which takes a while
            results.write(folder / "results.json")
    return 0 if folder is None else _page(folder, environments)


def _page(folder: Path, environments: _environments.Environments) -> int:
    """Draw and write what people read, where matplotlib is."""
    command = [environments.pythons["current"], "-m", "benchmarks._page", str(folder)]
    environment = clean_environment(environments.cache)
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False
    ).returncode


def _say(line: str) -> None:
    print(line, flush=True)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sixteenth of the data, 3 rounds")
    parser.add_argument("--large", action="store_true", help="cubes of 1024^3")
    parser.add_argument("--here", action="store_true", help="build no environments")
    parser.add_argument("--fsync", action="store_true", help="all sync what they write")
    parser.add_argument("--works", help=f"separated by commas: {WORKS} (all)")
    parser.add_argument("--contenders", help=f"of {', '.join(CONTENDERS)} (all)")
    parser.add_argument("--rounds", type=int, help="samples of each (7)")
    parser.add_argument("--folder", type=Path, help="where up to 6 GB are written and removed")
    parser.add_argument("--fresh", action="store_true", help="build the environments anew")
    parser.add_argument(
        "--results",
        type=Path,
        help="folder for JSON and plots (benchmarks/results, if everything is measured)",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
