"""Arrays of shards against NumPy: every kind of selection, reading and writing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import azarr
from azarr.storage import MemoryStore

SHAPE = (21, 30)


def slices(length: int) -> st.SearchStrategy[slice]:
    bound = st.none() | st.integers(-length - 2, length + 2)
    return st.builds(slice, bound, bound, st.none() | st.integers(1, 9))


def axes(length: int) -> st.SearchStrategy[Any]:
    return slices(length) | st.integers(-length, length - 1)


def index_arrays(length: int) -> st.SearchStrategy[Any]:
    many = st.lists(st.integers(-length, length - 1), min_size=1, max_size=12)
    masks = st.lists(st.booleans(), min_size=length, max_size=length)
    return many.map(np.array) | masks.map(lambda mask: np.array(mask, bool))


@st.composite
def selections(draw: st.DrawFn) -> tuple[str, Any]:
    kind = draw(st.sampled_from(["basic", "orthogonal", "coordinate", "mask", "block"]))
    if kind == "basic":
        return kind, tuple(draw(axes(length)) for length in SHAPE)
    if kind == "orthogonal":
        return kind, tuple(draw(axes(length) | index_arrays(length)) for length in SHAPE)
    if kind == "coordinate":
        count = draw(st.integers(1, 20))
        return kind, tuple(
            np.array(draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count)))
            for n in SHAPE
        )
    if kind == "mask":
        seed, share = draw(st.integers(0, 2**16)), draw(st.sampled_from([0.0, 0.01, 0.5, 1.0]))
        return kind, np.random.default_rng(seed).random(SHAPE) < share
    return kind, tuple(draw(st.integers(0, 2) | st.just(slice(None))) for _ in SHAPE)


def expected_index(array: azarr.Array, kind: str, selection: Any) -> Any:
    """What NumPy takes in brackets for the same elements."""
    if kind == "block":
        return tuple(
            slice(None) if isinstance(each, slice) else slice(each * chunk, (each + 1) * chunk)
            for each, chunk in zip(selection, array.chunks, strict=True)
        )
    if kind == "orthogonal" and any(isinstance(each, np.ndarray) for each in selection):
        lists = [np.arange(n)[each] for n, each in zip(SHAPE, selection, strict=True)]
        kept = tuple(0 if np.ndim(each) == 0 else slice(None) for each in lists)
        return np.ix_(*map(np.atleast_1d, lists)), kept
    return selection


def take(values: np.ndarray, index: Any) -> np.ndarray:
    if isinstance(index, tuple) and len(index) == 2 and isinstance(index[0], tuple):
        grid, kept = index
        return values[grid][kept]
    return values[index]


def put(values: np.ndarray, index: Any, new: np.ndarray) -> None:
    if isinstance(index, tuple) and len(index) == 2 and isinstance(index[0], tuple):
        grid, kept = index
        block = np.empty(values[grid].shape, values.dtype)
        block[kept] = new
        values[grid] = block
    else:
        values[index] = new


def block_counts(array: azarr.Array, selection: Any) -> bool:
    return all(
        isinstance(each, slice) or each < count
        for each, count in zip(selection, array.cdata_shape, strict=True)
    )


def getter(array: azarr.Array, kind: str) -> Callable[[Any], Any]:
    return getattr(array, f"get_{kind}_selection")


def setter(array: azarr.Array, kind: str) -> Callable[[Any, Any], None]:
    return getattr(array, f"set_{kind}_selection")


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 2**16, SHAPE, dtype=np.uint16)


def test_every_kind_of_selection_reads_what_numpy_selects(
    make: Callable[..., azarr.Array], any_codecs: list[Any], values: np.ndarray
) -> None:
    array = make(MemoryStore(), any_codecs)
    array[...] = values

    @given(selections())
    def check(case: tuple[str, Any]) -> None:
        kind, selection = case
        if kind == "block" and not block_counts(array, selection):
            return
        expected = take(values, expected_index(array, kind, selection))
        np.testing.assert_array_equal(getter(array, kind)(selection), expected)

    check()


def test_every_kind_of_selection_writes_what_numpy_assigns(
    make: Callable[..., azarr.Array], any_codecs: list[Any], values: np.ndarray
) -> None:
    @given(st.lists(selections(), min_size=1, max_size=4), st.booleans(), st.booleans())
    def check(cases: list[tuple[str, Any]], full: bool, write_empty_chunks: bool) -> None:
        store = MemoryStore()
        make(store, any_codecs)
        array = azarr.open_array(store, mode="r+", write_empty_chunks=write_empty_chunks)
        expected = np.full(SHAPE, 7, np.uint16)
        if full:
            array[...] = expected[...] = values
        for number, (kind, selection) in enumerate(cases):
            if kind == "block" and not block_counts(array, selection):
                continue
            index = expected_index(array, kind, selection)
            # Every other time the fill value: shards become empty again.
            shape = take(expected, index).shape
            new = np.full(shape, 7) if number % 2 else np.arange(np.prod(shape)).reshape(shape)
            new = new.astype(np.uint16)
            setter(array, kind)(selection, new)
            put(expected, index, new)
        np.testing.assert_array_equal(array[...], expected)

    check()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,), (7,), (2, 3, 4, 5)])
@pytest.mark.parametrize("index_location", ["start", "end"])
def test_arrays_of_any_number_of_dimensions_have_shards(
    shape: tuple[int, ...], index_location: str
) -> None:
    array = azarr.create_array(
        {},
        shape=shape,
        chunks=(2,) * len(shape),
        shards={"shape": (4,) * len(shape), "index_location": index_location},
        dtype="i4",
    )
    values = np.arange(np.prod(shape), dtype="i4").reshape(shape)
    array[...] = values
    np.testing.assert_array_equal(array[...], values)
    if shape:
        np.testing.assert_array_equal(array[:1], values[:1])


@pytest.mark.parametrize("dtype", ["?", "<i2", ">f8", "c8", "M8[s]", "S5", "U3", str, bytes])
def test_elements_of_every_kind_are_kept_in_shards(dtype: Any) -> None:
    array = azarr.create_array({}, shape=(10,), chunks=(2,), shards=(6,), dtype=dtype)
    values = np.array([str(number) for number in range(10)], object)
    if dtype is bytes:
        values = np.array([text.encode() for text in values], object)
    elif dtype is not str:
        values = np.arange(10).astype(dtype)
    array[...] = values
    assert (array[...] == values).all()
    assert array[7] == values[7]
    array[3:5] = values[5:7]
    assert (array[2:6] == values[[2, 5, 6, 5]]).all()


def test_fields_of_records_in_shards_are_read_and_written() -> None:
    dtype = np.dtype([("x", "i4"), ("y", "f8")])
    array = azarr.create_array({}, shape=(10,), chunks=(2,), shards=(6,), dtype=dtype)
    array["x", 1:9] = np.arange(8)
    array["y", 3] = 2.5
    assert array["x"].tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 7, 0]
    assert array["y", 2:5].tolist() == [0, 2.5, 0]
    assert array[3].tolist() == (2, 2.5)


def test_filters_and_the_order_of_elements_are_those_of_the_inner_chunks() -> None:
    array = azarr.create_array(
        {},
        shape=(12, 12),
        chunks=(3, 4),
        shards=(6, 8),
        dtype="i4",
        order="F",
        filters=[{"name": "numcodecs.delta", "configuration": {"dtype": "<i4"}}],
    )
    values = np.arange(144, dtype="i4").reshape(12, 12)
    array[...] = values
    array[5, 3:9] = -1
    values[5, 3:9] = -1
    assert array.order == "F"
    assert (array[...] == values).all()
    assert (array[4:7, 2:10] == values[4:7, 2:10]).all()


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ((5, 4), "no multiples"),
        ((4,), "each of the 2"),
        ((4, 0), "each of the 2"),
        ((4.0, 4), "integers"),
        ({"shape": (4, 4), "index_location": "middle"}, "'start' and 'end'"),
        ({"shap": (4, 4)}, "unknown key 'shap'"),
    ],
)
def test_impossible_shards_are_refused(shards: Any, message: str) -> None:
    store = MemoryStore()
    with pytest.raises(azarr.errors.UsageError, match=message):
        azarr.create_array(store, shape=(8, 8), chunks=(2, 2), shards=shards, dtype="u1")
    assert list(store) == []


def test_the_shape_of_shards_can_be_chosen() -> None:
    array = azarr.create_array(
        {}, shape=(10_000, 10_000), chunks=(100, 100), shards="auto", dtype="f8"
    )
    assert array.shards == (1600, 3200)
    assert array.chunks == (100, 100)
    small = azarr.create_array({}, shape=(10, 3), chunks=(4, 3), shards="auto", dtype="f8")
    assert small.shards == (12, 3)
