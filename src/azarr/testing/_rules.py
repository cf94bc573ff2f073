"""The rules of the conformance suites, each a test that awaits the methods of its `store`.

The suites that run them are in `conformance.py`.
"""

from __future__ import annotations

import inspect
import pickle
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, ClassVar

import pytest

from azarr.errors import ConflictError, ReadOnlyError, ShortReadError, StoreError, UsageError
from azarr.storage import BlockingStore, MemoryStore

BAD_KEYS = ("", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "..\\a", "a\0b")


class Awaited:
    """A blocking store with the methods of an asynchronous one, none of which suspends."""

    def __init__(self, store: BlockingStore) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.store, name)
        if not inspect.ismethod(found) or name == "with_read_only":
            return found

        async def call(*arguments: Any) -> Any:
            return found(*arguments)

        return call

    async def list(self, prefix: str = "") -> AsyncIterator[str]:
        """Every key under `prefix`."""
        for key in self.store.list(prefix):
            yield key


async def value_of(store: Any, key: str) -> bytes | None:
    """The value of a key as `bytes`, whatever buffer the store returns."""
    value = await store.get(key)
    return None if value is None else bytes(value)


async def keys_of(store: Any, prefix: str = "") -> list[str]:
    """All keys under a prefix, sorted."""
    return sorted([key async for key in store.list(prefix)])


async def fill(store: Any, *keys: str) -> None:
    """Give each of these keys itself as its value."""
    for key in keys:
        await store.set(key, key.encode())


