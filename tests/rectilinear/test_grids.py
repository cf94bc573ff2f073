"""Rectilinear chunk grids: their arithmetic, their documents, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

import azarr
from azarr.errors import MetadataError, UsageError
from azarr.model import RectilinearGrid, RegularGrid, node_documents, parse_node
from azarr.storage import MemoryStore

# https://github.com/zarr-developers/zarr-extensions/tree/main/chunk-grids/rectilinear, "Example"
SPECIFICATION = [4, [1, 2, 3], [[4, 2]], [[1, 3], 3], [4, 4, 4]]
EXPANDED = ((4, 4), (1, 2, 3), (4, 4), (1, 1, 1, 3), (4, 4))


def document(chunk_shapes: Any, shape: list[int], **changes: Any) -> bytes:
    configuration = {"kind": "inline", "chunk_shapes": chunk_shapes, **changes}
    return json.dumps(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": shape,
            "data_type": "uint8",
            "chunk_grid": {"name": "rectilinear", "configuration": configuration},
            "chunk_key_encoding": {"name": "default"},
            "fill_value": 0,
            "codecs": ["bytes"],
        }
    ).encode()


def grid_of(chunk_shapes: Any, shape: list[int], **changes: Any) -> Any:
    node: Any = parse_node({"zarr.json": document(chunk_shapes, shape, **changes)}, "a")
    return node.chunk_grid


def test_the_example_of_the_specification() -> None:
    shape = (6,) * 5
    grid = grid_of(SPECIFICATION, [*shape])
    assert grid.lengths(shape) == EXPANDED
    assert grid.counts(shape) == tuple(map(len, EXPANDED))
    assert grid.shape_at((1, 2, 0, 3, 1)) == (4, 3, 4, 3, 4)
    assert grid.inside((1, 2, 0, 3, 1), shape) == (2, 3, 4, 3, 2)
    assert grid.ends(shape) == (8, 6, 8, 6, 8)
    assert grid.slices(3, 6) == [slice(0, 1), slice(1, 2), slice(2, 3), slice(3, 6)]
    assert grid.slices(0, 6) == [slice(0, 4), slice(4, 6)]


def test_a_document_says_the_same_when_it_is_written_again() -> None:
    first = parse_node({"zarr.json": document(SPECIFICATION, [6] * 5)}, "a")
    assert first is not None
    again = node_documents(first)["zarr.json"]
    assert parse_node({"zarr.json": again}, "a") == first
    chunk_shapes = json.loads(again)["chunk_grid"]["configuration"]["chunk_shapes"]
    assert chunk_shapes == [4, [1, 2, 3], [[4, 2]], [[1, 3], 3], [[4, 3]]]


def test_chunks_of_one_length_are_a_regular_grid_after_all() -> None:
    assert grid_of([[[4, 2]], 3], [8, 8]).is_regular
    assert not grid_of([[4, 3], 3], [7, 8]).is_regular
    store = MemoryStore()
    store["zarr.json"] = document([[[4, 2]], 3], [8, 8])
    array = azarr.open_array(store, mode="r+")
    array[...] = 7
    array.attrs["a"] = 1
    assert array.chunks == (4, 3)
    assert b"rectilinear" in store["zarr.json"]


@pytest.mark.parametrize(
    ("chunk_shapes", "problem"),
    [
        ([[4, 3]], r"covers 7 elements.* 8"),
        ([[[1, 2**62], [2, 1]]], r"at most 16777216"),
        ([[[2**62, 3], 1]], r"2\*\*63"),
        ([[0, 8]], "at least 1"),
        ([0], "at least 1"),
        ([[-1, 9]], r"chunk_shapes\[0\]"),
        ([[[4]]], "pair"),
        ([[[4, 2, 1]]], "pair"),
        ([[[4, 0]]], "at least 1"),
        ([[4.0, 4]], "expected an integer"),
        ([[True, 7]], "expected an integer"),
        ([["4", 4]], "expected an integer"),
        ([[[[4, 1], 2]]], "expected an integer"),
        ([[]], "empty"),
        (["8"], "expected an integer"),
        ([None], "expected an integer"),
        ([4, 4], "2 dimensions"),
        ([], "0 dimensions"),
        (8, "expected a list"),
        (None, "expected a list"),
    ],
)
def test_wrong_lengths_are_refused_with_what_is_wrong(chunk_shapes: Any, problem: str) -> None:
    with pytest.raises(MetadataError, match=problem):
        grid_of(chunk_shapes, [8])


@pytest.mark.parametrize("changes", [{"kind": "reference"}, {"kind": None}, {"more": 1}])
def test_other_kinds_and_keys_are_refused(changes: Any) -> None:
    with pytest.raises(MetadataError, match=r"zarr\.json.*chunk_grid"):
        grid_of([8], [8], **changes)


def test_a_run_of_very_many_equal_chunks_takes_no_memory() -> None:
    grid = grid_of([[[1, 2**62]]], [2**61])
    assert grid.counts((2**61,)) == (2**61,)


@pytest.mark.parametrize("zarr_format", [2, "n5"])
def test_other_formats_have_only_regular_grids(zarr_format: Any) -> None:
    store = MemoryStore()
    with pytest.raises(MetadataError, match="rectilinear"):
        azarr.create_array(store, shape=7, chunks=[[3, 4]], zarr_format=zarr_format)
    assert not [*store.list()]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"chunks": [[3, 3]]}, "covers 6"),
        ({"chunks": [[3, 4], [1]]}, "1 dimensions"),
        ({"chunks": [["a", 4]]}, "chunks"),
        ({"chunks": [[3, 4]], "shards": 4}, "one shape"),
        ({"chunks": 2, "shards": [[4, 3]]}, "3 is not divisible by 2"),
        ({"chunks": 2, "shards": [[4]]}, "shards: .*covers 4"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_anything_is_written(
    arguments: Any, problem: str
) -> None:
    store = MemoryStore()
    with pytest.raises(UsageError, match=problem):
        azarr.create_array(store, shape=7, **arguments)
    assert not [*store.list()]


def test_codecs_are_checked_for_every_chunk_shape_before_anything_is_written() -> None:
    store = MemoryStore()
    codec = {
        "name": "sharding_indexed",
        "configuration": {"chunk_shape": [2], "codecs": ["bytes"]},
    }
    with pytest.raises(MetadataError, match="does not divide"):
        azarr.create_array(
            store, shape=7, chunks=[[4, 3]], dtype="u1", serializer=codec, compressors=None
        )
    assert not [*store.list()]


def test_both_kinds_of_grids_agree() -> None:
    regular, other = RegularGrid((4, 3)), RectilinearGrid.of([[[4, 3]], [3, 3, 3, 3]])
    for shape in ((0, 0), (1, 1), (4, 3), (9, 10), (12, 12)):
        assert regular.counts(shape) == other.counts(shape)
        assert regular.ends(shape) == other.ends(shape)
        assert regular.lengths(shape) == other.lengths(shape)
        for axis in (0, 1):
            assert regular.slices(axis, shape[axis]) == other.slices(axis, shape[axis])
