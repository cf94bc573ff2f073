"""Servers that are not ours, started on loopback for tests and ended by them.

Each is found through PATH or an environment variable. Where it is absent, its tests are skipped,
and the reason says what would provide it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 30
HERE = Path(__file__).parent
_names = count()


def program(variable: str, name: str, advice: str) -> str:
    """The path of a program: what an environment variable says, or what PATH has."""
    found = shutil.which(os.environ.get(variable) or name)
    if not found:
        pytest.skip(f"needs {advice}, or {variable}=path of it")
    return found


# Ends a program when its own input ends, so also when whoever started it is killed.
_UNTIL_INPUT_ENDS = """if True:
    import os, subprocess, sys, threading
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=lambda: (sys.stdin.read(), program.terminate()), daemon=True).start()
    os._exit(program.wait())
"""


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the context."""
    process = subprocess.Popen(
        [sys.executable, "-c", _UNTIL_INPUT_ENDS, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        **options,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def url_told_by(process: subprocess.Popen[str]) -> str:
    """The first URL in what a server prints."""
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"https?://\S+", line):
            return found[0]
    raise RuntimeError(f"{process.args} ended before it was ready: {process.wait(10)}")


@contextmanager
def azurite() -> Iterator[str]:
    """The URL of the blob service of Azurite, Microsoft's emulator of Azure."""
    path = program("AZARR_AZURITE", "azurite-blob", "azurite-blob on PATH (npm install azurite)")
    where = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    with running([path, *where, *quiet, "--disableProductStyleUrl"]) as process:
        yield url_told_by(process)


@contextmanager
def google() -> Iterator[str]:
    """The URL of Google's test server for clients of its storage."""
    advice = "the Python of an environment with github.com/googleapis/storage-testbench"
    python = os.environ.get("AZARR_GCS_TESTBENCH")
    try:
        subprocess.run([python or "none", "-c", "import testbench"], check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"needs AZARR_GCS_TESTBENCH={advice}")
    with running([str(python), str(HERE / "google_server.py")]) as process:
        yield url_told_by(process)


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """The socket of a Redis server that keeps nothing on disk."""
    path = program("AZARR_REDIS", "redis-server", "redis-server on PATH")
    socket = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no"]
    with running([path, *options], cwd=folder) as process:
        end = time.monotonic() + START_SECONDS
        while not socket.exists():
            assert process.poll() is None, "the Redis server ended before it was ready"
            assert time.monotonic() < end
            time.sleep(0.01)
        yield str(socket)


def new_name() -> str:
    """A name for a bucket, a container or a prefix that no other test uses."""
    return f"azarr-{next(_names)}"
