"""`azarr demo`: what it prints, checks, leaves behind and refuses."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.cli import _demo, main
from azarr.cli._command import CommandError
from azarr.errors import StoreError
from azarr.testing import LatencyStore

SMALL = _demo.Scale(
    shape=(8, 30, 40),
    chunks=(4, 10, 10),
    region=(slice(2, 6), slice(5, 15), slice(0, 20)),
    piece=(2, 5, 5),
    pieces=20,
    latency=0.002,
)

pytestmark = pytest.mark.alone


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Makes the demo small; the folder in which it makes its temporary one."""
    monkeypatch.setattr(_demo, "Scale", lambda: SMALL)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


def rows(printed: str) -> dict[str, tuple[str, ...]]:
    """Label -> requests and round trips, of every row of the table."""
    found = re.findall(r"^  (.+?) +[\d.]+ m?s +[\d.,]+ +([\d,]+) +(-|[\d,]+)$", printed, re.M)
    return {label: (requests, round_trips) for label, requests, round_trips in found}


def test_the_table_counts_requests_and_round_trips(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo"]) == 0
    assert rows(capsys.readouterr().out) == {
        "write the field": ("24", "-"),
        "read it whole": ("24", "-"),
        "read a region of 4 x 10 x 20": ("8", "-"),
        "blocking, one after the other": ("20", "20"),
        "awaited together, in one task group": ("20", "1"),
    }


def test_the_output_fits_80_columns(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["demo"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []


def test_nothing_is_left_behind(small: Path) -> None:
    main(["demo"])
    assert list(small.iterdir()) == []


@pytest.mark.parametrize("existing", [True, False], ids=["an empty folder", "a new folder"])
def test_what_is_kept_reads_as_the_field(
    small: Path, tmp_path: Path, existing: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kept here"
    if existing:
        folder.mkdir()
    assert main(["demo", "--keep", str(folder)]) == 0
    field = azarr.open_array(folder / "field", mode="r")
    np.testing.assert_array_equal(field[...], _demo.make_field(SMALL.shape))
    assert f"azarr tree '{folder}'" in capsys.readouterr().out
    assert list(small.iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "folder/file"])
def test_a_place_that_is_not_empty_is_refused_and_left_as_it_is(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_text("mine")
    assert main(["demo", "--keep", str(tmp_path / name)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        f"azarr: --keep {tmp_path / name}: not an empty folder; name a new one"
    ]
    assert (list(file.parent.iterdir()), file.read_text()) == ([file], "mine")


def test_a_wrong_value_ends_the_demo_with_status_1_and_nothing_left(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = azarr.AsyncArray.getitem

    async def wrong(array: azarr.AsyncArray, selection: Any) -> Any:
        return await right(array, selection) + 1

    monkeypatch.setattr(azarr.AsyncArray, "getitem", wrong)
    assert main(["demo"]) == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "is not what was written" in printed.err
    assert "Where to go next" not in printed.out
    assert list(small.iterdir()) == []


def test_a_failing_store_ends_the_demo_in_one_line_that_says_where(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    get = LatencyStore.get

    async def fail(store: LatencyStore, key: str, default: Any = None) -> Any:
        if "/c/" in key:
            raise StoreError("the disk\nis on fire")
        return await get(store, key, default)

    monkeypatch.setattr(LatencyStore, "get", fail)
    assert main(["demo"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("azarr: the disk is on fire; array '/field' in ")
    assert error.count("\n") == 1
    assert list(small.iterdir()) == []


def test_ctrl_c_leaves_nothing_behind(
    small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_demo, "_slow", interrupt)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "azarr: stopped\n"
    assert list(small.iterdir()) == []


def test_each_small_region_lies_within_a_chunk_of_its_own() -> None:
    scale = _demo.Scale()
    regions = _demo._scattered_regions(scale)
    chunks = set()
    for region in regions:
        for part, chunk, length in zip(region, scale.chunks, scale.shape, strict=True):
            assert part.start // chunk == (part.stop - 1) // chunk
            assert part.stop <= length
        chunks.add(tuple(p.start // c for p, c in zip(region, scale.chunks, strict=True)))
    assert len(chunks) == len(regions) == 200


def test_the_field_of_the_demo_is_64_megabytes() -> None:
    assert np.prod(_demo.Scale().shape) * 4 == 64_000_000


def test_a_difference_of_one_element_is_found() -> None:
    with pytest.raises(CommandError, match="the field as read is not what was written"):
        _demo._check("the field", np.array([1.0, 2.0]), np.array([1.0, 2.5]))


@pytest.mark.slow
def test_the_demo_runs_as_a_newcomer_runs_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    table = rows(capsys.readouterr().out)
    assert table["blocking, one after the other"] == ("200", "200")
    requests, round_trips = table["awaited together, in one task group"]
    assert requests == "200"
    assert int(round_trips) <= 2  # a busy machine takes more than 50 ms to start 200 tasks
