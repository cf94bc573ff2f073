"""Appends of several processes when one of them stalls, dies, or is wrong about being alone.

Another process is a store of another origin: it shares no lock and no knowledge with this one. The
stores come with generations that are never used twice, and with ones that are hashes, as of S3.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from hashlib import md5
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import azarr
import azarr.engine.arrays._append_attempt as appending
import azarr.engine.hierarchy._node_documents as claims
from azarr.config import RetryPolicy
from azarr.errors import ConflictError, NodeNotFoundError, StoreError
from azarr.storage import BlockingStore, MemoryStore
from azarr.testing import CountingStore, LatencyStore

names = count()


class HashedStore(MemoryStore):
    """Generations are hashes of the values, and a conditional delete is two steps: as S3."""

    atomic_delete_if = False

    def get_with_generation(self, key: str) -> Any:
        value = self.get(key)
        return value, None if value is None else md5(value).hexdigest()

    def set_if(self, key: str, value: Any, generation: Any) -> Any:
        with _lock:
            if self.get_with_generation(key)[1] != generation:
                raise ConflictError(f"{key!r} has changed")
            self.set(key, value)
            return md5(bytes(value)).hexdigest()

    def delete_if(self, key: str, generation: Any) -> None:
        raise AssertionError("an update in between would be lost")


_lock = threading.Lock()


class Died(BaseException):
    """The process is no more: nothing is cleaned up."""


class Process(CountingStore):
    """The store as another process sees it.

    `act(kind, key)` is called before each request, `acted(kind, key)` after it.
    """

    def __init__(self, store: BlockingStore) -> None:
        super().__init__(store)
        self.origin = f"process {next(names)}"
        self.latency = "local"
        self.act: Callable[[str, str], None] = lambda kind, key: None
        self.acted: Callable[[str, str], None] = lambda kind, key: None

    def _request(
        self, kind: str, key: str, sent: int, call: Callable[..., Any], *arguments: Any
    ) -> Any:
        self.act(kind, key)
        result = super()._request(kind, key, sent, call, *arguments)
        self.acted(kind, key)
        return result

    def open(self) -> Any:
        return azarr.open_array(self)

    def dies(self, pattern: str, after: bool = False) -> Process:
        """Die at the first write of such a key."""

        def die(kind: str, key: str) -> None:
            if kind == "set_if" and fnmatchcase(key, pattern):
                raise Died

        if after:
            self.acted = die
        else:
            self.act = die
        return self


class Stall:
    """Holds up the first write of a key that matches, until `go_on`."""

    def __init__(self, process: Process, pattern: str) -> None:
        self.begun = threading.Event()
        self._over = threading.Event()
        self._pattern = pattern
        process.act = self._act

    def _act(self, kind: str, key: str) -> None:
        if kind == "set_if" and fnmatchcase(key, self._pattern) and not self.begun.is_set():
            self.begun.set()
            assert self._over.wait(20)

    def go_on(self) -> None:
        self._over.set()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PATIENCE", 0.05)
    monkeypatch.setattr(claims, "LOOKS", 2)
    monkeypatch.setattr(claims, "POLL", 0.002)
    monkeypatch.setattr(appending, "ALIVE", 0.0125)


@pytest.fixture(params=[MemoryStore, HashedStore])
def shared(request: pytest.FixtureRequest) -> BlockingStore:
    store: BlockingStore = request.param()
    azarr.create_array(Process(store), shape=(0, 4), chunks=(4, 2), dtype="i4", fill_value=0)
    return store


def rows(n: int, value: int) -> Any:
    return np.full((n, 4), value)


def column(shared: BlockingStore) -> list[int]:
    """The value of each row, which is one."""
    values = azarr.open_array(Process(shared))[...]
    assert (values == values[:, :1]).all(), values
    return list(values[:, 0])


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


@pytest.mark.parametrize("start", [0, 3, 4])
@pytest.mark.parametrize("chunk", ["c/0/*", "c/1/*"])
@pytest.mark.parametrize("value", [0, 2, 5])
def test_a_stalled_append_overwrites_nothing_of_the_one_that_stepped_over_its_claim(
    shared: BlockingStore, background: ThreadPoolExecutor, start: int, chunk: str, value: int
) -> None:
    """Also if that one wrote nothing but fill values (0), or the very same rows (2)."""
    if start:
        Process(shared).open().append(rows(start, 9))
    stalled = Process(shared)
    stall = Stall(stalled, chunk)
    slow = background.submit(stalled.open().append, rows(6, 2))
    if not stall.begun.wait(0.2):  # it writes no such chunk
        slow.result()
        return
    assert Process(shared).open().append(rows(5, value)) == (start + 5, 4)
    after = column(shared)
    assert after == [9] * start + [value] * 5
    stall.go_on()
    assert slow.result() == (start + 11, 4)
    if isinstance(shared, HashedStore) and (value, start, chunk) == (0, 3, "c/0/*"):
        return  # its write finds the bytes that it has seen: what a hash cannot tell apart
    assert column(shared) == after + [2] * 6


@pytest.mark.parametrize("start", [0, 3, 4])
def test_a_stalled_last_step_is_void_too(
    shared: BlockingStore, background: ThreadPoolExecutor, start: int
) -> None:
    if start:
        Process(shared).open().append(rows(start, 9))
    stalled = Process(shared)
    array = stalled.open()
    array.append(rows(1, 8))
    wrote = threading.Event()
    stalled.acted = lambda kind, key: wrote.set() if key.startswith("c/") else None
    stall = Stall(stalled, "zarr.json")
    act, stalled.act = stalled.act, lambda kind, key: wrote.is_set() and act(kind, key)
    slow = background.submit(array.append, rows(6, 2))
    assert stall.begun.wait(5)
    assert Process(shared).open().append(rows(5, 2)) == (start + 6, 4)
    stall.go_on()
    assert slow.result() == (start + 12, 4)
    assert column(shared) == [9] * start + [8] + [2] * 11


@pytest.mark.parametrize("start", [0, 3, 4])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("where", ["zarr.json", "c/*", "c/1/1"])
@pytest.mark.parametrize("value", [0, 2, 5])
def test_the_rows_of_a_process_that_died_are_stepped_over(
    shared: BlockingStore, start: int, after: bool, where: str, value: int
) -> None:
    """Before and after its claim, amid its chunks, and between these and the metadata."""
    if start:
        Process(shared).open().append(rows(start, 9))
    with pytest.raises(Died):
        Process(shared).dies(where, after).open().append(rows(6, 2))
    assert column(shared) == [9] * start
    own = Process(shared).open()
    assert own.append(rows(5, value)) == (start + 5, 4)
    assert own.append(rows(5, 7)) == (start + 10, 4)
    assert column(shared) == [9] * start + [value] * 5 + [7] * 5
    assert shared["zarr.json"].endswith(b"}")


def test_a_process_that_died_before_its_last_step_appended_nothing(shared: BlockingStore) -> None:
    dying = Process(shared)
    array = dying.open()
    writes = iter(range(99))

    def die(kind: str, key: str) -> None:
        if kind == "set_if" and key == "zarr.json" and next(writes) == 1:
            raise Died

    dying.act = die
    with pytest.raises(Died):
        array.append(rows(6, 2))
    assert column(shared) == []
    assert Process(shared).open().append(rows(3, 1)) == (3, 4)
    assert column(shared) == [1] * 3


@pytest.mark.parametrize("seed", range(6))
def test_many_processes_that_stall_and_die_lose_no_row_that_was_appended(
    shared: BlockingStore, seed: int
) -> None:
    """Every append that returned has its rows where it says."""
    appended: list[tuple[int, int, int]] = []

    def live(number: int) -> None:
        choose = random.Random(f"{seed} {number}")
        process = Process(shared)

        def trouble(kind: str, key: str) -> None:
            fate = choose.random()
            if fate < 0.03:
                raise Died
            time.sleep(choose.choice([0.03, 0.1]) if fate < 0.12 else 0)

        array = process.open()
        process.act = process.acted = trouble
        for step in range(6):
            n, value = choose.randrange(1, 9), 1 + number * 100 + step
            alone = {"sole_writer": choose.random() < 0.3}
            try:
                (end, _) = array.append(rows(n, value), **alone)
            except ConflictError:
                continue
            except Died:
                process = Process(shared)
                array = process.open()
                process.act = process.acted = trouble
                continue
            appended.append((end - n, end, value))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(_or_dead(live), range(4)))
    values = column(shared)
    assert appended
    for start, end, value in appended:
        assert values[start:end] == [value] * (end - start)


def _or_dead(live: Callable[[int], None]) -> Callable[[int], None]:
    def ended(number: int) -> None:
        try:
            live(number)
        except Died:  # while it opened the array
            return

    return ended


def test_an_append_of_fill_values_stores_its_chunks(shared: BlockingStore) -> None:
    Process(shared).open().append(rows(5, 0))
    assert sorted(key for key in shared if key.startswith("c/")) == [
        "c/0/0", "c/0/1", "c/1/0", "c/1/1",
    ]  # fmt: skip
    assert column(shared) == [0] * 5


@pytest.mark.parametrize("sole_writer", [False, True])
def test_what_is_known_may_be_out_of_date(shared: BlockingStore, sole_writer: bool) -> None:
    array = Process(shared).open()
    array.append(rows(3, 1))
    Process(shared).open().append(rows(3, 2))
    assert array.append(rows(3, 3), sole_writer=sole_writer) == (9, 4)
    Process(shared).open().attrs["a"] = 1
    assert array.append(rows(1, 4), sole_writer=sole_writer) == (10, 4)
    assert array.attrs["a"] == 1
    Process(shared).open()[9] = 5
    assert array.append(rows(1, 6), sole_writer=sole_writer) == (11, 4)
    assert column(shared) == [1] * 3 + [2] * 3 + [3] * 3 + [5, 6]
    Process(shared).open().resize(2, 4)
    assert array.append(rows(1, 7), sole_writer=sole_writer) == (3, 4)
    assert column(shared) == [1, 1, 7]
    Process(shared).open().resize(3, 2)
    with pytest.raises(ValueError, match="axis 0"):
        array.append(rows(1, 7), sole_writer=sole_writer)
    array = Process(shared).open()
    array.append(rows(1, 7)[:, :2])
    shared.clear()
    with pytest.raises(NodeNotFoundError):
        array.append(rows(1, 7)[:, :2], sole_writer=sole_writer)


def test_a_new_array_in_the_place_of_a_known_one_is_appended_to(shared: BlockingStore) -> None:
    array = Process(shared).open()
    array.append(rows(3, 1))
    azarr.create_array(
        Process(shared), shape=(0, 4), chunks=(4, 2), dtype="i4", fill_value=0, overwrite=True
    )
    assert array.append(rows(2, 2)) == (2, 4)
    assert column(shared) == [2, 2]


@pytest.mark.parametrize("sole_writer", [False, True])
def test_a_new_array_with_other_chunks_takes_the_place_of_what_is_known_of_the_old_ends(
    shared: BlockingStore, sole_writer: bool
) -> None:
    store = Process(shared)
    for length, start in [(16, [1]), (4, [1, 2])]:
        array = azarr.create_array(
            store, data=np.array(start), chunks=length, compressors=None, overwrite=True
        )
        array.attrs["length"] = length  # from now on its documents are known
        array.append(np.array([7]), sole_writer=sole_writer)
        assert azarr.open_array(shared)[:].tolist() == [*start, 7]


@pytest.mark.parametrize("start", [0, 3, 4])
def test_two_that_both_promise_to_be_alone_lose_nothing(
    shared: BlockingStore, background: ThreadPoolExecutor, start: int
) -> None:
    one, other = Process(shared), Process(shared)
    arrays = [one.open(), other.open()]
    if start:
        arrays[0].append(rows(start, 9))
        arrays[1] = other.open()
        arrays[1].append(np.zeros((0, 4)))
    stall = Stall(one, "c/*/1")
    slow = background.submit(arrays[0].append, rows(6, 1), sole_writer=True)
    assert stall.begun.wait(5)
    assert arrays[1].append(rows(6, 2), sole_writer=True) == (start + 6, 4)
    stall.go_on()
    assert slow.result() == (start + 12, 4)
    assert column(shared) == [9] * start + [2] * 6 + [1] * 6


def test_a_change_of_attributes_waits_for_an_append_that_is_alive(
    shared: BlockingStore, background: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PATIENCE", 5.0)
    appender = Process(shared)
    stall = Stall(appender, "c/*")
    slow = background.submit(appender.open().append, rows(6, 1))
    assert stall.begun.wait(5)
    change = background.submit(Process(shared).open().attrs.update, a=1)
    time.sleep(0.05)
    assert not change.done()
    stall.go_on()
    assert slow.result() == (6, 4)
    change.result()
    array = Process(shared).open()
    assert (array.shape, dict(array.attrs)) == ((6, 4), {"a": 1})
    assert appender.log.keys("set_if").count("c/0/0") == 1


def test_an_append_that_takes_long_shows_that_it_is_alive(
    shared: BlockingStore, background: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PATIENCE", 0.6)
    monkeypatch.setattr(appending, "ALIVE", 0.05)
    slow, quick = Process(shared), Process(shared)

    def take_long(kind: str, key: str) -> None:
        time.sleep(0.03 if key.startswith("c/") else 0)

    slow.act = take_long
    first = background.submit(slow.open().append, rows(60, 1))
    while not any(key.startswith("c/") for key in shared):
        time.sleep(0.001)
    assert quick.open().append(rows(2, 2)) == (62, 4)
    assert first.result() == (60, 4)
    assert slow.log.keys("set_if").count("zarr.json") > 4


@pytest.mark.parametrize("start", [0, 3])
def test_a_failed_append_leaves_no_rows_that_growing_would_show(
    shared: BlockingStore, start: int
) -> None:
    if start:
        Process(shared).open().append(rows(start, 9))
    before = dict(shared)
    failing = Process(shared)

    def fail(kind: str, key: str) -> None:
        if kind == "set_if" and key == "c/1/1":
            raise StoreError("full")

    failing.act = fail
    with pytest.raises(StoreError, match="full"):
        failing.open().append(rows(6, 2))
    if shared.atomic_delete_if:
        assert dict(shared) == before
    assert shared["zarr.json"] == before["zarr.json"]
    Process(shared).open().resize(8, 4)
    assert column(shared) == [9] * start + [0] * (8 - start)


def test_a_shrinking_resize_leaves_the_chunks_of_an_append_alone(
    shared: BlockingStore, background: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it deletes by a listing."""
    import azarr.engine.arrays._resize as resizing

    monkeypatch.setattr(resizing, "DELETE_UNSEEN", 0)
    Process(shared).open().append(rows(4, 9))
    resizer = Process(shared)
    begun, over = threading.Event(), threading.Event()

    def pause(kind: str, key: str) -> None:
        if kind == "list":
            begun.set()
            assert over.wait(5)

    resizer.act = pause
    resized = background.submit(resizer.open().resize, None, 2)
    assert begun.wait(5)
    Process(shared).open().append(rows(4, 1))
    over.set()
    resized.result()
    array = Process(shared).open()
    assert array.shape == (8, 2)
    assert list(array[:, 1]) == [9] * 4 + [1] * 4


