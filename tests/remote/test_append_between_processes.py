"""Appends of real processes to one directory and one bucket: at once, killed, answers lost."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.remote.conftest import MakeStore

import azarr
import azarr.engine.hierarchy._node_documents as claims
from azarr.config import RetryPolicy
from azarr.storage import LocalStore
from azarr.stores import ObstoreStore
from benchmarks.s3_server import Conditions, S3Server

APPENDS, ROWS, PROCESSES = 3, 3, 3
KILLED = 7


class DyingLocalStore(LocalStore):
    """Kills its process at a conditional write: "chunks", "metadata", or after all "done"."""

    dies_at = ""
    documents = 0

    def set_if(self, key: str, value: Any, generation: Any) -> Any:
        if _is_time(self, key):
            os._exit(KILLED)
        return super().set_if(key, value, generation)


class DyingBucket(ObstoreStore):
    """The same for a bucket."""

    dies_at = ""
    documents = 0

    async def set_if(self, key: str, value: Any, generation: Any) -> Any:
        if _is_time(self, key):
            os._exit(KILLED)
        return await super().set_if(key, value, generation)


def _is_time(store: Any, key: str) -> bool:
    if key != "zarr.json":
        return bool(store.dies_at == "chunks")
    store.documents += 1
    return bool(store.dies_at == "metadata" and store.documents == 2)


def rows(number: int) -> Any:
    return np.full((ROWS, 2), number)


def _append(store: Any, number: int, dies_at: str) -> None:
    array = azarr.open_array(store)
    store.dies_at, store.documents = dies_at, 0
    for at in range(APPENDS):
        array.append(rows(number * APPENDS + at + 1))


def _in_processes(store: Any, numbers: range, dies_at: str = "") -> list[int | None]:
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_append, args=(store, number, dies_at)) for number in numbers
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(100)
    return [process.exitcode for process in processes]


@pytest.fixture(params=["directory", "bucket"])
def store(request: pytest.FixtureRequest, make: MakeStore, tmp_path: Path) -> Any:
    """An empty log in a store that other processes can open."""
    if request.param == "directory":
        store: Any = DyingLocalStore(tmp_path / "log")
    else:
        store = make(DyingBucket)
    azarr.create_array(store, shape=(0, 2), chunks=(4, 2), dtype="i8", fill_value=0)
    return store


@pytest.mark.slow
def test_several_processes_append_all_their_rows_in_one_piece(store: Any) -> None:
    assert _in_processes(store, range(PROCESSES)) == [0] * PROCESSES
    values = azarr.open_array(store)[...]
    assert values.shape == (PROCESSES * APPENDS * ROWS, 2)
    pieces = values.reshape(-1, ROWS * 2)
    assert (pieces == pieces[:, :1]).all()
    assert sorted(pieces[:, 0]) == list(range(1, PROCESSES * APPENDS + 1))
    for number in range(PROCESSES):  # each in its own order
        own = [each for each in pieces[:, 0] if (each - 1) // APPENDS == number]
        assert own == sorted(own)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["chunks", "metadata"])
@pytest.mark.parametrize("start", [0, 3])
def test_what_a_killed_process_left_is_stepped_over(
    store: Any, where: str, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PATIENCE", 0.1)
    array = azarr.open_array(store)
    if start:
        array.append(rows(99))
    assert _in_processes(store, range(1), where) == [KILLED]
    array = azarr.open_array(store)
    assert array.shape == (start, 2)
    array.append(np.zeros((5, 2)))
    array.append(rows(5))
    expected = [99] * start + [0] * 5 + [5] * ROWS
    np.testing.assert_array_equal(azarr.open_array(store)[:, 1], expected)


@pytest.mark.parametrize("lost", ["answers", "requests"])
def test_appends_through_a_faulty_server_lose_nothing(
    make: MakeStore, server: S3Server, lost: str
) -> None:
    """A conditional write whose answer was lost is not taken for somebody else's."""
    store = make(ObstoreStore)
    azarr.create_array(store, shape=(0, 2), chunks=(4, 2), dtype="i8", fill_value=0)
    rates = {"lost_rate": 0.1} if lost == "answers" else {"error_rate": 0.1}
    server.conditions = Conditions(latency=0.001, **rates)

    def live(number: int) -> list[tuple[int, int]]:
        twin = store.with_retry(RetryPolicy(base_seconds=0.001, attempts=20, budget=1.0))
        twin.origin = f"another process {number} of {store.origin}"
        array = azarr.open_array(twin)
        values = [1 + number * 10 + step for step in range(6)]
        return [(array.append(rows(value))[0], value) for value in values]

    with ThreadPoolExecutor(3) as threads:
        appended = [each for own in threads.map(live, range(3)) for each in own]
    server.conditions = Conditions()
    found = azarr.open_array(store)[...]
    assert len(found) == 18 * ROWS
    for end, value in appended:
        assert (found[end - ROWS : end] == value).all()
