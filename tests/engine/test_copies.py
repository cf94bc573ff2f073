"""A block is copied as an assignment would, whatever its data type and memory layout."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import azarr
from azarr.engine.arrays._scatter import ROW_BYTES, copy_into

DTYPES = ["?", "u1", "i2", ">i4", "f4", "f8", "c16", "M8[s]", "S5", "U3", "V7"]
RECORD = np.dtype([("a", "u1"), ("b", ">f4")])
OBJECTS = np.dtype([("a", "u1"), ("b", "O")])


def block(dtype: Any, shape: tuple[int, ...] = (5, 6, 40)) -> Any:
    numbers = np.arange(np.prod(shape)).reshape(shape) % 100
    if np.dtype(dtype) == RECORD:
        made = np.zeros(shape, dtype)
        made["a"], made["b"] = numbers, numbers / 3
        return made
    if dtype == "V7":
        return numbers.astype("S7").view(dtype)
    return numbers.astype(dtype)


@pytest.mark.parametrize("dtype", [*DTYPES, RECORD, "O", ml_dtypes.bfloat16], ids=str)
@pytest.mark.parametrize("width", [1, 3, 40])
def test_blocks_of_larger_arrays_are_copied_as_by_an_assignment(dtype: Any, width: int) -> None:
    source = block(dtype)
    wanted, target = (np.zeros((9, 9, 77), source.dtype) for _ in range(2))
    where = slice(2, 7), slice(1, 7), slice(30, 30 + width)
    for part in (
        source[..., :width],
        source[::-1, :, :width],
        np.asfortranarray(source)[..., :width],
    ):
        wanted[where] = part
        copy_into(target[where], part)
        np.testing.assert_array_equal(target, wanted)


def test_some_of_these_rows_are_copied_as_one_element_and_some_are_not() -> None:
    rows = [np.dtype(dtype).itemsize * width for dtype in DTYPES for width in (1, 3, 40)]
    assert {row in ROW_BYTES for row in rows} == {True, False}


@pytest.mark.parametrize("to", ["f4", ">i2", "O", OBJECTS, "T"], ids=str)
def test_elements_are_converted_where_the_data_types_differ(to: Any) -> None:
    if to == "T":
        to = np.dtypes.StringDType()
    source = block("i2")
    wanted, target = (np.zeros(source.shape, to) for _ in range(2))
    wanted[...] = source
    copy_into(target, source)
    assert (target == wanted).all()
    wanted[...] = target[::-1]
    copy_into(target, target[::-1].copy())
    assert (target == wanted).all()


def test_a_part_is_repeated_along_missing_axes() -> None:
    target = np.zeros((3, 4, 40), "u2")
    copy_into(target, np.arange(40, dtype="u2"))
    assert (target == np.arange(40)).all()


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", RECORD], ids=str)
@pytest.mark.parametrize("shards", [None, (128, 128, 128)])
def test_cubes_read_as_they_were_written(dtype: Any, shards: Any) -> None:
    """Large chunks that are not one piece of the result: copied from memory that is used again."""
    values = block(dtype, (128, 128, 128))
    array = azarr.create_array(
        {}, shape=values.shape, chunks=(64, 64, 64), shards=shards, dtype=values.dtype
    )
    array[...] = values
    np.testing.assert_array_equal(array[...], values)
    part = (slice(3, 120), slice(60, 70), slice(1, 126))
    np.testing.assert_array_equal(array[part], values[part])
    np.testing.assert_array_equal(array[::3, 5, ::2], values[::3, 5, ::2])
    assert array[3, 64, 5] == values[3, 64, 5]
    out = np.zeros(values.shape, values.dtype, order="F")
    array.get_basic_selection(..., out=out)
    np.testing.assert_array_equal(out, values)
