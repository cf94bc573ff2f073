"""What a contender can be asked for, and how what it does not say is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from benchmarks._works import Layout, Work

ARRAY = "data"
"""The name of the array in the group that a folder holds."""


class Node(NamedTuple):
    """What listing a group tells of a member."""

    shape: tuple[int, ...]
    dtype: str


class Opened:
    """An open array."""

    def read(self, selection: Any) -> np.ndarray:
        """A region: slices, or `...` for everything."""
        raise NotImplementedError

    def write(self, selection: Any, values: np.ndarray) -> None:
        raise NotImplementedError

    def points(self, coordinates: tuple[np.ndarray, ...]) -> np.ndarray:
        raise NotImplementedError

    def orthogonal(self, indices: tuple[np.ndarray, ...]) -> np.ndarray:
        raise NotImplementedError

    def repeat(self, selection: Any, times: int) -> np.ndarray:
        """Read a region so many times, one after the other; the last result."""
        for _ in range(times):
            result = self.read(selection)
        return result

    def each(self, selections: Sequence[Any], concurrency: int) -> np.ndarray:
        """Read regions, so many at a time; the last one's result, the others are dropped."""
        if concurrency == 1:
            for selection in selections:
                result = self.read(selection)
            return result
        with ThreadPoolExecutor(concurrency) as pool:
            return deque(pool.map(self.read, selections), maxlen=1)[0]


class Bracketed(Opened):
    """An array that is read and written in brackets, its own and those of `vindex` and `oindex`."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def read(self, selection: Any) -> np.ndarray:
        return self.array[selection]  # type: ignore[no-any-return]

    def write(self, selection: Any, values: np.ndarray) -> None:
        self.array[selection] = values

    def points(self, coordinates: tuple[np.ndarray, ...]) -> np.ndarray:
        return self.array.vindex[coordinates]  # type: ignore[no-any-return]

    def orthogonal(self, indices: tuple[np.ndarray, ...]) -> np.ndarray:
        return self.array.oindex[indices]  # type: ignore[no-any-return]


class Contender:
    """An implementation in its default settings but for what the work fixes.

    Attributes:
        actions, media, codecs, shards: what it can do.
        files: the format of its files; one of `files` can be read by all that have it.
        imports: what the works on imports execute in a new process.
        first_use: and what a program may do first.
    """

    actions: ClassVar[frozenset[str]] = frozenset(
        {
            *("read", "write", "region", "points", "orthogonal", "inner_chunk", "row"),
            *("each_stored", "each_inner", "round_trip", "create_nodes", "list_nodes"),
        }
    )
    media: ClassVar[frozenset[str]] = frozenset({"memory", "local"})
    codecs: ClassVar[frozenset[str]] = frozenset({"blosc", "zstd", "none"})
    shards: ClassVar[bool] = True
    files: ClassVar[str] = "zarr3"
    syncs: ClassVar[bool] = False
    imports: ClassVar[str] = ""
    first_use: ClassVar[str] = ""

    def __init__(self, fsync: bool) -> None:
        self.fsync = fsync

    def version(self) -> str:
        """Name and version of what is measured. Raises ImportError where it is not installed."""
        raise NotImplementedError

    def can(self, work: Work) -> bool:
        """Whether it can do a work, with the `fsync` that it was made with."""
        if work.action not in self.actions or work.media not in self.media:
            return False
        if self.fsync and work.writes and work.media == "local" and not self.syncs:
            return False
        layout = work.layout
        return layout is None or (
            layout.codec in self.codecs and (self.shards or layout.shards is None)
        )

    def threads(self, count: int) -> AbstractContextManager[Any]:
        """Arrays that are made or opened inside use so many threads to decode and encode."""
        raise NotImplementedError

    def create(self, layout: Layout, folder: Path | None) -> Opened:
        """A new array: in a new folder, or in memory of its own."""
        raise NotImplementedError

    def open(self, layout: Layout, folder: Path, files: str) -> Opened:
        """The array in a folder, whose files may be those of another contender."""
        raise NotImplementedError

    def create_nodes(self, names: Sequence[str], folder: Path | None) -> Any:
        """Make a group and arrays in it; what `list_nodes` takes."""
        raise NotImplementedError

    def list_nodes(self, group: Any) -> dict[str, Node]:
        """Open the group, and say what is in it."""
        raise NotImplementedError
