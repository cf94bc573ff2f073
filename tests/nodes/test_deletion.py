"""Deleting and overwriting nodes: documents first, so that half of a node is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
from azarr.errors import ContainsGroupError, NodeNotFoundError, StoreError
from azarr.storage import LocalStore, MemoryStore
from azarr.stores._remote import RemoteStore
from azarr.testing import FaultStore, LatencyStore

FORMATS: list[Any] = [2, 3, "n5"]
STORES: list[Callable[[Path], Any]] = [
    lambda _: MemoryStore(),
    lambda path: LocalStore(path / "store"),
    lambda _: LatencyStore(MemoryStore(), 0.001),
]


def delete(root: Any) -> None:
    del root["g"]


def replace(root: Any) -> None:
    root.create_array("g", shape=3, overwrite=True)


def tree(store: Any, zarr_format: Any = 3) -> Any:
    root = azarr.create_group(store, zarr_format=zarr_format)
    root.create_array("g/a", data=np.ones(9), chunks=2)
    root.create_array("g/b/c", data=np.ones(9), chunks=2)
    root.create_array("h", data=np.ones(9), chunks=2)
    return root


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("make_store", STORES)
def test_a_deleted_group_takes_everything_below_and_nothing_beside_it(
    make_store: Any, tmp_path: Path, zarr_format: Any
) -> None:
    root = tree(make_store(tmp_path), zarr_format)
    del root["g"]
    assert sorted(root.keys()) == ["h"]
    np.testing.assert_array_equal(root["h"][...], np.ones(9))
    with pytest.raises(KeyError):
        del root["g"]


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("act", [delete, replace])
def test_an_interrupted_deletion_leaves_no_array_without_its_chunks(
    tmp_path: Path, zarr_format: Any, act: Callable[[Any], None]
) -> None:
    """Nor one that lies deeper in the group."""
    tree(LocalStore(tmp_path), zarr_format)
    failing = FaultStore(LocalStore(tmp_path), StoreError("gone"), kinds={"delete_prefix"})
    root = azarr.open_group(failing, zarr_format=zarr_format)
    with pytest.raises(StoreError, match="gone"):
        act(root)
    for path in ("g/a", "g/b/c"):
        with pytest.raises((NodeNotFoundError, ContainsGroupError)):  # a directory is a group in N5
            azarr.open_array(LocalStore(tmp_path), path=path, zarr_format=zarr_format)
    again = azarr.open_group(LocalStore(tmp_path), zarr_format=zarr_format)
    again.create_array("g/a", shape=9, chunks=2, fill_value=0, overwrite=True)
    assert not again["g/a"][...].any()


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_documents_are_the_first_keys_of_a_bulk_deletion(zarr_format: Any) -> None:
    asked: list[tuple[list[str], int]] = []

    class Listening(MemoryStore):
        def delete_many(self, keys: Any, first: int = 0) -> None:
            asked.append((list(keys), first))
            super().delete_many(keys, first)

    root = tree(LatencyStore(Listening(), 0.0), zarr_format)
    del root["g"]
    ((keys, first),) = asked
    documents = {"zarr.json", ".zarray", ".zgroup", ".zattrs", "attributes.json"}
    is_document = [key.rpartition("/")[2] in documents for key in keys]
    assert is_document == [True] * first + [False] * (len(keys) - first)
    assert first >= 2
    assert not [key for key in keys if not key.startswith("g/")]


class _Bulk:
    """A service that deletes three keys at once."""

    deletes_at_once = 3

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def delete(self, keys: list[str]) -> None:
        self.asked.append(keys)


@pytest.mark.parametrize(
    ("keys", "first", "asked"),
    [
        ("abc", 2, ["abc"]),
        ("abc", 0, ["abc"]),
        ("abcd", 2, ["ab", "cd"]),
        ("abcd", 0, ["abcd"]),
        ("abcd", 4, ["abcd"]),
        ("", 0, []),
    ],
)
def test_a_service_is_asked_for_documents_first_unless_it_deletes_all_at_once(
    keys: str, first: int, asked: list[str]
) -> None:
    class Bucket(RemoteStore):
        origin = "nowhere://"

        def __init__(self) -> None:
            self.bulk = _Bulk()

        def _requests(self) -> Any:
            return self.bulk

    store = Bucket()
    anyio.run(store.delete_many, list(keys), first)
    assert store.bulk.asked == [list(each) for each in asked]


@pytest.mark.parametrize("make_store", STORES)
def test_overwriting_a_hierarchy_leaves_nothing_of_the_old_one(
    make_store: Any, tmp_path: Path
) -> None:
    root = tree(make_store(tmp_path))
    root.create_hierarchy({"g": {"shape": (9,), "chunks": (2,), "fill_value": 5}}, overwrite=True)
    np.testing.assert_array_equal(root["g"][...], np.full(9, 5))
    assert sorted(root.keys()) == ["g", "h"]


def test_overwriting_many_nodes_clears_what_a_failed_deletion_has_left() -> None:
    store = MemoryStore()
    root = tree(store)
    store.delete("h/zarr.json")
    root.create_hierarchy({"h": {"shape": (9,), "chunks": (2,), "fill_value": 5}}, overwrite=True)
    np.testing.assert_array_equal(root["h"][...], np.full(9, 5))
