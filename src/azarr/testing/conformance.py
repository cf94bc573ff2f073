"""What every store must do, as tests that anyone can run on a store of their own.

A subclass of `BlockingStoreConformance` or `AsyncStoreConformance` says how to make a store, and
pytest runs the rest (with anyio's plugin, on the event loops of its `anyio_backend` fixture):

    class TestMyStore(BlockingStoreConformance):
        @pytest.fixture(autouse=True)
        def _folder(self, tmp_path):
            self.path = tmp_path

        def make_store(self):
            return MyStore(self.path)

Each rule is written once, in `_rules.py`, with the methods of an asynchronous store; a blocking
store is tested through `Awaited`, whose methods never suspend. What only blocking stores have (a
mapping, threads) stands in their suite.

Show the operands of a failed `assert` by `pytest.register_assert_rewrite("azarr.testing")` in a
`conftest.py`.
"""

# ruff: noqa: D102 - the name of a test is the sentence that describes it

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import anyio
import pytest

from azarr.errors import UsageError
from azarr.storage import AsyncStore, BlockingStore, MemoryStore
from azarr.testing._rules import (
    Awaited,
    GenerationRules,
    StoreRules,
    increment,
    keys_of,
    need_generations,
    value_of,
)

C = TypeVar("C", bound=type)


def drive(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("a blocking store suspended")


def _driven(suite: C) -> C:
    """Turn the asynchronous tests that a suite inherits into blocking ones."""

    def blocking(rule: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        @functools.wraps(rule)
        def test(*arguments: Any, **parameters: Any) -> None:
            drive(rule(*arguments, **parameters))

        return test

    for name in dir(suite):
        rule = getattr(suite, name)
        if name.startswith("test_") and inspect.iscoroutinefunction(rule):
            setattr(suite, name, blocking(rule))
    return suite


@_driven
class BlockingStoreConformance(StoreRules, GenerationRules):
    """The tests of a blocking store; a subclass defines `make_store`."""

    def make_store(self) -> BlockingStore:
        """A new, empty, writable store. It is closed at the end of the test."""
        raise NotImplementedError

    @pytest.fixture
    def blocking_store(self) -> Iterator[BlockingStore]:
        """The store of this test."""
        with self.make_store() as store:
            yield store

    @pytest.fixture
    def store(self, blocking_store: BlockingStore) -> Awaited:
        """The same, awaitable."""
        return Awaited(blocking_store)

    def test_it_is_a_mutable_mapping(self, blocking_store: BlockingStore) -> None:
        store = blocking_store
        assert not store
        store["a/x"] = b"1"
        store.update({"a/y": b"2", "b": b"3"})
        assert store
        assert dict(store) == {"a/x": b"1", "a/y": b"2", "b": b"3"}
        assert len(store) == 3
        assert type(store["a/x"]) is bytes
        assert "a/x" in store
        assert "a" not in store
        assert cast(Any, 5) not in store
        assert store.pop("b") == b"3"
        assert store.setdefault("a/x", b"other") == b"1"
        store.clear()
        assert list(store) == []

    def test_a_missing_key_is_a_key_error_of_the_mapping(
        self, blocking_store: BlockingStore
    ) -> None:
        with pytest.raises(KeyError, match="a/x"):
            blocking_store["a/x"]
        with pytest.raises(KeyError, match="a/x"):
            del blocking_store["a/x"]

    def test_a_store_is_equal_to_itself_and_hashable(self, blocking_store: BlockingStore) -> None:
        assert blocking_store == blocking_store.with_read_only()
        assert blocking_store != MemoryStore()
        assert len({blocking_store, blocking_store.with_read_only()}) == 1

    def test_a_value_is_put_into_memory_as_far_as_it_fits(
        self, blocking_store: BlockingStore
    ) -> None:
        blocking_store.set("a", b"value")
        for given, expected in ((b"-" * 7, b"value--"), (b"-" * 5, b"value"), (b"-", b"v")):
            memory = bytearray(given)
            assert blocking_store.get_into("a", memoryview(memory)) == 5
            assert memory == expected
        assert blocking_store.get_into("a/missing", memoryview(bytearray(1))) is None

    def test_several_values_are_put_and_deleted_in_order(
        self, blocking_store: BlockingStore
    ) -> None:
        store = blocking_store
        store.set("x/gone", b"old")
        store.set_many((f"x/{n}", b"%d" % n) for n in range(3))
        store.set_many([("x/gone", None), ("y/none", None), ("x/0", b"a"), ("x/0", b"b")])
        assert dict(store) == {"x/0": b"b", "x/1": b"1", "x/2": b"2"}

    def test_what_was_put_before_a_failure_stays(self, blocking_store: BlockingStore) -> None:
        def values() -> Iterator[tuple[str, bytes]]:
            yield "a", b"1"
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            blocking_store.set_many(values())
        with pytest.raises(UsageError):
            blocking_store.set_many([("b", b"2"), ("../c", b"3")])
        assert dict(blocking_store) == {"a": b"1", "b": b"2"}

    def test_threads_see_whole_values_only(self, blocking_store: BlockingStore) -> None:
        values = [b"a" * 20_000, b"b" * 30_000]
        blocking_store.set("x/y", values[0])
        done = threading.Event()

        def read() -> set[bytes]:
            seen = set()
            while not done.is_set():
                seen.add(bytes(blocking_store.get("x/y", b"missing")))
            return seen

        with ThreadPoolExecutor(2) as pool:
            readers = [pool.submit(read) for _ in range(2)]
            for step in range(100):
                blocking_store.set("x/y", values[step % 2])
            done.set()
        assert set().union(*(reader.result() for reader in readers)) <= set(values)

    def test_no_increment_by_a_thread_is_lost(self, blocking_store: BlockingStore) -> None:
        need_generations(blocking_store)

        def count() -> None:
            for _ in range(20):
                drive(increment(Awaited(blocking_store), "n"))

        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(count) for _ in range(8)]:
                done.result()
        assert blocking_store["n"] == b"160"


@pytest.mark.anyio
class AsyncStoreConformance(StoreRules, GenerationRules):
    """The tests of an asynchronous store; a subclass defines `make_store`."""

    def make_store(self) -> AsyncStore:
        """A new, empty, writable store. It is closed at the end of the test."""
        raise NotImplementedError

    @pytest.fixture
    async def store(self, anyio_backend: Any) -> AsyncIterator[AsyncStore]:
        """The store of this test."""
        async with self.make_store() as store:
            yield store

    async def test_tasks_read_and_write_at_the_same_time(self, store: AsyncStore) -> None:
        async def write_and_read(key: str) -> None:
            await store.set(key, key.encode())
            assert await value_of(store, key) == key.encode()

        async with anyio.create_task_group() as tasks:
            for step in range(50):
                tasks.start_soon(write_and_read, f"c/{step}")
        assert len(await keys_of(store, "c")) == 50

    async def test_no_increment_by_a_task_is_lost(self, store: AsyncStore) -> None:
        need_generations(store)

        async def count() -> None:
            for _ in range(4):
                await increment(store, "n")

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(count)
        assert await value_of(store, "n") == b"20"

    async def test_a_cancelled_write_leaves_the_old_value_or_the_new(
        self, store: AsyncStore
    ) -> None:
        await store.set("a", b"old")
        with anyio.move_on_after(0):
            await store.set("a", b"new")
        assert await value_of(store, "a") in (b"old", b"new")