class StoreRules:
    """The rules. Each is a test that gets a new, empty store with awaitable methods.

    Attributes:
        picklable: a pickled copy of the store finds the same values.
    """

    picklable: ClassVar[bool] = True

    async def test_a_missing_key_is_none_or_the_default(self, store: Any) -> None:
        assert await store.get("a/missing") is None
        assert await store.get("a/missing", b"default") == b"default"
        assert await store.size("a/missing") is None
        assert await store.get_ranges("a/missing", [(0, 1)]) is None

    async def test_a_value_reads_back(self, store: Any) -> None:
        await store.set("a/b", b"value")
        assert await value_of(store, "a/b") == b"value"
        assert await store.size("a/b") == 5

    async def test_an_empty_value_is_not_a_missing_one(self, store: Any) -> None:
        await store.set("a", b"")
        assert await value_of(store, "a") == b""
        assert await store.size("a") == 0

    async def test_a_value_of_a_megabyte_reads_back(self, store: Any) -> None:
        value = random.Random(0).randbytes(2**20)
        await store.set("a", value)
        assert await value_of(store, "a") == value

    @pytest.mark.parametrize("new", [b"", b"x", b"a longer value than the first"])
    async def test_a_new_value_replaces_all_of_the_old_one(self, store: Any, new: bytes) -> None:
        await store.set("a", b"the first value")
        await store.set("a", new)
        assert await value_of(store, "a") == new

    @pytest.mark.parametrize("kind", [bytearray, memoryview])
    async def test_a_buffer_may_be_reused_after_it_was_set(self, store: Any, kind: Any) -> None:
        memory = bytearray(b"value")
        await store.set("a", kind(memory))
        memory[:] = b"other"
        assert await value_of(store, "a") == b"value"

    async def test_any_contiguous_buffer_is_stored_as_its_bytes(self, store: Any) -> None:
        await store.set("a", memoryview(b"12345678").cast("i"))
        await store.set("b", memoryview(b"12345678").cast("H", shape=[2, 2]))
        assert await value_of(store, "a") == await value_of(store, "b") == b"12345678"

    @pytest.mark.parametrize("value", ["text", None, 5])
    async def test_a_value_that_is_not_bytes_is_refused(self, store: Any, value: Any) -> None:
        with pytest.raises(UsageError, match="bytes-like"):
            await store.set("a", value)
        assert await store.get("a") is None

    async def test_a_deleted_key_is_missing(self, store: Any) -> None:
        await fill(store, "a/b", "a/c")
        await store.delete("a/b")
        assert await store.get("a/b") is None
        assert await keys_of(store) == ["a/c"]

    async def test_deleting_a_missing_key_is_fine(self, store: Any) -> None:
        await store.delete("a/b")
        await fill(store, "a/c")
        await store.delete("a/b")
        assert await keys_of(store) == ["a/c"]

    @pytest.mark.parametrize("key", [".zattrs", "c/0/1", "a b/\u00e5\u4e2d", "...", "x" * 200])
    async def test_a_key_of_any_spelling_reads_back_and_is_listed(
        self, store: Any, key: str
    ) -> None:
        await store.set(key, b"value")
        assert await value_of(store, key) == b"value"
        assert await keys_of(store) == [key]

    @pytest.mark.parametrize("key", BAD_KEYS)
    async def test_what_is_not_a_key_is_refused_by_writes(self, store: Any, key: str) -> None:
        with pytest.raises(UsageError, match="key"):
            await store.set(key, b"value")
        with pytest.raises(UsageError, match="key"):
            await store.delete(key)
        assert await keys_of(store) == []

    @pytest.mark.parametrize("prefix", BAD_KEYS[1:])
    async def test_what_is_not_a_prefix_is_refused(self, store: Any, prefix: str) -> None:
        with pytest.raises(UsageError, match="key"):
            await keys_of(store, prefix)
        with pytest.raises(UsageError, match="key"):
            await store.list_children(prefix)
        with pytest.raises(UsageError, match="key"):
            await store.delete_prefix(prefix)

    async def test_byte_ranges_are_exact_and_in_the_order_asked_for(self, store: Any) -> None:
        await store.set("a", b"0123456789")
        ranges = [(7, 9), (0, 3), (-4, None), (8, None), (2, 2), (0, 10), (1, -1), (10, None)]
        found = await store.get_ranges("a", ranges)
        assert [bytes(each) for each in found] == [
            b"78", b"012", b"6789", b"89", b"", b"0123456789", b"12345678", b"",
        ]  # fmt: skip
        assert await store.get_ranges("a", []) == []

    @pytest.mark.parametrize("bad", [(8, 11), (11, None), (-11, None), (20, 21)])
    async def test_a_byte_range_that_is_not_all_there_is_a_short_read(
        self, store: Any, bad: tuple[int, int | None]
    ) -> None:
        await store.set("a", b"0123456789")
        with pytest.raises(ShortReadError, match="'a'"):
            await store.get_ranges("a", [(0, 1), bad])

    async def test_byte_ranges_come_with_the_generation_of_their_value(self, store: Any) -> None:
        await store.set("a", b"0123456789")
        assert await store.get_ranges_with_generation("a/missing", [(0, 1)]) is None
        (first,), generation = await store.get_ranges_with_generation("a", [(0, 3)])
        assert bytes(first) == b"012"
        if not store.conditional:
            assert generation is None
            return
        assert generation == (await store.get_with_generation("a"))[1]
        (again,), same = await store.get_ranges_with_generation("a", [(-2, None)], generation)
        assert (bytes(again), same) == (b"89", generation)
        await store.set("a", b"abcdefghij")
        with pytest.raises(ConflictError, match="'a'"):
            await store.get_ranges_with_generation("a", [(0, 3)], generation)

    async def test_all_keys_are_listed_once(self, store: Any) -> None:
        keys = ["a", "b/c", "b/d/e", "b/d/f", "b/d/g/h", "i/j"]
        await fill(store, *keys, "b/c")
        assert await keys_of(store) == keys

    async def test_a_prefix_is_whole_segments(self, store: Any) -> None:
        await fill(store, "a/x", "a/b/y", "ab/z", "b/a/x")
        assert await keys_of(store, "a") == ["a/b/y", "a/x"]
        assert await keys_of(store, "a/b") == ["a/b/y"]
        assert await keys_of(store, "a/x") == []
        assert await keys_of(store, "missing/prefix") == []

    async def test_children_are_names_and_sub_prefixes_in_order(self, store: Any) -> None:
        await fill(store, "z", "b/y", "b/c/w", "b/x", "b/a/v/u", "bb/t", ".zattrs")
        assert await store.list_children() == ([".zattrs", "z"], ["b", "bb"])
        assert await store.list_children("b") == (["x", "y"], ["a", "c"])
        assert await store.list_children("b/a/v") == (["u"], [])
        assert await store.list_children("missing") == ([], [])

    async def test_deleting_a_prefix_removes_what_is_under_it(self, store: Any) -> None:
        await fill(store, "a/x", "a/b/y", "ab/z", "a.c", "d")
        await store.delete_prefix("a")
        assert await keys_of(store) == ["a.c", "ab/z", "d"]
        await store.delete_prefix("d")
        await store.delete_prefix("missing")
        assert await keys_of(store) == ["a.c", "ab/z", "d"]
        await store.delete_prefix("")
        assert await keys_of(store) == []
        await fill(store, "a/x")
        assert await keys_of(store) == ["a/x"]

    async def test_deleting_many_keys_removes_them_and_no_others(self, store: Any) -> None:
        await fill(store, "a/x", "a/b/y", "a/b/z", "d", "e")
        await store.delete_many(["a/b/y", "a/missing", "d", "a/x"], 2)
        assert await keys_of(store) == ["a/b/z", "e"]
        await store.delete_many([])
        await store.delete_many(["missing"])
        await store.delete_many(["a/b/z"], 1)
        assert await keys_of(store) == ["e"]

    async def test_a_read_only_store_reads_and_refuses_every_write(self, store: Any) -> None:
        await fill(store, "a/x")
        reader = store.with_read_only()
        if isinstance(store, Awaited):
            reader = Awaited(reader)
        assert await value_of(reader, "a/x") == b"a/x"
        assert (reader.read_only, reader.origin) == (True, store.origin)
        writes: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            lambda: reader.set("a/x", b"new"),
            lambda: reader.delete("a/x"),
            lambda: reader.delete("a/missing"),
            lambda: reader.delete_prefix("a"),
            lambda: reader.delete_many(["a/x"]),
        ]
        if store.conditional:
            writes.append(lambda: reader.set_if("a/y", b"new", None))
            writes.append(lambda: reader.delete_if("a/y", None))
        for write in writes:
            with pytest.raises(ReadOnlyError):
                await write()
        assert await keys_of(store) == ["a/x"]
        assert await value_of(store, "a/x") == b"a/x"

    async def test_a_pickled_copy_finds_the_same_values(self, store: Any) -> None:
        if not self.picklable:
            pytest.skip("the store cannot be pickled")
        await fill(store, "a/x")
        original = store.store if isinstance(store, Awaited) else store
        copy: Any = pickle.loads(pickle.dumps(original))
        assert type(copy) is type(original)
        found: Any = Awaited(copy) if isinstance(store, Awaited) else copy
        assert await value_of(found, "a/x") == b"a/x"
        assert found.read_only == store.read_only
        await found.close()

    async def test_many_random_requests_do_what_they_do_to_a_dict(self, store: Any) -> None:
        choose = random.Random(1)
        names = ["a/0", "a/1", "a/b/0", "a/b/1", "c", "d/e/f/g"]
        expected = MemoryStore()
        for step in range(150):
            key = choose.choice(names)
            match choose.randrange(8):
                case 0:
                    await store.delete(key)
                    expected.delete(key)
                case 1 if step % 5 == 0:
                    prefix = choose.choice(["a", "a/b", "d", ""])
                    await store.delete_prefix(prefix)
                    expected.delete_prefix(prefix)
                case 2:
                    assert await keys_of(store, "a") == sorted(expected.list("a"))
                case 3:
                    assert await store.size(key) == expected.size(key)
                case _:
                    value = choose.randbytes(choose.randrange(20))
                    await store.set(key, value)
                    expected.set(key, value)
            assert await value_of(store, key) == expected.get(key)
        assert await keys_of(store) == sorted(expected)


