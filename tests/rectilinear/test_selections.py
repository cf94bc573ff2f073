"""Reading and writing arrays whose chunks have different shapes, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import azarr
from azarr.errors import MetadataError, UsageError
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import CountingStore, LatencyStore

SHAPE = (11, 13)
CHUNKS: dict[str, dict[str, Any]] = {
    "two axes": {"chunks": [[1, 4, 6], [5, 5, 3]]},
    "runs": {"chunks": [[[2, 4], 3], [[1, 13]]]},
    "beside a regular axis": {"chunks": [[7, 4], 4]},
    "beyond the array": {"chunks": [[8, 9, 9], [2, 20]]},
    "large chunks": {"chunks": [[10, 1], [12, 1]], "dtype": "V20000"},
    "shards": {"chunks": (2, 3), "shards": [[2, 6, 4], [3, 12]]},
    "order": {"chunks": [[3, 8], [6, 7]], "order": "F"},
    "v2 keys": {"chunks": [[3, 8], [6, 7]], "chunk_key_encoding": "v2"},
    "filters": {
        "chunks": [[3, 8], [6, 7]],
        "filters": [{"name": "numcodecs.delta", "configuration": {"dtype": "<i8"}}],
    },
}
SELECTIONS: list[Any] = [
    ...,
    (3, 4),
    (-1,),
    (slice(2, 9), slice(None, None, 3)),
    (slice(5, 5), slice(None)),
    (slice(1, 11, 4), 12),
    (slice(None), slice(6, 7)),
    (slice(10, 11), slice(0, 13, 12)),
]


def values_of(dtype: Any = "i8") -> np.ndarray:
    values = np.arange(1, 1 + np.prod(SHAPE)).reshape(SHAPE)
    if np.dtype(dtype).kind != "V":
        return values.astype(dtype)
    raw = np.zeros((*SHAPE, np.dtype(dtype).itemsize // 4), "u4")
    raw[...] = values[..., None]
    return raw.view(dtype)[..., 0]


@pytest.fixture(params=list(CHUNKS))
def case(request: pytest.FixtureRequest) -> tuple[azarr.Array, np.ndarray]:
    arguments = {"dtype": "i8", **CHUNKS[request.param]}
    values = values_of(arguments["dtype"])
    array = azarr.create_array(MemoryStore(), shape=SHAPE, **arguments)
    array[...] = values
    return azarr.open_array(array.store, mode="r+"), values


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_regions_are_read_and_written(case: Any, selection: Any) -> None:
    array, values = case
    assert np.asarray(array[selection] == values[selection]).all()
    new = values[::-1, ::-1][selection]
    array[selection] = new
    values[selection] = new.copy()
    assert (array[...] == values).all()


def test_every_other_kind_of_selection(case: Any) -> None:
    array, values = case
    rows, columns = [9, 0, 3, 3], [12, 0, 5, 4]
    mask = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 5 == 0
    assert (array.oindex[rows, 2:9] == values[rows, 2:9]).all()
    assert (array.oindex[rows, columns] == values[np.ix_(rows, columns)]).all()
    assert (array.oindex[4, columns] == values[4, columns]).all()
    assert (array.vindex[rows, columns] == values[rows, columns]).all()
    assert (array.get_mask_selection(mask) == values[mask]).all()
    array.oindex[rows[:3], ::6] = values[0, 0]
    values[np.ix_(rows[:3], [0, 6, 12])] = values[0, 0]
    array.vindex[[1, 10], [2, 12]] = values[5, 5]
    values[[1, 10], [2, 12]] = values[5, 5]
    array.set_mask_selection(mask, values[3, 3])
    values[mask] = values[3, 3]
    assert (array[...] == values).all()


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_grid_and_any_selection_agree_with_numpy(data: st.DataObject) -> None:
    lengths = st.lists(st.integers(1, 6), min_size=1, max_size=6)
    chunks = [data.draw(lengths), data.draw(lengths)]
    shape = tuple(data.draw(st.integers(0, sum(axis))) for axis in chunks)
    values = np.arange(np.prod(shape), dtype="i4").reshape(shape)
    array = azarr.create_array({}, shape=shape, chunks=chunks, dtype="i4")
    array[...] = values

    def axis(length: int) -> Any:
        start = data.draw(st.integers(0, length))
        return slice(start, data.draw(st.integers(start, length)), data.draw(st.integers(1, 4)))

    region = (axis(shape[0]), axis(shape[1]))
    np.testing.assert_array_equal(array[region], values[region])
    array[region] = -1
    values[region] = -1
    np.testing.assert_array_equal(array[...], values)
    if all(shape):
        points = tuple(
            data.draw(st.lists(st.integers(0, n - 1), min_size=4, max_size=4)) for n in shape
        )
        np.testing.assert_array_equal(array.vindex[points], values[points])
        np.testing.assert_array_equal(array.oindex[points], values[np.ix_(*points)])


def test_chunks_are_stored_in_their_full_size_also_at_the_edge() -> None:
    store = MemoryStore()
    array = azarr.create_array(
        store, shape=(5, 4), chunks=[[2, 9], 3], dtype="u1", compressors=None, fill_value=7
    )
    array[...] = 1
    sizes = {key: len(store[key]) for key in store.list() if key != "zarr.json"}
    assert sizes == {"c/0/0": 6, "c/0/1": 6, "c/1/0": 27, "c/1/1": 27}


def test_whole_chunks_are_written_without_reading_and_parts_are_merged() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=(9,), chunks=[[2, 3, 9]], dtype="u1")
    store.log.clear()
    array[2:9] = 1
    assert store.log.counts == {"set": 1, "set_if": 1}  # the last one reaches out of the array
    store.log.clear()
    array[4:6] = 2
    assert store.log.counts == {"get_with_generation": 2, "set_if": 2}
    assert array[...].tolist() == [0, 0, 1, 1, 2, 2, 1, 1, 1]


def test_properties_say_the_length_of_every_chunk() -> None:
    array = azarr.create_array({}, shape=(7, 4), chunks=[[2, 5], 3], dtype="i2")
    assert array.chunks == ((2, 5), (3, 3))
    assert array.cdata_shape == (2, 2)
    assert array.nchunks == 4
    assert array.shards is None
    array[:2] = 1
    assert array.nchunks_initialized == 2
    assert "((2, 5), (3, 3))" in repr(array.info)
    assert "up to 30 B" in array._repr_html_()
    like = azarr.zeros_like(array, store={})
    assert like.chunks == array.chunks


def test_blocks_are_chunks() -> None:
    values = np.arange(28).reshape(7, 4)
    array = azarr.create_array({}, data=values, chunks=[[2, 5], 3])
    np.testing.assert_array_equal(array.blocks[1, 0], values[2:, :3])
    np.testing.assert_array_equal(array.blocks[:, 1], values[:, 3:])
    array.blocks[0] = -1
    assert (array[:2] == -1).all()
    assert (array[2:] == values[2:]).all()
    with pytest.raises(IndexError):
        array.blocks[2]


def test_rows_and_regions_are_those_of_chunks() -> None:
    store = CountingStore(MemoryStore())
    values = np.arange(14).reshape(7, 2)
    array = azarr.create_array(store, data=values, chunks=[[2, 5], 2])
    store.log.clear()
    assert [row.tolist() for row in array] == values.tolist()
    assert store.log.counts == {"get": 2}


def test_explain_counts_the_chunks_that_are_touched() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=(11, 13), chunks=[[1, 4, 6], [5, 5, 3]], dtype="i2")
    cost = array.explain((slice(0, 3), slice(4, 6)))
    assert (cost.chunks, cost.chunks_in_array, cost.requests) == (4, 9, 4)
    array[...] = 1
    store.log.clear()
    array[0:3, 4:6]
    assert len(store.log) == cost.requests
    assert (
        azarr.create_array({}, shape=(8, 8), chunks=(2, 2), shards=[[2, 6], 4], dtype="i2")
        .explain((slice(0, 3), 0))
        .chunks
        == 2
    )


def test_an_array_can_grow_as_far_as_lengths_are_defined() -> None:
    store = MemoryStore()
    array = azarr.create_array(store, shape=(5, 4), chunks=[[2, 3, 4], 3], dtype="u1")
    array[...] = 1
    array.resize(9, 10)
    assert array.chunks == ((2, 3, 4), (3, 3, 3, 3))
    array.resize(3, 10)
    array.resize(9, 10)
    assert array[:, 0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0]
    for change in (lambda: array.resize(10, 10), lambda: array.append(np.ones((1, 10), "u1"))):
        with pytest.raises(MetadataError, match=r"covers 9 elements, but shape\[0\] is 10"):
            change()
    assert azarr.open_array(store).shape == (9, 10)


@pytest.mark.parametrize("make", [MemoryStore, None])
def test_appending_writes_chunks_of_their_own_shape(make: Any, tmp_path: Any) -> None:
    store = LocalStore(tmp_path) if make is None else make()
    array = azarr.create_array(store, shape=(3,), chunks=[[2, 3, 4]], dtype="i4")
    array[...] = [1, 2, 3]
    assert array.append(np.array([4, 5, 6])) == (6,)
    assert azarr.open_array(store)[...].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("threads", [1, 4])
def test_awaited_and_in_threads(threads: int) -> None:
    values = np.arange(400 * 300, dtype="f8").reshape(400, 300)
    chunks = [[100, 200, 100], [50, 150, 100]]
    array = azarr.create_array(LatencyStore(MemoryStore(), 0.001), data=values, chunks=chunks)

    async def main() -> Any:
        await array.async_array.setitem((slice(90, 110), slice(None)), -1.0)
        return await array.async_array.getitem(...)

    result = anyio.run(main)
    values[90:110] = -1
    np.testing.assert_array_equal(result, values)
    with azarr.config.using(threads=threads, threaded_chunk_bytes=1):
        memory = azarr.create_array({}, data=values, chunks=chunks)
        np.testing.assert_array_equal(memory[...], values)


def test_fields_fill_values_and_views() -> None:
    dtype = np.dtype([("a", "i4"), ("b", "f4")])
    array = azarr.create_array({}, shape=(6,), chunks=[[1, 5]], dtype=dtype, fill_value=(1, 2))
    array["a"] = np.arange(6)
    assert array["b"].tolist() == [2.0] * 6
    assert array["a", 2:4].tolist() == [2, 3]
    view = azarr.create_array({}, data=np.arange(6), chunks=[[1, 5]]).astype("f4")
    assert view[1:].tolist() == [1, 2, 3, 4, 5]


def test_a_wrong_chunk_is_named() -> None:
    store = MemoryStore()
    array = azarr.create_array(store, shape=(6,), chunks=[[1, 5]], dtype="i4", compressors=None)
    array[...] = 1
    store["c/1"] = bytes(4)
    with pytest.raises(azarr.errors.DecodeError, match="20 bytes"):
        array[...]
    assert array[0] == 1


def test_reading_and_writing_a_huge_axis_takes_little_memory() -> None:
    many: Callable[..., azarr.Array] = azarr.create_array
    array = many({}, shape=(10**12,), chunks=[[10**6, 10**12]], dtype="u1", compressors=None)
    array[5:7] = 3
    assert array[4:8].tolist() == [0, 3, 3, 0]
    assert array.explain(slice(0, 10**12)).chunks == 2


def test_only_sequences_of_lengths_make_a_rectilinear_grid() -> None:
    assert azarr.create_array({}, shape=(6, 6), chunks=(2, 3)).chunks == (2, 3)
    assert azarr.create_array({}, shape=(6, 6), chunks=[(2, 4)]).chunks == ((2, 4), (6,))
    assert azarr.create_array({}, shape=(6, 6), chunks=[None, (2, 4)]).chunks == ((6,), (2, 4))
    with pytest.raises(UsageError):
        azarr.create_array({}, shape=(6,), chunks=[[2, 4], [1]])
