"""What each operation costs in round trips: the table of docs/round-trips.md, as assertions.

Counted twice: by a store that waits, and by a server that does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.remote.conftest import MakeStore

import azarr
from azarr.storage import MemoryStore
from azarr.stores import FsspecStore, ObstoreStore
from azarr.testing import LatencyStore
from benchmarks.s3_server import Conditions, S3Server

Action = Callable[[], object]


def _array(store: Any, **options: Any) -> Any:
    array = azarr.create_array(
        store, shape=(64, 64), dtype="u2", compressors=None, **{"chunks": (8, 8), **options}
    )
    array[...] = 7
    return array


def _open(store: Any) -> Action:
    _array(store)
    return lambda: azarr.open(store, mode="r")


def _read(store: Any) -> Action:
    array = _array(store)
    return lambda: array[...]


def _write(store: Any) -> Action:
    array = _array(store)
    return lambda: array.__setitem__(..., 8)


def _write_part(store: Any) -> Action:
    array = _array(store)
    return lambda: array.__setitem__((slice(4, 12), slice(4, 12)), 8)


def _read_shards(store: Any) -> Action:
    array = _array(store, shards=(32, 32))
    return lambda: array[0, :]


def _read_shards_again(store: Any) -> Action:
    read = _read_shards(store)
    read()
    return read


def _create(store: Any) -> Action:
    group = azarr.create_group(store)
    return lambda: group.create_array("a", shape=3, attributes={"x": 1})


def _create_many(store: Any) -> Action:
    group = azarr.create_group(store)
    return lambda: group.create_hierarchy({f"a{i}": {"shape": (3,)} for i in range(20)})


def _attributes(store: Any) -> Action:
    array = _array(store)
    return lambda: array.attrs.update(a=1, b=2)


def _hierarchy(store: Any) -> Any:
    group = azarr.create_group(store)
    group.create_array("a/b/c", shape=3)
    group.create_array("d/e/f", shape=3)
    return group


def _list(store: Any) -> Action:
    group = _hierarchy(store)
    return lambda: group.members(max_depth=None)


def _list_members(store: Any) -> Action:
    group = azarr.create_group(store)
    for i in range(5):
        group.create_array(f"a{i}", shape=3)
    return group.members


def _list_consolidated(store: Any) -> Action:
    _hierarchy(store)
    azarr.consolidate_metadata(store)
    return lambda: azarr.open_group(store, mode="r").members(max_depth=None)


def _append(store: Any) -> Action:
    array = _array(store)
    rows = np.ones((8, 64), "u2")
    return lambda: array.append(rows)


def _append_alone(store: Any) -> Action:
    array = azarr.create_array(store, shape=(64, 64), chunks=(8, 8), dtype="u2", compressors=None)
    opened = azarr.open_array(store, synchronizer=azarr.ThreadSynchronizer())
    rows = np.ones((8, 64), "u2")
    del array
    return lambda: opened.append(rows)


def _delete(store: Any) -> Action:
    group = _hierarchy(store)
    return lambda: group.__delitem__("a")


OPERATIONS: dict[str, tuple[Callable[[Any], Action], int]] = {
    "open an array or a group": (_open, 1),
    "read any number of chunks": (_read, 1),
    "write any number of whole chunks": (_write, 1),
    "write parts of chunks": (_write_part, 2),
    "read parts of shards": (_read_shards, 2),
    "read parts of shards again": (_read_shards_again, 1),
    "create an array in an open group": (_create, 2),
    "create 20 arrays in an open group": (_create_many, 2),
    "update attributes": (_attributes, 2),
    "list the members of a group": (_list_members, 2),
    "list a hierarchy of depth 3": (_list, 4),
    "open and list a consolidated hierarchy": (_list_consolidated, 1),
    "append, other processes may do so too": (_append, 6),
    "append, with a synchronizer": (_append_alone, 3),
    "delete an array or a group": (_delete, 4),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_takes_its_round_trips_and_no_more(name: str) -> None:
    prepare, round_trips = OPERATIONS[name]
    store = LatencyStore(MemoryStore(), 0.0)
    action = prepare(store)
    store.seconds = 0.02
    store.log.clear()
    action()
    assert store.log.round_trips <= round_trips


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("kind", [ObstoreStore, FsspecStore])
def test_a_server_sees_the_same_round_trips(
    name: str, kind: Any, make: MakeStore, server: S3Server
) -> None:
    prepare, round_trips = OPERATIONS[name]
    action = prepare(make(kind))
    # s3fs needs 1 to 2 ms to send a request, and some of these send a hundred.
    server.conditions = Conditions(latency=0.4 if kind is FsspecStore else 0.1)
    server.log.clear()
    action()
    assert server.log.round_trips <= round_trips


def test_the_table_of_the_documentation_is_this_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "round-trips.md").read_text()
    rows = dict(re.findall(r"^\| ([^|]+?) +\| (\d+) +\|", text, re.MULTILINE))
    assert {name: int(trips) for name, trips in rows.items()} == {
        name: trips for name, (_, trips) in OPERATIONS.items()
    }
