"""What an operation costs beyond its requests: calls of functions, and memory. No clock.

`tests/engine/test_costs.py` counts the requests, and the calls of a small read. The numbers here
are what was counted, and about a fifth more: who makes something cheaper may lower them.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.engine.arrays._batch import MOST
from azarr.storage import LocalStore, MemoryStore

pytestmark = pytest.mark.alone

CHUNKS = 200


def count_calls(action: Callable[[], object]) -> int:
    """Calls of Python and C functions in this thread."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    action()  # what is imported or kept on first use is not counted
    sys.setprofile(profile)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def peak_bytes(action: Callable[[], object]) -> int:
    action()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


def small_chunks(store: Any) -> azarr.Array:
    array = azarr.create_array(store, shape=CHUNKS * 10, chunks=10, dtype="u1", compressors=None)
    array[:] = 1
    return array


def per_chunk(action: Callable[[slice], object]) -> float:
    """Calls for each chunk after the first."""
    one, all_of_them = (count_calls(lambda n=n: action(slice(0, n))) for n in (10, CHUNKS * 10))
    return (all_of_them - one) / (CHUNKS - 1)


def test_calls_of_a_further_chunk(store: Any) -> None:
    array = small_chunks(store)
    local = isinstance(store, LocalStore)
    assert per_chunk(lambda part: array[part]) <= (20 if local else 9)
    assert per_chunk(lambda part: array.__setitem__(part, 2)) <= (62 if local else 28)


def test_calls_of_a_further_chunk_in_selections_by_index() -> None:
    array = small_chunks(MemoryStore())
    points = np.arange(5, CHUNKS * 10, 10)
    assert count_calls(lambda: array.vindex[points]) / CHUNKS <= 11
    assert count_calls(lambda: array.oindex[points]) / CHUNKS <= 20


def test_calls_of_a_small_write(store: Any) -> None:
    array = small_chunks(store)
    limit = 210 if isinstance(store, LocalStore) else 150
    assert count_calls(lambda: array.__setitem__(slice(3, 5), 2)) <= limit


def test_calls_of_a_small_awaited_read() -> None:
    array = small_chunks(MemoryStore()).async_array
    loop = asyncio.new_event_loop()

    async def several(times: int) -> None:
        for _ in range(times):
            await array.getitem(slice(3, 5))

    try:
        few, many = (count_calls(lambda n=n: loop.run_until_complete(several(n))) for n in (1, 11))
    finally:
        loop.close()
    assert (many - few) / 10 <= 80


def test_calls_of_creating_and_listing_the_members_of_a_group() -> None:
    group = azarr.create_group(MemoryStore())

    def create(name: str) -> None:
        group.create_array(name, shape=4, dtype="i4", overwrite=True)

    assert count_calls(lambda: create("array")) <= 4300
    few = count_calls(group.members)
    for i in range(20):
        create(f"array{i}")
    assert (count_calls(group.members) - few) / 20 <= 750


def test_calls_of_opening_an_array() -> None:
    store = MemoryStore()
    azarr.create_array(store, shape=4, dtype="i4")
    assert count_calls(lambda: azarr.open_array(store, mode="r")) <= 1000


def test_reading_holds_the_result_and_few_bytes_for_each_chunk(store: Any) -> None:
    array = azarr.create_array(
        store, shape=(1000, 1000), chunks=(10, 10), dtype="u2", compressors=None
    )
    array[:] = 1
    extra = peak_bytes(lambda: array[:]) - array.nbytes
    assert extra / array.nchunks <= 20


def test_reading_holds_the_result_and_few_decoded_chunks(store: Any) -> None:
    array = azarr.create_array(store, shape=(1000, 1000), chunks=(250, 250), dtype="u2")
    array[:] = np.arange(10**6, dtype="u2").reshape(1000, 1000)
    chunk = array.nbytes // array.nchunks
    assert peak_bytes(lambda: array[:]) <= array.nbytes + 6 * chunk


def test_reading_holds_the_result_and_one_batch_of_small_chunks(store: Any) -> None:
    array = azarr.create_array(store, shape=(2000, 2000), chunks=(50, 50), dtype="u2")
    array[:] = np.arange(4 * 10**6, dtype="u2").reshape(2000, 2000)
    stored = array.nbytes_stored // array.nchunks
    with azarr.config.using(threads=1):  # each has a batch; a busy file system gets several
        assert peak_bytes(lambda: array[:]) <= array.nbytes + MOST * (stored + 1024)


def test_writing_files_holds_few_encoded_chunks(tmp_path: Path) -> None:
    array = azarr.create_array(
        LocalStore(tmp_path), shape=(1000, 1000), chunks=(100, 100), dtype="u2", compressors=None
    )
    values = np.arange(10**6, dtype="u2").reshape(1000, 1000)
    chunk = array.nbytes // array.nchunks
    assert peak_bytes(lambda: array.__setitem__(..., values)) <= 8 * chunk


def test_reading_again_and_again_keeps_nothing(store: Any) -> None:
    array = small_chunks(store)
    array[:], array[3:5]
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(50):
        array[:], array[3:5]
    gc.collect()
    assert sys.getallocatedblocks() - before <= 100
