"""Many small chunks are decoded by few calls, and read as if each were decoded alone."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numcodecs import blosc

import azarr
from azarr.engine.arrays._batch import FEW, MOST
from azarr.errors import DecodeError
from azarr.storage import LocalStore, MemoryStore

SHAPE, CHUNKS = (60, 455), (5, 40)  # Blosc compresses nothing of less than 128 bytes
VALUES = (np.arange(60 * 455, dtype="u4").reshape(SHAPE) // 3).astype("u2")
MISSING = [(0, 0), (3, 4), (3, 5), (7, 11), (11, 0)]
BLOSC = numcodecs.Blosc("lz4", 5, 1)


def filled(array: azarr.Array, values: np.ndarray, fill: Any) -> np.ndarray:
    """Writes the values, but some chunks are missing; the expected result."""
    array[:] = values
    expected = values.copy()
    for row, column in MISSING:
        place = (
            slice(row * CHUNKS[0], (row + 1) * CHUNKS[0]),
            slice(column * CHUNKS[1], (column + 1) * CHUNKS[1]),
        )
        expected[place] = fill
        array[place] = fill
    return expected


@pytest.fixture(
    params=[
        {"zarr_format": 2},
        {"zarr_format": 2, "order": "F"},
        {"zarr_format": 2, "compressors": None},
        {"zarr_format": 3},
        {"zarr_format": 3, "compressors": numcodecs.GZip(1)},
        {"zarr_format": 3, "shards": (15, 120)},
        {"zarr_format": 3, "shards": (60, 480)},
        {"zarr_format": 3, "shards": (5, 480), "compressors": None},
    ],
    ids=str,
    scope="module",
)
def both(request: pytest.FixtureRequest) -> tuple[azarr.Array, np.ndarray]:
    options = {"compressors": BLOSC, **request.param}
    array = azarr.create_array(
        MemoryStore(),
        shape=SHAPE,
        chunks=CHUNKS,
        dtype="u2",
        fill_value=9,
        write_empty_chunks=False,
        **options,
    )
    return array, filled(array, VALUES, 9)


def axes(length: int) -> st.SearchStrategy[Any]:
    bounds = st.none() | st.integers(0, length)
    return st.builds(slice, bounds, bounds, st.none() | st.integers(1, 9)) | st.integers(
        0, length - 1
    )


def index_arrays(length: int) -> st.SearchStrategy[Any]:
    return st.lists(st.integers(0, length - 1), min_size=1, max_size=80).map(np.array)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_selection_reads_as_numpy_does(both: Any, data: st.DataObject) -> None:
    array, expected = both
    part = (data.draw(axes(SHAPE[0])), data.draw(axes(SHAPE[1])))
    np.testing.assert_array_equal(array[part], expected[part])
    order = data.draw(st.sampled_from("CF"))
    out = np.zeros(expected[part].shape, "u4", order=order)
    array.get_basic_selection(part, out=out)
    np.testing.assert_array_equal(out, expected[part])
    rows, columns = data.draw(index_arrays(SHAPE[0])), data.draw(index_arrays(SHAPE[1]))
    np.testing.assert_array_equal(array.oindex[rows, columns], expected[np.ix_(rows, columns)])
    np.testing.assert_array_equal(array.oindex[rows, :], expected[rows])
    np.testing.assert_array_equal(array.oindex[:, columns], expected[:, columns])
    count = min(len(rows), len(columns))
    points = rows[:count], columns[:count]
    np.testing.assert_array_equal(array.vindex[points], expected[points])


def test_every_point_and_mask_reads_as_numpy_does(both: Any) -> None:
    array, expected = both
    random = np.random.default_rng(0)
    points = tuple(random.integers(0, length, 3000) for length in SHAPE)
    np.testing.assert_array_equal(array.vindex[points], expected[points])
    mask = random.random(SHAPE) < 0.4
    np.testing.assert_array_equal(array.get_mask_selection(mask), expected[mask])


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_awaited_reads_are_the_same(both: Any, backend: str) -> None:
    array, expected = both
    found = anyio.run(array.async_array.getitem, ..., backend=backend)
    np.testing.assert_array_equal(found, expected)


def test_fields_are_cut_out_of_many_chunks_at_once() -> None:
    dtype = np.dtype([("a", "u2"), ("b", "f4"), ("c", "S2")])
    values = np.zeros(SHAPE, dtype)
    values["a"], values["b"], values["c"] = VALUES, VALUES / 7, VALUES.astype("S2")
    array = azarr.array(values, chunks=CHUNKS, zarr_format=2, compressors=BLOSC)
    np.testing.assert_array_equal(array["b"], values["b"])
    np.testing.assert_array_equal(array["c", "a", 3:50], values[["c", "a"]][3:50])
    points = np.nonzero(VALUES % 5 == 0)
    np.testing.assert_array_equal(
        array.get_coordinate_selection(points, fields="a"), values["a"][points]
    )


def test_arrays_of_any_number_of_dimensions() -> None:
    for shape, chunks in [((700,), (3,)), ((9, 10, 60), (4, 5, 6)), ((3, 4, 5, 40), (1, 2, 5, 2))]:
        values = np.arange(np.prod(shape)).reshape(shape).astype("i4")
        array = azarr.array(values, chunks=chunks, compressors=BLOSC)
        np.testing.assert_array_equal(array[...], values)
        part = (slice(None), *[slice(1, None)] * (len(shape) - 1))
        np.testing.assert_array_equal(array[part], values[part])
        np.testing.assert_array_equal(array[..., 1], values[..., 1])
        np.testing.assert_array_equal(array[2], values[2])


@pytest.fixture
def decompressions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The decoded bytes of each call of Blosc by pipelines that are compiled from now on."""
    seen: list[int] = []
    decompress = blosc.decompress

    def counting(*args: Any) -> Any:
        seen.append(len(args[0]))
        return decompress(*args)

    monkeypatch.setattr(blosc, "decompress", counting)
    return seen


