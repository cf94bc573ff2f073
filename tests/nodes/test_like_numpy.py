"""Any array, chunking, data type and selection: azarr reads and writes what NumPy does."""

from __future__ import annotations

from typing import Any

import anyio
import numcodecs
import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as npst

import azarr
from azarr.storage import MemoryStore

DTYPES = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="="),
    npst.floating_dtypes(sizes=(16, 32, 64), endianness="="),
    npst.complex_number_dtypes(sizes=(64, 128), endianness="="),
    npst.byte_string_dtypes(min_len=1, max_len=5),
    npst.unicode_string_dtypes(min_len=1, max_len=5, endianness="="),
    st.sampled_from([np.dtype("M8[ns]"), np.dtype("m8[s]")]),
)
V2_DTYPES = st.one_of(
    DTYPES,
    npst.integer_dtypes(endianness=">"),
    npst.floating_dtypes(sizes=(32, 64), endianness=">"),
    st.just(np.dtype([("a", "<i4"), ("b", "<f8", (2,))])),
)


def positive(index: Any) -> bool:
    items = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(item, slice) or (item.step or 1) > 0 for item in items)


def values(draw: Any, dtype: np.dtype, shape: tuple[int, ...]) -> Any:
    """Random bytes seen as the data type where all bytes are values, else drawn ones."""
    if dtype.kind in "iufc" and draw(st.booleans()):
        seed = draw(st.integers(0, 1000))
        return np.random.default_rng(seed).integers(-100, 100, shape).astype(dtype)
    if dtype.names:
        result = np.zeros(shape, dtype)
        result["a"] = np.arange(result.size).reshape(shape)
        result["b"] = 0.5
        return result
    return draw(npst.arrays(dtype, shape))


@st.composite
def arrays(draw: Any) -> Any:
    """(an azarr array, the NumPy array that it holds)"""
    zarr_format = draw(st.sampled_from([2, 3]))
    dtype = draw(V2_DTYPES if zarr_format == 2 else DTYPES)
    shape = draw(st.lists(st.integers(0, 9), max_size=3).map(tuple))
    expected = np.array(values(draw, dtype, shape), dtype)
    array = azarr.create_array(
        MemoryStore(),
        shape=shape,
        dtype=dtype,
        chunks=tuple(draw(st.integers(1, max(n, 1) + 2)) for n in shape),
        order=draw(st.sampled_from("CF")),
        zarr_format=zarr_format,
        write_empty_chunks=draw(st.booleans()),
        fill_value=np.zeros((), dtype)[()],
        **draw(st.sampled_from([{}, {"compressors": None}])),
    )
    array[...] = expected
    return array, expected


def equal(got: Any, expected: Any) -> None:
    """Equal to the bit, NaN, -0.0 and NaT included, except for the memory order."""
    if np.ndim(got) == 0 and not isinstance(got, np.ndarray):  # a scalar: native, and as short
        expected = np.asarray(expected)[()]  # as its value
        assert type(got) is type(expected)
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype or (not got.ndim and got.dtype.kind == expected.dtype.kind)
    if got.dtype.names or not got.ndim:
        np.testing.assert_array_equal(got, expected)
    else:
        assert got.tobytes() == expected.tobytes()


@given(arrays())
def test_an_array_reads_back_whole(case: Any) -> None:
    array, expected = case
    equal(array[...], expected)
    equal(azarr.open_array(array.store, mode="r")[...], expected)
    np.testing.assert_array_equal(np.asarray(array), expected)


@given(st.data(), arrays())
def test_basic_selections_read_and_write_like_numpy(data: Any, case: Any) -> None:
    array, expected = case
    for _ in range(3):
        index = data.draw(npst.basic_indices(array.shape, allow_newaxis=False).filter(positive))
        equal(array[index], expected[index])
        value = values(data.draw, array.dtype, np.shape(expected[index]))
        array[index] = value
        expected[index] = value
        equal(array[...], expected)


@given(st.data(), arrays())
def test_values_broadcast_like_numpys(data: Any, case: Any) -> None:
    array, expected = case
    if array.dtype.names:
        return
    index = data.draw(npst.basic_indices(array.shape, allow_newaxis=False).filter(positive))
    full = np.shape(expected[index])
    shape = data.draw(npst.broadcastable_shapes(full, max_side=3, max_dims=len(full) + 1))
    value = values(data.draw, array.dtype, shape)
    if index is not ... and ... not in (index if isinstance(index, tuple) else (index,)):
        whole = (*(index if isinstance(index, tuple) else (index,)), ...)
    else:
        whole = index  # with an Ellipsis NumPy assigns an array also to a single element
    try:
        expected[whole] = value
    except ValueError:
        stored = dict(array.store)
        with pytest.raises(azarr.errors.ShapeMismatchError):
            array[index] = value
        assert dict(array.store) == stored
    else:
        array[index] = value
        equal(array[...], expected)


