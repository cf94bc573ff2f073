"""Memory of large results that were let go is used again, and only then."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import azarr
from azarr.engine.process._process import process
from azarr.engine.process._result_memory import CAN_KEEP, LARGE_BYTES

pytestmark = pytest.mark.skipif(not CAN_KEEP, reason="memory is kept on Linux only (MADV_FREE)")

ROWS = 33
ROW = 2**20


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    def forget() -> None:
        gc.collect()
        with azarr.config.using(kept_result_bytes=0):
            azarr.zeros((LARGE_BYTES,), chunks=LARGE_BYTES, dtype="u1")[:]

    forget()
    yield
    forget()
    assert not process().result_memory.nbytes


@pytest.fixture
def array() -> azarr.Array:
    array = azarr.zeros((2 * ROWS, ROW), chunks=(1, ROW), dtype="u1", compressors=None)
    array[:] = np.arange(2 * ROWS, dtype="u1")[:, None]
    return array


def rows(result: np.ndarray) -> list[int]:
    assert (result == result[:, :1]).all()
    return result[:, 0].tolist()


def test_the_memory_of_a_result_that_is_gone_is_that_of_the_next(array: azarr.Array) -> None:
    result = array[:ROWS]
    address = result.ctypes.data
    assert rows(result) == [*range(ROWS)]
    del result
    assert process().result_memory.nbytes == ROWS * ROW
    result = array[ROWS:]
    assert result.ctypes.data == address
    assert rows(result) == [*range(ROWS, 2 * ROWS)]


@pytest.mark.parametrize(
    "view",
    [
        lambda result: result[3:, 5:],
        lambda result: result.T,
        lambda result: result.reshape(-1)[::2],
        lambda result: result.view("u8"),
        lambda result: memoryview(result)[1:],
        lambda result: np.asarray(memoryview(result)),
        lambda result: result.view(np.recarray),
        iter,
        lambda result: np.broadcast_to(result[0], (3, ROW)),
        np.from_dlpack,
    ],
)
def test_memory_is_not_used_again_while_there_is_a_view_of_it(array: azarr.Array, view) -> None:
    result = array[:ROWS]
    address = result.ctypes.data
    left = view(result)
    del result
    gc.collect()
    assert not process().result_memory.nbytes
    assert array[ROWS:].ctypes.data != address
    del left


def test_a_smaller_result_fits_and_one_of_less_than_half_does_not(array: azarr.Array) -> None:
    result = array[:]
    address = result.ctypes.data
    del result
    half = array[:ROWS]
    assert half.ctypes.data == address
    del half
    wide = azarr.zeros((5 * ROWS, ROW), chunks=(1, ROW), dtype="u1")[:]
    del wide
    assert array[:ROWS].ctypes.data == address


def test_no_more_is_kept_than_the_configuration_says(array: azarr.Array) -> None:
    with azarr.config.using(kept_result_bytes=2 * ROWS * ROW):
        results = [array[:ROWS] for _ in range(5)]
        while results:
            results.pop()
        assert process().result_memory.nbytes == 2 * ROWS * ROW
    with azarr.config.using(kept_result_bytes=ROWS * ROW - 1):
        assert array[:ROWS].flags.owndata
        assert not process().result_memory.nbytes


def test_small_results_own_their_memory(array: azarr.Array) -> None:
    assert array[:3].flags.owndata
    assert not array[:ROWS].flags.owndata


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "dtype", ["i1", ">i4", "c16", "S3", "U2", "M8[s]", [("a", "u1"), ("b", "f8")]]
)
def test_every_data_type_and_order_reads_right_in_used_memory(dtype, order: str) -> None:
    count = 2 * LARGE_BYTES // np.dtype(dtype).itemsize // 64
    values = np.arange(count * 64).reshape(64, count) % 100
    values = values.astype(dtype if isinstance(dtype, str) else "u1").astype(dtype)
    array = azarr.array(values, chunks=(8, count), order=order, zarr_format=2, compressors=None)
    for _ in range(2):
        result = array[:]
        assert result.dtype == values.dtype
        assert result.flags.c_contiguous == (order == "C")
        np.testing.assert_array_equal(result, values)
        del result


def test_the_fill_value_covers_what_was_in_the_memory_before(array: azarr.Array) -> None:
    del_me = array[:ROWS]
    address = del_me.ctypes.data
    del del_me
    missing = azarr.full((ROWS, ROW), 7, chunks=(1, ROW), dtype="u1")
    result = missing[:]
    assert result.ctypes.data == address
    assert rows(result) == [7] * ROWS


def test_threads_that_read_and_let_go_always_have_their_own(array: azarr.Array) -> None:
    def read(number: int) -> None:
        for _ in range(5):
            start = number % ROWS
            result = array[start : start + ROWS]
            assert rows(result) == [*range(start, start + ROWS)]
            del result

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(read, range(8)))


def test_a_result_in_a_cycle_ends_with_it(array: azarr.Array) -> None:
    class Node:
        pass

    node = Node()
    node.result, node.itself = array[:ROWS], node
    gone = weakref.ref(node)
    del node
    gc.collect()
    assert gone() is None
    assert process().result_memory.nbytes == ROWS * ROW


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_writes_into_no_result_of_its_parent(array: azarr.Array) -> None:
    held, let_go = array[:ROWS], array[:ROWS]
    del let_go
    child = os.fork()
    if not child:
        status = 1
        try:
            del held
            right = all(rows(array[ROWS:]) == [*range(ROWS, 2 * ROWS)] for _ in range(3))
            status = 0 if right else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert rows(held) == [*range(ROWS)]


def test_a_process_ends_quietly_with_results_alive() -> None:
    code = (
        "import azarr; a = azarr.zeros((33, 2**20), chunks=(1, 2**20), dtype='u1');"
        "kept = a[:]; gone = a[:]; del gone; cycle = [a[:]]; cycle.append(cycle)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
