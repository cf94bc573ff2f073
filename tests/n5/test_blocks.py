"""Blocks: cut off and full size at the edges, of any number of elements, of strings and objects."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import azarr
import azarr.aio
from azarr.codecs import N5Block, compile_pipeline
from azarr.errors import ChunkDataError, UsageError
from azarr.storage import MemoryStore


def sizes(stored: bytes) -> tuple[int, ...]:
    """The sizes in the header of a block of mode 0, in N5's order."""
    mode, ndim = struct.unpack_from(">HH", stored)
    assert mode == 0
    return struct.unpack_from(f">{ndim}I", stored, 4)


def create(store: Any, **arguments: Any) -> azarr.Array:
    return azarr.create_array(store, zarr_format="n5", **arguments)


def opened(store: Any) -> azarr.Array:
    return azarr.open_array(store, mode="r+", zarr_format="n5")


def test_blocks_at_the_edges_are_cut_off() -> None:
    store: dict[str, bytes] = {}
    array = create(store, shape=(5, 7), chunks=(2, 3), dtype="u1", compressors=None)
    array[...] = 1
    assert sizes(store["0/0"]) == (3, 2)
    assert sizes(store["2/0"]) == (1, 2)
    assert sizes(store["0/2"]) == (3, 1)
    assert sizes(store["2/2"]) == (1, 1)
    assert len(store["2/2"]) == 12 + 1


@pytest.mark.parametrize(
    "selection", [(4, 6), ([0, 4], [1, 6]), ([[4], [2]], [[6], [3]]), ([3, 4], slice(5, 7))]
)
def test_blocks_that_are_written_in_part_are_cut_off_too(selection: Any) -> None:
    store: dict[str, bytes] = {}
    array = create(store, shape=(5, 7), chunks=(2, 3), dtype="u1", compressors=None)
    if isinstance(selection[1], slice):
        array.oindex[selection] = 1
    else:
        array.vindex[selection] = 1
    expected = np.zeros((5, 7), "u1")
    expected[selection] = 1
    assert array[...].tolist() == expected.tolist()
    assert sizes(store["2/2"]) == (1, 1)


def test_blocks_are_written_in_full_size_where_that_is_configured() -> None:
    store: dict[str, bytes] = {}
    array = create(store, shape=(5, 7), chunks=(2, 3), dtype="u1", compressors=None)
    with azarr.config.using(n5_pad_edges=True):
        array[...] = 1
    assert sizes(store["2/2"]) == (3, 2)
    assert array[4, 6] == 1


def test_a_block_of_full_size_stays_one() -> None:
    """What lies outside of the known shape may be what others have appended."""
    store: dict[str, bytes] = {}
    array = create(store, shape=(5, 7), chunks=(2, 3), dtype="u1", compressors=None)
    with azarr.config.using(n5_pad_edges=True):
        array[...] = 1
    array[4, 6] = 2
    assert sizes(store["2/2"]) == (3, 2)
    assert array[3:, 5:].tolist() == [[1, 1], [1, 2]]


@pytest.mark.parametrize("make", [dict, MemoryStore])
@pytest.mark.parametrize("selection", [(0, 0), slice(0, 1), ..., (slice(None), [1, 0])], ids=str)
@pytest.mark.parametrize("dtype", ["u1", "str"])
def test_a_block_that_is_longer_than_a_writer_knows_is_not_cut_off(
    make: Any, selection: Any, dtype: str
) -> None:
    store = make()
    values = np.array([[1, 1], [1, 1], [1, 1], [9, 9]]).astype(dtype).astype(object)
    array = create(store, shape=(3, 2), chunks=(8, 4), dtype=dtype, compressors=None)
    array[...] = values[:3]
    opened(store).append(values[3:])
    array[selection] = values[:3][selection] = np.array(5).astype(dtype).item()
    assert opened(store)[...].tolist() == (
        values.astype(dtype).tolist() if dtype == "u1" else values.tolist()
    )
    if dtype == "u1":
        assert sizes(store["0/0"]) == (4, 8)