def unusual_array(**options: Any) -> azarr.Array:
    """Of a shape that no other test has, so that its pipeline is compiled anew."""
    array = azarr.create_array(
        {}, shape=(37 * 16, 41), chunks=(37, 41), dtype="u2", compressors=BLOSC, **options
    )
    array[:] = np.arange(37 * 16)[:, None]
    return array


def test_sixteen_chunks_are_decoded_by_one_call(decompressions: list[int]) -> None:
    array = unusual_array(fill_value=3)
    array[:]
    assert len(decompressions) == 1
    decompressions.clear()
    array[37:]
    assert len(decompressions) == FEW - 1 == 15


def test_inner_chunks_of_several_shards_are_decoded_by_one_call(decompressions: list[int]) -> None:
    array = unusual_array(fill_value=4, shards=(37 * 4, 41))
    array[:]
    assert len(decompressions) == 1


def laid_out(array: azarr.Array, key: str, order: Any, gaps: Any) -> None:
    """Stores a shard anew: its inner chunks in another order, with bytes in front of each."""
    layout = array._state.shards
    pieces = layout.split(array.store.get(key))
    entries = np.full((len(pieces), 2), 2**64 - 1, "u8")
    data = b""
    for number, gap in zip(order, gaps, strict=True):
        if pieces[number] is not None:
            data += b"?" * gap
            entries[number] = len(data), len(pieces[number])
            data += pieces[number]
    index = bytes(layout.index.encode(entries.reshape(*layout.counts, 2)))
    array.store.set(key, data + index)


@pytest.mark.parametrize("compressors", [BLOSC, None], ids=["blosc", "plain"])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("gap", [0, 3])
@pytest.mark.parametrize("missing", [False, True])
def test_inner_chunks_may_lie_in_any_order_and_with_gaps(
    compressors: Any, shuffled: bool, gap: int, missing: bool
) -> None:
    array = azarr.create_array(
        {},
        shape=SHAPE,
        chunks=CHUNKS,
        shards=(20, 480),
        dtype="u2",
        fill_value=9,
        write_empty_chunks=False,
        compressors=compressors,
    )
    array[:] = expected = VALUES
    if missing:
        expected = filled(array, VALUES, 9)
    random = np.random.default_rng(0)
    for key in [f"c/{row}/0" for row in range(3)]:
        count = np.prod(array._state.shards.counts)
        order = random.permutation(count) if shuffled else range(count)
        # A gap in front of the last one only, so that all but one of them are neighbours.
        laid_out(array, key, order, [0] * (count - 1) + [gap])
    for part in [..., 7, (slice(4, 33), slice(70, 430)), (slice(None), 200), (slice(1, 60, 7), 3)]:
        np.testing.assert_array_equal(array[part], expected[part])
    rows, columns = [3, 59, 22, 4], np.arange(0, 455, 7)
    np.testing.assert_array_equal(array.oindex[rows, columns], expected[np.ix_(rows, columns)])


