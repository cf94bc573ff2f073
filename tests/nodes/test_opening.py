"""How nodes are opened: two stores, no caches, pickled; and the low-level functions on stores."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import ContainsArrayError, UsageError
from azarr.storage import (
    DirectoryStore,
    KVStore,
    LocalStore,
    MemoryStore,
    contains_array,
    contains_group,
    getsize,
    init_array,
    init_group,
    listdir,
    rename,
    rmdir,
)
from azarr.testing import CountingStore, LatencyStore

PAIRS = {
    "two dicts": lambda path: ({}, {}),
    "memory and local": lambda path: (MemoryStore(), LocalStore(path)),
    "blocking and async": lambda path: (MemoryStore(), LatencyStore(MemoryStore(), 0.0005)),
    "async and blocking": lambda path: (LatencyStore(MemoryStore(), 0.0005), MemoryStore()),
    "async and local": lambda path: (LatencyStore(MemoryStore(), 0.0005), LocalStore(path)),
}


def keys(store: Any) -> set[str]:
    return set(store.store) if isinstance(store, LatencyStore) else set(store)


@pytest.fixture(params=list(PAIRS))
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return PAIRS[request.param](tmp_path)


def test_chunks_are_in_their_own_store(pair: Any) -> None:
    store, chunk_store = pair
    array = azarr.create(
        (4, 4), chunks=2, dtype="i4", store=store, chunk_store=chunk_store, path="a"
    )
    array[:] = 1
    assert array.append(np.full((2, 4), 2, "i4")) == (6, 4)
    assert array.nchunks_initialized == 6
    array.resize(5, 2)
    array.attrs["x"] = 1
    assert keys(store) == {"zarr.json", "a/zarr.json"}
    assert keys(chunk_store) == {"a/c/0/0", "a/c/1/0", "a/c/2/0"}
    opened = azarr.open_array(store, path="a", chunk_store=chunk_store)
    np.testing.assert_array_equal(opened[:, 1], [1, 1, 1, 1, 2])
    assert opened.hexdigest() == array.hexdigest()
    assert opened.nbytes_stored > 3
    info = dict(opened.info_items())
    assert "Chunk store type" in info


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_two_stores_are_awaited_too(pair: Any, backend: str) -> None:
    store, chunk_store = pair

    async def main() -> Any:
        root = await azarr.aio.group(store, chunk_store=chunk_store)
        array = await root.array("g/a", np.arange(6), chunks=2)
        await array.append(np.arange(2))
        await array.resize(7)
        await root.move("g/a", "b")
        result = await (await root.getitem("b")).getitem(...)
        await root.delitem("b")
        return result

    np.testing.assert_array_equal(anyio.run(main, backend=backend), [*range(6), 0])
    assert keys(store) == {"zarr.json", "g/zarr.json"}
    assert keys(chunk_store) == set()


def test_overwriting_clears_both_stores() -> None:
    store: dict[str, Any] = {}
    chunk_store: dict[str, Any] = {}
    azarr.array(np.ones(4), chunks=1, store=store, chunk_store=chunk_store)
    array = azarr.zeros(4, chunks=2, store=store, chunk_store=chunk_store, overwrite=True)
    assert (chunk_store, array[:].sum()) == ({}, 0)


def test_metadata_that_is_not_cached_is_read_each_time() -> None:
    store = MemoryStore()
    one = azarr.create_array(store, shape=2, chunks=2, dtype="i4")
    cached = azarr.Array(store)
    fresh = azarr.Array(store, cache_metadata=False)
    one.append(np.array([7, 7], "i4"))
    assert (cached.shape, fresh.shape) == ((2,), (4,))
    assert fresh[3] == 7
    one.append(np.array([8], "i4"))

    async def main() -> Any:
        return await fresh.async_array.getitem(4)

    assert anyio.run(main) == 8
    fresh[4] = 9
    assert one[4] == 9


def test_attributes_that_are_not_cached_are_read_each_time() -> None:
    store = CountingStore(MemoryStore())
    one = azarr.create_array(store, shape=2)
    cached = azarr.open_array(store)
    fresh = azarr.open_array(store, cache_attrs=False)
    one.attrs["a"] = 1
    assert (cached.attrs.asdict(), fresh.attrs.asdict()) == ({}, {"a": 1})
    assert (cached.attrs.cache, fresh.attrs.cache) == (True, False)
    store.log.clear()
    assert "a" not in cached.attrs
    assert len(store.log) == 0
    cached.attrs.cache = False
    assert cached.attrs["a"] == 1
    root = azarr.group(MemoryStore(), cache_attrs=False)
    azarr.open_group(root.store).attrs["b"] = 2
    assert root.attrs["b"] == 2


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kind", ["dict", "memory", "local", "directory"])
def test_nodes_pickle_with_their_stores(tmp_path: Path, kind: str, zarr_format: Any) -> None:
    store: Any = {
        "dict": dict,
        "memory": MemoryStore,
        "local": lambda: LocalStore(tmp_path),
        "directory": lambda: DirectoryStore(str(tmp_path)),
    }[kind]()
    root = azarr.group(store, zarr_format=zarr_format)
    array = root.array("a", np.arange(100000), chunks=1000)
    array.attrs["x"] = [1]
    for node in (array, array.view(dtype="u8"), azarr.Array(store, "a", read_only=True)):
        text = pickle.dumps(node)
        assert (len(text) < 3000) == (kind in ("local", "directory"))
        copy = pickle.loads(text)
        assert (copy.metadata, copy.read_only) == (node.metadata, node.read_only)
        np.testing.assert_array_equal(copy[:], node[:])
    assert pickle.loads(pickle.dumps(root))["a"][5] == 5
    twin = pickle.loads(pickle.dumps(array.async_array))
    assert anyio.run(twin.getitem, 5) == 5


def test_unpickling_makes_no_request(tmp_path: Path) -> None:
    text = pickle.dumps(azarr.create_array(tmp_path / "a", shape=3, chunks=1, dtype="i4"))
    (tmp_path / "a" / "zarr.json").unlink()
    assert pickle.loads(text).shape == (3,)


def test_a_pickled_array_keeps_its_options(tmp_path: Path) -> None:
    array = azarr.open_array(
        tmp_path / "a",
        mode="w",
        shape=4,
        chunk_store=tmp_path / "b",
        synchronizer=azarr.ProcessSynchronizer(tmp_path / "c"),
        cache_attrs=False,
        write_empty_chunks=False,
    )
    copy = pickle.loads(pickle.dumps(array))
    assert copy.chunk_store == array.chunk_store
    assert copy.synchronizer == array.synchronizer
    assert (copy.attrs.cache, copy.write_empty_chunks) == (False, False)


def test_a_store_is_initialized_as_documented() -> None:
    store = KVStore({})
    init_array(store, shape=(10000, 10000), chunks=(1000, 1000), zarr_format=2)
    assert sorted(store.keys()) == [".zarray"]
    assert b'"dtype": "<f8"' in store[".zarray"]
    assert b'"fill_value": null' in store[".zarray"]
    with pytest.raises(ContainsArrayError):
        init_array(store, shape=1, zarr_format=2)
    store = KVStore({})
    init_array(store, shape=100, path="foo/bar", zarr_format=2)
    assert sorted(store.keys()) == [".zgroup", "foo/.zgroup", "foo/bar/.zarray"]
    init_group(store, path="baz")
    paths = ["foo", "foo/bar", "baz", "nothing"]
    assert [path for path in paths if contains_array(store, path)] == ["foo/bar"]
    assert [path for path in paths if contains_group(store, path)] == ["foo", "baz"]


def test_stores_are_listed_renamed_and_cleared() -> None:
    store = MemoryStore({"a/x": b"12", "a/y": b"345", "a/b/z": b"6", "ab": b""})
    assert listdir(store) == ["a", "ab"]
    assert listdir(store, "a") == ["b", "x", "y"]
    assert (getsize(store, "a"), getsize(store, "a/y"), getsize(store, "none")) == (5, 3, 0)
    rename(store, "a", "c/d")
    assert sorted(store) == ["ab", "c/d/b/z", "c/d/x", "c/d/y"]
    with pytest.raises(UsageError):
        rename(store, "c", "c/e")
    rmdir(store, "c/d/b")
    assert sorted(store) == ["ab", "c/d/x", "c/d/y"]
    rmdir(store)
    assert not store