@given(st.data(), arrays())
def test_coordinate_selections_read_and_write_like_numpy(data: Any, case: Any) -> None:
    array, expected = case
    if not array.ndim or 0 in array.shape:
        return
    index = data.draw(npst.integer_array_indices(array.shape))
    equal(array.vindex[index], expected[index])
    value = values(data.draw, array.dtype, expected[index].shape)
    array.vindex[index] = value
    expected[index] = value
    equal(array[...], expected)


@given(st.data(), arrays())
def test_mask_selections_read_and_write_like_numpy(data: Any, case: Any) -> None:
    array, expected = case
    mask = data.draw(npst.arrays(bool, array.shape))
    equal(array.vindex[mask], expected[mask])
    value = values(data.draw, array.dtype, expected[mask].shape)
    array.vindex[mask] = value
    expected[mask] = value
    equal(array[...], expected)


@given(st.data(), arrays())
def test_orthogonal_selections_read_and_write_like_numpy(data: Any, case: Any) -> None:
    array, expected = case
    if not array.ndim:
        return
    items, plain = [], []
    for length in array.shape:
        kinds = [st.slices(length).filter(positive), npst.arrays(bool, length)]
        if length:
            kinds.append(
                st.lists(st.integers(-length, length - 1), unique_by=range(length).__getitem__)
            )
            kinds.append(st.integers(-length, length - 1))
        items.append(data.draw(st.one_of(kinds)))
        chosen = np.asarray(items[-1], int) if isinstance(items[-1], list) else items[-1]
        plain.append(np.atleast_1d(np.arange(length)[chosen]))
    grid = np.ix_(*plain)
    result = expected[grid]
    kept = tuple(
        n for n, item in zip(result.shape, items, strict=True) if not isinstance(item, int)
    )
    equal(array.oindex[tuple(items)], result.reshape(kept))
    value = values(data.draw, array.dtype, kept)
    array.oindex[tuple(items)] = value
    expected[grid] = np.asarray(value, array.dtype).reshape(result.shape)
    equal(array[...], expected)


