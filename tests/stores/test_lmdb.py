"""`LMDBStore`: the conformance suite, and other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.stores.digests import DigestConformance
from tests.stores.test_local_processes import in_forks

import azarr
from azarr.errors import ReadOnlyError, StoreError, UsageError
from azarr.stores import BlockingStore, LMDBStore
from azarr.testing._rules import Awaited, increment
from azarr.testing.conformance import drive

lmdb = pytest.importorskip("lmdb")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "folder" / "example.lmdb")


@pytest.fixture
def store(path: str) -> Iterator[LMDBStore]:
    with LMDBStore(path) as store:
        yield store


class TestLMDBStore(DigestConformance):
    @pytest.fixture(autouse=True)
    def _path(self, path: str) -> None:
        self.path = path

    def make_store(self) -> BlockingStore:
        return LMDBStore(self.path)


@pytest.mark.fork
def test_no_increment_of_four_processes_is_lost(store: LMDBStore) -> None:
    store["n"] = b"0"

    def count() -> None:
        for _ in range(200):
            drive(increment(Awaited(store), "n"))

    in_forks(4, count)
    assert store["n"] == b"800"


def test_the_stores_of_a_path_share_what_is_open(store: LMDBStore, path: str) -> None:
    other = LMDBStore(path)
    other["a"] = b"1"
    assert store["a"] == b"1"
    other.close()
    assert store["a"] == b"1"


def test_other_programs_read_it(path: str) -> None:
    with LMDBStore(path) as store:
        store["a/0"] = b"x"
    with lmdb.open(path) as environment, environment.begin() as transaction:
        assert list(transaction.cursor()) == [(b"a/0", b"x")]


def test_a_database_opened_to_be_read_refuses_writes(path: str) -> None:
    with pytest.raises(StoreError):
        LMDBStore(path, readonly=True)
    with LMDBStore(path) as store:
        store["a"] = b"1"
    del store
    with LMDBStore(path, readonly=True) as reader:
        assert dict(reader) == {"a": b"1"}
        with pytest.raises(ReadOnlyError):
            reader["a"] = b"2"


def test_a_key_that_is_too_long_is_missing_and_cannot_be_written(store: LMDBStore) -> None:
    assert store.get("x" * 512) is None
    assert store.get("") is None
    with pytest.raises(StoreError, match="xxx"):
        store["x" * 512] = b"1"


def test_a_full_map_is_an_error_and_writes_nothing(path: str) -> None:
    with LMDBStore(path, map_size=100_000) as store:
        with pytest.raises(StoreError, match="MapFull"):
            store["a"] = bytes(200_000)
        assert list(store) == []


@pytest.mark.fork
def test_a_forked_child_opens_it_anew(store: LMDBStore) -> None:
    store["a"] = b"1"
    child = os.fork()
    if child == 0:
        store["b"] = store["a"]
        store.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert dict(store) == {"a": b"1", "b": b"1"}


def test_without_the_package_the_error_says_what_to_install(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azarr.stores.lmdb.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"azarr\[lmdb\]"):
        LMDBStore(path)


def test_an_array_is_written_and_read_by_two_processes(store: LMDBStore) -> None:
    data = np.arange(1000).reshape(100, 10)
    root = azarr.group(store=store, overwrite=True)
    root.create_array("foo/bar", shape=data.shape, chunks=(10, 7), dtype=data.dtype)[:] = data
    script = (
        "import sys, azarr; from azarr.storage import LMDBStore\n"
        "sys.exit(int(azarr.open(LMDBStore(sys.argv[1]), mode='r')['foo/bar'][:].sum() != 499500))"
    )
    subprocess.run([sys.executable, "-c", script, store.path], check=True, timeout=60)