@pytest.mark.parametrize("sole_writer", [False, True])
def test_an_append_that_was_cancelled_does_not_hold_up_the_next_one(
    shared: BlockingStore, sole_writer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "PATIENCE", 60.0)
    process = Process(shared)
    array = process.open()
    array.append(rows(3, 9))
    process.dies("c/1/*")
    with pytest.raises(Died):
        array.append(rows(6, 2), sole_writer=sole_writer)
    process.act = lambda kind, key: None
    assert array.append(rows(5, 1), sole_writer=sole_writer) == (8, 4)
    assert column(shared) == [9] * 3 + [1] * 5


@pytest.mark.parametrize("sole_writer", [False, True])
def test_a_document_that_was_read_before_the_last_append_does_no_harm(
    shared: BlockingStore, sole_writer: bool
) -> None:
    """As of somebody who opened the array at the same time."""
    from azarr.engine.process._process import process as this_process

    process = Process(shared)
    array = process.open()
    array.append(rows(1, 1))
    place = process.origin, "zarr.json"
    old = this_process().documents.get(place)
    array.append(rows(1, 2))
    this_process().documents.put(place, old, 100)
    assert array.append(rows(1, 3), sole_writer=sole_writer) == (3, 4)
    assert column(shared) == [1, 2, 3]


