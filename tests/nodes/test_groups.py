"""Groups: everything zarr 2's can do, and many nodes in few round trips."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import (
    ContainsArrayError,
    ContainsGroupError,
    NodeNotFoundError,
    ReadOnlyError,
    UsageError,
)
from azarr.storage import MemoryStore
from azarr.testing import CountingStore, LatencyStore

FORMATS = [2, 3]


@pytest.fixture(params=FORMATS)
def root(request: pytest.FixtureRequest) -> Any:
    """A group with arrays and groups on three levels."""
    root = azarr.create_group(MemoryStore(), zarr_format=request.param)
    root.create_group("foo")
    root.create_groups("bar/baz", "bar/quux")
    root.create_dataset("bar/quux/baz", shape=100, chunks=10)
    root.array("data", np.arange(4))
    return root


PATHS = ["bar", "bar/baz", "bar/quux", "bar/quux/baz", "data", "foo"]


def test_members_are_listed_in_sorted_order_down_to_a_depth(root: Any) -> None:
    assert list(root) == ["bar", "data", "foo"]
    assert list(root.members(1)) == ["bar", "bar/baz", "bar/quux", "data", "foo"]
    assert list(root.members(max_depth=None)) == PATHS
    assert list(root["bar"].members(None)) == ["baz", "quux", "quux/baz"]
    with pytest.raises(UsageError):
        root.members(-1)


def test_arrays_and_groups_are_told_apart(root: Any) -> None:
    assert list(root.array_keys()) == ["data"]
    assert list(root.array_keys(recurse=True)) == ["baz", "data"]
    assert [array.path for _, array in root.arrays(recurse=True)] == ["bar/quux/baz", "data"]
    assert list(root.group_keys()) == ["bar", "foo"]
    assert [(name, group.path) for name, group in root.groups()] == [("bar", "bar"), ("foo", "foo")]


def test_the_mapping_protocol_holds(root: Any) -> None:
    assert len(root) == 3
    assert "bar/quux" in root
    assert "nothing" not in root
    assert 3 not in root
    assert [name for name, _ in root.items()] == list(root.keys()) == list(root)
    assert [node.path for node in root.values()] == list(root)
    root["data"] = np.ones(2)
    np.testing.assert_array_equal(root["data"][:], [1, 1])
    del root["bar"]
    assert list(root) == ["data", "foo"]
    with pytest.raises(KeyError):
        del root["bar"]
    assert root.get("bar") is None
    assert root.pop("data").shape == (2,)
    assert list(root.members(None)) == ["foo"]


def test_members_are_attributes_too(root: Any) -> None:
    assert root.bar.quux.baz == root["bar/quux/baz"]
    with pytest.raises(AttributeError, match="nothing"):
        root.nothing
    assert not hasattr(root, "_repr_mimebundle_")
    assert root._ipython_key_completions_() == ["bar", "data", "foo"]


def test_private_names_cost_no_request() -> None:
    store = CountingStore(MemoryStore())
    root = azarr.group(store)
    store.log.clear()
    assert not hasattr(root, "__array_interface__")
    assert len(store.log) == 0


def test_visiting_stops_at_the_first_answer(root: Any) -> None:
    seen: list[str] = []
    assert root.visit(seen.append) is None
    assert seen == PATHS
    assert root.visitkeys(lambda path: path if "quux" in path else None) == "bar/quux"
    assert root.visitvalues(lambda node: node.shape if hasattr(node, "shape") else None) == (100,)
    items: dict[str, Any] = {}
    root["bar"].visititems(lambda path, node: items.update({path: node.path}))
    assert items == {"baz": "bar/baz", "quux": "bar/quux", "quux/baz": "bar/quux/baz"}


def test_finding_all_paths_that_match_as_documented() -> None:
    root = azarr.group()
    root.create_group("foo")
    root.create_group("aaa").create_group("bbb").create_group("ccc").create_group("aaa")
    found = []

    def find_all(path: str) -> None:
        if re.search("aaa", path):
            found.append(path)

    root.visit(find_all)
    assert found == ["aaa", "aaa/bbb", "aaa/bbb/ccc", "aaa/bbb/ccc/aaa"]


TREE = """\
/
├── bar
│   ├── baz
│   └── quux
│       └── baz (100,) float64
├── data (4,) int64
└── foo"""


def test_a_tree_prints_as_documented(root: Any) -> None:
    assert repr(root.tree()) == str(root.tree()) == TREE
    assert repr(root.tree(level=1)) == "/\n├── bar\n├── data (4,) int64\n└── foo"
    assert repr(root.bar.tree()) == "bar\n├── baz\n└── quux\n    └── baz (100,) float64"
    assert repr(root.tree(level=0)) == "/"


def test_a_tree_has_an_html_form_with_escaped_names() -> None:
    root = azarr.group()
    root.create_group("a<b/c")
    html = root.tree()._repr_html_()
    assert "a&lt;b" in html
    assert "a<b" not in html
    assert html.count("<details open>") == 1
    assert root.tree(expand=True)._repr_html_().count("<details open>") == 2


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_every_creation_method_makes_what_its_function_makes(zarr_format: Any) -> None:
    root = azarr.group(zarr_format=zarr_format)
    data = np.arange(6).reshape(2, 3)
    assert root.create("create", shape=3, dtype="i2").dtype == "i2"
    assert root.empty("empty", shape=3).shape == (3,)
    assert root.zeros("zeros", shape=3)[0] == 0
    assert root.ones("ones", shape=3)[0] == 1
    assert root.full("full", 42, shape=3)[0] == 42
    np.testing.assert_array_equal(root.array("deep/er/array", data)[:], data)
    like = root.array("like", data, chunks=(1, 3))
    for name in ("empty_like", "zeros_like", "ones_like"):
        assert getattr(root, name)(name, like).chunks == (1, 3)
    assert root.full_like("full_like", data, fill_value=7)[1, 1] == 7
    assert all(array.zarr_format == zarr_format for _, array in root.arrays(recurse=True))
    with pytest.raises(ContainsArrayError):
        root.zeros("zeros", shape=4)
    assert root.zeros("zeros", shape=4, overwrite=True).shape == (4,)


def test_a_required_dataset_has_to_fit() -> None:
    root = azarr.group()
    made = root.require_dataset("a", shape=(10,), dtype="i4")
    assert root.require_dataset("a", shape=10, dtype="f8") == made
    assert root.require_dataset("a", shape=10) == made
    for kwargs in (
        {"shape": 11},
        {"shape": 10, "dtype": "f8", "exact": True},
        {"shape": 10, "dtype": "i1"},
    ):
        with pytest.raises(TypeError):
            root.require_dataset("a", **kwargs)
    root.create_group("g")
    with pytest.raises(ContainsGroupError):
        root.require_dataset("g", shape=10)


def test_required_groups_are_opened_or_made() -> None:
    root = azarr.group()
    one = root.require_group("one")
    one.attrs["a"] = 1
    again, two = root.require_groups("one", "two/three")
    assert (again, again.attrs["a"], two.path) == (one, 1, "two/three")
    root.zeros("array", shape=1)
    with pytest.raises(ContainsArrayError):
        root.require_groups("array")
    with pytest.raises(ContainsGroupError):
        root.create_groups("new", "one")
    assert "new" not in root
    assert root.create_groups("one", overwrite=True)[0].attrs.asdict() == {}


def test_a_hierarchy_is_created_from_arguments_and_from_metadata() -> None:
    root = azarr.group()
    model = root.create_array("model", shape=(3, 3), chunks=(1, 3), dtype="u1")
    made = root.create_hierarchy(
        {
            "a": {"attributes": {"x": 1}},
            "a/b": {"shape": (4,), "dtype": "i2", "chunks": (2,), "attributes": {"y": 2}},
            "c/d/e": None,
            "copy": model.metadata,
        }
    )
    assert list(made) == ["a", "a/b", "c/d/e", "copy"]
    assert azarr.open_group(root.store)["a"].attrs["x"] == 1
    assert (root["a/b"].chunks, root["a/b"].attrs["y"]) == ((2,), 2)
    assert root["copy"].chunks == (1, 3)
    assert sorted(root["c"].members(None)) == ["d", "d/e"]


def test_a_hierarchy_with_a_fault_is_refused_as_a_whole() -> None:
    root = azarr.group()
    before = dict(root.store)
    for nodes, error in (
        ({"a": None, "b": {"shape": -1}}, UsageError),
        ({"a": None, "b": {"dtype": "i4"}}, UsageError),
        ({"a": None, "b": {"shape": 1, "colour": 1}}, UsageError),
        ({"a": {"shape": 1}, "a/b": None}, ContainsArrayError),
        ({"../a": None}, UsageError),
    ):
        with pytest.raises(error):
            root.create_hierarchy(nodes)
    assert dict(root.store) == before


@pytest.mark.parametrize(("zarr_format", "levels"), [(2, "a"), (3, "a"), (3, "a/b/c")])
def test_many_nodes_are_created_in_a_round_trip_for_each_level(
    zarr_format: Any, levels: str
) -> None:
    store = LatencyStore(MemoryStore(), 0.2)
    root = azarr.create_group(store, zarr_format=zarr_format)
    store.log.clear()
    root.create_hierarchy({f"{levels}{i}": {"shape": 1} for i in range(25)})  # under the limit
    assert store.log.round_trips == 1 + levels.count("/") + 1


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_failure_leaves_no_node_without_its_parent_and_its_attributes(zarr_format: Any) -> None:
    nodes = {
        "a/b/c": {"shape": 1, "attributes": {"x": 1}},
        "a": {"attributes": {"x": 1}},
        "d/e": {"attributes": {"x": 1}},
    }
    for fails_at in range(12):
        store = FailingStore(fails_at)
        root = azarr.create_group(store.store, zarr_format=zarr_format)
        opened = azarr.open_group(store)
        with contextlib.suppress(azarr.errors.StoreError):
            opened.create_hierarchy(nodes)
        there = {path for path in ("a", "a/b", "a/b/c", "d", "d/e") if path in root}
        parents = {path.rpartition("/")[0] for path in there}
        assert parents <= {"", *there}
        assert all(dict(root[path].attrs) == {"x": 1} for path in there & nodes.keys())


class FailingStore(CountingStore):
    """Refuses every write after the first few."""

    def __init__(self, count: int) -> None:
        super().__init__(MemoryStore())
        self._left = count

    def set_if(self, key: str, value: Any, generation: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise azarr.errors.StoreError(f"{key!r} cannot be written")
        return super().set_if(key, value, generation)


@pytest.mark.parametrize(("zarr_format", "expected"), [(3, 4), (2, 6)])
def test_a_hierarchy_is_listed_level_by_level(zarr_format: Any, expected: int) -> None:
    store = LatencyStore(MemoryStore(), 0)
    root = azarr.create_group(store, zarr_format=zarr_format)
    for i in range(5):
        root.create_dataset(f"a{i}/b/c", shape=1)
    store.seconds = 0.2
    store.log.clear()
    assert len(root.members(None)) == 15
    assert store.log.round_trips == expected


def test_a_moved_node_takes_everything_with_it(root: Any) -> None:
    root["bar/quux/baz"][:] = 5
    root["bar"].attrs["a"] = 1
    root.move("bar", "new/place")
    assert "bar" not in root
    assert root["new/place"].attrs["a"] == 1
    assert root["new/place/quux/baz"][:].sum() == 500
    assert isinstance(root["new"], azarr.Group)
    root["new/place"].move("quux/baz", "/data2")
    assert root["data2"][0] == 5
    assert not any("bar" in key for key in root.store)


def test_what_cannot_be_moved_stays(root: Any) -> None:
    before = dict(root.store)
    with pytest.raises(NodeNotFoundError):
        root.move("nothing", "else")
    with pytest.raises(ContainsGroupError):
        root.move("data", "foo")
    with pytest.raises(UsageError):
        root.move("bar", "bar/baz/bar")
    with pytest.raises(UsageError):
        root.move("/", "x")
    assert dict(root.store) == before


def test_a_read_only_group_refuses_every_change(root: Any) -> None:
    group = azarr.Group(root.store, read_only=True)
    for change in (
        lambda: group.zeros("x", shape=1),
        lambda: group.create_groups("x"),
        lambda: group.require_groups("x"),
        lambda: group.move("bar", "x"),
        lambda: group.__delitem__("bar"),
        lambda: group["bar"].create_group("x"),
    ):
        with pytest.raises(ReadOnlyError):
            change()


def test_leaving_a_group_closes_its_store() -> None:
    closed = []

    class Closing(MemoryStore):
        def close(self) -> None:
            closed.append(1)

    with azarr.group(Closing()) as group:
        group.zeros("a", shape=1)
    assert closed == [1]

    async def main() -> None:
        async with await azarr.aio.group(Closing()):
            pass

    anyio.run(main)
    assert closed == [1, 1]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_awaited_twin_does_the_same(root: Any, backend: str) -> None:
    async def main() -> None:
        twin = root.async_group
        assert list(await twin.members(None)) == PATHS
        assert await twin.array_keys(recurse=True) == ["baz", "data"]
        assert await twin.group_keys() == ["bar", "foo"]
        assert repr(await twin.tree()) == TREE
        seen: list[str] = []

        async def see(path: str) -> None:
            seen.append(path)

        await twin.visit(see)
        assert seen == PATHS
        await twin.create_groups("x", "y/z")
        await twin.array("y/a", np.arange(3))
        assert (await (await twin.full("f", 3, shape=2)).getitem(0)) == 3
        await twin.move("y", "w")
        assert list(await (await twin.getitem("w")).members()) == ["a", "z"]
        assert [path for path, _ in await twin.items()] == ["bar", "data", "f", "foo", "w", "x"]
        assert (await twin.require_dataset("data", shape=4)).shape == (4,)
        assert len((await twin.info()).items) == 9

    anyio.run(main, backend=backend)
