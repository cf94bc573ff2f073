"""What each operation costs in round trips: the table of docs/round-trips.md, as assertions.

Counted twice: by a store that waits, and by a server that does.
"""

from __future__ import annotations

import re
import tempfile
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
    usual: dict[str, Any] = {"shape": (64, 64), "chunks": (8, 8), "dtype": "u2"}
    array = azarr.create_array(store, **(usual | {"compressors": None} | options))
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


def _read_small_shards(store: Any) -> Action:
    array = _array(store, shards=(32, 32))
    return lambda: array[0, :]


LARGE: dict[str, Any] = {"shape": (2048, 2048), "chunks": (256, 256), "shards": (1024, 1024)}
"""Shards of 2 MiB."""


def _read_shards(store: Any) -> Action:
    array = _array(store, **LARGE)
    return lambda: array[0, :]


def _read_shards_again(store: Any) -> Action:
    read = _read_shards(store)
    read()
    return read


def _read_small_shards_again(store: Any) -> Action:
    read = _read_small_shards(store)
    read()
    return read


def _write_shards(store: Any) -> Action:
    array = _array(store, **LARGE)
    return lambda: array.__setitem__(0, 8)


def _write_small_shards(store: Any) -> Action:
    array = _array(store, shards=(32, 32))
    return lambda: array.__setitem__(0, 8)


def _create(store: Any) -> Action:
    group = azarr.create_group(store)
    return lambda: group.create_array("a", shape=3, attributes={"x": 1})


def _create_many(store: Any) -> Action:
    group = azarr.create_group(store)
    return lambda: group.create_hierarchy({f"a{i}": {"shape": (3,)} for i in range(20)})


def _attributes(store: Any) -> Action:
    array = _array(store)
    return lambda: array.attrs.update(a=1, b=2)


def _hierarchy(store: Any, **options: Any) -> Any:
    group = azarr.create_group(store, **options)
    group.create_array("a/b/c", data=np.ones(30), chunks=1)
    group.create_array("d/e/f", shape=3)
    return group


def _list(store: Any) -> Action:
    group = _hierarchy(store)
    return lambda: group.members(max_depth=None)


def _list_v2(store: Any) -> Action:
    group = _hierarchy(store, zarr_format=2)
    return lambda: group.members(max_depth=None)


def _consolidate(store: Any) -> Action:
    _hierarchy(store)
    return lambda: azarr.consolidate_metadata(store)


def _list_members(store: Any) -> Action:
    group = azarr.create_group(store)
    for i in range(5):
        group.create_array(f"a{i}", shape=3)
    return group.members


def _list_consolidated(store: Any) -> Action:
    _hierarchy(store)
    azarr.consolidate_metadata(store)
    return lambda: azarr.open_group(store, mode="r").members(max_depth=None)


ROWS = np.ones((8, 64), "u2")


def _append(store: Any) -> Action:
    _array(store)
    array = azarr.open_array(store)
    return lambda: array.append(ROWS)


def _append_again(store: Any) -> Action:
    """To chunks at the end that it has written before."""
    array = _array(store)
    array.append(ROWS[:3])
    return lambda: array.append(ROWS)


def _append_to_unknown_chunks(store: Any) -> Action:
    _array(store, shape=(60, 64))
    array = azarr.open_array(store)
    return lambda: array.append(ROWS)


def _append_unknown(store: Any) -> Action:
    """What the array is like is read together with the chunks at its end."""
    array = _array(store, shape=(60, 64))
    return lambda: array.append(ROWS)


def _append_after_others(store: Any) -> Action:
    array = _array(store, shape=(60, 64))
    array.append(ROWS[:2])
    _as_another_process(store, lambda other: azarr.open_array(other).append(ROWS[:1]))
    return lambda: array.append(ROWS)


def _as_another_process(store: Any, action: Callable[[Any], object]) -> None:
    twin = store.with_retry(store.retry)
    twin.origin = f"another {store.origin}"
    action(twin)


def _append_synchronized(store: Any) -> Action:
    _array(store, shape=(60, 64))
    locks = azarr.ProcessSynchronizer(tempfile.mkdtemp())
    array = azarr.open_array(store, synchronizer=locks)
    return lambda: array.append(ROWS)


def _append_alone(store: Any) -> Action:
    _array(store)
    array = azarr.open_array(store)
    return lambda: array.append(ROWS, sole_writer=True)


def _append_alone_again(store: Any) -> Action:
    array = _array(store)
    array.append(ROWS[:3])
    return lambda: array.append(ROWS, sole_writer=True)


def _delete(store: Any) -> Action:
    group = _hierarchy(store)
    return lambda: group.__delitem__("a")


def _delete_in_two_stores(store: Any) -> Action:
    group = azarr.group(store, chunk_store=MemoryStore())
    group.create_array("a", data=np.ones(30), chunks=1)
    return lambda: group.__delitem__("a")


def _overwrite(store: Any) -> Action:
    group = _hierarchy(store)
    return lambda: group.create_array("a", shape=3, overwrite=True)


