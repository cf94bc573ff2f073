"""Awaited reads of small files: on the event loop if they are in memory, else in a thread."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest

import azarr
from azarr.storage import LocalStore
from azarr.stores import local

VALUES = np.arange(400, dtype="i4").reshape(20, 20)
LAYOUTS: dict[str, dict[str, Any]] = {
    "chunks": {"chunks": (10, 10)},
    "shards": {"chunks": (5, 5), "shards": (10, 10)},
}


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The hops to a worker thread from now on."""
    hops: list[Any] = []
    run_sync = anyio.to_thread.run_sync

    async def counted(*args: Any, **kwargs: Any) -> Any:
        hops.append(args)
        return await run_sync(*args, **kwargs)

    monkeypatch.setattr(anyio.to_thread, "run_sync", counted)
    return hops


@pytest.fixture(params=LAYOUTS)
def array(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    array = azarr.create_array(
        LocalStore(tmp_path),
        shape=VALUES.shape,
        dtype="i4",
        fill_value=-1,
        **LAYOUTS[request.param],
    )
    array[:10] = VALUES[:10]
    return array


def read(array: Any, backend: str) -> Any:
    async def main() -> Any:
        return await array.async_array.getitem((slice(2, 18), slice(5, 15)))

    return anyio.run(main, backend=backend)


def expected() -> Any:
    values = VALUES.copy()
    values[10:] = -1
    return values[2:18, 5:15]


def can_tell(path: Path) -> bool:
    with open(path / "zarr.json", "rb") as file:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except (AttributeError, OSError):
            return False
    return True


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_is_in_memory_is_read_without_a_thread(
    array: Any, tmp_path: Path, backend: str, threads: list[Any]
) -> None:
    if not can_tell(tmp_path):
        pytest.skip("this file system cannot tell what is in memory (RWF_NOWAIT); ext4 and XFS can")
    array[...]  # the files are new, and the indexes of shards are known
    np.testing.assert_array_equal(read(array, backend), expected())
    assert threads == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_what_would_have_to_wait_for_the_disk_is_read_in_a_thread(
    array: Any, backend: str, threads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(fd: int, start: int, stop: int) -> memoryview:
        raise BlockingIOError

    monkeypatch.setattr(local, "read_cached", wait)
    np.testing.assert_array_equal(read(array, backend), expected())
    assert len(threads) == 1


def test_files_that_have_left_the_memory_are_read_all_the_same(array: Any, tmp_path: Path) -> None:
    if not hasattr(os, "posix_fadvise"):
        pytest.skip("this system cannot be told to forget files (posix_fadvise)")
    os.sync()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    np.testing.assert_array_equal(read(array, "asyncio"), expected())


def test_a_file_system_that_cannot_tell_is_not_asked_again(
    array: Any, threads: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(fd: int, start: int, stop: int) -> memoryview:
        asked.append(start)
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(local, "CAN_TELL", True)
    monkeypatch.setattr(local, "read_cached", refuse)
    for _ in range(3):
        np.testing.assert_array_equal(read(array, "asyncio"), expected())
    assert (len(asked), len(threads)) == (1, 3)


def test_a_store_that_reads_in_its_own_way_is_read_in_a_thread(
    tmp_path: Path, threads: list[Any]
) -> None:
    class Reversed(LocalStore):
        def get(self, key: str, default: Any = None) -> Any:
            value = super().get(key, default)
            return value if value is None or key.endswith("json") else value[::-1]

    store = Reversed(tmp_path)
    array = azarr.create_array(store, shape=4, chunks=4, dtype="u1", compressors=None)
    store.set("c/0", b"\1\2\3\4")

    async def main() -> Any:
        return await array.async_array.getitem(...)

    assert anyio.run(main).tolist() == [4, 3, 2, 1]
    assert len(threads) == 1
