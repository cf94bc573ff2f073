"""What a store has open, once in each process: a forked child must not use what its parent opened.

Nothing about any kind of file lives here.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from azarr.errors import UsageError

T = TypeVar("T")


class Forking:
    """Something with a lock, and perhaps more, that a forked child needs anew.

    A thread of the parent may hold the lock at the fork, and nobody would release it in the child.
    """

    waits_for_fork = False
    """Whether a fork waits until no thread holds the lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        _living.add(self)

    def after_fork(self) -> None:
        """Called in the child, before anything else runs there."""
        self.lock = threading.RLock()


_living: weakref.WeakSet[Forking] = weakref.WeakSet()


def _after_fork() -> None:
    _held.clear()
    for each in list(_living):
        each.after_fork()


_held: list[Forking] = []


def _before_fork() -> None:
    """No other thread is inside a library whose state the child would inherit half changed."""
    _held[:] = [each for each in list(_living) if each.waits_for_fork]
    for each in _held:
        each.lock.acquire()


def _after_fork_in_parent() -> None:
    while _held:
        _held.pop().lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork
    )


class Handle(Forking, Generic[T]):
    """A connection or open file of this process, opened when it is first asked for.

    Stores of the same place that differ in a flag share one. `lock` protects its use.

    Args:
        open: opens it.
        close: closes it.
    """

    def __init__(self, open: Callable[[], T], close: Callable[[T], Any]) -> None:
        super().__init__()
        self._open, self._close = open, close
        self._opened: T | None = None
        # Closing what the parent has open would take its locks away, or write its buffers twice.
        self._of_parents: list[T] = []

    def get(self) -> T:
        """The open thing; opened again if it was closed. To be called with the lock held."""
        if self._opened is None:
            self._opened = self._open()
        return self._opened

    def close(self) -> None:
        """Close it if it is open."""
        with self.lock:
            opened, self._opened = self._opened, None
            if opened is not None:
                self._close(opened)

    def after_fork(self) -> None:
        """The child opens its own."""
        super().after_fork()
        if self._opened is not None:
            self._of_parents.append(self._opened)
            self._opened = None

    def __del__(self) -> None:
        self.close()


def absolute_path(path: str | os.PathLike[str]) -> str:
    """The absolute path of a file.

    Raises:
        UsageError: `path` is none.
    """
    found: object = os.fspath(path)
    if not isinstance(found, str) or not found or "\0" in found:
        raise UsageError(f"not the path of a file: {path!r}")
    return os.path.abspath(found)


def origin_of(scheme: str, path: str) -> str:
    """The identity of a file: two paths to one file are one place."""
    return f"{scheme}://" + os.path.realpath(path).replace(os.sep, "/")
