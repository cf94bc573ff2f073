"""Every rule of the selections, with NumPy as the oracle, and every message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as npst

from azarr.errors import SelectionError
from azarr.indexing import (
    CoordinateSelection,
    OrthogonalSelection,
    basic_selection,
    block_selection,
    bracket_selection,
    checked_fields,
    coordinate_selection,
    field_dtype,
    mask_selection,
    orthogonal_selection,
    split_fields,
)

SHAPES = st.lists(st.integers(0, 6), max_size=4).map(tuple)


def apply(selection: Any, array: Any) -> Any:
    """What a normalized selection picks from a NumPy array, by the plainest means."""
    if isinstance(selection, CoordinateSelection):
        if not selection.coordinates:
            return np.full(selection.shape, array[()], array.dtype)
        return array[selection.coordinates].reshape(selection.shape)
    for axis in reversed(range(array.ndim)):
        item = selection.axes[axis]
        array = (
            array.take(item, axis)
            if not isinstance(item, slice)
            else (array[(slice(None),) * axis + (item,)])
        )
    return array


def numbered(shape: tuple[int, ...]) -> Any:
    return np.arange(np.prod(shape, dtype=int)).reshape(shape)


def assert_selects(selection: Any, expected: Any, shape: tuple[int, ...]) -> None:
    assert selection.shape == np.shape(expected)
    np.testing.assert_array_equal(apply(selection, numbered(shape)), expected)


def assert_normalized(selection: OrthogonalSelection, shape: tuple[int, ...]) -> None:
    for item, length in zip(selection.axes, shape, strict=True):
        if isinstance(item, slice):
            assert 0 <= item.start <= item.stop <= length
            assert item.step >= 1
        else:
            assert np.all((np.asarray(item) >= 0) & (np.asarray(item) < length))


def positive(index: Any) -> bool:
    items = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(item, slice) or (item.step or 1) > 0 for item in items)


@given(st.data(), SHAPES)
def test_basic_selections_are_numpys(data: Any, shape: tuple[int, ...]) -> None:
    index = data.draw(npst.basic_indices(shape, allow_newaxis=False).filter(positive))
    selection = basic_selection(index, shape)
    assert_selects(selection, numbered(shape)[index], shape)
    assert_normalized(selection, shape)


@given(st.data(), SHAPES.filter(bool))
def test_orthogonal_selections_are_numpys_ix(data: Any, shape: tuple[int, ...]) -> None:
    items, plain = [], []
    for length in shape:
        kinds = [st.slices(length).filter(positive), npst.arrays(bool, length)]
        if length:
            kinds.append(st.lists(st.integers(-length, length - 1), max_size=8))
            kinds.append(st.integers(-length, length - 1))
        items.append(data.draw(st.one_of(kinds)))
        item = items[-1]
        every = np.arange(length)
        chosen = np.asarray(item, int) if isinstance(item, list) else item
        plain.append(np.atleast_1d(every[chosen]))
    expected = numbered(shape)[np.ix_(*plain)]
    dropped = tuple(axis for axis, item in enumerate(items) if isinstance(item, int))
    selection = orthogonal_selection(tuple(items), shape)
    assert_selects(selection, expected.squeeze(dropped), shape)
    assert_normalized(selection, shape)


@given(st.data(), st.lists(st.integers(1, 6), min_size=1, max_size=3).map(tuple))
def test_coordinate_selections_are_numpys(data: Any, shape: tuple[int, ...]) -> None:
    index = data.draw(npst.integer_array_indices(shape, result_shape=npst.array_shapes(max_dims=3)))
    assert_selects(coordinate_selection(index, shape), numbered(shape)[index], shape)


@given(st.data(), SHAPES)
def test_mask_selections_are_numpys(data: Any, shape: tuple[int, ...]) -> None:
    mask = data.draw(npst.arrays(bool, shape))
    assert_selects(mask_selection(mask, shape), numbered(shape)[mask], shape)


@given(st.data(), st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple))
def test_block_selections_count_whole_chunks(data: Any, shape: tuple[int, ...]) -> None:
    chunks = tuple(data.draw(st.integers(1, length + 2)) for length in shape)
    items, slices = [], []
    for length, chunk in zip(shape, chunks, strict=True):
        count = -(-length // chunk)
        item = data.draw(st.integers(-count, count - 1) | st.just(slice(None)) | st.just(slice(1)))
        items.append(item)
        blocks = [range(count)[item]] if isinstance(item, int) else [*range(count)[item]]
        slices.append(slice(blocks[0] * chunk, (blocks[-1] + 1) * chunk))
    selection = block_selection(tuple(items), shape, chunks)
    assert_selects(selection, numbered(shape)[tuple(slices)], shape)
    assert_normalized(selection, shape)


@pytest.mark.parametrize(
    "index",
    [
        (np.int64(1), np.uint8(2)),
        (np.array(1), ...),
        (..., 1),
        (1, ...),
        (),
        ...,
        slice(10, 20),
        slice(-100, 100),
        (slice(3, 1), 0),
        (slice(None, None, 100),),
        (slice(np.int32(1), np.int64(3)),),
    ],
    ids=repr,
)
def test_brackets_take_what_numpy_takes(index: Any) -> None:
    assert_selects(bracket_selection(index, (4, 5)), numbered((4, 5))[index], (4, 5))


@pytest.mark.parametrize(
    "index",
    [
        [0, 2],
        ([0, 2], slice(1, 3)),
        (slice(1, 3), np.array([3, 0, 0])),
        ([0, 1], [1, 2]),
        ([[0, 1], [1, 3]], [[1, 2], [0, 0]]),
        (2, [1, 3]),
        ([0, -1], -1),
        (..., [1, 2]),
    ],
    ids=repr,
)
def test_brackets_take_fancy_indices_that_are_unambiguous(index: Any) -> None:
    assert_selects(bracket_selection(index, (4, 5)), numbered((4, 5))[index], (4, 5))


def test_brackets_take_a_mask_of_the_arrays_shape() -> None:
    mask = numbered((4, 5)) % 3 == 0
    assert_selects(bracket_selection(mask, (4, 5)), numbered((4, 5))[mask], (4, 5))


S = (4, 5)
WRONG = [
    (basic_selection, (4, 0), "index 4 is out of bounds for axis 0 with size 4"),
    (basic_selection, (0, -6), "index -6 is out of bounds for axis 1 with size 5"),
    (basic_selection, (0, 0, 0), "the array has 2 dimensions, 3 were indexed"),
    (basic_selection, (0, 0, 0, ...), "the array has 2 dimensions, 3 were indexed"),
    (basic_selection, (..., ...), "single ellipsis"),
    (basic_selection, slice(None, None, -1), "step >= 1 are supported, not slice(None, None, -1)"),
    (basic_selection, slice(None, None, 0), "(axis 0)"),
    (basic_selection, (0, slice(0.5)), "slice(None, 0.5, None) is no slice of integers (axis 1)"),
    (basic_selection, 1.0, "unsupported index 1.0 (axis 0)"),
    (basic_selection, True, "unsupported index True (axis 0)"),
    (basic_selection, np.bool_(True), "(axis 0)"),
    (basic_selection, None, "unsupported index None (axis 0)"),
    (basic_selection, ([0], 0), "for arrays use oindex, vindex or blocks"),
    (orthogonal_selection, ([4], 0), "index 4 is out of bounds for axis 0 with size 4"),
    (orthogonal_selection, ([-5, 1], 0), "index -5 is out of bounds for axis 0 with size 4"),
    (orthogonal_selection, ([[0]], 0), "needs 1-D arrays, not one of shape (1, 1) (axis 0)"),
    (orthogonal_selection, ([True], 0), "axis 0 has size 4, the array has 1 items"),
    (orthogonal_selection, ([0.5], 0), "must hold integers, not float64 (axis 0)"),
    (orthogonal_selection, (["a"], 0), "must hold integers"),
    (orthogonal_selection, ("a", 0), "unsupported index 'a' (axis 0)"),
    (coordinate_selection, ([0],), "the array has 2 dimensions, 1 were given"),
    (coordinate_selection, ([0], [0], [0]), "the array has 2 dimensions, 3 were given"),
    (coordinate_selection, ([0, 1], [0, 1, 2]), "shapes (2,), (3,) do not broadcast"),
    (coordinate_selection, ([0], [5]), "index 5 is out of bounds for axis 1 with size 5"),
    (coordinate_selection, ([0], [0.0]), "must hold integers, not float64 (axis 1)"),
    (coordinate_selection, ([True], [0]), "must hold integers, not bool (axis 0)"),
    (coordinate_selection, (slice(2), [0]), "must hold integers"),
    (mask_selection, np.zeros(S), "Boolean array of the array's shape (4, 5), not float64"),
    (mask_selection, np.zeros((5, 4), bool), "not bool of shape (5, 4)"),
    (bracket_selection, ([0], [1], 0), "unsupported mixture of indices"),
    (bracket_selection, (0, [[1]], slice(None)), "use oindex"),
    (bracket_selection, ([True, False], slice(None)), "axis 0 has size 4"),
    (bracket_selection, "text", "unsupported index 'text' (axis 0)"),
]


def name_of(value: Any) -> str:
    """The same in every process: workers of pytest-xdist must agree on the names of tests."""
    return getattr(value, "__name__", None) or str(value)[:40]


@pytest.mark.parametrize(("select", "index", "message"), WRONG, ids=name_of)
def test_a_wrong_index_is_refused_with_a_message(select: Any, index: Any, message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        select(index, S)
    assert message in str(caught.value)
    assert isinstance(caught.value, IndexError)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ((2, 0), "index 2 is out of bounds for axis 0 with 2 chunks"),
        ((slice(0, 2, 2), 0), "needs a step of 1"),
        (([0], 0), "unsupported index [0]"),
        ((0, 0, 0), "the array has 2 dimensions, 3 were indexed"),
    ],
)
def test_a_wrong_block_is_refused_with_a_message(index: Any, message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        block_selection(index, S, (2, 2))
    assert message in str(caught.value)


def test_a_selection_keeps_no_array_of_the_caller() -> None:
    mine = np.array([0, 1, 2])
    selections = [
        orthogonal_selection((mine, mine), S).axes[0],
        coordinate_selection((mine, mine), S).coordinates[0],
    ]
    mine[:] = 3
    for kept in selections:
        np.testing.assert_array_equal(kept, [0, 1, 2])


@pytest.mark.parametrize("dtype", ["u1", "i1", "u8", "i8", ">i4"])
def test_index_arrays_of_any_integer_type(dtype: str) -> None:
    index = np.array([3, 0], dtype)
    assert_selects(orthogonal_selection((index, 0), S), numbered(S)[[3, 0], 0], S)
    assert_selects(coordinate_selection((index, index), S), numbered(S)[[3, 0], [3, 0]], S)


def test_a_huge_unsigned_index_is_out_of_bounds() -> None:
    with pytest.raises(SelectionError, match="index 18446744073709551615 is out of bounds"):
        orthogonal_selection((np.array([2**64 - 1], "u8"), 0), S)


RECORD = np.dtype([("a", "i4"), ("b", "f8"), ("c", "S3")])


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("a", ("a", ())),
        (("a", slice(2)), ("a", (slice(2),))),
        ((slice(2), "a", "b"), (["a", "b"], (slice(2),))),
        (slice(2), (None, slice(2))),
        ((1, 2), (None, (1, 2))),
    ],
)
def test_fields_are_told_apart_from_indices(selection: Any, expected: Any) -> None:
    assert split_fields(selection) == expected


def test_fields_are_checked_and_packed() -> None:
    assert checked_fields("a", RECORD) == checked_fields(["a"], RECORD) == "a"
    assert checked_fields(None, RECORD) is checked_fields([], RECORD) is None
    assert field_dtype("b", RECORD) == np.dtype("f8")
    assert field_dtype(["c", "a"], RECORD) == np.dtype([("c", "S3"), ("a", "i4")])
    with pytest.raises(SelectionError, match="no field 'x'; the data type has 'a', 'b', 'c'"):
        checked_fields("x", RECORD)
    with pytest.raises(SelectionError, match="int32, which has no fields"):
        checked_fields("x", np.dtype("i4"))
