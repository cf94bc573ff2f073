"""A store in front of another one says of itself all that the other one says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
import sniffio

import azarr
import azarr.aio
from azarr.config import RetryPolicy
from azarr.engine.runtimes._adapters import ThreadedStore
from azarr.storage import LRUStoreCache, MemoryStore, Store
from azarr.stores import AsyncConsolidatedStore, BlockingConsolidatedStore
from azarr.testing import AsyncCountingStore, CountingStore, LatencyStore

UNUSUAL = {
    "latency": "remote",
    "read_only": True,
    "conditional": False,
    "default_format": "n5",
    "dimension_separator": "/",
    "atomic_delete_if": False,
    "event_loop": "asyncio",
    "retry": RetryPolicy(attempts=2),
}
WRAPPERS: dict[str, Callable[[Any], Store]] = {
    "cache": lambda store: LRUStoreCache(store, None),
    "threads": ThreadedStore,
    "counting": CountingStore,
    "counting, awaited": AsyncCountingStore,
    "late": lambda store: LatencyStore(store, 0),
    "consolidated": lambda store: BlockingConsolidatedStore(store, None, None),  # type: ignore[arg-type]
    "consolidated, awaited": lambda store: AsyncConsolidatedStore(store, None, None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS)
def test_a_store_before_another_one_says_what_that_one_says(wrapper: Any) -> None:
    assert {*UNUSUAL, "is_async", "origin"} == {*Store.__annotations__}
    store = MemoryStore()
    for name, value in UNUSUAL.items():
        setattr(store, name, value)
    before = wrapper(store)
    assert before.origin == store.origin
    kept = {name: getattr(before, name) for name in UNUSUAL}
    if isinstance(before, LatencyStore):
        kept["latency"] = "remote"
    assert kept == UNUSUAL


class OfAsyncio(AsyncCountingStore):
    """Its client library works on asyncio only, as s3fs does."""

    event_loop = "asyncio"

    async def _request(self, kind: str, key: str, sent: int, call: Any, *arguments: Any) -> Any:
        assert sniffio.current_async_library() == "asyncio"
        return await super()._request(kind, key, sent, call, *arguments)


def test_a_consolidated_hierarchy_in_a_store_of_asyncio_is_read_on_trio() -> None:
    store = OfAsyncio(MemoryStore())
    store.event_loop = "asyncio"
    root = azarr.create_group(store)
    root.create_array("a", shape=8, chunks=2, dtype="i4")[:] = 3
    azarr.consolidate_metadata(store)

    async def main() -> list[int]:
        group = await azarr.aio.open_group(store, mode="r")
        array: Any = await group.getitem("a")
        found: list[int] = (await array.getitem(...)).tolist()
        return found

    assert anyio.run(main, backend="trio") == [3] * 8


class Remote(MemoryStore):
    """A blocking client of something far away, without generations."""

    latency = "remote"
    conditional = False


@pytest.mark.parametrize("kind", ["cache", "consolidated"])
def test_a_change_through_a_blocking_remote_store_is_based_on_what_is_stored(kind: str) -> None:
    store = Remote()
    azarr.create_group(store).create_group("g", attributes={"mine": 1})
    if kind == "cache":
        group = azarr.open_group(LRUStoreCache(store, 2**20), path="g", mode="r+")
    else:
        azarr.consolidate_metadata(store)
        group = azarr.open_consolidated(store)["g"]
    assert dict(group.attrs) == {"mine": 1}
    azarr.open_group(store, path="g", use_consolidated=False).attrs["theirs"] = 2
    group.attrs["mine too"] = 3
    now = azarr.open_group(store, path="g", use_consolidated=False)
    assert dict(now.attrs) == {"mine": 1, "theirs": 2, "mine too": 3}


def test_a_consolidated_hierarchy_in_a_blocking_remote_store_keeps_the_users_store() -> None:
    store = Remote()
    azarr.create_group(store).create_group("g")
    assert azarr.open_group(store).store is store
    azarr.consolidate_metadata(store)
    found = azarr.open_group(store).store
    assert found.store is store
    assert "zarr.json" in found  # a mapping, as the one that was given
