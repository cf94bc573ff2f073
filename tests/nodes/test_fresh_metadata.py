"""What is not cached is read again by every awaited method; overwriting in two stores."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import ContainsArrayError, MetadataError, NodeNotFoundError, UsageError
from azarr.storage import MemoryStore
from azarr.testing import CountingStore, LatencyStore


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_awaited_attributes_are_read_again_where_they_are_not_cached(backend: str) -> None:
    async def main() -> None:
        store = CountingStore(MemoryStore())
        writer = azarr.create_array(store, shape=4, dtype="i4", attributes={"a": 1})
        fresh = (await azarr.aio.open_array(store, cache_attrs=False)).attrs
        cached = (await azarr.aio.open_array(store)).attrs
        writer.attrs["a"] = 2
        store.log.clear()
        assert (await cached.getitem("a"), len(store.log)) == (1, 0)
        assert await fresh.getitem("a") == 2
        assert await fresh.get("b", 7) == 7
        assert await fresh.contains("a")
        assert await fresh.keys() == ["a"]
        with pytest.raises(KeyError):
            await fresh.getitem("b")
        assert (fresh.cache, cached.cache) == (False, True)
        cached.cache = False
        assert await cached.getitem("a") == 2

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_awaited_stream_sees_the_shape_of_the_moment_it_begins(backend: str) -> None:
    async def main() -> None:
        store = MemoryStore()
        writer = azarr.create_array(store, shape=4, chunks=2, dtype="i4")
        array = await azarr.aio.open_array(store, cache_metadata=False)
        writer.resize(8)
        writer[:] = 1
        async with array.stream() as regions:
            assert [data.sum() async for _, data in regions] == [2, 2, 2, 2]
        rows = [row async for row in array]
        assert len(rows) == 8

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_refused_overwrite_leaves_the_chunk_store_as_it_was(zarr_format: Any) -> None:
    store, chunks = MemoryStore(), MemoryStore()
    root = azarr.group(store, chunk_store=chunks, zarr_format=zarr_format)
    array = root.create_array("a", shape=4, chunks=2, dtype="i4", data=np.arange(4))
    before = dict(chunks)
    assert before
    with pytest.raises(ContainsArrayError):  # a parent is an array
        azarr.create_array(
            store, name="a/b", shape=4, dtype="i4", chunk_store=chunks, overwrite=True
        )
    with pytest.raises((MetadataError, ValueError)):
        root.create_array("a", shape=4, dtype="i4", compressors="nonsense", overwrite=True)
    with pytest.raises(ContainsArrayError):
        root.create_hierarchy({"a": {"shape": 4}, "a/c": {"shape": 1}}, overwrite=True)
    assert dict(chunks) == before
    assert array[:].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_overwritten_node_leaves_nothing_in_the_chunk_store(zarr_format: Any) -> None:
    store, chunks = MemoryStore(), MemoryStore()

    def filled() -> None:
        root = azarr.group(store, chunk_store=chunks, overwrite=True, zarr_format=zarr_format)
        root.create_array("g/a", shape=4, chunks=2, data=np.ones(4))
        assert len(chunks) == 2

    filled()
    filled()  # the group at the root
    root = azarr.group(store, chunk_store=chunks)
    root.create_array("g/a", shape=4, chunks=2, dtype="i4", overwrite=True)
    assert not chunks
    filled()
    root.create_hierarchy({"g": None}, overwrite=True)
    assert not chunks
    chunks["other"] = b"not ours"
    azarr.create_array(store, shape=2, dtype="i4", chunk_store=chunks, name="n", overwrite=True)
    assert "other" in chunks


CHANGES: dict[str, Any] = {
    "attributes": lambda node: node.attrs.update(a=1),
    "refreshed attributes": lambda node: node.attrs.refresh(),
    "resize": lambda array: array.resize(7),
    "append": lambda array: array.append(np.ones(3)),
    "refreshed": lambda array: anyio.run(array.async_array.refresh),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("zarr_format", [2, 3, "n5"])
@pytest.mark.parametrize("latency", [None, 0])
def test_an_array_that_was_replaced_by_a_group_is_not_found(
    latency: Any, zarr_format: Any, change: str
) -> None:
    store: Any = MemoryStore() if latency is None else LatencyStore(MemoryStore(), latency)
    array = azarr.create_array(store, shape=4, dtype="f8", zarr_format=zarr_format)
    array.append(np.zeros(1))  # what is known of it in this process is out of date too
    group = azarr.create_group(store, overwrite=True, zarr_format=zarr_format)
    with pytest.raises(NodeNotFoundError):
        CHANGES[change](array)
    group.attrs.refresh()
    assert not group.attrs


@pytest.mark.parametrize("zarr_format", [2, 3, "n5"])
def test_a_group_that_was_replaced_by_an_array_is_not_found(zarr_format: Any) -> None:
    store = MemoryStore()
    group = azarr.create_group(store, zarr_format=zarr_format)
    array = azarr.create_array(store, shape=4, dtype="f8", overwrite=True, zarr_format=zarr_format)
    for change in ("attributes", "refreshed attributes"):
        with pytest.raises(NodeNotFoundError):
            CHANGES[change](group)
    array.attrs.refresh()
    assert not array.attrs


def test_an_array_that_was_replaced_by_one_of_other_dimensions_is_not_resized() -> None:
    store = MemoryStore()
    array = azarr.create_array(store, shape=4, dtype="f8")
    azarr.create_array(store, shape=(4, 4), dtype="f8", overwrite=True)
    with pytest.raises(UsageError, match="2 dimensions"):
        array.resize(5)
