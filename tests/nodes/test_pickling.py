"""Arrays and groups of every store kind go to another process and back."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import azarr
from azarr import storage
from azarr.testing import CountingStore, LatencyStore


def _obstore(path: Path) -> Any:
    from obstore.store import LocalStore

    path.mkdir(exist_ok=True)
    return storage.ObstoreStore(LocalStore(path))


IN_MEMORY = {
    "memory": storage.MemoryStore,
    "dict": dict,
    "KVStore": lambda: storage.KVStore({}),
    "counting": lambda: CountingStore(storage.MemoryStore()),
    "latency": lambda: LatencyStore(storage.MemoryStore(), 0),
}
ON_DISK = {
    "local": storage.LocalStore,
    "directory": storage.DirectoryStore,
    "nested": storage.NestedDirectoryStore,
    "fsspec": lambda path: storage.FsspecStore(f"local://{path}"),
    "FSStore": lambda path: storage.FSStore(f"file://{path}"),
    "obstore": _obstore,
    "N5Store": lambda path: storage.N5Store(str(path)),
    "N5FSStore": lambda path: storage.N5FSStore(f"file://{path}"),
    "latency": lambda path: LatencyStore(storage.LocalStore(path), 0),
}


DATA = np.arange(48, dtype="i4").reshape(8, 6)


def hierarchy(store: Any, **keywords: Any) -> Any:
    root = azarr.group(store)
    array = root.create_array("x/y", shape=(8, 6), chunks=(3, 2), dtype="i4", **keywords)
    array[:] = DATA
    array.attrs["k"] = 1
    return root


def copied(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def check(root: Any) -> None:
    array = root["x/y"]
    for each in (array, array.view(), array.astype("f8"), array.astype("?"), array.async_array):
        twin = copied(each)
        assert (type(twin), twin.is_view, twin.dtype) == (type(each), each.is_view, each.dtype)
        blocking = getattr(twin, "blocking", twin)
        assert np.array_equal(blocking[:], DATA.astype(each.dtype))
    assert copied(array.attrs)["k"] == 1
    for group in (root, root.async_group):
        twin = copied(group)
        assert type(twin) is type(group)
        assert list(getattr(twin, "blocking", twin)["x"]) == ["y"]


@pytest.mark.parametrize("kind", IN_MEMORY)
@pytest.mark.parametrize("keywords", [{}, {"shards": (6, 6)}])
def test_what_is_in_memory_is_pickled_with_its_values(kind: str, keywords: Any) -> None:
    root = hierarchy(IN_MEMORY[kind](), **keywords)
    check(root)
    copied(root["x/y"])[:] = 0
    assert root["x/y"][1, 0] == 6


def _write(array: Any) -> None:
    array[0] = 100


@pytest.mark.parametrize("kind", ON_DISK)
def test_what_is_elsewhere_is_pickled_as_a_place(kind: str, tmp_path: Path) -> None:
    root = hierarchy(ON_DISK[kind](tmp_path / "a.n5" if "N5" in kind else tmp_path / "a"))
    check(root)
    array = root["x/y"]
    assert copied(array) == array
    _write(copied(array))
    assert (array[0] == 100).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "fsspec", "obstore", "N5Store"])
def test_another_process_writes_to_the_same_array(kind: str, tmp_path: Path) -> None:
    array = hierarchy(ON_DISK[kind](tmp_path / "a"))["x/y"]
    process = multiprocessing.get_context("spawn").Process(target=_write, args=(array,))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert (array[0] == 100).all()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_consolidated_group_is_pickled_with_its_metadata(
    zarr_format: Any, tmp_path: Path
) -> None:
    store = storage.LocalStore(tmp_path)
    with azarr.config.using(zarr_format=zarr_format):
        hierarchy(store)
    root = azarr.consolidate_metadata(store)
    twin = copied(root)
    assert np.array_equal(twin["x/y"][:], DATA)


def test_how_an_array_was_opened_goes_with_it(tmp_path: Path) -> None:
    hierarchy(str(tmp_path / "a"))
    array = azarr.Array(
        str(tmp_path / "a"),
        "x/y",
        read_only=True,
        synchronizer=azarr.ProcessSynchronizer(tmp_path / "locks"),
        cache_metadata=False,
        cache_attrs=False,
        partial_decompress=True,
        write_empty_chunks=False,
    )
    assert copied(array)._held == array._held


@pytest.mark.parametrize("keywords", [{"zarr_format": 2}, {}, {"shards": (60, 60)}])
def test_a_pickle_is_as_large_as_the_metadata_and_not_as_the_array(
    keywords: Any, tmp_path: Path
) -> None:
    array = azarr.create_array(
        tmp_path / "a", shape=(6000, 6000), chunks=(30, 30), dtype="f8", **keywords
    )
    array[:60, :60] = 1
    assert len(pickle.dumps(array)) < 1500
    assert len(pickle.dumps(array.astype("f4"))) < 1700
    assert len(pickle.dumps(azarr.open_group(tmp_path / "a2", mode="w"))) < 700