class GenerationRules:
    """The rules of conditional writes, for a store that has generations."""

    async def test_a_missing_key_has_no_generation(self, store: Any) -> None:
        need_generations(store)
        assert await store.get_with_generation("a/b") == (None, None)

    async def test_a_conditional_write_succeeds_while_nothing_changed(self, store: Any) -> None:
        need_generations(store)
        first = await store.set_if("a/b", b"1", None)
        second = await store.set_if("a/b", b"2", first)
        value, generation = await store.get_with_generation("a/b")
        assert (bytes(value), generation) == (b"2", second)
        assert first is not None
        assert first != second

    @pytest.mark.parametrize("value", [b"1", b"2", b"longer"])
    async def test_a_conditional_write_after_another_write_conflicts(
        self, store: Any, value: bytes
    ) -> None:
        need_generations(store)
        await store.set("a", b"1")
        _, generation = await store.get_with_generation("a")
        await store.set("a", value)
        with pytest.raises(ConflictError, match="a"):
            await store.set_if("a", b"mine", generation)
        assert await value_of(store, "a") == value

    async def test_only_a_missing_key_can_be_created(self, store: Any) -> None:
        need_generations(store)
        await store.set("a", b"1")
        with pytest.raises(ConflictError):
            await store.set_if("a", b"2", None)
        await store.delete("a")
        await store.set_if("a", b"3", None)
        assert await value_of(store, "a") == b"3"

    async def test_a_conditional_delete_removes_only_what_was_read(self, store: Any) -> None:
        need_generations(store)
        generation = await store.set_if("a/b", b"1", None)
        newer = await store.set_if("a/b", b"2", generation)
        with pytest.raises(ConflictError, match="a/b"):
            await store.delete_if("a/b", generation)
        with pytest.raises(ConflictError, match="a/b"):
            await store.delete_if("a/b", None)
        assert await value_of(store, "a/b") == b"2"
        await store.delete_if("a/b", newer)
        assert await store.get("a/b") is None
        await store.delete_if("a/b", None)
        for key in ("a/b", "other/directory"):
            with pytest.raises(ConflictError, match=key):
                await store.delete_if(key, newer)

    async def test_a_value_written_again_after_a_delete_is_another(self, store: Any) -> None:
        need_generations(store)
        generation = await store.set_if("a", b"same", None)
        await store.delete("a")
        with pytest.raises(ConflictError):
            await store.set_if("a", b"new", generation)
        await store.set("a", b"same")
        with pytest.raises(ConflictError):
            await store.set_if("a", b"new", generation)
        assert await keys_of(store) == ["a"]

    async def test_generations_do_not_come_back_in_quick_succession(self, store: Any) -> None:
        need_generations(store)
        seen = set()
        for step in range(60):
            await store.set("a", b"same size")
            if step % 3 == 0:
                await store.delete("a")
                await store.set("a", b"same size")
            seen.add((await store.get_with_generation("a"))[1])
        assert len(seen) == 60

    async def test_a_store_without_generations_says_so(self, store: Any) -> None:
        if store.conditional:
            pytest.skip("the store has generations")
        with pytest.raises(UsageError, match="generations"):
            await store.get_with_generation("a")
        with pytest.raises(UsageError, match="generations"):
            await store.set_if("a", b"value", None)
        with pytest.raises(UsageError, match="generations"):
            await store.delete_if("a", None)


def need_generations(store: Any) -> None:
    """Skip the test for a store that has none."""
    if not store.conditional:
        pytest.skip("the store has no generations")


async def increment(store: Any, key: str) -> None:
    """Add 1 to the number that is the value of a key, whoever else does that meanwhile.

    A read that fails and may be repeated is repeated; of a write, nobody would know what it did.
    """
    while True:
        try:
            value, generation = await store.get_with_generation(key)
        except StoreError as error:
            if error.transient:
                continue
            raise
        try:
            await store.set_if(key, b"%d" % (int(bytes(value or b"0")) + 1), generation)
        except ConflictError:
            continue
        return