def _overwrite_nothing(store: Any) -> Action:
    group = _hierarchy(store)
    return lambda: group.create_array("g", shape=3, overwrite=True)


def _overwrite_many(store: Any) -> Action:
    group = _hierarchy(store)
    new = {"a": {"shape": (3,)}, "d": {"shape": (3,)}, "g": {"shape": (3,)}}
    return lambda: group.create_hierarchy(new, overwrite=True)


OPERATIONS: dict[str, tuple[Callable[[Any], Action], int]] = {
    "open an array or a group": (_open, 1),
    "read any number of chunks": (_read, 1),
    "write any number of whole chunks": (_write, 1),
    "write parts of chunks": (_write_part, 2),
    "read parts of shards of at most 1 MiB": (_read_small_shards, 1),
    "read parts of larger shards": (_read_shards, 2),
    "read parts of shards again": (_read_shards_again, 1),
    "write parts of shards": (_write_shards, 2),
    "create an array in an open group": (_create, 2),
    "create 20 arrays in an open group": (_create_many, 2),
    "update attributes": (_attributes, 2),
    "list the members of a group": (_list_members, 2),
    "list a hierarchy of 4 levels": (_list, 4),
    "list a hierarchy of 4 levels in Zarr v2": (_list_v2, 6),
    "open and list a consolidated hierarchy": (_list_consolidated, 1),
    "consolidate a hierarchy of 4 levels": (_consolidate, 8),
    "append, other processes may do so too": (_append, 3),
    "append to chunks at the end that are not known": (_append_to_unknown_chunks, 4),
    "append after others have changed the array": (_append_after_others, 5),
    "append, with a synchronizer": (_append_synchronized, 3),
    "append with `sole_writer=True`": (_append_alone, 2),
    "delete an array or a group": (_delete, 2),
    "overwrite an array or a group": (_overwrite, 3),
}
# What the text below the table says.
DETAILS: dict[str, tuple[Callable[[Any], Action], int]] = {
    "read parts of small shards again": (_read_small_shards_again, 1),
    "write parts of small shards": (_write_small_shards, 2),
    "append to known chunks": (_append_again, 3),
    "append to an array just created": (_append_unknown, 4),
    "append to known chunks, alone": (_append_alone_again, 2),
    "delete where chunks are in memory": (_delete_in_two_stores, 2),
    "overwrite nothing": (_overwrite_nothing, 2),
    "overwrite many": (_overwrite_many, 3),
}
ALL = OPERATIONS | DETAILS
CONFLICTS = {"append after others have changed the array": 1}
"""How many conflicts there are: after each one, the store asks through s3fs whose write it was."""


def least(counted: Callable[[], int], expected: int) -> int:
    """What is counted, at most three times until it is as expected.

    Where the machine stands still for longer than the store waits, what goes out together looks
    like one after the other. A round trip too many is there each time.
    """
    counts: list[int] = []
    while len(counts) < 3 and (not counts or counts[-1] > expected):
        counts.append(counted())
    return min(counts)


@pytest.mark.parametrize("name", ALL)
def test_an_operation_takes_its_round_trips_and_no_more(name: str) -> None:
    prepare, round_trips = ALL[name]

    def counted() -> int:
        store = LatencyStore(MemoryStore(), 0.0)
        action = prepare(store)
        store.seconds = 0.02
        store.log.clear()
        action()
        return store.log.round_trips

    assert least(counted, round_trips) <= round_trips


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", [ObstoreStore, FsspecStore])
def test_a_server_sees_the_same_round_trips(
    name: str, kind: Any, make: MakeStore, server: S3Server
) -> None:
    prepare, round_trips = ALL[name]
    if kind is FsspecStore:
        round_trips += CONFLICTS.get(name, 0)

    def counted() -> int:
        server.conditions = Conditions()
        action = prepare(make(kind))
        # s3fs needs 1 to 2 ms to send a request, and some of these send a hundred.
        server.conditions = Conditions(latency=0.4 if kind is FsspecStore else 0.1)
        server.log.clear()
        action()
        return server.log.round_trips

    assert least(counted, round_trips) <= round_trips


@pytest.mark.parametrize("kind", [ObstoreStore, FsspecStore])
def test_a_large_array_is_deleted_documents_first(
    kind: Any, make: MakeStore, server: S3Server
) -> None:
    """Two pages are listed, then the document goes, then the chunks."""
    store = make(kind)
    group = azarr.create_group(store)
    group.create_array("a", data=np.ones(1500, "u1"), chunks=1)
    server.conditions = Conditions(latency=0.2)
    server.log.clear()
    del group["a"]
    assert server.log.round_trips == 4
    assert server.log.counts["BULK DELETE"] + server.log.counts["DELETE"] == 3
    assert list(group.keys()) == []


def test_the_table_of_the_documentation_is_this_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "round-trips.md").read_text()
    rows = dict(re.findall(r"^\| ([^|]+?) +\| (\d+) +\|", text, re.MULTILINE))
    assert {name: int(trips) for name, trips in rows.items()} == {
        name: trips for name, (_, trips) in OPERATIONS.items()
    }
