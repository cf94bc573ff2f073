"""The benchmarks run, see what is wrong, and judge honestly. What they measure is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import _round_trips, _targets
from benchmarks._data import Wrong, compare, load, make
from benchmarks._table import ratio, time, unsteady
from benchmarks._works import SHARDED, Work, public_works, works
from benchmarks.contenders import make as make_contender

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--here", "--quick", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=90,
        check=False,
    )


@pytest.mark.slow
def test_a_quick_run_measures_everybody_who_is_installed(tmp_path: Path) -> None:
    works = "A write,C read,D local,F,G row,S inner chunks,groups list,import"
    done = run("--rounds", "1", "--works", works, "--results", str(tmp_path))
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "results.json").read_text("utf-8"))
    rows = {row["name"]: row["samples"] for row in document["rows"]}
    assert rows.keys() >= {"A write", "C read", "D local", "F oindex", "G row", "import"}
    assert all("azarr" in samples for samples in rows.values())
    assert {"azarr", "floor"} <= document["contenders"].keys()
    assert all(
        target["met"] == (target["found"] <= target["limit"]) for target in document["targets"]
    )
    assert "## Targets" in (tmp_path / "results.md").read_text("utf-8")


def test_works_survive_the_way_to_a_worker() -> None:
    for work in works("quick"):
        assert Work.of_json(json.loads(json.dumps(work.as_json()))) == work


def test_the_public_cube_holds_what_its_formula_says(tmp_path: Path) -> None:
    layout = public_works(128)[0].layout
    assert layout is not None
    make(layout, tmp_path / "data.npy")
    values = load(tmp_path / "data.npy", into_memory=False)
    for g0, g1, g2 in [(0, 0, 0), (1, 2, 3), (127, 126, 125), (50, 31, 127)]:
        assert values[g0, g1, g2] == (g2 + g1 * g1 // 32 + g0**3) % 65536


def test_the_walk_is_a_walk(tmp_path: Path) -> None:
    make(SHARDED, tmp_path / "data.npy")
    values = load(tmp_path / "data.npy", into_memory=False)
    steps = np.diff(values[::1000].astype("i4"))
    wrapped = np.minimum(np.abs(steps), 65536 - np.abs(steps))
    assert 0 < wrapped.mean() < wrapped.max() <= 32


@pytest.mark.parametrize("broken", ["value", "dtype", "shape"])
def test_a_wrong_result_is_seen(broken: str) -> None:
    expected = np.arange(12, dtype="u2").reshape(3, 4)
    result = {
        "value": np.where(expected == 11, 0, expected).astype("u2"),
        "dtype": expected.astype("u4"),
        "shape": expected.reshape(4, 3),
    }[broken]
    compare(expected.copy(), expected, "it")
    with pytest.raises(Wrong, match="it"):
        compare(result, expected, "it")


def test_the_floor_reads_and_writes_the_shards_of_azarr(tmp_path: Path) -> None:
    layout = next(work.layout for work in works("quick") if work.name == "G read")
    assert layout is not None
    values = np.arange(np.prod(layout.shape), dtype=layout.dtype).reshape(layout.shape)
    floor, azarr = make_contender("floor"), make_contender("azarr")
    region = (slice(100, 101), slice(0, layout.shape[1]))
    for number, (writer, reader) in enumerate([(floor, azarr), (azarr, floor)]):
        folder = tmp_path / f"{number}.zarr"
        writer.create(layout, folder).write(..., values)
        found = reader.open(layout, folder, "zarr3")
        compare(found.read(...), values, "all")
        compare(found.read(region), values[region], "row")


def test_a_ratio_is_made_of_pairs() -> None:
    found = ratio([1.0, 2.0, 9.0], [2.0, 4.0, 9.0])
    assert (found.middle, found.low, found.high) == (0.5, 0.5, 0.75)
    assert ratio([3.0], [2.0, 8.0]).middle == 1.5


def test_scattered_samples_are_called_unsteady() -> None:
    assert unsteady([1.0, 1.0, 2.0, 2.0])
    assert not unsteady([1.0, 1.01, 1.02, 1.03, 9.0])
    assert not unsteady([1.0])


def test_times_have_readable_units() -> None:
    assert [time(each) for each in (2.5, 0.0123, 4.5e-6, 0.25)] == [
        "2.5 s",
        "12.3 ms",
        "4.5 us",
        "250 ms",
    ]


def test_a_target_is_held_against_the_best_peer_which_is_never_the_floor() -> None:
    rows = {
        "A read": {"azarr": [2.0], "floor": [0.1], "zarr": [4.0], "zarrs": [1.0], "h5py": [0.5]}
    }
    best, zarr = _targets.of_rows(rows)
    assert (best.against, best.found, best.met) == ("best peer: zarrs", 2.0, False)
    assert (zarr.found, zarr.met) == (0.5, True)


def test_best_peer_that_renames_leaves_out_who_writes_in_place() -> None:
    rows = {"B write": {"azarr": [2.0], "zarrs": [1.0], "tensorstore": [4.0]}}
    assert [each.found for each in _targets.of_rows(rows)] == [0.5]


def test_a_curve_that_grows_misses_its_target() -> None:
    curves = {"chunks_memory": {"azarr": {"read": [[100, 1.0], [10**6, 1.4]]}}}
    (verdict,) = _targets.of_curves(curves)
    assert not verdict.met


def test_the_tables_of_round_trips_are_read() -> None:
    lines = "latency 50 ms,,| work | a |,|---|---|,| open | 0.1 (3) |,,| x |,|---|,,met  it: 1"
    assert _round_trips.parsed(lines.replace(",", "\n")) == {
        "settings": "latency 50 ms",
        "tables": [[["work", "a"], ["open", "0.1 (3)"]], [["x"]]],
        "targets": ["met it: 1"],
    }
