"""Every check of the project as a nox session: `nox -l` lists them.

`nox -s tests` needs nothing but the Python that runs nox and pip.
"""

from __future__ import annotations

import os
import sys
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
TESTBENCH = "git+https://github.com/googleapis/storage-testbench@v0.63.0"
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


@nox.session
def cloud_servers(session: nox.Session) -> None:
    """Run the tests that need servers of Azure, Google Cloud Storage and Redis.

    npm and redis-server come from the system. A server that cannot be had has its tests skipped.
    """
    session.install(".", *group("tests"))
    folder = Path(session.create_tmp()).absolute()
    programs = "Scripts" if os.name == "nt" else "bin"
    commands = {
        "AZARR_AZURITE": (
            folder / "node_modules" / ".bin" / "azurite-blob",
            [["npm", "install", "--no-save", f"--prefix={folder}", "azurite@3"]],
        ),
        # It pins its requirements, so it has an environment of its own.
        "AZARR_GCS_TESTBENCH": (
            folder / "google" / programs / "python",
            [
                ["python", "-m", "venv", "--clear", str(folder / "google")],
                [str(folder / "google" / programs / "pip"), "install", TESTBENCH],
            ],
        ),
    }
    for variable, (program, installing) in commands.items():
        if variable in os.environ:
            continue
        session.env[variable] = str(program)
        try:
            for command in installing:
                session.run(*command, external=True)
        except nox.command.CommandFailed:
            session.warn(f"{variable}: not installed, so its tests are skipped")
    files = ["tests/stores/test_clouds.py", "tests/stores/test_redis.py"]
    session.run("python", "-m", "pytest", *files, *session.posargs)


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


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Measure azarr beside others, in environments of its own: `nox -s bench -- --quick`."""
    session.run(sys.executable, "-m", "benchmarks", *session.posargs)
