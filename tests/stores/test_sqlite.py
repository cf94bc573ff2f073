"""`SQLiteStore`: the conformance suite, other processes, and files of Zarr 2."""

from __future__ import annotations

import os
import pickle
import sqlite3
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.stores.test_local_processes import in_forks

import azarr
from azarr.errors import ConflictError, StoreError
from azarr.stores import BlockingStore, SQLiteStore
from azarr.testing._rules import Awaited, increment
from azarr.testing.conformance import BlockingStoreConformance, drive


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "folder" / "example.sqldb")


@pytest.fixture
def store(path: str) -> Iterator[SQLiteStore]:
    with SQLiteStore(path) as store:
        yield store


class TestSQLiteStore(BlockingStoreConformance):
    @pytest.fixture(autouse=True)
    def _path(self, path: str) -> None:
        self.path = path

    def make_store(self) -> BlockingStore:
        return SQLiteStore(self.path)


class TestSQLiteStoreInMemory(BlockingStoreConformance):
    picklable = False

    def make_store(self) -> BlockingStore:
        return SQLiteStore(":memory:")


@pytest.mark.fork
def test_no_increment_of_four_processes_is_lost(store: SQLiteStore) -> None:
    store["n"] = b"0"

    def count() -> None:
        for _ in range(25):
            drive(increment(Awaited(store), "n"))

    in_forks(4, count)
    assert store["n"] == b"100"


def test_the_table_is_that_of_zarr_2_and_its_writes_are_seen(store: SQLiteStore, path: str) -> None:
    store["a"] = b"old"
    _, generation = store.get_with_generation("a")
    other = sqlite3.connect(path, isolation_level=None)
    assert other.execute("SELECT * FROM zarr").fetchall() == [("a", b"old")]
    other.execute("REPLACE INTO zarr VALUES (?, ?)", ("a", b"theirs"))
    with pytest.raises(ConflictError, match="'a'"):
        store.set_if("a", b"mine", generation)
    other.execute("BEGIN TRANSACTION")
    other.execute("DROP TABLE zarr")
    other.execute("CREATE TABLE zarr(k TEXT PRIMARY KEY, v BLOB)")
    other.execute("COMMIT")
    other.close()
    assert list(store) == []
    store["a"] = b"new"
    assert store["a"] == b"new"


def test_a_generation_does_not_come_back_when_the_clock_goes_back(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azarr.stores.sqlite.time.time_ns", lambda: 5)
    generations = [store.set_if("a", b"1", None)]
    for _ in range(3):
        generations.append(store.set_if("a", b"1", generations[-1]))
    assert len(set(generations)) == 4


def test_a_database_that_others_hold_is_a_transient_error(path: str) -> None:
    with SQLiteStore(path, timeout=0.01) as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="in use") as caught:
            store["a"] = b"1"
        assert caught.value.transient
        other.execute("ROLLBACK")
        other.close()
        store["a"] = b"1"
        assert pickle.loads(pickle.dumps(store)).kwargs == {"timeout": 0.01}


def test_what_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"something else" * 100)
    with pytest.raises(StoreError, match="not a database"):
        SQLiteStore(tmp_path / "a")


def test_a_database_in_memory_cannot_be_pickled() -> None:
    with SQLiteStore(":memory:") as store, pytest.raises(pickle.PicklingError):
        pickle.dumps(store)


@pytest.mark.fork
def test_a_forked_child_has_a_connection_of_its_own(store: SQLiteStore) -> None:
    store["a"] = b"1"
    child = os.fork()
    if child == 0:
        store["b"] = store["a"]
        store.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert dict(store) == {"a": b"1", "b": b"1"}


def test_children_are_found_without_looking_at_what_is_under_them(store: SQLiteStore) -> None:
    with store._connected("", writing=True) as connection:
        rows = ((f"a/b/c/{step}", b"") for step in range(100_000))
        connection.executemany("INSERT INTO zarr VALUES (?, ?)", rows)
    began = time.perf_counter()
    assert store.list_children("a") == ([], ["b"])
    assert time.perf_counter() - began < 0.02


def test_an_array_is_written_and_read(store: SQLiteStore) -> None:
    data = np.arange(1000).reshape(100, 10)
    root = azarr.group(store=store, overwrite=True)
    root.create_array("foo/bar", shape=data.shape, chunks=(10, 7), dtype=data.dtype)[:] = data
    np.testing.assert_array_equal(azarr.open(store, mode="r")["foo/bar"][3:50], data[3:50])


@pytest.mark.fork
def test_a_fork_waits_until_no_thread_is_within_sqlite(tmp_path: Path) -> None:
    """SQLite knows the locks of a file once per process: a child would inherit half of a change."""
    store = SQLiteStore(tmp_path / "busy.db")
    array = azarr.create_array(store, shape=40, chunks=1, dtype="i4")
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            array[3]

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(3):
            in_forks(4, partial(array.__setitem__, slice(number, None, 3), number))
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert array[:39].tolist() == [0, 1, 2] * 13
