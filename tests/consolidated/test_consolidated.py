"""Consolidated metadata: written, read, ignored on request, and never out of date unnoticed."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, strategies as st

import azarr
import azarr.aio
from azarr.errors import MetadataError, NotFoundError, ReadOnlyError, UsageError
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import AsyncCountingStore, CountingStore


@pytest.fixture(params=[2, 3])
def zarr_format(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def fill(store: Any, zarr_format: int, path: str | None = None) -> azarr.Group:
    root = azarr.create_group(store, path=path, zarr_format=zarr_format, attributes={"title": "x"})
    root.create_array("a/b", shape=(4, 6), chunks=(2, 3), dtype="f8", fill_value=np.nan)
    root.create_array("c", shape=(3,), dtype="u1", attributes={"units": "K"})
    root.create_group("a/d/e")
    root["c"][...] = [1, 2, 3]
    return root


def is_consolidated(store: Any, zarr_format: int, path: str = "") -> bool:
    prefix = f"{path}/" if path else ""
    if zarr_format == 2:
        return prefix + ".zmetadata" in store
    return "consolidated_metadata" in json.loads(bytes(store[prefix + "zarr.json"]))


def walk(group: azarr.Group) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, node in group.members().items():
        found[name] = node.metadata
        if isinstance(node, azarr.Group):
            found |= {f"{name}/{below}": each for below, each in walk(node).items()}
    return found


@pytest.mark.parametrize("path", ["", "deep/down"])
def test_a_consolidated_hierarchy_is_what_its_documents_say(zarr_format: int, path: str) -> None:
    store = MemoryStore()
    expected = walk(fill(store, zarr_format, path))
    root = azarr.consolidate_metadata(store, path=path)
    assert is_consolidated(store, zarr_format, path)
    for group in (
        root,
        azarr.open_consolidated(store, path=path),
        azarr.open_group(store, mode="r", path=path),
        azarr.open_group(store, mode="r", path=path, use_consolidated=True),
        azarr.open_group(store, mode="r", path=path, use_consolidated=False),
    ):
        assert walk(group) == expected
        assert dict(group.attrs) == {"title": "x"}
        assert group["c"][...].tolist() == [1, 2, 3]
        assert "a/d/e" in group
        assert "a/x" not in group
        assert list(group) == ["a", "c"]


@pytest.mark.parametrize("consolidate", [True, False])
def test_a_whole_hierarchy_is_opened_and_listed_in_one_round_trip(
    zarr_format: int, consolidate: bool
) -> None:
    store = CountingStore(MemoryStore())
    fill(store, zarr_format)
    azarr.consolidate_metadata(store)
    store.log.clear()
    group = azarr.open_group(store, mode="r", use_consolidated=None if consolidate else False)
    opening = len(store.log)
    walk(group)
    if consolidate:
        assert len(store.log) == opening  # all of them are asked for at once
    else:
        assert len(store.log) > opening
    with_key = azarr.open_group(store, mode="r", zarr_format=zarr_format)  # type: ignore[arg-type]
    assert with_key.attrs["title"] == "x"


@pytest.mark.anyio
async def test_what_is_awaited_opens_a_whole_hierarchy_in_one_round_trip(zarr_format: int) -> None:
    place = MemoryStore()
    fill(place, zarr_format)
    store = AsyncCountingStore(place)
    await azarr.aio.consolidate_metadata(store)
    store.log.clear()
    group = await azarr.aio.open_group(store)
    requests = len(store.log)
    assert sorted(await group.members()) == ["a", "c"]
    below = await group.getitem("a/d")
    assert sorted(await below.members()) == ["e"]
    assert len(store.log) == requests
    await group.create_array("new", shape=(3,), dtype="i4")
    assert not is_consolidated(place, zarr_format)
    assert sorted(await group.members()) == ["a", "c", "new"]


def create_array(group: azarr.Group) -> None:
    group.create_array("a/new", shape=(3,), dtype="i4")


def create_group(group: azarr.Group) -> None:
    group.create_group("new")


def delete_node(group: azarr.Group) -> None:
    del group["c"]


def delete_group(group: azarr.Group) -> None:
    del group["a"]


def change_attributes(group: azarr.Group) -> None:
    group["c"].attrs["units"] = "m"


def change_attributes_of_a_group(group: azarr.Group) -> None:
    group["a"].attrs["units"] = "m"


def resize(group: azarr.Group) -> None:
    group["c"].resize(7)


def append(group: azarr.Group) -> None:
    group["c"].append(np.array([4], "u1"))


def replace_array(group: azarr.Group) -> None:
    group.create_array("c", shape=(9,), dtype="i4", overwrite=True)


CHANGES = [
    create_array,
    create_group,
    delete_node,
    delete_group,
    change_attributes,
    change_attributes_of_a_group,
    resize,
    append,
    replace_array,
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", [MemoryStore, dict])
def test_changing_metadata_deletes_the_copy(
    zarr_format: int, change: Callable[[azarr.Group], None], kind: Any
) -> None:
    store = kind()
    fill(store, zarr_format)
    group = azarr.consolidate_metadata(store)
    other = azarr.open_consolidated(store)["a"]
    change(group)
    assert not is_consolidated(store, zarr_format)
    plain = azarr.open_group(store, mode="r", use_consolidated=False)
    assert walk(group) == walk(plain) == walk(azarr.open_group(store))
    with pytest.raises(NotFoundError, match="consolidated"):
        azarr.open_consolidated(store)
    assert dict(plain.attrs) == {"title": "x"}
    assert other.path == "a"
    # And it can be made again.
    assert walk(azarr.consolidate_metadata(store)) == walk(plain)


@pytest.mark.parametrize("kind", [MemoryStore, dict])
def test_attributes_of_the_group_itself_are_never_out_of_date(zarr_format: int, kind: Any) -> None:
    store = kind()
    fill(store, zarr_format)
    group = azarr.consolidate_metadata(store)
    group.attrs["title"] = "y"
    assert dict(group.attrs) == {"title": "y"}
    assert dict(azarr.open_group(store).attrs) == {"title": "y"}
    create_group(group)
    assert sorted(azarr.open_group(store)) == sorted(group) == ["a", "c", "new"]


def test_writing_data_keeps_the_copy(zarr_format: int) -> None:
    store = MemoryStore()
    fill(store, zarr_format)
    group = azarr.consolidate_metadata(store)
    group["a/b"][1, 2] = 5
    assert is_consolidated(store, zarr_format)
    assert azarr.open_group(store)["a/b"][1, 2] == 5


def test_what_is_not_there_cannot_be_asked_for(zarr_format: int) -> None:
    store = MemoryStore()
    fill(store, zarr_format)
    with pytest.raises(NotFoundError, match="no consolidated metadata"):
        azarr.open_group(store, use_consolidated=True)
    with pytest.raises(NotFoundError, match="no consolidated metadata"):
        azarr.open_consolidated(store)
    with pytest.raises(UsageError, match="mode 'a'"):
        azarr.open_consolidated(store, mode="a")
    with pytest.raises(azarr.errors.GroupNotFoundError):
        azarr.open_consolidated({})
    with pytest.raises(azarr.errors.GroupNotFoundError):
        azarr.consolidate_metadata({})


def test_a_creation_by_somebody_else_is_not_overwritten(zarr_format: int) -> None:
    store = MemoryStore()
    fill(store, zarr_format)
    group = azarr.consolidate_metadata(store)
    azarr.create_array(store, name="new", shape=(5,), dtype="i2", zarr_format=zarr_format)  # type: ignore[arg-type]
    assert "new" not in group  # it is a copy
    with pytest.raises(azarr.errors.ContainsArrayError):
        group.create_array("new", shape=(1,), dtype="i4")


def test_read_only_groups_refuse_changes_and_keep_the_copy(zarr_format: int) -> None:
    store = MemoryStore()
    fill(store, zarr_format)
    azarr.consolidate_metadata(store)
    group = azarr.open_consolidated(store, mode="r")
    for change in CHANGES:
        with pytest.raises(ReadOnlyError):
            change(group)
    assert is_consolidated(store, zarr_format)


def test_the_name_of_the_document_can_be_chosen() -> None:
    store = MemoryStore()
    fill(store, 2)
    azarr.consolidate_metadata(store, "metadata-copy")
    assert "metadata-copy" in store
    assert ".zmetadata" not in store
    group = azarr.open_consolidated(store, "metadata-copy")
    assert "c" in group
    create_group(group)
    assert "metadata-copy" not in store


def test_groups_opened_by_a_copy_pickle(zarr_format: int, tmp_path: Any) -> None:
    store = LocalStore(tmp_path)
    fill(store, zarr_format)
    group = pickle.loads(pickle.dumps(azarr.consolidate_metadata(store)))
    assert group["c"][...].tolist() == [1, 2, 3]
    create_group(group)
    assert not is_consolidated(store, zarr_format)


def test_zarr_python_reads_what_azarr_consolidates(zarr_format: int, tmp_path: Any) -> None:
    fill(tmp_path, zarr_format)
    azarr.consolidate_metadata(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group = zarr.open_consolidated(str(tmp_path), zarr_format=zarr_format)
        assert group.metadata.consolidated_metadata is not None
        assert sorted(name for name, _ in group.members(max_depth=None)) == [
            *["a", "a/b", "a/d", "a/d/e"],
            "c",
        ]
        assert group["c"].attrs["units"] == "K"
        assert group["c"][...].tolist() == [1, 2, 3]


def test_azarr_reads_what_zarr_python_consolidates(zarr_format: int, tmp_path: Any) -> None:
    expected = walk(fill(tmp_path, zarr_format))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(str(tmp_path), zarr_format=zarr_format)
    group = azarr.open_consolidated(tmp_path)
    assert walk(group).keys() == expected.keys()
    assert group["a/b"].metadata == expected["a/b"]
    create_array(group)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = zarr.open_group(str(tmp_path), mode="r", zarr_format=zarr_format)
        assert "new" in theirs["a"]


HOSTILE_V2 = [
    b"",
    b"[]",
    b"{}",
    b'{"zarr_consolidated_format": 2, "metadata": {}}',
    b'{"zarr_consolidated_format": true, "metadata": {}}',
    b'{"zarr_consolidated_format": 1}',
    b'{"zarr_consolidated_format": 1, "metadata": []}',
    b'{"zarr_consolidated_format": 1, "metadata": {"../x/.zarray": {}}}',
    b'{"zarr_consolidated_format": 1, "metadata": {"/.zarray": {}}}',
    b'{"zarr_consolidated_format": 1, "metadata": {"": {}}}',
    b'{"zarr_consolidated_format": 1, "metadata": ' + b'{"a":' * 200 + b"1" + b"}" * 201,
]


@pytest.mark.parametrize("text", HOSTILE_V2)
def test_damaged_copies_are_named_and_can_be_ignored(text: bytes) -> None:
    store = MemoryStore()
    expected = walk(fill(store, 2))
    store[".zmetadata"] = text
    with pytest.raises(MetadataError, match=r"\.zmetadata"):
        azarr.open_group(store)
    assert walk(azarr.open_group(store, use_consolidated=False)) == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "outline"},
        {"kind": "inline"},
        {"kind": "inline", "metadata": []},
        {"kind": "inline", "metadata": {"a/../b": {}}},
        {"kind": "inline", "metadata": {"": {}}},
    ],
)
def test_damaged_copies_in_a_v3_document_are_named(fields: Any) -> None:
    store = MemoryStore()
    group = {"zarr_format": 3, "node_type": "group", "consolidated_metadata": fields}
    store["zarr.json"] = json.dumps(group).encode()
    with pytest.raises(MetadataError, match=r"zarr\.json: consolidated_metadata"):
        azarr.open_group(store)
    azarr.open_group(store, use_consolidated=False)


def test_a_kind_of_copy_that_need_not_be_understood_is_ignored() -> None:
    store = MemoryStore()
    expected = walk(fill(store, 3))
    document = json.loads(bytes(store["zarr.json"]))
    document["consolidated_metadata"] = {"kind": "other", "must_understand": False}
    store["zarr.json"] = json.dumps(document).encode()
    assert walk(azarr.open_group(store)) == expected


@given(st.data())
def test_a_damaged_entry_harms_only_those_who_open_it(data: st.DataObject) -> None:
    store = MemoryStore()
    zarr_format = data.draw(st.sampled_from([2, 3]))
    fill(store, zarr_format)
    azarr.consolidate_metadata(store)
    key = ".zmetadata" if zarr_format == 2 else "zarr.json"
    document = json.loads(bytes(store[key]))
    copy = document if zarr_format == 2 else document["consolidated_metadata"]
    entries = copy["metadata"]
    bad = "c/.zarray" if zarr_format == 2 else "c"
    entries[bad] = data.draw(
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["shape", "zarr_format", "dtype"]), inner)
            ),
            max_leaves=6,
        )
    )
    store[key] = json.dumps(document).encode()
    group = azarr.open_group(store)
    assert group["a/b"].shape == (4, 6)
    with pytest.raises(MetadataError, match="c/"):
        group["c"]


def test_a_store_of_consolidated_metadata_refuses_to_change_it() -> None:
    place = MemoryStore()
    root = fill(place, 2)
    expected = walk(root)
    azarr.consolidate_metadata(place)
    counting = CountingStore(place)
    store = azarr.storage.ConsolidatedMetadataStore(counting)
    group = azarr.open_group(store, mode="r+", use_consolidated=False)
    assert walk(group) == expected
    assert counting.log.counts == {"get": 1}
    group["c"][0] = 9
    assert root["c"][0] == 9
    for change in CHANGES:
        with pytest.raises(ReadOnlyError):
            change(group)
    assert walk(azarr.open_group(place, use_consolidated=False)) == expected
    store = pickle.loads(pickle.dumps(azarr.storage.ConsolidatedMetadataStore(place)))
    assert walk(azarr.open_group(store)) == expected
    with pytest.raises(NotFoundError):
        azarr.storage.ConsolidatedMetadataStore({})