def test_many_processes_that_append_at_once_all_get_through(shared: BlockingStore) -> None:
    """However often each of them comes second."""

    def live(number: int) -> list[tuple[int, int]]:
        process = Process(shared)
        process.act = lambda kind, key: time.sleep(0.001)
        array = process.open()
        values = [1 + number * 10 + step for step in range(3)]
        return [(array.append(rows(3, value))[0], value) for value in values]

    with ThreadPoolExecutor(16) as threads:
        appended = [each for own in threads.map(live, range(16)) for each in own]
    values = column(shared)
    assert len(values) == 3 * 3 * 16
    for end, value in appended:
        assert values[end - 3 : end] == [value] * 3


def test_a_synchronizer_of_threads_is_none_between_processes(
    shared: BlockingStore, background: ThreadPoolExecutor
) -> None:
    Process(shared).open().append(rows(3, 9))
    process = Process(shared)
    array = azarr.open_array(process, synchronizer=azarr.ThreadSynchronizer())
    stall = Stall(process, "c/0/*")
    slow = background.submit(array.append, rows(6, 1))
    assert stall.begun.wait(5)
    assert Process(shared).open().append(rows(2, 2)) == (5, 4)
    stall.go_on()
    assert slow.result() == (11, 4)
    assert column(shared) == [9] * 3 + [2] * 2 + [1] * 6
    assert process.log.keys("set_if")[0] == "zarr.json"