@pytest.mark.anyio
@pytest.mark.parametrize("make", [dict, MemoryStore])
@pytest.mark.parametrize("selection", [slice(0, 1), ...], ids=str)
async def test_an_awaited_writer_does_not_cut_off_what_it_does_not_know(
    make: Any, selection: Any
) -> None:
    store = make()
    array = await azarr.aio.create_array(
        store, shape=(3,), chunks=(4,), dtype="i4", zarr_format="n5"
    )
    await array.setitem(..., 1)
    other = await azarr.aio.open_array(store, mode="r+", zarr_format="n5")
    await other.append(np.array([9]))
    await array.setitem(selection, 5)
    expected = np.array([1, 1, 1, 9])
    expected[:3][selection] = 5
    await other.refresh()
    assert (await other.getitem(...)).tolist() == expected.tolist()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_block_that_has_grown_along_any_axis_keeps_all_of_it(axis: int) -> None:
    store: dict[str, bytes] = {}
    array = create(store, shape=(2, 2), chunks=(4, 4), dtype="u1", compressors=None)
    array[...] = 1
    opened(store).append(np.full((1, 2) if axis == 0 else (2, 1), 9, "u1"), axis)
    array[...] = 5
    grown = opened(store)[...]
    assert grown.sum() == 4 * 5 + 2 * 9
    assert grown.take(2, axis).tolist() == [9, 9]


def test_a_block_that_becomes_zeros_is_stored_if_others_have_appended_to_it() -> None:
    store = MemoryStore()
    array = create(store, shape=(3,), chunks=(4,), dtype="u1", write_empty_chunks=False)
    array[...] = 1
    opened(store).append(np.array([9], "u1"))
    array[...] = 0
    assert opened(store)[...].tolist() == [0, 0, 0, 9]


def test_what_a_smaller_shape_has_left_out_does_not_come_back() -> None:
    store = MemoryStore()
    array = create(store, shape=(6, 6), chunks=(4, 4), dtype="u1", compressors=None)
    array[...] = 1
    before = opened(store)
    array.resize(5, 3)
    # One writer knows the new shape, one does not.
    array[0, 0] = 2
    before[4, 0] = 3
    array[4:, 1:] = 4
    array.resize(8, 8)
    expected = np.zeros((8, 8), "u1")
    expected[:5, :3] = 1
    expected[0, 0], expected[4, 0], expected[4, 1:3] = 2, 3, 4
    assert array[...].tolist() == expected.tolist()


@given(data=st.data())
def test_two_writers_of_whom_each_knows_its_own_shape_lose_nothing(data: st.DataObject) -> None:
    chunks = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    expected = np.ones((data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))), "u1")
    store = data.draw(st.sampled_from([dict, MemoryStore]))()
    first = create(store, shape=expected.shape, chunks=chunks, dtype="u1")
    first[...] = expected
    writers = [first, opened(store)]
    for value in range(2, 7):
        writer = data.draw(st.sampled_from(writers))
        if data.draw(st.booleans()):
            axis = data.draw(st.integers(0, 1))
            writer.attrs.refresh()
            row = np.full((1, writer.shape[1]) if axis == 0 else (writer.shape[0], 1), value, "u1")
            writer.append(row, axis)
            expected = np.append(expected, row, axis)
        else:
            ends = [data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2)) for n in (7, 7)]
            rows, columns = (slice(*sorted(pair)) for pair in ends)
            writer[rows, columns] = value
            height, width = writer.shape
            expected[:height, :width][rows, columns] = value
    assert opened(store)[...].tolist() == expected.tolist()


def test_a_block_that_was_cut_off_is_filled_up_when_the_array_grows() -> None:
    store: dict[str, bytes] = {}
    array = create(store, shape=(3,), chunks=(2,), dtype="u1", compressors=None)
    array[...] = [1, 2, 3]
    array.resize(4)
    assert array[...].tolist() == [1, 2, 3, 0]
    array.append(np.array([5], "u1"))
    assert array[...].tolist() == [1, 2, 3, 0, 5]
    array.resize(3)
    array.append(np.array([7], "u1"))
    assert array[...].tolist() == [1, 2, 3, 7]
    assert sizes(store["1"]) == (2,)


