"""Creating nodes while others create the same ones: what they have made is found, not replaced.

Another client acts at the moment when the first document is to be written: after the look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import numpy as np
import pytest
from tests.remote.conftest import MakeStore
from tests.stores.processes import run_together

import azarr
import azarr.aio
import azarr.engine.hierarchy._new_nodes as new_nodes
import azarr.engine.hierarchy._node_documents as claims
from azarr.errors import ConflictError, ContainsArrayError, ContainsGroupError
from azarr.storage import BlockingStore, LocalStore, MemoryStore
from azarr.stores import FsspecStore, ObstoreStore
from azarr.testing import CountingStore, LatencyStore
from azarr.testing._forwarding import AsyncForwardingStore, ForwardingStore

WRITES = {"set", "set_if"}
FORMATS: list[Any] = [2, 3, "n5"]
Others = Callable[[], object]


class Plans:
    """What others do before certain requests; each plan is carried out once."""

    def __init__(self) -> None:
        self._plans: list[tuple[str, set[str], Others]] = []

    def add(self, others: Others, before: str = "*", kinds: set[str] = WRITES) -> None:
        self._plans.append((before, kinds, others))

    def due(self, kind: str, key: str) -> Iterator[Others]:
        for plan in list(self._plans):
            if kind in plan[1] and fnmatchcase(key, plan[0]):
                self._plans.remove(plan)
                yield plan[2]

    def __len__(self) -> int:
        return len(self._plans)


class Overtaken(ForwardingStore):
    """A store where others act first."""

    plans: Plans

    def _request(self, kind: str, key: str, sent: int, call: Any, *arguments: Any) -> Any:
        for others in self.plans.due(kind, key):
            others()
        return call(*arguments)


class AsyncOvertaken(AsyncForwardingStore):
    """The same in the other shape; the others are in a thread of their own."""

    plans: Plans

    async def _request(self, kind: str, key: str, sent: int, call: Any, *arguments: Any) -> Any:
        for others in self.plans.due(kind, key):
            await anyio.to_thread.run_sync(others)
        return await super()._request(kind, key, sent, call, *arguments)


class Clients:
    """One client whose store is `mine`, and others, with `theirs`, who act in between."""

    def __init__(self, store: Any, awaits: bool) -> None:
        self.theirs = store
        self.mine = (Overtaken if isinstance(store, BlockingStore) else AsyncOvertaken)(store)
        self.mine.plans = Plans()
        self.before = self.mine.plans.add
        self.zarr_format: Any = 3
        self._awaits = awaits

    def call(self, function: str, **arguments: Any) -> Any:
        """A function of `azarr`, or its awaited twin, with this client's store."""
        arguments["zarr_format"] = self.zarr_format
        if self._awaits:
            return anyio.run(partial(getattr(azarr.aio, function), self.mine, **arguments))
        return getattr(azarr, function)(self.mine, **arguments)

    def call_root(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A method of the root group."""
        root = azarr.open_group(self.mine, zarr_format=self.zarr_format)
        if self._awaits:
            return anyio.run(partial(getattr(root.async_group, method), *args, **kwargs))
        return getattr(root, method)(*args, **kwargs)

    def ask(self, name: str, *args: Any) -> Any:
        """A request of the others to their store."""
        if isinstance(self.theirs, BlockingStore):
            return getattr(self.theirs, name)(*args)
        return anyio.run(partial(getattr(self.theirs, name), *args))

    def root(self, zarr_format: Any) -> Any:
        """The root group, created by the others."""
        self.zarr_format = zarr_format
        return azarr.create_group(self.theirs, zarr_format=zarr_format)

    def is_done(self) -> bool:
        return not len(self.mine.plans)


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PATIENCE", 0.1)


@pytest.fixture(params=["memory", "directory", ObstoreStore, FsspecStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "directory":
        return LocalStore(tmp_path / "store")
    make: MakeStore = request.getfixturevalue("make")
    return make(request.param)


@pytest.fixture(params=[False, True], ids=["blocking", "awaited"])
def clients(store: Any, request: pytest.FixtureRequest) -> Clients:
    return Clients(store, request.param)


@pytest.fixture(params=FORMATS)
def root(clients: Clients, request: pytest.FixtureRequest) -> Any:
    return clients.root(request.param)


def test_a_group_that_others_have_made_is_used_as_it_is(clients: Clients, root: Any) -> None:
    clients.before(lambda: root.create_group("g", attributes={"owner": "other"}))
    clients.call("create_array", name="g/a", shape=4)
    assert clients.is_done()
    assert dict(root["g"].attrs) == {"owner": "other"}
    assert root["g/a"].shape == (4,)


def test_an_array_that_others_have_made_is_not_made_a_group(clients: Clients, root: Any) -> None:
    """In Zarr v2 both documents are there, and it is still the array."""
    clients.before(lambda: root.create_array("g", data=np.arange(4)))
    create = partial(clients.call, "create_array", name="g/a", shape=4)
    if root.zarr_format == 2:
        create()
    else:
        with pytest.raises(ContainsArrayError, match="parent '/g' of '/g/a'"):
            create()
    assert clients.is_done()
    assert root["g"][:].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("their_attributes", [None, {"whose": "theirs"}])
@pytest.mark.parametrize("my_attributes", [None, {"whose": "mine"}])
def test_of_two_that_create_an_array_one_does(
    clients: Clients, root: Any, their_attributes: Any, my_attributes: Any
) -> None:
    def others() -> None:
        root.create_array("a", data=np.arange(4), attributes=their_attributes)

    clients.before(others, before="a/.zarray" if root.zarr_format == 2 else "a/*")
    with pytest.raises(ContainsArrayError, match="'/a'"):
        clients.call(
            "create_array",
            name="a",
            shape=2,
            dtype="f8",
            attributes=my_attributes,
        )
    assert clients.is_done()
    assert dict(root["a"].attrs) == (their_attributes or {})
    assert root["a"][:].tolist() == [0, 1, 2, 3]


def test_attributes_beside_a_node_are_those_of_who_made_it(clients: Clients) -> None:
    """In Zarr v2 they are written first."""
    root = clients.root(2)
    clients.before(lambda: root.create_group("g", attributes={"whose": "theirs"}), before="g/.z*")
    with pytest.raises(ContainsGroupError):
        clients.call("create_group", path="g", attributes={"whose": "mine"})
    assert clients.is_done()
    assert dict(root["g"].attrs) == {"whose": "theirs"}


def test_who_opens_or_creates_opens_what_others_have_made(clients: Clients, root: Any) -> None:
    def make(number: int) -> None:
        root.create_group(f"g{number}", attributes={"owner": "other"})
        root.create_array(f"a{number}", data=np.arange(4))

    for number in range(3):
        clients.before(partial(make, number), before=f"?{number}/*")
    group = clients.call("open_group", path="g0", mode="a")
    assert group.path == "g0"
    clients.call_root("require_group", "g1")
    array = clients.call_root("require_dataset", "a2", shape=4, dtype="i8")
    assert array.dtype == "i8"
    assert clients.is_done()

    clients.before(partial(make, 3))
    opened = clients.call("open_array", path="a3", mode="a", shape=9, dtype="f4")
    assert (opened.shape, clients.is_done()) == ((4,), True)
    for name in ("g0", "g1"):
        assert dict(root[name].attrs) == {"owner": "other"}


@pytest.mark.parametrize("zarr_format", [3, "n5"])
def test_who_opens_or_creates_does_not_take_a_group_for_an_array(
    clients: Clients, zarr_format: Any
) -> None:
    """Zarr v2 has documents of different names for them."""
    root = clients.root(zarr_format)
    clients.before(lambda: root.create_group("a", attributes={"owner": "other"}))
    with pytest.raises(ContainsGroupError):
        clients.call_root("require_dataset", "a", shape=4)
    clients.before(lambda: root.create_array("g", data=np.arange(4)))
    with pytest.raises(ContainsArrayError):
        clients.call_root("require_group", "g")
    assert clients.is_done()
    assert dict(root["a"].attrs) == {"owner": "other"}
    assert root["g"][:].tolist() == [0, 1, 2, 3]


def test_many_nodes_are_created_beside_those_of_others(clients: Clients, root: Any) -> None:
    """Of one level some are stored, and one is not, since others were faster."""
    clients.before(lambda: root.create_group("p", attributes={"owner": "other"}), before="p/*")
    nodes = {
        "q": {"attributes": {"x": 1}},
        "p/a": {"shape": 3, "attributes": {"x": 1}},
        "q/b": {"shape": 3},
    }
    made = clients.call_root("create_hierarchy", nodes)
    assert clients.is_done()
    assert list(made) == list(nodes)
    assert sorted(root.members(None)) == ["p", "p/a", "q", "q/b"]
    assert dict(root["p"].attrs) == {"owner": "other"}
    assert dict(root["q"].attrs) == dict(root["p/a"].attrs) == {"x": 1}


def test_many_nodes_are_refused_for_the_one_that_others_have_made(
    clients: Clients, root: Any
) -> None:
    clients.before(lambda: root.create_array("q/b", data=np.arange(4)), before="q/b/*")
    nodes = {"q": None, "q/a": {"shape": 3}, "q/b": {"shape": 3, "attributes": {"x": 1}}}
    with pytest.raises(ContainsArrayError, match="'/q/b'"):
        clients.call_root("create_hierarchy", nodes)
    assert clients.is_done()
    assert root["q/b"][:].tolist() == [0, 1, 2, 3]
    assert dict(root["q/b"].attrs) == {}


def test_required_groups_are_those_of_others(clients: Clients, root: Any) -> None:
    clients.before(lambda: root.create_group("g/h", attributes={"owner": "other"}), before="g/*")
    clients.call_root("require_groups", "f", "g/h", "g/i")
    assert clients.is_done()
    assert dict(root["g/h"].attrs) == {"owner": "other"}
    assert sorted(root.members(None)) == ["f", "g", "g/h", "g/i"]


@pytest.mark.parametrize("is_there", [False, True])
def test_overwriting_replaces_what_others_make_meanwhile(
    clients: Clients, root: Any, is_there: bool
) -> None:
    """With its chunks, which would be taken for those of the new array."""
    if is_there:
        root.create_group("a/b")

    def others(name: str) -> None:
        root.create_array(name, data=np.ones(4), chunks=2, overwrite=True, attributes={"x": 1})

    clients.before(partial(others, "a"), before="a/*")
    clients.call("open_array", path="a", mode="w", shape=4, chunks=2, dtype="f8")
    clients.before(partial(others, "c"), before="c/*")
    clients.call_root("create_hierarchy", {"c": {"shape": 4, "chunks": (2,)}}, overwrite=True)
    assert clients.is_done()
    for name in ("a", "c"):
        assert root[name][:].tolist() == [0, 0, 0, 0]
        assert dict(root[name].attrs) == {}


def test_who_is_about_to_create_a_node_with_attributes_is_waited_for(clients: Clients) -> None:
    """Those are written first in Zarr v2, and are not taken for what a failed deletion left."""
    root = clients.root(2)
    root.create_group("g", attributes={"owner": "other"})
    texts = {name: clients.ask("get", f"g/{name}") for name in (".zgroup", ".zattrs")}
    clients.ask("delete", "g/.zgroup")
    looks = 3
    for look in range(looks):
        last = look == looks - 1
        clients.before(
            partial(clients.ask, "set", "g/.zgroup", texts[".zgroup"]) if last else lambda: None,
            before="g/.zattrs",
            kinds={"get_with_generation"},
        )
    clients.call("open_group", path="g", mode="a")
    clients.call("create_array", name="g/a", shape=4)
    assert dict(root["g"].attrs) == {"owner": "other"}


def test_attributes_without_a_node_are_not_those_of_a_new_one(
    clients: Clients,
) -> None:
    root = clients.root(2)
    for name, attributes in (("a", None), ("b", {"x": 1}), ("c", None)):
        root.create_group(name, attributes={"old": 1})
        clients.ask("delete", f"{name}/.zgroup")
        if name == "c":
            clients.call_root("create_hierarchy", {"c/d": {"shape": 3}})
        else:
            clients.call("create_group", path=name, attributes=attributes)
        assert dict(root[name].attrs) == (attributes or {})


def test_a_store_that_always_conflicts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_nodes, "CONFLICTS", 3)

    class Wrong(MemoryStore):
        def set_if(self, key: str, value: Any, generation: Any) -> Any:
            raise ConflictError(f"{key!r} has changed")

    store = CountingStore(Wrong())
    with pytest.raises(ConflictError):
        azarr.create_group(store)
    assert store.log.counts["set_if"] == 4


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_a_store_without_generations_is_written_to(zarr_format: Any) -> None:
    store: dict[str, bytes] = {}
    root = azarr.create_group(store, zarr_format=zarr_format)
    root.create_hierarchy({"g/a": {"shape": 3, "attributes": {"x": 1}}, "h": None})
    root.create_array("h", shape=3, overwrite=True, attributes={"y": 1})
    if zarr_format == 2:
        store["i/.zattrs"] = b'{"old": 1}'
    root.create_group("i")
    attributes = {path: dict(node.attrs) for path, node in root.members(None).items()}
    assert attributes == {"g": {}, "g/a": {"x": 1}, "h": {"y": 1}, "i": {}}


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_creation_sends_no_request_more_than_it_needs(zarr_format: Any) -> None:
    """Nothing is deleted where nothing is, and where nobody interferes there are no conflicts."""
    store = LatencyStore(MemoryStore(), 0)
    root = azarr.create_group(store, zarr_format=zarr_format)
    store.log.clear()
    root.create_array("g/a", shape=3, attributes={"x": 1})
    root.create_group("g/b")
    counts = dict(store.log.counts)
    assert counts.pop("set_if") == {2: 4, 3: 3}[zarr_format]
    assert counts.keys() == {"get"}


PROCESSES, ROUNDS = 8, 5


def _create(store: Any, zarr_format: Any, number: int, together: Any) -> None:
    """Create what others create too, and what they do not."""
    created = []
    for turn in range(ROUNDS):
        together.wait(60)
        root = azarr.open_group(store, zarr_format=zarr_format)
        group = root.require_group(f"{turn}/shared")
        group.require_dataset("a", shape=PROCESSES, chunks=1, dtype="i4")[number] = number + 1
        group.create_array(f"own/{number}", data=np.full(3, number), attributes={"n": number})
        root.create_hierarchy({f"{turn}/many/{number}/a": {"shape": 3}, f"{turn}/g{number}": None})
        group.attrs[str(number)] = number
        try:
            root.create_array(f"{turn}/one", data=np.full(3, number), attributes={"n": number})
            created.append(turn)
        except ContainsArrayError:
            pass
    azarr.open_group(store, path=f"by/{number}", attributes={"created": created})


@pytest.mark.slow
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_nothing_is_lost_where_processes_create_one_hierarchy(
    tmp_path: Path, zarr_format: Any
) -> None:
    store = LocalStore(tmp_path / "store")
    run_together(_create, store, zarr_format, processes=PROCESSES, seconds=100)
    root = azarr.open_group(store, mode="r")
    numbers = list(range(PROCESSES))
    created = {number: root[f"by/{number}"].attrs["created"] for number in numbers}
    for turn in range(ROUNDS):
        group = root[str(turn)]
        assert dict(group["shared"].attrs) == {str(number): number for number in numbers}
        assert group["shared/a"][:].tolist() == [number + 1 for number in numbers]
        assert len(group["many"]) == PROCESSES
        for number in numbers:
            own = group[f"shared/own/{number}"]
            assert (own[:].tolist(), own.attrs["n"]) == ([number] * 3, number)
            assert f"g{number}" in group
        (creator,) = (number for number in numbers if turn in created[number])
        assert group["one"][:].tolist() == [creator] * 3
        assert group["one"].attrs["n"] == creator
