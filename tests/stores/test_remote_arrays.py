"""Whole arrays in a bucket: every way of calling, processes, forks, exact counts of requests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import anyio
import numpy as np
import pytest
from tests.stores.processes import check_that_no_update_is_lost
from tests.stores.s3_cases import options

import azarr
import azarr.aio
from azarr.errors import StoreError
from azarr.stores import FsspecStore, FSStore, ObstoreStore, make_store
from benchmarks.s3_server import Conditions, S3Server

VALUES = np.arange(64 * 64, dtype="i4").reshape(64, 64)

MakeStore = Callable[..., Any]


@pytest.fixture
def make(kind: Any, s3_server: S3Server) -> MakeStore:
    """A new store over the same bucket each time."""

    def make_one(**arguments: Any) -> Any:
        return kind("s3://bucket/a.zarr", options(s3_server.url), **arguments)

    return make_one


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_array_is_written_and_read_by_blocking_calls(make: MakeStore, zarr_format: int) -> None:
    array = azarr.create_array(
        make(), shape=(64, 64), chunks=(16, 16), dtype="i4", zarr_format=zarr_format
    )
    array[...] = VALUES
    array[3:5, 10:40] = 0
    expected = VALUES.copy()
    expected[3:5, 10:40] = 0
    np.testing.assert_array_equal(azarr.open(make(), mode="r")[...], expected)


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_an_array_is_written_and_read_by_awaited_calls(make: MakeStore, loop: str) -> None:
    async def main() -> None:
        array = await azarr.aio.create_array(make(), shape=(64, 64), chunks=(16, 16), dtype="i4")
        await array.setitem(..., VALUES)
        again = await azarr.aio.open(make(), mode="r")
        np.testing.assert_array_equal(await again.getitem(...), VALUES)
        with pytest.raises(azarr.errors.NotFoundError):
            await azarr.aio.open(make(), mode="r", path="none")

    anyio.run(main, backend=loop)


def test_blocking_calls_work_inside_a_running_loop(make: MakeStore) -> None:
    async def main() -> None:
        array = azarr.create_array(
            make(), shape=(64, 64), chunks=(16, 16), dtype="i4", overwrite=True
        )
        array[...] = VALUES
        assert array[5, 7] == VALUES[5, 7]

    anyio.run(main)
    anyio.run(main, backend="trio")


def test_a_cancelled_read_under_trio_leaves_nothing_behind(
    make: MakeStore, s3_server: S3Server
) -> None:
    array = azarr.create_array(make(), shape=(64, 64), chunks=(16, 16), dtype="i4")
    array[...] = VALUES
    s3_server.conditions = Conditions(latency=5)

    async def main() -> None:
        with anyio.move_on_after(0.1) as scope:
            await array.async_array.getitem(...)
        assert scope.cancelled_caught

    anyio.run(main, backend="trio")
    s3_server.conditions = Conditions()
    np.testing.assert_array_equal(array[...], VALUES)


def test_reading_costs_one_request_per_chunk_and_one_round_trip(
    make: MakeStore, s3_server: S3Server
) -> None:
    array = azarr.create_array(make(), shape=(64, 64), chunks=(16, 16), dtype="i4")
    array[...] = VALUES
    array[0, 0]  # whatever is set up once
    s3_server.conditions = Conditions(latency=0.3)  # s3fs needs 1 ms to send a request
    s3_server.log.clear()
    np.testing.assert_array_equal(array[...], VALUES)
    log = s3_server.log
    assert (log.requests, log.round_trips, log.most_in_flight) == (16, 1, 16)
    assert set(log.counts) <= {"GET", "GET range"}


def test_opening_is_one_round_trip(make: MakeStore, s3_server: S3Server) -> None:
    azarr.create_array(make(), shape=(64, 64), chunks=(8, 8), dtype="i4")
    s3_server.conditions = Conditions(latency=0.3)
    s3_server.log.clear()
    azarr.open(make(), mode="r")
    assert s3_server.log.round_trips == 1


def test_writing_part_of_chunks_is_two_round_trips(make: MakeStore, s3_server: S3Server) -> None:
    array = azarr.create_array(make(), shape=(64, 64), chunks=(32, 32), dtype="i4")
    array[...] = VALUES
    s3_server.conditions = Conditions(latency=0.3)
    s3_server.log.clear()
    array[30:34, 30:34] = -1
    assert s3_server.log.round_trips == 2
    assert dict(s3_server.log.counts) == {"GET": 4, "PUT if": 4}


def test_deleting_a_tree_is_two_round_trips(make: MakeStore, s3_server: S3Server) -> None:
    group = azarr.create_group(make())
    group.create_array("x", shape=(64, 64), chunks=(4, 4), dtype="i4")[...] = VALUES
    s3_server.conditions = Conditions(latency=0.3)
    s3_server.log.clear()

    async def delete() -> None:
        await make().delete_prefix("x")

    anyio.run(delete)
    assert s3_server.log.round_trips == 2
    assert dict(s3_server.log.counts) == {"LIST": 1, "BULK DELETE": 1}
    assert list(s3_server.objects.buckets["bucket"]) == ["a.zarr/zarr.json"]


def test_listings_and_deletions_go_on_beyond_a_page(make: MakeStore, s3_server: S3Server) -> None:
    for step in range(2100):
        s3_server.objects.put("bucket", f"a.zarr/c/{step}", b"")
        s3_server.objects.put("bucket", f"a.zarr/d/{step % 1500}/x", b"")

    async def main() -> None:
        store = make()
        assert len([key async for key in store.list("c")]) == 2100
        assert len((await store.list_children("d"))[1]) == 1500
        await store.delete_prefix("c")
        assert (await store.list_children())[1] == ["d"]

    anyio.run(main)
    assert s3_server.log.counts["BULK DELETE"] == 3


def test_a_store_without_conditional_writes_sends_none(
    make: MakeStore, s3_server: S3Server
) -> None:
    array = azarr.create_array(make(conditional=False), shape=(64, 64), chunks=(32, 32), dtype="i4")
    array[0, 0] = 5
    array.attrs["a"] = 1
    assert s3_server.log.counts["PUT if"] == 0


@pytest.mark.parametrize("server", ["ours", "moto"])
def test_no_update_of_several_processes_is_lost(
    kind: Any, request: pytest.FixtureRequest, server: str
) -> None:
    if server == "moto" and kind is FsspecStore:
        pytest.skip("the same requests as through obstore, and slower")
    if server == "moto":
        url = request.getfixturevalue("moto_url")
        _make_bucket(url, "bucket")
    else:
        url = request.getfixturevalue("s3_server").url
    how = options(url)
    check_that_no_update_is_lost(kind("s3://bucket/n.zarr", how), kind("s3://bucket/w.zarr", how))


def _make_bucket(url: str, name: str) -> None:
    from urllib.request import Request, urlopen

    with urlopen(Request(f"{url}/{name}", method="PUT"), timeout=10):
        return


@pytest.mark.fork
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_an_array_is_read_and_written_after_a_fork(make: MakeStore, s3_server: S3Server) -> None:
    array = azarr.create_array(make(), shape=(64, 64), chunks=(16, 16), dtype="i4")
    array[...] = VALUES
    child = os.fork()
    if not child:
        signal.alarm(20)  # a hang is a failure
        status = 1
        try:
            if (array[...] == VALUES).all():
                array[0, :5] = -1
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (array[0, :5] == -1).all()


@pytest.mark.fork
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_what_obstore_cannot_do_after_a_fork_is_said_at_once(s3_server: S3Server) -> None:
    async def read(store: Any) -> None:
        await store.get("a")

    anyio.run(read, ObstoreStore("s3://bucket", options(s3_server.url)))
    store = ObstoreStore("gs://bucket", {"token": "anon"})
    child = os.fork()
    if not child:
        signal.alarm(20)
        status = 1
        try:
            anyio.run(read, store)
        except StoreError as error:
            status = 0 if "forked" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_fsstore_on_s3_is_a_mapping_with_one_request_per_read(s3_server: S3Server) -> None:
    store = FSStore("s3://bucket/fs.zarr", **options(s3_server.url))
    array = azarr.create_array(store, shape=(64,), chunks=(16,), dtype="i4", zarr_format=2)
    array[...] = np.arange(64)
    assert sorted(store) == [".zarray", "0", "1", "2", "3"]
    s3_server.log.clear()
    np.testing.assert_array_equal(array[...], np.arange(64))
    assert s3_server.log.requests == 4
    s3_server.conditions = Conditions(error_rate=1, error_status=403)
    with pytest.raises(StoreError):
        store["0"]
    public = FSStore("s3://b", exceptions=(KeyError, PermissionError), **options(s3_server.url))
    assert "0" not in dict.fromkeys(public.get("0", b"?") for _ in range(1))
    assert public.get("0") is None


def test_one_store_is_used_by_several_event_loops(make: MakeStore) -> None:
    store = make()

    async def write_and_read(key: str) -> bytes:
        await store.set(key, key.encode())
        return bytes(await store.get(key))

    for backend_options in ({}, {"use_uvloop": True}, {}):
        if backend_options:
            pytest.importorskip("uvloop")
        found = anyio.run(write_and_read, "a/b", backend_options=backend_options)
        assert found == b"a/b"


def test_all_stores_of_a_loop_share_one_session(s3_server: S3Server) -> None:
    async def main() -> None:
        for step in range(5):
            store: Any = FsspecStore(f"s3://bucket/{step}", options(s3_server.url))
            await store.set("a", b"value")

    anyio.run(main)
    assert s3_server.log.connections == 1


def test_a_url_makes_an_array_in_a_bucket(s3_server: S3Server) -> None:
    url, how = "s3://bucket/u.zarr", options(s3_server.url)
    array = azarr.create_array(url, shape=(8,), chunks=(4,), dtype="i4", storage_options=how)
    array[...] = np.arange(8)
    np.testing.assert_array_equal(azarr.open(url, storage_options=how)[...], np.arange(8))
    assert isinstance(make_store(url, storage_options=how), ObstoreStore)