def test_blocks_of_zeros_need_not_be_stored() -> None:
    store: dict[str, bytes] = {}
    array = create(store, shape=(5,), chunks=(2,), dtype="u1", write_empty_chunks=False)
    array[...] = [0, 0, 1, 0, 0]
    assert sorted(store) == ["1", "attributes.json"]
    assert array[...].tolist() == [0, 0, 1, 0, 0]


@settings(max_examples=60)
@given(data=st.data())
def test_an_array_behaves_like_one_of_numpy(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=3)))
    chunks = tuple(data.draw(st.integers(1, 4)) for _ in shape)
    compression = data.draw(st.sampled_from(["raw", "gzip", "blosc", "zstd", "lz4", "bzip2"]))
    dtype = data.draw(st.sampled_from(["u1", "i2", "u4", "i8", "f4", "f8"]))
    array = create({}, shape=shape, chunks=chunks, dtype=dtype, compressors=compression)
    expected = np.zeros(shape, dtype)
    for value in range(1, data.draw(st.integers(1, 4)) + 1):
        region = tuple(
            slice(*sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n)))))
            for n in shape
        )
        with azarr.config.using(n5_pad_edges=data.draw(st.booleans())):
            array[region] = value
        expected[region] = value
    assert array[...].tobytes() == expected.tobytes()


