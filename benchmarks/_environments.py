"""The environments that contenders run in: built with venv and pip, and kept until they change."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._process import ROOT

PLACE = ROOT / ".bench"
"""Not in git. Removing it builds everything anew."""

NEWEST = (3, 12)
"""The newest zarr-python needs this Python; with an older one, the newest that it can have."""

CANDIDATES = [f"python3.{minor}" for minor in range(20, 11, -1)]
ZARR2 = ["zarr==2.17.*", "numcodecs<0.16", "numpy<2", "fsspec"]
"""zarr-python 2.17 knows neither NumPy 2 nor numcodecs 0.16."""

ZARR2_PYTHONS = ["python3.12", "python3.11", "python3.10"]


@dataclass
class Environments:
    """The interpreter of each environment, and what could not be had.

    Attributes:
        pythons: path by the name of the environment.
        left_out: why, by the name of the environment or package.
        cache: where bytecode goes, where the environment cannot hold it itself.
    """

    pythons: dict[str, str]
    left_out: dict[str, str]
    cache: Path | None = None


def here() -> Environments:
    """Nothing is built: the Python that runs, and that of `AZARR_ZARR2_PYTHON` for zarr 2."""
    zarr2 = os.environ.get("AZARR_ZARR2_PYTHON")
    if zarr2:
        return Environments({"current": sys.executable, "zarr2": zarr2}, {}, PLACE / "bytecode")
    left_out = {"zarr2": "AZARR_ZARR2_PYTHON does not name an interpreter that has it"}
    return Environments({"current": sys.executable}, left_out, PLACE / "bytecode")


def build(say: Callable[[str], None], fresh: bool) -> Environments:
    """Build what is missing or has changed, or everything `fresh`; it takes minutes."""
    if fresh:
        shutil.rmtree(PLACE, ignore_errors=True)
    found = Environments({}, {})
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    newest = _newest_python()
    current = [*_group(project, "bench")]
    wanted = hashlib.sha256(json.dumps([project["project"], current]).encode()).hexdigest()
    python = _environment("current", newest, ["-e", str(ROOT)], current, wanted, found, say)
    if python is None:
        raise SystemExit("benchmarks: azarr cannot be installed; see above")
    found.pythons["current"] = python
    older = _first_that_runs(ZARR2_PYTHONS) or (
        sys.executable if sys.version_info < (3, 13) else None
    )
    if older is None:
        found.left_out["zarr2"] = "no Python 3.10 to 3.12 is installed"
        return found
    zarr2 = _environment("zarr2", older, ZARR2, [], json.dumps(ZARR2), found, say)
    if zarr2 is not None:
        found.pythons["zarr2"] = zarr2
    return found


def _group(project: dict[str, object], name: str) -> Sequence[str]:
    groups = project["dependency-groups"]
    assert isinstance(groups, dict)
    return [requirement for requirement in groups[name] if isinstance(requirement, str)]


def _newest_python() -> str:
    given = os.environ.get("AZARR_BENCH_PYTHON")
    return given or _first_that_runs(CANDIDATES) or sys.executable


def _first_that_runs(names: Sequence[str]) -> str | None:
    """Each is run, not only looked up: a version manager's shim may stand for nothing."""
    for name in names:
        path = shutil.which(name)
        if (
            path
            and not subprocess.run(
                [path, "-c", "import venv"], capture_output=True, check=False
            ).returncode
        ):
            return path
    return None


def _version(python: str) -> str:
    """E.g. "Python 3.13.0"; nothing if it does not run, or cannot make environments."""
    command = [python, "-c", "import platform, venv; print('Python', platform.python_version())"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _environment(
    name: str,
    base: str,
    needed: list[str],
    wished: list[str],
    wanted: str,
    found: Environments,
    say: Callable[[str], None],
) -> str | None:
    """The interpreter of an environment with what is needed, and what is wished where it can be.

    None, and a note, if what is needed cannot be installed.
    """
    folder = PLACE / name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    mark = folder / "azarr-benchmarks.json"
    version = subprocess.run(
        [base, "-V"], capture_output=True, text=True, check=True
    ).stdout.strip()
    wanted = f"{version} {wanted}"
    kept = json.loads(mark.read_text()) if mark.exists() else {}
    if kept.get("wanted") == wanted:
        found.left_out.update(kept["left_out"])
        return str(python)
    say(f"building the environment {name} with {version} in {folder}")
    subprocess.run([base, "-m", "venv", "--clear", str(folder)], check=True)
    left_out: dict[str, str] = {}
    if not _pip(python, needed):
        found.left_out[name] = f"pip cannot install {' '.join(needed)} on {version}"
        return None
    if not _pip(python, wished):  # one by one, to learn which it is
        for requirement in wished:
            if not _pip(python, [requirement]):
                left_out[requirement] = f"pip cannot install it on {version}"
    mark.write_text(json.dumps({"wanted": wanted, "left_out": left_out}))
    found.left_out.update(left_out)
    return str(python)


def _pip(python: Path, requirements: list[str]) -> bool:
    if not requirements:
        return True
    command = [str(python), "-m", "pip", "install", "--quiet", "--upgrade", *requirements]
    return not subprocess.run(command, cwd=ROOT, check=False).returncode
