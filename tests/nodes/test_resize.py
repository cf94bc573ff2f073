"""Resizing: what is outside goes, in bounded memory, and never comes back."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given, strategies as st

import azarr
from azarr.errors import ReadOnlyError, StoreError, UsageError
from azarr.storage import MemoryStore
from azarr.testing import CountingStore, FaultStore


def test_the_documented_examples_hold() -> None:
    array = azarr.zeros(shape=(10000, 10000), chunks=(1000, 1000))
    array.resize(20000, 10000)
    assert array.shape == (20000, 10000)
    array.resize(30000, 1000)
    assert array.shape == (30000, 1000)
    array.resize((5, None))
    assert array.shape == (5, 1000)


def test_chunks_outside_are_deleted_and_growing_shows_the_fill_value() -> None:
    store = MemoryStore()
    array = azarr.create_array(store, shape=(9, 9), chunks=(2, 2), dtype="i4", fill_value=-1)
    array[:] = 5
    array.resize(3, 5)
    assert sorted(key for key in store if "/" in key) == [
        f"c/{i}/{j}" for i in range(2) for j in range(3)
    ]
    array.resize(9, 9)
    expected = np.full((9, 9), -1)
    expected[:3, :5] = 5
    np.testing.assert_array_equal(array[:], expected)
    np.testing.assert_array_equal(azarr.open_array(store)[:], expected)


def _shapes(draw: Any) -> Any:
    ndim = draw(st.integers(1, 3))
    sides = st.tuples(*[st.integers(0, 9)] * ndim)
    return draw(sides), draw(st.tuples(*[st.integers(1, 4)] * ndim)), draw(st.lists(sides))


@given(st.composite(_shapes)(), st.sampled_from([2, 3]), st.sampled_from(["C", "F"]))
def test_any_sequence_of_shapes_keeps_what_always_was_inside(
    shapes: Any, zarr_format: Any, order: str
) -> None:
    shape, chunks, then = shapes
    stored = {"zarr_format": zarr_format, "order": order, "fill_value": 7}
    array = azarr.create_array({}, shape=shape, chunks=chunks, dtype="i2", **stored)
    model = np.arange(np.prod(shape), dtype="i2").reshape(shape)
    array[...] = model
    for wanted in then:
        grown = np.full(wanted, 7, "i2")
        common = tuple(slice(0, min(sides)) for sides in zip(wanted, model.shape, strict=True))
        grown[common] = model[common]
        model = grown
        array.resize(*wanted)
        np.testing.assert_array_equal(array[...], model)


def test_shards_that_the_edge_cuts_are_cleared() -> None:
    array = azarr.create_array({}, shape=(8, 8), chunks=(2, 2), shards=(4, 4), dtype="u1")
    array[:] = 1
    array.resize(3, 8)
    array.resize(8, 8)
    np.testing.assert_array_equal(array[:, 0], [1, 1, 1, 0, 0, 0, 0, 0])


def test_up_to_a_thousand_chunks_are_deleted_without_a_listing() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=(1000,), chunks=(1,), dtype="u1")
    array[500:510] = 1
    store.log.clear()
    array.resize(0)
    assert store.log.counts["delete"] == 1000
    assert store.log.counts["list"] == 0


def test_of_very_many_chunks_only_those_that_exist_are_deleted() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=(10**12, 10**6), chunks=(1, 1), dtype="u1")
    array[10**11, 5] = 1
    array[3, 7] = 1
    store.log.clear()
    array.resize(10, 10)
    assert store.log.counts == {"get_with_generation": 1, "list": 1, "delete": 1, "set_if": 1}
    assert array[3, 7] == 1


def test_metadata_is_changed_after_the_chunks_are_gone() -> None:
    values = MemoryStore()
    array = azarr.create_array(values, shape=(4,), chunks=(1,), dtype="u1")
    array[:] = 1
    store = FaultStore(values, StoreError("no"), kinds={"delete"})
    broken = azarr.open_array(store)
    with pytest.raises(StoreError):
        broken.resize(1)
    assert azarr.open_array(values).shape == (4,)


def test_a_resize_elsewhere_counts() -> None:
    store = MemoryStore()
    one = azarr.create_array(store, shape=(4, 4), chunks=(2, 2), dtype="u1")
    other = azarr.open_array(store)
    one.resize(8, 4)
    one[:] = 1
    other.resize(None, 2)
    assert azarr.open_array(store).shape == (8, 2)
    other.attrs["a"] = 1
    one.resize(2, None)
    assert azarr.open_array(store).attrs.asdict() == {"a": 1}


@pytest.mark.parametrize("args", [(), (1,), (1, 2, 3), ((1,),), ("a", 2), (1.5, 2), (-1, 2)])
def test_impossible_shapes_are_refused_before_anything_is_deleted(args: Any) -> None:
    array = azarr.array(np.ones((4, 4)), chunks=2)
    with pytest.raises(UsageError):
        array.resize(*args)
    assert array[:].sum() == 16


def test_views_and_read_only_arrays_cannot_be_resized() -> None:
    array = azarr.zeros(10)
    with pytest.raises(PermissionError, match="operation not permitted for views"):
        array.view().resize(20)
    with pytest.raises(PermissionError, match="operation not permitted for views"):
        array.view().append(np.zeros(1))
    with pytest.raises(ReadOnlyError):
        azarr.Array(array.store, read_only=True).resize(20)


def test_the_fill_value_can_be_changed() -> None:
    store = MemoryStore()
    array = azarr.create_array(store, shape=4, chunks=2, dtype="i2")
    array[0] = 1
    array.fill_value = 9
    assert array.fill_value == 9
    np.testing.assert_array_equal(azarr.open_array(store)[:], [1, 0, 9, 9])
    anyio.run(array.async_array.set_fill_value, 3)
    assert azarr.open_array(store)[3] == 3
    with pytest.raises(ValueError, match="fill"):
        array.fill_value = "x"


def test_an_awaited_resize_is_the_same() -> None:
    array = azarr.array(np.ones((4, 4)), chunks=2)

    async def main() -> Any:
        twin = array.async_array
        await twin.resize(3, 4)
        await twin.resize((4, 4))
        return await twin.getitem(...)

    result = anyio.run(main)
    assert result.sum() == 12