@given(st.data(), arrays())
def test_block_selections_read_and_write_whole_chunks(data: Any, case: Any) -> None:
    array, expected = case
    items, plain = [], []
    for length, chunk in zip(array.shape, array.chunks, strict=True):
        item = data.draw(st.slices(-(-length // chunk)))
        item = slice(item.start, item.stop)
        items.append(item)
        start, stop, _ = item.indices(-(-length // chunk))
        plain.append(slice(start * chunk, max(start, stop) * chunk))
    index = (*plain, ...)
    equal(array.blocks[tuple(items)], expected[index])
    value = values(data.draw, array.dtype, expected[index].shape)
    array.blocks[tuple(items)] = value
    expected[index] = value
    equal(array[...], expected)


@given(st.data(), arrays())
def test_out_is_filled_and_returned(data: Any, case: Any) -> None:
    array, expected = case
    index = data.draw(npst.basic_indices(array.shape, allow_newaxis=False).filter(positive))
    out = np.empty(np.shape(expected[index]), array.dtype, order=data.draw(st.sampled_from("CF")))
    assert array.get_basic_selection(index, out=out) is out
    equal(out, expected[index])


@given(arrays())
def test_the_awaited_twin_reads_the_same(case: Any) -> None:
    array, expected = case
    equal(anyio.run(array.async_array.getitem, ...), expected)


@given(arrays())
def test_without_empty_chunks_only_chunks_with_data_are_stored(case: Any) -> None:
    array, expected = case
    stored = {key for key in array.store if not key.rsplit("/", 1)[-1].startswith(("z", "."))}
    if array.write_empty_chunks:
        assert len(stored) == (array.nchunks if array.size else 0)
    array[...] = array.fill_value
    left = {key for key in array.store if not key.rsplit("/", 1)[-1].startswith(("z", "."))}
    assert left == (stored if array.write_empty_chunks else set())
    equal(array[...], np.zeros_like(expected))


def test_minus_zero_and_nan_with_a_payload_are_data() -> None:
    array = azarr.create_array({}, shape=4, chunks=1, dtype="f8", write_empty_chunks=False)
    value = np.array([0.0, -0.0, np.nan, 1.0])
    array[:] = value
    equal(array[:], value)
    assert sorted(array.store) == ["c/1", "c/2", "c/3", "zarr.json"]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("dtype", [str, bytes])
def test_variable_length_elements_read_and_write_like_numpy(dtype: type, zarr_format: int) -> None:
    values = ["", "a", "\u00e9\U0001f600", "long " * 50, "x", "y"]
    expected = np.array([v if dtype is str else v.encode() for v in values], object).reshape(2, 3)
    array = azarr.create_array(
        {}, shape=(2, 3), chunks=(1, 2), dtype=dtype, zarr_format=zarr_format
    )
    array[...] = expected
    assert array[...].tolist() == expected.tolist()
    assert array[0, 1] == expected[0, 1]
    assert array[:, 1:].tolist() == expected[:, 1:].tolist()
    array[1, :] = array.fill_value
    assert array[1].tolist() == [dtype()] * 3


def test_fields_read_and_write_like_numpys() -> None:
    dtype = np.dtype([("a", "i4"), ("b", "f8"), ("c", "S3")])
    expected = np.zeros((5, 4), dtype)
    array = azarr.create_array({}, shape=(5, 4), chunks=(2, 3), dtype=dtype, zarr_format=2)
    for name, value in {"a": np.arange(20).reshape(5, 4), "c": b"xyz"}.items():
        array[name] = value
        expected[name] = value
    array["b", 1:4, 2] = [1, 2, 3]
    expected["b"][1:4, 2] = [1, 2, 3]
    equal(array[...], expected)
    equal(array["a"], expected["a"])
    equal(array["b", 2], expected["b"][2])
    np.testing.assert_array_equal(array["a", "c"], expected[["a", "c"]])
    np.testing.assert_array_equal(array.oindex["a", [3, 1], 1:3], expected["a"][[3, 1], 1:3])
    np.testing.assert_array_equal(array.vindex["b", [3, 1], [2, 2]], expected["b"][[3, 1], [2, 2]])


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_field_of_sub_arrays_reads_and_writes_like_numpys(is_stored: bool) -> None:
    dtype = np.dtype([("a", "i2"), ("m", "f4", (2, 3))])
    fill = np.array((1, np.full((2, 3), 2)), dtype)
    expected = np.full(5, fill)
    arguments = {"shape": 5, "chunks": 2, "dtype": dtype, "zarr_format": 2}
    array = azarr.create_array({}, fill_value=fill[()], **arguments)
    if is_stored:
        expected["m"] = np.arange(30).reshape(5, 2, 3)
        array[...] = expected
    many = [4, 0, 1, 1]
    for index in [..., 3, slice(1, 4), slice(2, 2)]:
        equal(array["m", index], expected["m"][index])
    for found in [array["m", many], array.oindex["m", many], array.vindex["m", many]]:
        equal(found, expected["m"][many])
    equal(array.get_mask_selection(expected["a"] == 1, fields="m"), expected["m"])
    equal(azarr.read_many([(array, ("m", slice(3)))])[0], expected["m"][:3])
    array["m", 1:3] = expected["m"][1:3] = np.arange(12).reshape(2, 2, 3)
    array.oindex["m", [4, 0]] = expected["m"][[4, 0]] = 7
    array.vindex["m", [3]] = expected["m"][[3]] = [5, 6, 7]
    equal(array[...]["m"], expected["m"])
    equal(array[...]["a"], expected["a"])
    with pytest.raises(azarr.errors.ShapeMismatchError):
        array["m", 1:3] = np.zeros((3, 2, 3))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_chunk_store_holds_the_chunks(zarr_format: int) -> None:
    documents: dict[str, bytes] = {}
    chunks: dict[str, bytes] = {}
    kwargs = {"store": documents, "chunk_store": chunks, "zarr_format": zarr_format}
    array = azarr.create(data=np.arange(4), shape=None, chunks=2, **kwargs)
    assert len(chunks) == 2
    assert all(key.rsplit("/", 1)[-1] in ("zarr.json", ".zarray", ".zattrs") for key in documents)
    equal(array[:], np.arange(4))
    equal(azarr.open_array(documents, mode="r", chunk_store=chunks)[:], np.arange(4))
    again = azarr.create(4, chunks=2, dtype="i8", overwrite=True, **kwargs)
    equal(again[:], np.zeros(4, int))


def test_an_empty_chunk_store_is_still_the_chunk_store() -> None:
    chunks: dict[str, bytes] = {}
    array = azarr.create(4, chunks=2, dtype="i4", store={}, chunk_store=chunks)
    array[:2] = 1
    assert len(chunks) == 1


@pytest.mark.parametrize("dtype", [str, bytes, "array:f4"])
def test_a_read_only_array_of_objects_is_written(dtype: Any) -> None:
    elements = {str: ["a", "bc"], bytes: [b"a", b"bc"]}.get(dtype, [np.ones(2, "f4")] * 2)
    values = np.empty(4, object)
    values[:] = elements * 2
    values.flags.writeable = False
    for chunks in (1, 2, 4):
        array = azarr.create(4, chunks=chunks, dtype=dtype, zarr_format=2)
        array[:] = values
        for found, expected in zip(array[:], values, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_without_empty_chunks_objects_that_only_compare_equal_are_stored() -> None:
    array = azarr.create(
        6,
        chunks=2,
        dtype=object,
        object_codec=numcodecs.JSON(),
        fill_value=1,
        zarr_format=2,
        write_empty_chunks=False,
    )
    array[:] = np.array([1, 1, 1.0, True, 1, 2], object)
    assert [*map(repr, array[:])] == ["1", "1", "1.0", "True", "1", "2"]
    assert array.nchunks_initialized == 2


def test_without_empty_chunks_ragged_arrays_are_compared_as_a_whole() -> None:
    array = azarr.create(4, chunks=2, dtype="array:f4", zarr_format=2, write_empty_chunks=False)
    values = np.empty(4, object)
    values[:] = [np.zeros(0, "f4"), np.arange(3, dtype="f4")] * 2
    array[:] = values
    for found, expected in zip(array[:], values, strict=True):
        np.testing.assert_array_equal(found, expected)
