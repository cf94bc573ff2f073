"""The command line itself: help, version, exit statuses, `info` and `tree`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import azarr
from azarr.cli import main
from azarr.cli._main import COMMANDS, version


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    folder = tmp_path / "survey.zarr"
    root = azarr.create_group(folder, attributes={"title": "A survey"})
    root.create_array("site/depth", shape=(100, 7), chunks=(10, 7), dtype="f8", fill_value=-1)
    root.create_array("names", shape=(3,), dtype=str)
    return folder


def test_info_describes_an_array(survey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(survey / "site/depth")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "kind         array, Zarr v3",
        "shape        100 x 7",
        "data type    float64",
        "size         5.6 kB",
        "chunks       10 of 10 x 7",
        "codecs       bytes, blosc",
        "fill value   -1.0",
    ]


def test_info_describes_a_group(survey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(survey)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "kind         group, Zarr v3",
        "members      names, site",
        'attribute    title = "A survey"',
    ]


def test_info_describes_what_zarr_v2_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    azarr.create(
        shape=(), dtype="i2", compressor=None, store=str(tmp_path / "scalar"), zarr_format=2
    )
    assert main(["info", str(tmp_path / "scalar")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "kind         array, Zarr v2",
        "shape        scalar",
        "data type    int16",
        "size         2 bytes",
        "chunks       1 of scalar",
        "codecs       none",
        "fill value   0",
    ]


def test_tree_lists_every_node(survey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tree", str(survey)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/",
        "  names  3  variable-length string",
        "  site/",
        "    depth  100 x 7  float64",
    ]


def test_a_name_cannot_send_commands_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    azarr.create_group(tmp_path).create_group("a\x1b[2Jb")
    assert main(["tree", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "/\n  'a\\x1b[2Jb'/\n"


@pytest.mark.parametrize("command", ["info", "tree"])
def test_a_path_with_nothing_there_is_an_error_of_one_line(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path / "typo")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("azarr: no array or group at ")
    assert "typo" in printed.err
    assert printed.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_makes_no_sense_has_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "gopher://x"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["demmo"], ["demo", "--kep", "x"], ["info"], ["tree", "a", "b"]]
)
def test_arguments_that_do_not_parse_are_an_error_of_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_no_command_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    printed = capsys.readouterr().err
    assert all(command.name in printed for command in COMMANDS)


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_help_fits_80_columns(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_the_help_of_the_demo_defines_round_trips(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["demo", "--help"])
    assert "the longest chain of requests" in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"azarr {version()}\n"


def test_a_reader_that_stops_reading_is_no_traceback(survey: Path) -> None:
    script = "import sys; from azarr.cli import main; sys.stdout.reconfigure(line_buffering=True); "
    with subprocess.Popen(
        [sys.executable, "-c", script + f"sys.exit(main(['tree', {str(survey)!r}]))"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read()
    assert (process.returncode, error) == (1, b"")


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "azarr.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == f"azarr {version()}\n"
