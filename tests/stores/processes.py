"""Several processes that change the same values: no update may be lost."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import anyio
import numpy as np

import azarr
from azarr.stores import BlockingStore, Store
from azarr.testing._rules import Awaited, increment, value_of

PROCESSES = 3
INCREMENTS = 10
APPENDS = 3
ROWS = 3


def awaitable(store: Store) -> Any:
    """The same store with methods to be awaited."""
    return Awaited(store) if isinstance(store, BlockingStore) else store


def change(numbers: Store, arrays: Store, first: int, together: Any) -> None:
    """Increment a number, and write every third column of an array of one chunk."""

    async def count() -> None:
        for _ in range(INCREMENTS):
            await increment(awaitable(numbers), "n")

    array = azarr.open(arrays, mode="r+")
    together.wait(30)
    anyio.run(count)
    for column in range(first, 16, PROCESSES):
        array[:, column] = column


def append(arrays: Store, number: int, together: Any) -> None:
    """Append rows of this number to the array."""
    array = azarr.open(arrays, mode="r+")
    together.wait(30)
    for _ in range(APPENDS):
        array.append(np.full((ROWS, 4), number, "i4"))


def run_together(
    call: Callable[..., None], *arguments: Any, processes: int = PROCESSES, seconds: float = 60
) -> None:
    """Run it in processes, each with its number, that begin at the same time."""
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(processes)
    workers = [
        spawn.Process(target=call, args=(*arguments, number, together))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(seconds)
    assert [worker.exitcode for worker in workers] == [0] * processes


def check_that_no_update_is_lost(numbers: Store, arrays: Store) -> None:
    """Run `change` in processes, and look at what is left.

    Args:
        numbers, arrays: empty stores that can be pickled.
    """
    array = azarr.create_array(arrays, shape=(8, 16), chunks=(8, 16), dtype="i4")
    run_together(change, numbers, arrays)
    found = anyio.run(value_of, awaitable(numbers), "n")
    assert found == b"%d" % (PROCESSES * INCREMENTS)
    np.testing.assert_array_equal(array[...], np.tile(np.arange(16), (8, 1)))


def check_that_no_append_is_lost(arrays: Store) -> None:
    """Run `append` in processes, and look at what is left: blocks of rows in any order."""
    azarr.create_array(arrays, shape=(0, 4), chunks=(5, 4), dtype="i4")
    run_together(append, arrays)
    rows = azarr.open(arrays, mode="r")[...]
    assert rows.shape == (PROCESSES * APPENDS * ROWS, 4)
    blocks = rows.reshape(-1, ROWS * 4)
    assert (blocks == blocks[:, :1]).all()
    assert np.bincount(blocks[:, 0]).tolist() == [APPENDS] * PROCESSES
