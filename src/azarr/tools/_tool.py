"""What a tool is, and what the copying tools share: their log and their counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar

from azarr.engine import Way
from azarr.errors import UsageError

T = TypeVar("T")

Tool: TypeAlias = Callable[[Way], Coroutine[Any, Any, T]]
"""What is to be done, given the way to do it."""

Log: TypeAlias = Callable[[str], object]
Counts: TypeAlias = tuple[int, int, int]
"""Things copied, things skipped, bytes of data copied."""


@contextmanager
def logging_to(log: Any) -> Iterator[Log]:
    """A function that logs a line, of what a user gives: a function, a file, its path, or None."""
    if log is None:
        yield lambda line: None
    elif callable(log):
        yield log
    elif isinstance(log, str | os.PathLike):
        with open(log, "w", encoding="utf-8") as file:
            yield lambda line: file.write(f"{line}\n")
    elif hasattr(log, "write"):
        yield lambda line: log.write(f"{line}\n")
    else:
        raise UsageError(f"log {log!r}: a function, a file, its path, or None is needed")


def summary(counts: Counts, dry_run: bool) -> str:
    """The last line of a log."""
    copied, skipped, nbytes = counts
    if dry_run:
        return f"dry run: {copied:,} copied, {skipped:,} skipped"
    return f"all done: {copied:,} copied, {skipped:,} skipped, {nbytes:,} bytes copied"


def check_if_exists(if_exists: str, allowed: tuple[str, ...]) -> None:
    """Raises UsageError for a rule that is not among those allowed."""
    if if_exists not in allowed:
        raise UsageError(f"if_exists {if_exists!r}: {', '.join(map(repr, allowed))} are allowed")
