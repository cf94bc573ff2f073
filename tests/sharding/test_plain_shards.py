"""Shards of uncompressed inner chunks are copied at once where they lie as they are in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import azarr
from azarr.codecs import ShardLayout
from azarr.storage import MemoryStore

SHAPE, SHARD, INNER = (24, 36), (12, 12), (4, 6)
VALUES = np.arange(1, 1 + 24 * 36, dtype="u2").reshape(SHAPE)


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each shard that was looked at could be copied as a whole."""
    seen: list[bool] = []
    view = ShardLayout.view

    def looked(*args: Any) -> Any:
        found = view(*args)
        seen.append(found is not None)
        return found

    monkeypatch.setattr(ShardLayout, "view", looked)
    return seen


def make(**options: Any) -> azarr.Array:
    settings = {"shards": SHARD, "chunks": INNER, "dtype": "u2", "compressors": None, **options}
    array = azarr.create_array(MemoryStore(), shape=SHAPE, **settings)
    array[:] = VALUES
    return array


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shards": {"shape": SHARD, "index_location": "start"}},
        {"chunks": SHARD},
        {"chunks": (1, 1)},
        {"chunks": (12, 1)},
    ],
    ids=str,
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_whole_shards_are_copied_at_once(
    options: dict[str, Any], order: str, views: list[bool]
) -> None:
    out = np.zeros(SHAPE, "u2", order=order)
    np.testing.assert_array_equal(make(**options).get_basic_selection(out=out), VALUES)
    assert views == [True] * 6


@pytest.mark.parametrize(
    "selection",
    [
        (slice(0, 12), slice(12, 24)),
        (slice(0, 11), slice(0, 12)),
        (slice(0, 24, 2), slice(None)),
        (slice(3, 4), slice(None)),
        (5, slice(None)),
        (Ellipsis, 7),
    ],
    ids=str,
)
def test_every_part_reads_right(selection: Any) -> None:
    np.testing.assert_array_equal(make()[selection], VALUES[selection])


@pytest.mark.parametrize("rows", [[*range(11, -1, -1)], [0] * 12, [*range(0, 24, 2)]], ids=str)
def test_rows_in_another_order_are_not_taken_for_the_shard(rows: list[int]) -> None:
    array = make()
    np.testing.assert_array_equal(array.oindex[rows, :12], VALUES[rows, :12])
    points = np.ix_(rows, range(12))
    np.testing.assert_array_equal(array.vindex[points], VALUES[points])


def test_an_inner_chunk_that_is_not_stored_is_its_fill_value(views: list[bool]) -> None:
    array = make(fill_value=7, write_empty_chunks=False)
    expected = VALUES.copy()
    array[4:8, 6:12] = expected[4:8, 6:12] = 7
    np.testing.assert_array_equal(array[:], expected)
    assert views == [False, True, True, True, True, True]


@pytest.mark.parametrize("dtype", [">u2", "c8", "M8[s]", "?", [("a", "u1"), ("b", "f4")]], ids=str)
def test_other_data_types_read_right(dtype: Any) -> None:
    values = (VALUES % 100).astype("u1").astype(dtype)
    array = azarr.create_array({}, data=values, shards=SHARD, chunks=INNER, compressors=None)
    np.testing.assert_array_equal(array[:], values)
    if values.dtype.names:
        np.testing.assert_array_equal(array[:, :12, "b"], values[:, :12]["b"])


def test_shards_at_the_edge_read_right() -> None:
    array = azarr.create_array(
        {}, shape=(23, 35), shards=SHARD, chunks=INNER, dtype="u2", compressors=None
    )
    array[:] = VALUES[:23, :35]
    np.testing.assert_array_equal(array[:], VALUES[:23, :35])


def test_inner_chunks_in_another_order_are_found_by_the_index(views: list[bool]) -> None:
    array = make()
    store, key = array.store, "c/0/0"
    shard = bytearray(store.get(key))
    layout = array._state.shards
    index = layout.index_of(shard).array().copy()
    nbytes = layout.inner.nbytes
    shard[: 2 * nbytes] = shard[nbytes : 2 * nbytes] + shard[:nbytes]
    index[[0, 1]] = index[[1, 0]]
    encoded = bytes(layout.index.encode(index.reshape(*layout.counts, 2)))
    store.set(key, bytes(shard[: -layout.index_nbytes]) + encoded)
    np.testing.assert_array_equal(array[:], VALUES)
    assert views == [False, True, True, True, True, True]
