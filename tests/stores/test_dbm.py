"""`DBMStore`: the conformance suite, flags and other functions to open."""

from __future__ import annotations

import dbm.dumb
import pickle
from pathlib import Path

import numpy as np
import pytest

import azarr
from azarr.errors import ReadOnlyError, StoreError
from azarr.stores import BlockingStore, DBMStore
from azarr.testing.conformance import BlockingStoreConformance


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "folder" / "example.db")


class TestDBMStore(BlockingStoreConformance):
    @pytest.fixture(autouse=True)
    def _path(self, path: str) -> None:
        self.path = path

    def make_store(self) -> BlockingStore:
        return DBMStore(self.path)


def test_other_programs_read_it(path: str) -> None:
    with DBMStore(path) as store:
        store["a/0"] = b"x"
    with dbm.open(path) as database:
        assert database[b"a/0"] == b"x"


def test_the_flags(path: str) -> None:
    with pytest.raises(StoreError):
        DBMStore(path, flag="r")
    with DBMStore(path, flag="n", open=dbm.dumb.open) as store:
        store["a"] = b"1"
        copy = pickle.loads(pickle.dumps(store))
        assert (dict(copy), copy.flag, copy.open) == ({"a": b"1"}, "c", dbm.dumb.open)
        store.close()
        assert dict(store) == {"a": b"1"}
    with DBMStore(path, flag="r") as reader:
        assert dict(reader) == {"a": b"1"}
        with pytest.raises(ReadOnlyError):
            reader["a"] = b"2"
    with DBMStore(path, flag="n") as store:
        assert dict(store) == {}


def test_an_array_is_written_and_read(path: str) -> None:
    data = np.arange(1000).reshape(100, 10)
    with DBMStore(path) as store:
        root = azarr.group(store=store, overwrite=True)
        root.create_array("foo", shape=data.shape, chunks=(10, 7), dtype=data.dtype)[:] = data
    with DBMStore(path, flag="r") as store:
        np.testing.assert_array_equal(azarr.open(store, mode="r")["foo"][:], data)