def test_rows_and_single_chunks_are_decoded_in_batches_of_the_same_size(
    decompressions: list[int],
) -> None:
    """One shard lies in order, whose inner chunks make a batch; the next one does not."""
    array = azarr.create_array(
        {}, shape=3 * MOST * 71, chunks=71, shards=MOST * 71, dtype="u2", compressors=BLOSC
    )
    array[:] = values = (np.arange(array.size) // 9).astype("u2")
    count = int(np.prod(array._state.shards.counts))
    laid_out(array, "c/1", [*reversed(range(count))], [0] * count)
    np.testing.assert_array_equal(array[:], values)
    assert len(decompressions) == 3


@pytest.mark.parametrize("coalesce_bytes", [1, 400, 2000, 2**24])
def test_byte_ranges_are_the_same_for_rows_of_neighbours(coalesce_bytes: int) -> None:
    """`explain` counts those of single inner chunks, and is exact once the indexes are known."""
    seen: list[Any] = []

    class Seeing(MemoryStore):
        def get_ranges_with_generation(self, key: str, ranges: Any, *generation: Any) -> Any:
            seen.extend(ranges)
            return super().get_ranges_with_generation(key, ranges, *generation)

    array = azarr.create_array(
        Seeing(), shape=SHAPE, chunks=CHUNKS, shards=(20, 480), dtype="u2", compressors=None
    )
    array[:] = VALUES
    array[:, 3]
    for part in [7, (slice(4, 33), slice(70, 430)), (slice(None), 200)]:
        with azarr.config.using(coalesce_bytes=coalesce_bytes):
            cost = array.explain(part)
            assert cost.exact
            seen.clear()
            np.testing.assert_array_equal(array[part], VALUES[part])
        assert cost.byte_ranges == len(seen)
        assert cost.bytes_read == sum(stop - start for start, stop in seen)


@pytest.mark.parametrize("shards", [None, (20, 320), (60, 480)])
@pytest.mark.parametrize("damage", [b"", b"\0" * 30, "half", "flip"])
def test_the_error_names_the_damaged_chunk_of_many(
    shards: tuple[int, int] | None, damage: Any, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path)
    array = azarr.create_array(
        store, shape=SHAPE, chunks=CHUNKS, shards=shards, dtype="u2", compressors=BLOSC
    )
    array[:] = VALUES
    if shards is None:
        key, inner = "c/4/7", None
        data = bytearray(store.get(key))
    else:
        layout = array._state.shards
        key = "c/1/0" if shards == (20, 320) else "c/0/0"
        number = 7 if shards == (20, 320) else 4 * 12 + 7
        shard = bytearray(store.get(key))
        offset, nbytes = layout.index_of(shard).entries([number])[0]
        data, inner = shard[offset : offset + nbytes], layout.coords(number)
    whole = len(data)
    if damage == "half":
        data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    elif damage == "flip":
        data[20:24] = b"\xff\xff\xff\xff"
    else:
        data[:] = damage
    if shards is None:
        store.set(key, bytes(data))
    else:
        shard[offset : offset + nbytes] = bytes(data).ljust(whole, b"\0")[:whole]
        store.set(key, bytes(shard))
    with pytest.raises(DecodeError) as caught:
        array[:]
    notes = "\n".join(caught.value.__notes__)
    assert f"key {key!r}" in notes
    assert inner is None or f"inner chunk {inner}" in str(caught.value)
    assert notes.count("chunk") == 1


def test_a_failing_request_names_its_own_chunk_and_not_one_that_waits(tmp_path: Path) -> None:
    class Failing(LocalStore):
        def get(self, key: str, default: Any = None) -> Any:
            if key == "c/4/7":
                raise azarr.errors.StoreError("no")
            return super().get(key, default)

    array = azarr.create_array(
        Failing(tmp_path), shape=SHAPE, chunks=CHUNKS, dtype="u2", compressors=BLOSC
    )
    array[:] = VALUES
    with pytest.raises(azarr.errors.StoreError) as caught:
        array[:]
    assert "key 'c/4/7'" in "\n".join(caught.value.__notes__)


def reads() -> list[Callable[[azarr.Array], Any]]:
    return [
        lambda array: array[:],
        lambda array: array[3:, 2],
        lambda array: array.oindex[[1, 30, 5], :],
        lambda array: array.vindex[[1, 2, 59], [1, 2, 90]],
        lambda array: array.blocks[1],
    ]


@pytest.mark.parametrize("number", range(len(reads())))
def test_nothing_keeps_a_result_that_is_let_go(both: Any, number: int) -> None:
    array, _ = both
    gc.collect()
    gc.disable()
    try:
        result = reads()[number](array)
        gone = weakref.ref(result)
        del result
        assert gone() is None
    finally:
        gc.enable()


def test_memory_to_work_in_is_kept_once(both: Any) -> None:
    from azarr.engine.process._process import process

    array, _ = both
    for _ in range(5):
        array[:]
    assert len(process().batch_memory) <= 2


def test_batches_are_bounded() -> None:
    assert FEW <= MOST <= 1024
