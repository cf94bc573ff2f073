"""A store that fails at its k-th call, for every k: one error that says where; no half work."""

from __future__ import annotations

import contextlib
from typing import Any

import anyio
import anyio.lowlevel
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import AzarrError, ChunkDataError, ReadOnlyError, StoreError
from azarr.storage import MappingStore, MemoryStore
from azarr.testing import AsyncFaultStore, CountingStore, FaultStore, LatencyStore
from azarr.testing.wrappers import Faults

MANY = 50
"""More than any operation here makes requests."""


def before(store: Any, zarr_format: int) -> None:
    group = azarr.create_group(store, zarr_format=zarr_format, attributes={"a": 1})
    array = group.create_array("array", shape=(4, 6), chunks=(2, 3), dtype="i4", fill_value=9)
    array[:3] = np.arange(18).reshape(3, 6)
    array.attrs["units"] = "m"


class Blocking:
    """The operations, blocking; never suspends."""

    async def read(self, store: Any, root: Any, array: Any) -> Any:
        return array[...]

    async def write_whole(self, store: Any, root: Any, array: Any) -> None:
        array[...] = 5

    async def write_parts(self, store: Any, root: Any, array: Any) -> None:
        array[1:3, 1:5] = 5

    async def attributes(self, store: Any, root: Any, array: Any) -> None:
        array.attrs.update(units="s", more=[1, 2])

    async def open(self, store: Any, root: Any, array: Any) -> Any:
        return azarr.open(store, path="array")[0, 0]

    async def create(self, store: Any, root: Any, array: Any) -> None:
        with contextlib.suppress(azarr.errors.ContainsArrayError):
            root.create_array("x/y", shape=3, dtype="i2", attributes={"b": 2})

    async def overwrite(self, store: Any, root: Any, array: Any) -> Any:
        created = root.create_array(
            "array", shape=(4, 6), chunks=(2, 3), dtype="i4", fill_value=1, overwrite=True
        )
        return created[...]

    async def create_with_data(self, store: Any, root: Any, array: Any) -> Any:
        root.create_array("array", data=np.ones((4, 2)), chunks=2, overwrite=True)

    async def list(self, store: Any, root: Any, array: Any) -> Any:
        return sorted(root)

    async def delete(self, store: Any, root: Any, array: Any) -> None:
        with contextlib.suppress(azarr.errors.NodeNotFoundError):
            del root["array"]


class Awaited:
    """The same, awaited."""

    async def read(self, store: Any, root: Any, array: Any) -> Any:
        return await array.getitem(...)

    async def write_whole(self, store: Any, root: Any, array: Any) -> None:
        await array.setitem(..., 5)

    async def write_parts(self, store: Any, root: Any, array: Any) -> None:
        await array.setitem((slice(1, 3), slice(1, 5)), 5)

    async def attributes(self, store: Any, root: Any, array: Any) -> None:
        await array.attrs.update(units="s", more=[1, 2])

    async def open(self, store: Any, root: Any, array: Any) -> Any:
        return await (await azarr.aio.open(store, path="array")).getitem((0, 0))

    async def create(self, store: Any, root: Any, array: Any) -> None:
        with contextlib.suppress(azarr.errors.ContainsArrayError):
            await root.create_array("x/y", shape=3, dtype="i2", attributes={"b": 2})

    async def overwrite(self, store: Any, root: Any, array: Any) -> Any:
        created = await root.create_array(
            "array", shape=(4, 6), chunks=(2, 3), dtype="i4", fill_value=1, overwrite=True
        )
        return await created.getitem(...)

    async def create_with_data(self, store: Any, root: Any, array: Any) -> Any:
        await root.create_array("array", data=np.ones((4, 2)), chunks=2, overwrite=True)

    async def list(self, store: Any, root: Any, array: Any) -> Any:
        return sorted(await root.keys())

    async def delete(self, store: Any, root: Any, array: Any) -> None:
        with contextlib.suppress(azarr.errors.NodeNotFoundError):
            await root.delitem("array")


OPERATIONS = [name for name in vars(Blocking) if not name.startswith("_")]
OF_CHUNKS = {"read", "write_whole", "write_parts"}


def snapshot(store: MemoryStore) -> dict[str, bytes]:
    return {key: bytes(store[key]) for key in store}


def visible(store: MemoryStore, operation: str) -> dict[str, bytes]:
    """What a failed deletion left is nobody's: creation has to remove it, see below."""
    left = snapshot(store)
    if operation == "delete":
        remains = ("array/c/", "array/0.", "array/1.", "array/.zattrs")
        left = {key: value for key, value in left.items() if not key.startswith(remains)}
    return left


