"""Views on an array: the same chunks, looked at with other metadata."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.errors import MetadataError, ReadOnlyError, UsageError

FORMATS: list[Any] = [2, 3]


@pytest.fixture(params=FORMATS)
def zarr_format(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_view_as_another_data_type_reinterprets_the_bytes(zarr_format: Any) -> None:
    data = np.arange(100, dtype="u2")
    array = azarr.array(data, chunks=10, zarr_format=zarr_format)
    view = array.view(dtype="u1", shape=200, chunks=20)
    assert view.is_view
    assert not array.is_view
    np.testing.assert_array_equal(view[:], data.view("u1"))


def test_what_is_written_through_a_view_is_in_the_array(zarr_format: Any) -> None:
    array = azarr.array(np.zeros(10, "u1"), chunks=4, zarr_format=zarr_format)
    view = array.view(dtype=bool)
    view[3:6] = True
    np.testing.assert_array_equal(array[:], [0, 0, 0, 1, 1, 1, 0, 0, 0, 0])


def test_a_view_without_arguments_is_equal_to_another_such_view_but_not_to_the_array() -> None:
    array = azarr.zeros(5)
    assert array.view() == array.view()
    assert array != array.view()
    assert array.view() != array
    assert array.view(fill_value=1) != array.view()


def test_filters_are_taken_off_by_a_view() -> None:
    import numcodecs

    data = np.arange(20, dtype="i4")
    array = azarr.array(data, chunks=10, filters=[numcodecs.Delta(dtype="i4")], zarr_format=2)
    np.testing.assert_array_equal(array.view(filters=[])[:10], [0, *[1] * 9])


@pytest.mark.parametrize(
    ("fill", "stored", "seen", "expected"),
    [(-1, "i1", "u1", 255), (0, "u2", "u1", 0), (0, "f8", "M8[s]", np.datetime64(0, "s"))],
)
def test_the_fill_value_of_a_view_is_the_same_bytes(
    fill: int, stored: str, seen: str, expected: Any
) -> None:
    array = azarr.full(8, chunks=4, fill_value=fill, dtype=stored)
    shape = {} if stored != "u2" else {"shape": 16, "chunks": 8}
    assert array.view(dtype=seen, **shape)[0] == expected


def test_a_fill_value_without_meaning_has_to_be_given() -> None:
    array = azarr.full(8, chunks=4, fill_value=1, dtype="u2")
    with pytest.raises(UsageError, match="give fill_value"):
        array.view(dtype="u1", shape=16, chunks=8)
    assert array.view(dtype="u1", shape=16, chunks=8, fill_value=3)[0] == 3


def test_a_view_can_have_another_fill_value(zarr_format: Any) -> None:
    array = azarr.full(8, chunks=4, fill_value=-1, dtype="i1", zarr_format=zarr_format)
    assert array.view(fill_value=42)[5] == 42
    assert array[5] == -1


def test_a_read_only_view_refuses_writes_and_a_writable_one_of_a_read_only_array_does_not() -> None:
    array = azarr.zeros(5)
    with pytest.raises(ReadOnlyError):
        array.view(read_only=True)[0] = 1
    array.view(read_only=True).view(read_only=False)[0] = 1
    assert array[0] == 1


def test_codecs_that_do_not_fit_are_refused_when_the_view_is_made() -> None:
    with pytest.raises(MetadataError):
        azarr.zeros((4, 4), chunks=(2, 2)).view(shape=16)
    strings = azarr.array(np.array(["a", "b"], object), dtype=str)
    with pytest.raises((MetadataError, UsageError)):
        strings.view(dtype="i4")


@pytest.mark.parametrize("change", ["resize", "append"])
def test_the_metadata_of_a_view_cannot_be_changed(change: str) -> None:
    view = azarr.empty(100).view()
    with pytest.raises(PermissionError, match=r"^operation not permitted for views$"):
        getattr(view, change)(200 if change == "resize" else np.zeros(3))


def test_attributes_written_through_a_view_are_those_of_the_array(zarr_format: Any) -> None:
    array = azarr.array(np.arange(4, dtype="u1"), zarr_format=zarr_format)
    view = array.view(dtype="i1")
    view.attrs["units"] = "K"
    array.attrs.refresh()
    assert dict(array.attrs) == {"units": "K"}
    assert (array.dtype, view.dtype) == (np.dtype("u1"), np.dtype("i1"))


def test_a_view_of_shards_can_have_another_data_type_but_no_other_chunks() -> None:
    data = np.arange(64, dtype="u4").reshape(8, 8)
    array = azarr.create_array({}, data=data, chunks=(2, 2), shards=(4, 4))
    view = array.view(dtype="i4")
    assert (view.shards, view.chunks) == (array.shards, array.chunks)
    np.testing.assert_array_equal(view[:], data)
    with pytest.raises(UsageError, match="sharded"):
        array.view(chunks=(4, 4))


@pytest.mark.parametrize("dtype", ["f4", "u2", "c16", "bool", "U5", "S4", "i8"])
def test_astype_converts_as_numpy_does(zarr_format: Any, dtype: str) -> None:
    data = np.arange(30).astype("i4").reshape(5, 6)
    array = azarr.array(data, chunks=(2, 4), zarr_format=zarr_format)
    view = array.astype(dtype)
    assert view.dtype == np.dtype(dtype)
    assert view.is_view
    assert view.read_only
    np.testing.assert_array_equal(view[...], data.astype(dtype))
    np.testing.assert_array_equal(view.oindex[[4, 0], 1:3], data.astype(dtype)[[4, 0], 1:3])


def test_astype_of_astype_converts_twice() -> None:
    data = np.array([1.5, 300.25])
    view = azarr.array(data).astype("i4").astype("u1").astype("f8")
    np.testing.assert_array_equal(view[:], data.astype("i4").astype("u1").astype("f8"))


def test_astype_converts_missing_chunks_too(zarr_format: Any) -> None:
    array = azarr.full((4,), fill_value=2.75, dtype="f8", chunks=2, zarr_format=zarr_format)
    assert array.astype("i4")[1] == 2


def test_astype_inside_shards_still_reads_only_the_inner_chunks_it_needs() -> None:
    data = np.arange(64, dtype="u4").reshape(8, 8)
    array = azarr.create_array({}, data=data, chunks=(2, 2), shards=(4, 4))
    view = array.astype("f8")
    assert view.chunks == (2, 2)
    np.testing.assert_array_equal(view[1:7, 3], data.astype("f8")[1:7, 3])


def test_writing_through_astype_is_refused() -> None:
    with pytest.raises(ReadOnlyError):
        azarr.zeros(4).astype("i4")[0] = 1


def test_astype_of_strings_of_variable_length_is_refused() -> None:
    array = azarr.array(np.array(["a"], object), dtype=str)
    with pytest.raises(UsageError, match="fixed size"):
        array.astype("U3")


def test_a_view_is_pickled_as_a_view(tmp_path: Any) -> None:
    array = azarr.open_array(tmp_path / "a", mode="w", shape=4, dtype="u2", fill_value=0)
    view = pickle.loads(pickle.dumps(array.view(dtype="i2")))
    assert view.is_view
    assert view.dtype == np.dtype("i2")


def test_the_async_array_has_the_same_views() -> None:
    array = azarr.array(np.arange(4, dtype="u1")).async_array
    assert type(array.view()).__name__ == "AsyncArray"
    assert array.astype("f4").dtype == np.dtype("f4")


def test_a_view_of_which_no_chunk_could_be_read_is_refused(zarr_format: Any) -> None:
    array = azarr.zeros((4, 6), chunks=(2, 3), dtype="i4", zarr_format=zarr_format)
    with pytest.raises(UsageError, match="12 bytes, those stored have 24"):
        array.view(dtype="i2")
    assert array.view(dtype="i2", shape=(4, 12), chunks=(2, 6))[:].shape == (4, 12)
