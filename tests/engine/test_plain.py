"""Large chunks that are stored as they are in memory are read into their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.errors import DecodeError
from azarr.storage import LocalStore

SHAPE, CHUNKS = (300, 500), (100, 200)  # 80 and 160 KB; the last ones of a row reach over the edge
SELECTIONS = (
    ...,
    (slice(100, 200), slice(200, 400)),
    (slice(0, 100), slice(None)),
    (slice(3, 250, 7), slice(1, None, 3)),
    (17, slice(None)),
    (-1, -1),
    (slice(None), slice(450, None)),
    (slice(5, 5), slice(None)),
)


class NotedStore(LocalStore):
    """Notes how values were read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.log: list[str] = []

    def get_into(self, key: str, memory: memoryview) -> int | None:
        self.log.append("get_into")
        return super().get_into(key, memory)

    def get(self, key: str, default: Any = None) -> Any:
        self.log.append("get")
        return super().get(key, default)


@pytest.fixture
def store(tmp_path: Path) -> NotedStore:
    return NotedStore(tmp_path)


def plain_array(store: LocalStore, **kwargs: Any) -> Any:
    kwargs = {"dtype": "f8", "zarr_format": 3, "fill_value": 7, **kwargs}
    return azarr.create_array(store, shape=SHAPE, chunks=CHUNKS, compressors=None, **kwargs)


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"zarr_format": 2},
        {"zarr_format": 2, "order": "F"},
        {"zarr_format": 2, "dtype": ">f8"},
        {"dtype": "M8[s]"},
    ],
    ids=str,
)
def test_what_is_read_is_what_numpy_says(
    store: NotedStore, layout: dict[str, Any], selection: Any
) -> None:
    if layout.get("dtype") == "M8[s]":
        layout = {**layout, "fill_value": np.datetime64(7, "s")}
    array = plain_array(store, **layout)
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE).astype(array.dtype)
    values[100:200, 200:400] = array.fill_value
    array[...] = values
    store.delete(array.metadata.chunk_key_encoding.key((1, 1)))
    store.log.clear()
    found = array[selection]
    np.testing.assert_array_equal(found, values[selection])
    assert found.dtype == values[selection].dtype
    assert set(store.log) <= {"get_into"}
    for out_order in "CF":
        out = np.empty(SHAPE, array.dtype, order=out_order)
        array.get_basic_selection(..., out=out)
        np.testing.assert_array_equal(out, values)


def test_what_is_compressed_or_small_is_decoded(store: NotedStore) -> None:
    for compressors, chunks in (([{"name": "zstd"}], CHUNKS), (None, (10, 10))):
        array = azarr.create_array(
            store, shape=SHAPE, chunks=chunks, compressors=compressors, dtype="f8", overwrite=True
        )
        array[...] = 1
        store.log.clear()
        assert (array[...] == 1).all()
        assert set(store.log) == {"get"}


@pytest.mark.parametrize("nbytes", [0, 159_999, 160_001])
def test_a_file_of_another_length_is_an_error_that_says_where(
    store: NotedStore, nbytes: int
) -> None:
    array = plain_array(store)
    array[...] = 1
    store.set("c/0/1", bytes(nbytes))
    with pytest.raises(DecodeError, match=f"takes 160000 bytes, but there are {nbytes}") as caught:
        array[...]
    assert "chunk (0, 1), key 'c/0/1'" in caught.value.__notes__


ROWS = np.random.default_rng(0).permutation(256)
REARRANGED = {
    "permuted": (ROWS, slice(None)),
    "all permuted": (np.random.default_rng(1).permutation(512), slice(None)),
    "columns": (slice(0, 256), ROWS),
    "both": (ROWS, ROWS),
    "repeated": (np.repeat(np.arange(128), 2), slice(None)),
    "reversed": (np.arange(255, -1, -1), slice(None)),
    "in order": (np.arange(256), np.arange(256)),
    "masked": (np.arange(512) < 256, slice(None)),
}


@pytest.mark.parametrize("name", REARRANGED)
@pytest.mark.parametrize("kind", ["local", "memory"])
@pytest.mark.parametrize(
    "layout",
    [
        {"compressors": None},
        {"compressors": [{"name": "zstd"}]},
        {"compressors": [{"name": "zstd"}], "shards": (512, 256)},
        {"compressors": None, "zarr_format": 2, "order": "F"},
    ],
    ids=str,
)
def test_as_many_elements_as_a_large_chunk_has_are_not_taken_for_the_chunk(
    tmp_path: Path, layout: dict[str, Any], kind: str, name: str
) -> None:
    store: Any = LocalStore(tmp_path) if kind == "local" else {}
    values = np.arange(512 * 256, dtype="f8").reshape(512, 256)
    array = azarr.create_array(
        store, shape=values.shape, chunks=(256, 256), dtype="f8", fill_value=-1, **layout
    )
    selection = REARRANGED[name]
    indices = [np.arange(n)[each] for n, each in zip(values.shape, selection, strict=True)]
    assert (array.oindex[selection] == -1).all()  # nothing is stored yet
    array[...] = values
    np.testing.assert_array_equal(array.oindex[selection], values[np.ix_(*indices)])