def assert_says_where(error: BaseException, operation: str) -> None:
    assert isinstance(error, AzarrError)
    assert "injected" in str(error)
    if operation in OF_CHUNKS:
        assert error.__notes__[-2].startswith("array '/array' in ")
        assert error.__notes__[-1].startswith("chunk (")
        key = error.__notes__[-1].split("key ")[1]
        assert key in str(error)


def run_blocking(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("suspended")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_blocking_store_that_fails_at_its_kth_call(
    operation: str, zarr_format: int, when: Any
) -> None:
    start = MemoryStore()
    before(start, zarr_format)
    old = snapshot(start)
    final = MemoryStore(old)
    root = azarr.open_group(final)
    expected = run_blocking(getattr(Blocking(), operation)(final, root, root["array"]))
    new = snapshot(final)
    for k in range(1, MANY):
        memory = MemoryStore(old)
        store = FaultStore(memory, keys="no such key")
        root = azarr.open_group(store)
        array = root["array"]
        store.faults = Faults(at=k, when=when)
        try:
            run_blocking(getattr(Blocking(), operation)(store, root, array))
        except Exception as error:
            assert_says_where(error, operation)
        if not store.faults.failed:
            break
        for key, value in snapshot(memory).items():
            assert value in (old.get(key), new.get(key)), f"{key} is half done, k={k}"
        again = run_blocking(getattr(Blocking(), operation)(store, root, array))
        np.testing.assert_equal(again, expected, f"the second try differs, k={k}")
        assert visible(memory, operation) == new, f"the second try left other values, k={k}"
    else:
        pytest.fail("the operation never succeeded")
    assert k > 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_async_store_that_fails_at_its_kth_call(operation: str, backend: str) -> None:
    start = MemoryStore()
    before(start, 3)
    old = snapshot(start)
    final = MemoryStore(old)
    root = azarr.open_group(final)
    expected = run_blocking(getattr(Blocking(), operation)(final, root, root["array"]))
    new = snapshot(final)

    async def fail_at(k: int) -> bool:
        memory = MemoryStore(old)
        inner = LatencyStore(memory, 0)
        store = AsyncFaultStore(inner, keys="no such key")
        root = await azarr.aio.open_group(store)
        array = await root.getitem("array")
        tasks = len(anyio.get_running_tasks())
        store.faults = Faults(at=k)
        with contextlib.suppress(StoreError):
            try:
                await getattr(Awaited(), operation)(store, root, array)
            except BaseException as error:
                assert_says_where(error, operation)
                raise
        assert inner.log.in_flight == 0, "a request was left running"
        assert len(anyio.get_running_tasks()) == tasks, "a task was left running"
        if not store.faults.failed:
            return False
        for key, value in snapshot(memory).items():
            assert value in (old.get(key), new.get(key)), f"{key} is half done, k={k}"
        again = await getattr(Awaited(), operation)(store, root, array)
        np.testing.assert_equal(again, expected, f"the second try differs, k={k}")
        assert visible(memory, operation) == new, f"the second try left other values, k={k}"
        return True

    async def main() -> None:
        for k in range(1, MANY):
            if not await fail_at(k):
                return
        pytest.fail("the operation never succeeded")

    anyio.run(main, backend=backend)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_store_that_always_fails_is_one_error(operation: str) -> None:
    memory = MemoryStore()
    before(memory, 3)
    store = AsyncFaultStore(LatencyStore(memory, 0), keys="no such key")
    root = azarr.open_group(store)
    array = root["array"]
    store.faults = Faults()
    with pytest.raises(StoreError) as caught:
        run_blocking(getattr(Blocking(), operation)(store, root, array))
    assert_says_where(caught.value, operation)


def test_a_half_done_creation_is_finished_by_trying_again() -> None:
    """A failed deletion must not leave chunks that show through the array created next."""
    memory = MemoryStore()
    before(memory, 3)
    store = FaultStore(memory, kinds={"delete_prefix"}, times=1)
    root = azarr.open_group(store)
    with pytest.raises(StoreError):
        del root["array"]
    created = root.create_array(
        "array", shape=(4, 6), chunks=(2, 3), dtype="i4", fill_value=1, overwrite=True
    )
    np.testing.assert_array_equal(created[...], np.ones((4, 6)))


@pytest.mark.parametrize("operation", sorted({*OPERATIONS} - OF_CHUNKS - {"create_with_data"}))
def test_a_failure_outside_of_chunks_names_the_node_and_the_store_in_its_notes(
    operation: str,
) -> None:
    memory = MemoryStore()
    before(memory, 3)
    store = FaultStore(memory, keys="no such key")
    root = azarr.open_group(store)
    array = root["array"]
    store.faults = Faults()
    with pytest.raises(StoreError) as caught:
        run_blocking(getattr(Blocking(), operation)(store, root, array))
    notes = "\n".join(getattr(caught.value, "__notes__", []))
    assert repr(store) in notes
    path = {"create": "'/x/y'", "list": "'/'"}.get(operation, "'/array'")
    assert path in notes


@pytest.mark.parametrize("threads", [1, 2])
def test_after_the_first_error_no_further_requests_begin(threads: int) -> None:
    memory = MemoryStore()
    azarr.create_array(memory, shape=1000, chunks=1, dtype="u1", zarr_format=2)
    store = CountingStore(FaultStore(memory, keys="10"))
    array = azarr.open_array(store)
    store.log.clear()
    with (
        azarr.config.using(threads=threads, threaded_chunk_bytes=1),
        pytest.raises(StoreError, match="injected: get of '10'") as caught,
    ):
        array[:]
    assert caught.value.__notes__[-1] == "chunk (10,), key '10'"
    if threads == 1:
        assert len(store.log) == 11


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_after_the_first_error_of_an_async_store_the_rest_stops(backend: str) -> None:
    memory = MemoryStore()
    azarr.create_array(memory, shape=1000, chunks=1, dtype="u1", zarr_format=2)
    inner = LatencyStore(memory, 0)
    store = AsyncFaultStore(inner, keys="10")

    async def main() -> None:
        array = await azarr.aio.open_array(store)
        inner.log.clear()
        with azarr.config.using(requests=4), pytest.raises(StoreError):
            await array.getitem(...)
        assert len(inner.log) <= 10 + 2 * 4
        count = len(inner.log)
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        assert len(inner.log) == count
        assert inner.log.in_flight == 0

    anyio.run(main, backend=backend)


FAILURES = [
    TimeoutError("too slow"),
    ConnectionResetError("reset"),
    PermissionError("403"),
    OSError(5, "input/output error"),
    FileNotFoundError("the bucket"),
    RuntimeError("a bug"),
    ValueError("another bug"),
    StoreError("503", transient=True),
]


class BadMapping(dict):
    error: BaseException | None = None

    def __getitem__(self, key: str) -> Any:
        if self.error is not None and "c/" in key:
            raise self.error
        return super().__getitem__(key)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize("write", [False, True])
def test_only_a_missing_key_reads_as_fill_value(failure: Exception, write: bool) -> None:
    """Also a partial write: it must not take the rest of the chunk for fill values."""
    values = BadMapping()
    array = azarr.create_array(MappingStore(values), shape=4, chunks=4, dtype="u1", fill_value=3)
    array[:] = 8
    values.error = failure
    attempt = (lambda: array.__setitem__(1, 0)) if write else (lambda: array[:])
    with pytest.raises(AzarrError) as caught:
        attempt()
    assert caught.value.__notes__[-1] == "chunk (0,), key 'c/0'"
    values.error = None
    np.testing.assert_array_equal(array[:], [8] * 4)


def test_a_missing_chunk_reads_as_fill_value() -> None:
    array = azarr.create_array({}, shape=4, chunks=2, dtype="u1", fill_value=3)
    array[:2] = 0
    np.testing.assert_array_equal(array[:], [0, 0, 3, 3])


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: bytes(len(data) + 3),
        lambda data: b"garbage" * 40,
    ],
    ids=["empty", "one byte short", "half", "zeros and longer", "garbage"],
)
def test_a_damaged_chunk_is_an_error_with_its_place(
    spoil: Any, compressed: bool, zarr_format: int
) -> None:
    values: dict[str, bytes] = {}
    kwargs = {} if compressed else {"compressors": None}
    array = azarr.create_array(
        values, shape=60, chunks=30, dtype="i4", zarr_format=zarr_format, **kwargs
    )
    array[:] = np.arange(60)
    key = "c/1" if zarr_format == 3 else "1"
    values[key] = spoil(values[key])
    for attempt in (lambda: array[:], lambda: array[40], lambda: array.vindex[[45, 1]]):
        with pytest.raises(ChunkDataError) as caught:
            attempt()
        assert caught.value.__notes__[-1] == f"chunk (1,), key {key!r}"
    with pytest.raises(ChunkDataError):
        array[31] = 5
    np.testing.assert_array_equal(array[:30], np.arange(30))
    array[30:] = 1  # a whole write needs nothing of the damaged value
    np.testing.assert_array_equal(array[30:], [1] * 30)


def test_a_failed_write_to_a_read_only_store_names_it() -> None:
    store = MemoryStore()
    azarr.create_array(store, shape=3)
    array = azarr.open_array(store.with_read_only())
    with pytest.raises(ReadOnlyError, match="read-only"):
        array[0] = 1
    with pytest.raises(ReadOnlyError, match="read-only"):
        array.attrs["a"] = 1
