"""The table of `docs/costs.md`: every row is done here, and costs what the page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
from azarr.storage import MemoryStore
from azarr.testing import LatencyStore

pytestmark = pytest.mark.alone

PAGE = Path(__file__).resolve().parents[1] / "docs" / "costs.md"
SECONDS = 0.004

Operation = Callable[[], Any]
# The first column of the table -> prepares a store, and returns the operation to be counted.
OPERATIONS: dict[str, Callable[[Any], Operation]] = {}


def row(name: str) -> Callable[[Any], Any]:
    return lambda prepare: OPERATIONS.setdefault(name, prepare)


def new_array(store: Any, **arguments: Any) -> azarr.Array:
    """100 chunks."""
    return azarr.create_array(store, shape=(100, 100), chunks=(10, 10), dtype="u1", **arguments)


def new_sharded(store: Any) -> azarr.Array:
    """4 shards of 16 inner chunks."""
    values = np.arange(64 * 64, dtype="u2").reshape(64, 64) + 1
    return azarr.create_array(store, data=values, chunks=(8, 8), shards=(32, 32))


def new_large_sharded(store: Any) -> azarr.Array:
    """A shard of 2 MiB, of 16 inner chunks."""
    return azarr.create_array(store, data=np.ones((1024, 1024), "u2"), chunks=256, shards=1024)


def new_group(store: Any) -> azarr.Group:
    """20 arrays."""
    group = azarr.create_group(store)
    group.create_hierarchy({f"array{i}": {"shape": 3} for i in range(20)})
    return group


@row("open an array or a group")
def opening(store: Any) -> Operation:
    new_array(store)
    return lambda: azarr.open(store)


@row("the same with `zarr_format=3`")
def opening_v3(store: Any) -> Operation:
    new_array(store)
    return lambda: azarr.open(store, zarr_format=3)


@row("the same with `zarr_format=2`")
def opening_v2(store: Any) -> Operation:
    new_array(store, zarr_format=2)
    return lambda: azarr.open(store, zarr_format=2)


@row("create an array in a group")
def creating(store: Any) -> Operation:
    group = azarr.create_group(store)
    return lambda: group.create_array("a", shape=4)


@row("read a selection in 100 chunks")
def reading(store: Any) -> Operation:
    array = new_array(store)
    return lambda: array[...]


@row("`read_many`: 3 selections in 10 chunks each")
def reading_many(store: Any) -> Operation:
    array = new_array(store)
    return lambda: azarr.read_many([(array, row) for row in (5, 15, 25)])


@row("write 100 whole chunks")
def writing(store: Any) -> Operation:
    array = new_array(store)
    return lambda: array.set_basic_selection(..., 1)


@row("write parts of 4 chunks")
def writing_parts(store: Any) -> Operation:
    array = new_array(store)
    return lambda: array.set_basic_selection((slice(5, 15), slice(5, 15)), 1)


@row("read a whole shard")
def reading_a_shard(store: Any) -> Operation:
    array = new_sharded(store)
    return lambda: array[:32, :32]


@row("read an inner chunk of a shard of at most 1 MiB")
def reading_an_inner_chunk_of_a_small_shard(store: Any) -> Operation:
    array = new_sharded(store)
    return lambda: array[0, 0]


@row("read an inner chunk of a larger shard")
def reading_an_inner_chunk(store: Any) -> Operation:
    array = new_large_sharded(store)
    return lambda: array[0, 0]


@row("read another inner chunk of that shard")
def reading_another_inner_chunk(store: Any) -> Operation:
    array = new_large_sharded(store)
    assert array[0, 0] == 1
    return lambda: array[600, 600]


@row("write a whole shard")
def writing_a_shard(store: Any) -> Operation:
    array = new_sharded(store)
    return lambda: array.set_basic_selection((slice(32), slice(32)), 1)


@row("write one inner chunk of a shard")
def writing_an_inner_chunk(store: Any) -> Operation:
    array = new_sharded(store)
    return lambda: array.set_basic_selection((slice(8), slice(8)), 1)


@row("append a row of 10 chunks")
def appending(store: Any) -> Operation:
    new_array(store)
    array = azarr.open_array(store)
    return lambda: array.append(np.ones((10, 100), "u1"))


@row("set 20 attributes with one `update`")
def setting_attributes(store: Any) -> Operation:
    array = new_array(store)
    return lambda: array.attrs.update({str(i): i for i in range(20)})


@row("`members()` of a group of 20 arrays")
def listing(store: Any) -> Operation:
    return new_group(store).members


@row("open a consolidated group of 20 arrays, and `members()`")
def listing_consolidated(store: Any) -> Operation:
    new_group(store)
    azarr.consolidate_metadata(store)
    return lambda: azarr.open_consolidated(store).members()


@row("delete an array of 100 chunks")
def deleting(store: Any) -> Operation:
    group = azarr.create_group(store)
    group.create_array("a", data=np.ones(100), chunks=1)
    return lambda: group.__delitem__("a")


def documented() -> dict[str, tuple[int, int]]:
    """Requests and round trips by operation, as the page says."""
    lines = re.findall(r"^\| (.+?) \| (\d+) \| (\d+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {name: (int(requests), int(round_trips)) for name, requests, round_trips in lines}


def test_the_page_lists_these_operations() -> None:
    assert list(documented()) == list(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_costs_what_the_page_says(name: str) -> None:
    store = LatencyStore(MemoryStore(), SECONDS)
    operation = OPERATIONS[name](store)
    store.log.clear()
    operation()
    requests, round_trips = documented()[name]
    assert len(store.log) == requests
    # Tasks that wake up in another order may need fewer round trips, where there are many.
    assert round_trips - (round_trips > 3) <= store.log.round_trips <= round_trips


def test_awaited_reads_in_one_task_group_cost_what_the_page_says() -> None:
    """100 selections of one chunk each: as many requests, in one round trip."""
    store = LatencyStore(MemoryStore(), 5 * SECONDS)
    array = new_array(store).async_array
    store.log.clear()

    async def main() -> None:
        async with anyio.create_task_group() as tasks:
            for i in range(100):
                tasks.start_soon(array.getitem, (i, i))

    anyio.run(main)
    assert (len(store.log), store.log.round_trips) == (100, 1)