def test_partial_writes_of_one_edge_block_by_many_threads_keep_every_element(
    tmp_path: Path,
) -> None:
    array = azarr.create_array(tmp_path / "a.n5", shape=(40,), chunks=(64,), dtype="u1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: array.__setitem__(i, i + 1), range(40)))
    assert array[...].tolist() == [*range(1, 41)]
    assert sizes((tmp_path / "a.n5" / "0").read_bytes()) == (40,)


@pytest.mark.anyio
async def test_partial_writes_of_one_edge_block_at_the_same_time_keep_every_element() -> None:
    array = await azarr.aio.create_array(
        {}, shape=(20, 3), chunks=(32, 2), dtype="i4", zarr_format="n5"
    )
    async with anyio.create_task_group() as group:
        for i in range(20):
            group.start_soon(array.setitem, (i, slice(None)), i + 1)
    assert (await array.getitem(...)).tolist() == [[i + 1] * 3 for i in range(20)]


def strings(values: list[Any]) -> np.ndarray:
    return np.array(values, object)


def test_strings_are_stored_as_the_java_library_stores_them() -> None:
    store: dict[str, bytes] = {}
    array = create(store, shape=(3,), chunks=(2,), dtype=str, compressors=None)
    array[...] = strings(["a", "üb", "c"])
    assert json.loads(store["attributes.json"])["dataType"] == "string"
    # mode 1, one dimension of 2, 6 bytes: each string is followed by a NUL
    assert store["0"] == bytes.fromhex("0001 0001 00000002 00000006") + "a\0üb\0".encode()
    assert store["1"] == bytes.fromhex("0001 0001 00000001 00000002") + b"c\0"
    assert array[...].tolist() == ["a", "üb", "c"]


@pytest.mark.parametrize("compression", ["raw", "gzip", "zstd", "blosc", "lz4", "xz"])
def test_strings_of_any_compression_read_back(compression: str) -> None:
    array = create({}, shape=(5, 3), chunks=(2, 2), dtype=str, compressors=compression)
    assert array[1, 1] == ""
    values = strings([["x" * i * j for j in range(3)] for i in range(5)])
    array[...] = values
    assert array[...].tolist() == values.tolist()
    array[4, 2] = "edge"
    assert array[3:, 1:].tolist() == [["xxx", "xxxxxx"], ["xxxx", "edge"]]


def test_a_string_with_a_nul_is_refused() -> None:
    array = create({}, shape=(1,), dtype=str)
    with pytest.raises(UsageError, match="NUL"):
        array[0] = "a\0b"


def test_strings_in_plain_blocks_read() -> None:
    """Old Java libraries wrote mode 0 where there were as many bytes as strings: all are empty."""
    store: dict[str, bytes] = {}
    array = create(store, shape=(2,), chunks=(2,), dtype=str, compressors=None)
    store["0"] = bytes.fromhex("0000 0001 00000002") + b"\0\0"
    assert array[...].tolist() == ["", ""]


def test_objects_have_neither_dimensions_nor_sizes_in_their_header() -> None:
    store: dict[str, bytes] = {}
    array = create(store, shape=(2,), chunks=(1,), dtype=bytes, compressors=None)
    array[...] = strings([b"first", b""])
    assert json.loads(store["attributes.json"])["dataType"] == "object"
    assert store["0"] == bytes.fromhex("0002 00000005") + b"first"
    assert array[...].tolist() == [b"first", b""]


def test_the_object_of_a_larger_block_is_its_first_element() -> None:
    store: dict[str, bytes] = {}
    array = create(store, shape=(2, 3), chunks=(2, 2), dtype=bytes, compressors="gzip")
    array[0, 2] = b"one object"
    assert array[...].tolist() == [[b"", b"", b"one object"], [b"", b"", b""]]
    with pytest.raises(UsageError, match="first position"):
        array[1, 2] = b"another"


LABELS = {"shape": (4, 4), "chunks": (2, 2), "dtype": "u2", "compressors": "gzip"}


def test_blocks_of_any_number_of_elements_are_read_and_written_by_themselves() -> None:
    store: dict[str, bytes] = {}
    array = create(store, **LABELS)
    blocks = compile_pipeline(array.metadata).detail
    store["0/1"] = blocks.write(blocks.varlength((2, 2), np.arange(7)))
    block = blocks.read(store["0/1"])
    assert (block.mode, block.shape, block.elements.tolist()) == (1, (2, 2), [*range(7)])
    assert block.elements.dtype == np.uint16
    with pytest.raises(ChunkDataError, match="7 elements for the positions") as caught:
        array[...]
    assert "0/1" in "".join(caught.value.__notes__)
    assert array[:2, :2].tolist() == [[0, 0], [0, 0]]


def test_a_block_of_as_many_elements_as_positions_is_a_part_of_the_array() -> None:
    store: dict[str, bytes] = {}
    array = create(store, **LABELS)
    blocks = compile_pipeline(array.metadata).detail
    store["0/0"] = blocks.write(blocks.varlength((2, 2), np.arange(4)))
    assert array[:2, :2].tolist() == [[0, 1], [2, 3]]


def test_plain_blocks_are_read_and_written_by_themselves_too() -> None:
    store: dict[str, bytes] = {}
    array = create(store, **LABELS)
    blocks = compile_pipeline(array.metadata).detail
    store["0/0"] = blocks.write(N5Block(0, (1, 2), np.array([5, 6])))
    assert array[:2, :2].tolist() == [[5, 6], [0, 0]]
    assert blocks.read(store["0/0"]).shape == (1, 2)


def test_z5_reads_blocks_of_any_number_of_elements(tmp_path: Path, z5: Any) -> None:
    import z5py

    container = tmp_path / "a.n5"
    array = azarr.open_group(container, mode="w").create_array("a", **LABELS)
    blocks = compile_pipeline(array.metadata).detail
    array.store["a/0/0"] = blocks.write(blocks.varlength((2, 2), np.arange(7)))
    with z5py.File(container, "a", use_zarr_format=False) as file:
        assert file["a"].read_chunk((0, 0)).tolist() == [*range(7)]
        file["a"].write_chunk((0, 1), np.arange(9, dtype="u2"), True)
    assert blocks.read(array.store["a/1/0"]).elements.tolist() == [*range(9)]
