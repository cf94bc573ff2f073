"""Every check of the project as a nox session: `nox -l` lists them.

`nox -s tests` needs nothing but the Python that runs nox and pip.
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["tests", "lint", "typing"]
nox.options.error_on_missing_interpreters = False

PYPROJECT = nox.project.load_toml("pyproject.toml")
LOWEST = "constraints/lowest.txt"
# What pip would find by itself, after trying a hundred releases of boto3: one that goes with the
# botocore of the aiobotocore 2 that the oldest s3fs needs.
LOWEST_HINTS = ["boto3<1.42"]
# A build has two cores. Tests that measure time or memory need one for themselves; the others run
# in two processes, each with whole files.
ALONE = ["-m", "alone"]
TOGETHER = ["-m", "not alone", "--numprocesses=2", "--dist=loadfile"]
ZARR2 = ["zarr==2.17.*", "numcodecs<0.16", "numpy<2", "fsspec"]
OTHER_PYTHONS = ["3.12", "3.13"]


def group(name: str) -> list[str]:
    """The requirements of a dependency group (PEP 735)."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests on the Python that runs nox."""
    run_tests(session)


@nox.session(python=OTHER_PYTHONS)
def tests_all(session: nox.Session) -> None:
    """Run the tests on each further Python; one that is not installed is skipped."""
    run_tests(session)


@nox.session
def tests_lowest(session: nox.Session) -> None:
    """Run the tests on the oldest supported release of every dependency."""
    run_tests(session, "--constraint", LOWEST, *LOWEST_HINTS)


@nox.session
def agreement_zarr2(session: nox.Session) -> None:
    """Run the tests against zarr-python 2, which is installed into an environment of its own."""
    session.install(".", *group("tests"))
    folder = Path(session.create_tmp()) / "zarr2"
    session.run("python", "-m", "venv", "--clear", str(folder))
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    session.run(str(python), "-m", "pip", "install", *ZARR2, external=True)
    session.env["AZARR_ZARR2_PYTHON"] = str(python)
    session.run(
        "python", "-m", "pytest", "tests/n5", "tests/interop/test_zarr2.py", *session.posargs
    )


def run_tests(session: nox.Session, *pip_options: str) -> None:
    session.install(".", *group("tests"), *pip_options)
    for arguments in [session.posargs] if session.posargs else [ALONE, TOGETHER]:
        session.run("python", "-m", "pytest", *arguments)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of the whole package, strictly."""
    session.install(*PYPROJECT["project"]["dependencies"], *group("typing"))
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into site/; a warning is an error. `nox -s docs -- serve` previews it."""
    session.install(".", *group("docs"))
    if session.posargs:
        session.run("zensical", *session.posargs)
    else:
        built = session.run("zensical", "build", "--clean", "--strict", silent=True)
        session.log(built)
        # What griffe has to say of docstrings is not counted by --strict.
        if "griffe:" in str(built):
            session.error("a docstring does not agree with its signature")
        session.run("python", ".ci/docs_check.py")


@nox.session
def bench(session: nox.Session) -> None:
    """Run benchmarks beside other implementations: all, or `nox -s bench -- NAME ...`."""
    session.install(".", *group("bench"))
    scripts = sorted(path.stem for path in Path("benchmarks").glob("[!_]*.py"))
    for name in session.posargs or scripts:
        session.run("python", "-m", f"benchmarks.{name}")
