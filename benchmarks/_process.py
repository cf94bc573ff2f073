"""The parent's side of a worker: starts it, sends it orders, waits for its answers."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 180.0
"""Seconds after which a worker that does not answer is ended. The slowest order takes about 20."""


class Failed(Exception):
    """A contender raised an exception, died, or did not answer.

    Attributes:
        kind: "missing": its library is not installed; "wrong": its result is not the data;
            "failed": anything else.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


def clean_environment(cache: Path | None = None) -> dict[str, str]:
    """The environment of a worker: bytecode is cached, as in any program that runs twice."""
    environ = {**os.environ}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if cache is not None:
        environ["PYTHONPYCACHEPREFIX"] = str(cache)
    return environ


class Process:
    """A worker process.

    Args:
        python: its interpreter.
        contender: the name of the contender.
        fsync: whether what it writes is synced.
        log: what it and its libraries print is appended to this file.
        cache: a folder for bytecode.

    Raises:
        Failed: its library is not installed.
    """

    def __init__(
        self, python: str, contender: str, fsync: bool, log: Path, cache: Path | None
    ) -> None:
        self.name, self.python, self.cache = contender, python, cache
        command = [python, "-m", "benchmarks._worker", contender, *(["--fsync"] if fsync else [])]
        with log.open("a") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=clean_environment(cache),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._left = b""
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self.about: dict[str, Any] = self._answer()

    def __call__(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Give an order, and wait for the answer.

        Raises:
            Failed: it could not do it.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise Failed("the process has ended", "failed") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        while b"\n" not in self._left:
            if not self._selector.select(PATIENCE):
                self.close()
                raise Failed(f"no answer in {PATIENCE:.0f} s", "failed")
            data = os.read(self._process.stdout.fileno(), 65536)
            if not data:
                self.close()
                raise Failed(f"ended with status {self._process.returncode}", "failed")
            self._left += data
        line, _, self._left = self._left.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"], answer["kind"])
        return answer

    def close(self) -> None:
        """End the process, which has nothing left to do."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._selector.close()
