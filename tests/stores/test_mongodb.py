"""`MongoDBStore`: the conformance suite, and what Zarr 2 writes.

There is no server that a package index has, so this runs on mongomock, a model of one in memory:
what several processes do to a real one is not tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.stores import servers

import azarr
from azarr.errors import ConflictError, ReadOnlyError, StoreError, UsageError
from azarr.stores import BlockingStore, MongoDBStore
from azarr.testing.conformance import BlockingStoreConformance

mongomock = pytest.importorskip("mongomock")
pytest.importorskip("pymongo")


@pytest.fixture(autouse=True)
def _server() -> Iterator[None]:
    """A server at localhost, the same for every client."""
    with mongomock.patch(servers=(("localhost", 27017),)):
        yield


@pytest.fixture
def store() -> Iterator[MongoDBStore]:
    with MongoDBStore(collection=servers.new_name()) as store:
        yield store


class TestMongoDBStore(BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return MongoDBStore(collection=servers.new_name())

    def test_threads_see_whole_values_only(self, blocking_store: BlockingStore) -> None:
        pytest.skip("mongomock is not made for threads")

    def test_no_increment_by_a_thread_is_lost(self, blocking_store: BlockingStore) -> None:
        pytest.skip("mongomock is not made for threads")


def test_an_array_is_written_and_read(store: MongoDBStore) -> None:
    values = np.arange(10_000).reshape(100, 100)
    root = azarr.group(store=store, overwrite=True)
    root.create_array("foo/bar", shape=(100, 100), chunks=(10, 10), dtype=values.dtype)[:] = values
    assert (azarr.open(store, mode="r")["foo/bar"][:] == values).all()


def test_what_zarr_2_wrote_is_read_and_replaced_on_condition(store: MongoDBStore) -> None:
    store.collection.insert_one({"key": "a/0", "value": b"1"})
    value, generation = store.get_with_generation("a/0")
    assert value == b"1"
    store.collection.replace_one({"key": "a/0"}, {"key": "a/0", "value": b"2"})
    for call in (
        lambda: store.set_if("a/0", b"3", generation),
        lambda: store.delete_if("a/0", generation),
    ):
        with pytest.raises(ConflictError):
            call()
    _, generation = store.get_with_generation("a/0")
    newer = store.set_if("a/0", b"3", generation)
    assert store.collection.find_one({"key": "a/0"})["value"] == b"3"
    store.delete_if("a/0", newer)
    assert not store


def test_only_one_document_has_a_key(store: MongoDBStore) -> None:
    store["a"] = b"1"
    with pytest.raises(mongomock.DuplicateKeyError):
        store.collection.insert_one({"key": "a", "value": b"2"})


def test_errors_of_the_client_are_errors_of_the_store(
    store: MongoDBStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymongo import errors

    def failing(error: Exception) -> Any:
        def fail(*arguments: Any, **more: Any) -> None:
            raise error

        monkeypatch.setattr(type(store.collection), "find_one", fail)
        monkeypatch.setattr(type(store.collection), "replace_one", fail)
        return pytest.raises(StoreError)

    with failing(errors.AutoReconnect("lost")) as caught:
        store.get("a")
    assert caught.value.transient
    with failing(errors.DocumentTooLarge("17 MB")) as caught:
        store["a"] = b""
    assert not caught.value.transient
    with failing(errors.OperationFailure("not authorized", 13)) as caught:
        store.get("a")
    with pytest.raises(ReadOnlyError):
        store["a"] = b""


@pytest.mark.parametrize(
    ("how", "where"),
    [
        ({}, "localhost:27017"),
        ({"host": "h", "port": 5}, "h:5"),
        ({"host": ["h:1", "i:2"]}, "h:1,i:2"),
        ({"host": "mongodb://me:secret@h:1,i:2/db?x=y"}, "h:1,i:2"),
    ],
)
def test_the_place_has_no_credentials(how: dict[str, Any], where: str) -> None:
    assert repr(MongoDBStore("d", "c", **how)) == f"MongoDBStore('mongodb://{where}/d/c')"


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("azarr.stores.mongodb.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"azarr\[mongodb\]"):
        MongoDBStore()
