"""`LRUStoreCache`: the conformance suite, and what is asked of the store behind it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.errors import UsageError
from azarr.stores import BlockingStore, LocalStore, LRUStoreCache, MemoryStore
from azarr.testing import CountingStore, LatencyStore
from azarr.testing.conformance import BlockingStoreConformance


class TestLRUStoreCache(BlockingStoreConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path

    def make_store(self) -> BlockingStore:
        return LRUStoreCache(LocalStore(self.path), max_size=30_000)


class TestLRUStoreCacheOfADict(BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return LRUStoreCache({}, max_size=None)


def test_values_and_listings_are_asked_for_once() -> None:
    behind = CountingStore(MemoryStore({"a/x": b"12", "a/y": b"3"}))
    cache = LRUStoreCache(behind, max_size=100)
    for _ in range(3):
        assert cache["a/x"] == b"12"
        assert sorted(cache.list("a")) == ["a/x", "a/y"]
        assert cache.list_children("a") == (["x", "y"], [])
        assert cache.get_ranges("a/x", [(1, 2)]) == [b"2"]
    assert len(behind.log) == 3
    assert (cache.hits, cache.misses) == (2, 1)


def test_the_least_recently_used_values_go_first() -> None:
    cache = LRUStoreCache({"a": b"12", "b": b"34", "c": b"56", "large": bytes(9)}, max_size=5)
    for key in ("a", "b", "a", "c", "large", "a", "b"):
        cache[key]
    assert (cache.hits, cache.misses) == (2, 5)


def test_what_others_write_is_seen_after_invalidate() -> None:
    values = {"a": b"old"}
    cache = LRUStoreCache(values, max_size=None)
    assert (cache["a"], list(cache)) == (b"old", ["a"])
    values.update({"a": b"new", "b": b""})
    assert (cache["a"], list(cache)) == (b"old", ["a"])
    cache.invalidate_keys()
    assert (cache["a"], list(cache)) == (b"old", ["a", "b"])
    cache.invalidate_values()
    assert cache["a"] == b"new"
    assert cache.uncached["a"] == b"new"


def test_a_value_that_was_read_before_a_write_is_not_kept_after_it() -> None:
    class Slow(MemoryStore):
        def get(self, key: str, default: Any = None) -> Any:
            value = super().get(key, default)
            if value == b"old":
                cache.set(key, b"new")  # Another thread, while the answer is on its way.
            return value

    cache = LRUStoreCache(Slow({"a": b"old"}), max_size=None)
    assert cache["a"] == b"old"
    assert cache["a"] == b"new"


def test_an_asynchronous_store_is_refused() -> None:
    with pytest.raises(UsageError, match="blocking"):
        LRUStoreCache(LatencyStore(MemoryStore(), 0), max_size=1)


def test_arrays_are_read_from_memory_the_second_time() -> None:
    behind = CountingStore(MemoryStore())
    data = np.arange(100)
    azarr.create_array(behind, shape=(100,), chunks=(10,), dtype=data.dtype)[:] = data
    array = azarr.open_array(LRUStoreCache(behind, max_size=2**20), mode="r+")
    np.testing.assert_array_equal(array[:], data)
    requests = len(behind.log)
    np.testing.assert_array_equal(array[:], data)
    assert len(behind.log) == requests
    array[5:15] = 0
    assert array[4:16].tolist() == [4, *[0] * 10, 15]


def test_a_pickled_copy_has_the_arguments() -> None:
    cache = LRUStoreCache({"a": b"1"}, max_size=5)
    copy = pickle.loads(pickle.dumps(cache))
    assert (copy["a"], copy.max_size) == (b"1", 5)
