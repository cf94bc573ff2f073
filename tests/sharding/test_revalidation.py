"""A shard that is written anew between the reading of its index and of its inner chunks.

These shards are small. Unless a test says so, they are not read whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.errors import ChunkDataError, ConflictError, ShortReadError
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import CountingStore, LatencyStore


class Meddler(CountingStore):
    """A store in which somebody else does something before the `at`-th request for ranges."""

    def __init__(self, store: Any, conditional: bool) -> None:
        super().__init__(store)
        self.conditional = conditional and store.conditional
        self.before: dict[int, Callable[[], None]] = {}
        self.asked = 0

    def _request(self, kind: str, key: str, sent: int, call: Any, *arguments: Any) -> Any:
        if kind == "get_ranges":
            self.asked += 1
            self.before.get(self.asked, lambda: None)()
        return super()._request(kind, key, sent, call, *arguments)

    def get_ranges_with_generation(self, key: str, ranges: Any, generation: Any = None) -> Any:
        if self.conditional:
            return super().get_ranges_with_generation(key, ranges, generation)
        buffers = self.get_ranges(key, ranges)
        return None if buffers is None else (buffers, None)


@pytest.fixture(autouse=True)
def _by_ranges() -> Iterator[None]:
    with azarr.config.using(coalesce_gap=0):
        yield


@pytest.fixture(params=["memory", "local"])
def place(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


@pytest.fixture(params=["start", "end"])
def arrays(request: pytest.FixtureRequest, place: Any) -> Callable[[bool], Any]:
    """The array as a reader and as somebody else holds it. Compressed: every version of the shard
    has its inner chunks at other places."""

    def make(conditional: bool) -> Any:
        other = azarr.create_array(
            place,
            shape=(256,),
            chunks=(64,),
            shards={"shape": (256,), "index_location": request.param},
            dtype="i8",
            compressors={"name": "zstd", "configuration": {"level": 1, "checksum": False}},
        )
        store = Meddler(place, conditional)
        return store, azarr.open_array(store, mode="r+"), other

    return make


def version(number: int) -> np.ndarray:
    """Values that compress to a different size in each version; all elements tell the version."""
    rng = np.random.default_rng(number)
    return number * 1000 + rng.integers(0, 1 + 200 * (number % 5), 256)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_a_reader_gets_one_version_when_the_shard_is_written_anew(
    arrays: Callable[[bool], Any], conditional: bool, known: bool
) -> None:
    store, reader, other = arrays(conditional)
    other[...] = version(1)
    if known:
        reader[0]
    store.asked = 0
    store.before = {1 if known else 2: lambda: other.__setitem__(..., version(2))}
    found = reader[60:180:8]
    np.testing.assert_array_equal(found, version(2)[60:180:8])


@pytest.mark.parametrize("conditional", [True, False])
def test_a_reader_goes_on_until_index_and_inner_chunks_are_of_one_version(
    arrays: Callable[[bool], Any], conditional: bool
) -> None:
    store, reader, other = arrays(conditional)
    other[...] = version(1)
    store.before = {
        2 * number: lambda number=number: other.__setitem__(..., version(number + 1))
        for number in range(1, 6)
    }
    found = reader[60:180:8]
    np.testing.assert_array_equal(found, version(6)[60:180:8])


@pytest.mark.parametrize("conditional", [True, False])
def test_a_shard_that_goes_away_reads_as_the_fill_value(
    arrays: Callable[[bool], Any], conditional: bool, place: Any
) -> None:
    store, reader, other = arrays(conditional)
    other[...] = version(1)
    store.before = {2: lambda: place.delete("c/0")}
    assert (reader[60:180] == 0).all()


@pytest.mark.parametrize("conditional", [True, False])
def test_a_shard_that_becomes_shorter_is_read_anew(
    arrays: Callable[[bool], Any], conditional: bool
) -> None:
    store, reader, other = arrays(conditional)
    other[...] = np.random.default_rng(0).integers(0, 2**62, 256)
    store.before = {2: lambda: other.__setitem__(..., 1)}
    assert (reader[100:180] == 1).all()


@pytest.mark.parametrize("conditional", [True, False])
def test_a_shard_that_was_shorter_for_a_moment_is_read_again(
    arrays: Callable[[bool], Any], conditional: bool
) -> None:
    store, reader, other = arrays(conditional)
    values = np.random.default_rng(0).integers(0, 2**62, 256)
    other[...] = values
    reader[0]
    store.asked = 0
    store.before = {
        1: lambda: other.__setitem__(..., 1),
        2: lambda: other.__setitem__(..., values),
    }
    np.testing.assert_array_equal(reader[100:180], values[100:180])


def test_an_array_created_anew_with_other_shards_does_not_use_their_index() -> None:
    place = MemoryStore()
    create = {"shape": (32,), "shards": (32,), "dtype": "u1", "compressors": None}
    array = azarr.create_array(place, chunks=(4,), **create)
    array[...] = np.arange(32)
    assert array[9] == 9
    document = azarr.create_array({}, chunks=(8,), **create).store["zarr.json"]
    place["zarr.json"] = document  # and the shard stays, of the same generation
    with pytest.raises(ChunkDataError):
        azarr.open_array(place)[9]


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("conditional", [True, False])
def test_a_store_that_answers_short_is_an_error_and_not_a_loop(conditional: bool, at: int) -> None:
    place = MemoryStore()
    array = azarr.create_array(place, shape=(32,), chunks=(4,), shards=(32,), dtype="u1")
    array[...] = np.arange(32)
    store = Meddler(place, conditional)

    def fail() -> None:
        raise ShortReadError("cut off")

    store.before = dict.fromkeys(range(at, 100), fail)
    with pytest.raises(ShortReadError, match="cut off"):
        azarr.open_array(store)[9]
    assert store.asked < 10


@pytest.mark.parametrize("gap", [0, None])
@pytest.mark.parametrize("conditional", [True, False])
def test_an_inner_chunk_that_was_missing_is_seen_once_another_process_has_written_it(
    conditional: bool, gap: int | None
) -> None:
    """A remembered index must not say what is missing: it may be an old one."""
    with azarr.config.using(coalesce_gap=gap):
        _another_process_writes(conditional)


def _another_process_writes(conditional: bool) -> None:
    values = MemoryStore()
    stores = [LatencyStore(values, 0), LatencyStore(values, 0)]
    for store in stores:
        store.conditional = conditional
    array = azarr.create_array(stores[0], shape=16, chunks=4, shards=16, dtype="i4", fill_value=-1)
    array[:4] = 1
    assert array[:2].tolist() == [1, 1]
    assert array[4:8].tolist() == [-1] * 4
    azarr.open_array(stores[1])[4:8] = 7
    assert array[4:8].tolist() == [7] * 4
    assert array[8:12].tolist() == [-1] * 4


def test_a_shard_of_another_generation_in_each_answer_is_an_error() -> None:
    """A gateway that makes entity tags up would have a reader ask for ever."""
    numbers = count()

    class Restless(MemoryStore):
        def get_ranges_with_generation(self, key: str, ranges: Any, generation: Any = None) -> Any:
            if generation is not None:
                raise ConflictError("another generation")
            found = super().get_ranges_with_generation(key, ranges)
            return found and (found[0], str(next(numbers)))

    array = azarr.create_array(
        Restless(), shape=(64, 64), chunks=8, shards=64, dtype="i4", compressors=None
    )
    array[:] = 1
    with pytest.raises(ConflictError, match="another shard each time"):
        array[:3, :3]