@pytest.mark.parametrize("died", ["", "c/1/*", "zarr.json"])
def test_processes_with_a_synchronizer_need_no_claim(
    shared: BlockingStore, tmp_path: Path, died: str
) -> None:
    """Also after one of them has died: its lock is free, and what it made is written over."""
    locks = azarr.ProcessSynchronizer(tmp_path)
    processes = [Process(shared), Process(shared)]
    arrays = [azarr.open_array(each, synchronizer=locks) for each in processes]
    arrays[0].append(rows(3, 1))
    if died:
        with pytest.raises(Died):
            azarr.open_array(Process(shared).dies(died), synchronizer=locks).append(rows(6, 7))
    assert arrays[1].append(rows(5, 0)) == (8, 4)
    assert arrays[0].append(rows(2, 3)) == (10, 4)
    assert column(shared) == [1] * 3 + [0] * 5 + [3] * 2
    assert (processes[1].log.keys("set_if").count("zarr.json") == 1) == (died != "zarr.json")


@pytest.mark.parametrize("arrived", [False, True])
@pytest.mark.parametrize("sole_writer", [False, True])
def test_rows_whose_last_answer_was_lost_are_appended_once(
    shared: BlockingStore, arrived: bool, sole_writer: bool
) -> None:
    """Another process has appended before the metadata could be read back, or has not."""
    process = Process(shared)
    store = LatencyStore(process, 0.0).with_retry(RetryPolicy(base_seconds=0.001))
    array = azarr.open_array(store)
    array.append(rows(3, 9))
    asked = []

    def lose(kind: str, key: str) -> None:
        if kind != "set_if" or key != "zarr.json":
            return
        asked.append(key)
        if len(asked) == (1 if sole_writer else 2):
            if not arrived:
                raise StoreError("no connection", transient=True)
            process.acted = lambda kind, key: interfere()

    def interfere() -> None:
        process.acted = lambda kind, key: None
        Process(shared).open().append(rows(2, 5))
        raise StoreError("no answer", transient=True)

    process.act = lose
    assert array.append(rows(6, 1), sole_writer=sole_writer) == (9, 4)
    assert array.append(rows(1, 3), sole_writer=sole_writer) == (12 if arrived else 10, 4)
    expected = [9] * 3 + [1] * 6 + [5] * 2 * arrived + [3]
    assert column(shared) == expected


@pytest.mark.parametrize("sole_writer", [False, True])
def test_an_append_whose_end_is_not_known_keeps_its_rows(
    shared: BlockingStore, sole_writer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have succeeded: then removing them would lose them."""
    monkeypatch.setattr(appending, "ALIVE", 10.0)  # what follows a chunk is the end, not a claim
    process = Process(shared)
    array = process.open()
    array.append(rows(3, 9))

    def lose(kind: str, key: str) -> None:
        if kind == "set_if" and key == "zarr.json" and process.log.keys("set_if")[-2][:2] == "c/":
            raise StoreError("no answer", transient=True)

    process.acted = lose
    with pytest.raises(StoreError, match="no answer"):
        array.append(rows(6, 1), sole_writer=sole_writer)
    assert column(shared) == [9] * 3 + [1] * 6
