"""`MemoryStore` beyond the conformance suite."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
import threading

import numpy as np
import pytest

from azarr.errors import ConflictError, UsageError
from azarr.stores import MemoryStore


def test_every_store_is_a_place_of_its_own() -> None:
    first, second = MemoryStore(), MemoryStore()
    assert first.origin != second.origin
    assert first != second


def test_the_values_to_begin_with_are_copied_and_checked() -> None:
    data = {"a/b": bytearray(b"value")}
    store = MemoryStore(data)
    data["a/b"][:] = b"other"
    assert dict(store) == {"a/b": b"value"}
    with pytest.raises(UsageError, match="'/a' is not a key"):
        MemoryStore({"/a": b"value"})


def test_bytes_are_kept_as_they_are() -> None:
    value = b"value" * 1000
    store = MemoryStore({"a": value})
    assert store.get("a") is value


def test_a_numpy_array_is_stored_as_its_bytes() -> None:
    store = MemoryStore()
    values = np.arange(6, dtype="<i4").reshape(2, 3)
    store.set("a", values.data)
    store.set("b", values.T.data)
    store.set("c", np.array(["2020-01-01"], dtype="M8[D]"))  # type: ignore[arg-type]
    assert store["a"] == values.tobytes()
    assert store["b"] == values.T.tobytes()
    assert len(store["c"]) == 8


def test_a_pickled_store_holds_its_values_and_is_another_place() -> None:
    store = MemoryStore({"a": b"value"}, read_only=True)
    for twin in (pickle.loads(pickle.dumps(store)), copy.deepcopy(store)):
        assert dict(twin) == {"a": b"value"}
        assert twin.read_only
        assert twin.origin != store.origin


def test_a_read_only_view_sees_what_is_written() -> None:
    store = MemoryStore()
    reader = store.with_read_only()
    store.set("a", b"value")
    assert reader["a"] == b"value"
    assert reader == store


def test_writing_while_a_listing_goes_on_is_fine() -> None:
    store = MemoryStore({"a": b"", "b": b""})
    for key in store:
        del store[key]
        store[key + "/new"] = b""
    assert sorted(store) == ["a/new", "b/new"]


def test_generations_of_different_keys_and_stores_differ() -> None:
    stores = [MemoryStore({"a": b"", "b": b""}) for _ in range(2)]
    seen = {store.get_with_generation(key)[1] for store in stores for key in "ab"}
    assert len(seen) == 4


def test_the_repr_says_how_much_there_is() -> None:
    store = MemoryStore({"a": b"value"})
    assert repr(store) == f"<MemoryStore {store.origin}: 1 keys>"
    assert repr(store.with_read_only()).endswith("1 keys, read-only>")


def test_a_finalizer_that_writes_does_not_hang() -> None:
    store = MemoryStore()

    class Writer:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            store.set("finalized", b"")

    class Key(str):
        __slots__ = ()

        def __hash__(self) -> int:
            Writer()
            gc.collect()
            return super().__hash__()

    store.set(Key("a"), b"value")
    with pytest.raises(ConflictError):
        store.set_if(Key("a"), b"value", None)
    assert sorted(store) == ["a", "finalized"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX only")
@pytest.mark.fork
def test_a_child_forked_while_threads_write_is_not_held_up() -> None:
    store = MemoryStore()
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            store.set("a", b"value")

    def work_in_child() -> None:
        store.set("a", b"child")
        store.set_if("b", b"child", None)

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context("fork")
    for _ in range(10):
        child = context.Process(target=work_in_child)
        child.start()
        child.join(20)
        assert child.exitcode == 0
    done.set()
    for thread in threads:
        thread.join()
    assert store["a"] == b"value"
