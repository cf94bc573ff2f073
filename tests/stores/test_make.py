"""`make_store`, and the stores of the Zarr 2 documentation."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import UserDict
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

from azarr.errors import ReadOnlyError, UsageError
from azarr.stores import (
    BlockingStore,
    DirectoryStore,
    KVStore,
    LocalStore,
    MappingStore,
    MemoryStore,
    NestedDirectoryStore,
    TempStore,
    make_store,
)


def test_nothing_makes_a_store_in_memory() -> None:
    assert isinstance(make_store(None), MemoryStore)
    assert make_store() != make_store()


def test_a_path_makes_a_local_store(tmp_path: Path) -> None:
    expected = LocalStore(tmp_path)
    assert make_store(tmp_path) == make_store(str(tmp_path)) == expected
    assert make_store(tmp_path.as_uri()) == expected
    assert make_store(tmp_path.as_uri() + "/a%20b") == LocalStore(tmp_path / "a b")


def test_a_mapping_makes_a_store_over_it() -> None:
    mappings: list[MutableMapping[str, bytes]] = [{}, UserDict()]
    for mapping in mappings:
        store = make_store(mapping)
        assert isinstance(store, MappingStore)
        assert store.mapping is mapping


def test_a_store_is_returned_as_it_is() -> None:
    for store in (MemoryStore(), KVStore({}), LocalStore("x", read_only=True)):
        assert make_store(store) is store


@pytest.mark.parametrize("store_like", [None, {}, "x", MemoryStore()])
def test_any_store_can_be_made_read_only(store_like: Any) -> None:
    store = make_store(store_like, read_only=True)
    assert isinstance(store, BlockingStore)
    with pytest.raises(ReadOnlyError):
        store.set("a", b"value")
    assert not getattr(store_like, "read_only", False)


@pytest.mark.parametrize("scheme", ["nosuch", "nosuch::s3"])
def test_a_url_of_a_scheme_without_a_store_is_refused_by_name(scheme: str) -> None:
    with pytest.raises(UsageError, match="nosuch"):
        make_store(f"{scheme}://bucket/x")


def test_a_drive_letter_is_not_a_scheme() -> None:
    assert isinstance(make_store("C://data"), LocalStore)


def test_options_are_for_urls_that_know_them(tmp_path: Path) -> None:
    store = make_store(tmp_path.as_uri(), storage_options={"durable": True})
    assert isinstance(store, LocalStore)
    assert store.durable
    store_likes: list[Any] = [str(tmp_path), {}, None]
    for store_like in store_likes:
        with pytest.raises(UsageError, match="storage_options"):
            make_store(store_like, storage_options={"durable": True})
    for url in (tmp_path.as_uri(), "memory://"):
        with pytest.raises(UsageError, match="'anon'"):
            make_store(url, storage_options={"anon": True})


def test_a_url_that_means_something_else_is_refused() -> None:
    with pytest.raises(UsageError, match="another machine"):
        make_store("file://data/x")
    with pytest.raises(UsageError, match="no paths"):
        make_store("memory://x")
    assert isinstance(make_store("memory://"), MemoryStore)


@pytest.mark.parametrize("store_like", [5, b"path", [("a", b"")], object()])
def test_what_is_no_store_is_refused(store_like: Any) -> None:
    with pytest.raises(UsageError, match=f"not {type(store_like).__name__}"):
        make_store(store_like)


# The stores of the Zarr 2 documentation


def test_a_kv_store_is_a_mapping_store_with_a_separator() -> None:
    store = KVStore({"a": b"value"}, dimension_separator="/")
    twin = pickle.loads(pickle.dumps(store))
    assert (twin["a"], twin.dimension_separator) == (b"value", "/")


def test_a_directory_store_is_a_local_store_with_a_separator(tmp_path: Path) -> None:
    store = DirectoryStore(str(tmp_path), dimension_separator="/")
    assert isinstance(store, LocalStore)
    assert store.path == str(tmp_path)
    twin = pickle.loads(pickle.dumps(store))
    assert (twin, twin.dimension_separator) == (store, "/")


def test_normalized_keys_are_in_lower_case(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path, normalize_keys=True)
    store["Foo/BAR"] = b"value"
    assert list(store) == ["foo/bar"]
    assert store["FOO/bar"] == b"value"
    assert os.listdir(tmp_path) == ["foo"]
    assert list(store.list("FOO")) == ["foo/bar"]
    assert store.list_children("Foo") == (["bar"], [])
    store.delete_prefix("FOO")
    assert list(store) == []


def test_a_nested_store_finds_chunks_by_either_separator(tmp_path: Path) -> None:
    store = NestedDirectoryStore(tmp_path)
    assert store.dimension_separator == "/"
    store["foo/0.1.2"] = b"value"
    store["foo/.zarray"] = b"{}"
    store["foo/v1.0"] = b"not a chunk"
    assert sorted(store) == ["foo/.zarray", "foo/0/1/2", "foo/v1.0"]
    assert store["foo/0/1/2"] == store["foo/0.1.2"] == b"value"
    with pytest.raises(UsageError, match=r"not '\.'"):
        NestedDirectoryStore(tmp_path, dimension_separator=".")


def test_a_temporary_store_goes_with_the_process_that_made_it(tmp_path: Path) -> None:
    script = """if True:
        import os, sys
        from azarr.stores import TempStore
        store = TempStore(suffix=".x", prefix="test", dir=sys.argv[1])
        store["a"] = b"value"
        if hasattr(os, "fork"):
            child = os.fork()
            if not child:
                sys.exit()
            os.waitpid(child, 0)
        sys.stdout.write(store.path if "a" in store else "gone")
    """
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    path = Path(done.stdout)
    assert path.parent == tmp_path
    assert path.name.startswith("test")
    assert path.name.endswith(".x")
    assert not path.exists()


def test_a_temporary_store_is_a_directory_store() -> None:
    store = TempStore()
    assert isinstance(store, DirectoryStore)
    assert Path(store.path).is_dir()
    store.delete_prefix("")
