"""What goes wrong on the way to a bucket, through obstore and through s3fs: one tree of errors."""

from __future__ import annotations

import errno
import logging
import pickle
import socket
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from tests.stores.s3_cases import SECRET, options

from azarr.errors import AzarrError, ConflictError, ReadOnlyError, StoreError
from azarr.stores import AsyncStore, FsspecStore
from benchmarks.s3_server import Conditions, S3Server

pytestmark = pytest.mark.anyio

CALLS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "get": lambda store: store.get("a/key"),
    "get_ranges": lambda store: store.get_ranges("a/key", [(1, 3)]),
    "get_with_generation": lambda store: store.get_with_generation("a/key"),
    "set": lambda store: store.set("a/key", b"value"),
    "set_if": lambda store: store.set_if("a/key", b"value", None),
    "delete": lambda store: store.delete("a/key"),
    "size": lambda store: store.size("a/key"),
    "list": lambda store: _collected(store.list("a/key")),
    "list_children": lambda store: store.list_children("a/key"),
}
READS = ("get", "get_ranges", "get_with_generation")
WRITES = ("set", "set_if", "delete")


async def _collected(keys: Any) -> list[str]:
    return [key async for key in keys]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def store(kind: Any, s3_server: S3Server) -> AsyncStore:
    s3_server.objects.put("bucket", "a/key", b"0123456789")
    made: AsyncStore = kind("s3://bucket", options(s3_server.url))
    return made


async def failure_of(call: Callable[[Any], Awaitable[Any]], store: AsyncStore) -> AzarrError:
    with pytest.raises(AzarrError) as caught:
        await call(store)
    error = caught.value
    assert isinstance(error, StoreError | ReadOnlyError)
    assert "'a/key'" in str(error)
    assert "s3://bucket" in str(error)
    assert SECRET not in "".join(traceback.format_exception(error))
    return error


@pytest.mark.parametrize(
    ("name", "status"),
    [*((name, 503) for name in CALLS), *(("get", status) for status in (408, 429, 500, 502, 504))],
)
async def test_an_answer_that_may_be_another_later_is_transient(
    store: AsyncStore, s3_server: S3Server, name: str, status: int
) -> None:
    s3_server.conditions = Conditions(error_rate=1, error_status=status)
    error = await failure_of(CALLS[name], store)
    assert isinstance(error, StoreError)
    assert error.transient
    assert str(status) in str(error) or name == "size"
    assert s3_server.log.requests == 1, "retries are azarr's own business"


@pytest.mark.parametrize(("name", "status"), [("get", 400), ("get", 501), ("set", 400)])
async def test_an_answer_that_stays_the_same_is_not_transient(
    store: AsyncStore, s3_server: S3Server, name: str, status: int
) -> None:
    s3_server.conditions = Conditions(error_rate=1, error_status=status)
    error = await failure_of(CALLS[name], store)
    assert isinstance(error, StoreError)
    assert not error.transient


@pytest.mark.parametrize(
    ("name", "status"), [*((name, 403) for name in CALLS), ("get", 401), ("set", 401)]
)
async def test_what_is_forbidden_says_so(
    store: AsyncStore, s3_server: S3Server, name: str, status: int
) -> None:
    s3_server.conditions = Conditions(error_rate=1, error_status=status)
    error = await failure_of(CALLS[name], store)
    assert isinstance(error, ReadOnlyError if name in WRITES else StoreError)
    assert getattr(error, "errno", None) == errno.EACCES
    assert not getattr(error, "transient", False)


@pytest.mark.parametrize("name", CALLS)
async def test_a_reset_connection_is_transient(
    store: AsyncStore, s3_server: S3Server, name: str
) -> None:
    s3_server.conditions = Conditions(lost_rate=1)
    error = await failure_of(CALLS[name], store)
    assert isinstance(error, StoreError)
    assert error.transient
    # aiohttp, below s3fs, sends what is idempotent by HTTP's rules once more by itself.
    assert s3_server.log.requests <= (2 if isinstance(store, FsspecStore) else 1)


@pytest.mark.parametrize("name", READS)
async def test_a_truncated_body_is_transient_and_never_a_short_value(
    store: AsyncStore, s3_server: S3Server, name: str
) -> None:
    s3_server.conditions = Conditions(truncate_rate=1)
    error = await failure_of(CALLS[name], store)
    assert isinstance(error, StoreError)
    assert error.transient


async def test_throttling_is_transient_and_named(store: AsyncStore, s3_server: S3Server) -> None:
    s3_server.conditions = Conditions(latency=0.02, throttle_above=2, retry_after=1)
    errors: list[StoreError] = []

    async def read() -> None:
        try:
            await store.get("a/key")
        except StoreError as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(read)
    assert errors
    assert all(error.transient and "SlowDown" in str(error) for error in errors)
    assert s3_server.log.counts["fault throttle"] == len(errors)


@pytest.mark.parametrize("name", ["get", "set", "list"])
async def test_silence_is_transient(kind: Any, s3_server: S3Server, name: str) -> None:
    s3_server.conditions = Conditions(latency=1)
    store = kind("s3://bucket", options(s3_server.url, config_kwargs={"read_timeout": 0.05}))
    error = await failure_of(CALLS[name], store)
    assert isinstance(error, StoreError)
    assert error.transient


async def test_a_host_that_is_not_there_is_transient(kind: Any) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and nobody listens
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        error = await failure_of(CALLS["get"], kind("s3://bucket", options(url)))
    assert isinstance(error, StoreError)
    assert error.transient


async def test_a_missing_bucket_is_not_a_missing_key(kind: Any, moto_url: str) -> None:
    store = kind("s3://there-is-no-such-bucket", options(moto_url))
    for name in ("get", "get_ranges", "get_with_generation", "set", "list", "list_children"):
        with pytest.raises(StoreError, match="NoSuchBucket") as caught:
            await CALLS[name](store)
        assert not caught.value.transient


async def test_two_writes_at_once_of_which_the_server_refuses_one_are_a_conflict(
    store: AsyncStore, s3_server: S3Server
) -> None:
    s3_server.conditions = Conditions(error_rate=1, error_status=409)
    with pytest.raises(ConflictError):
        await store.set_if("a/key", b"value", '"an etag"')


async def test_a_value_that_changes_between_two_reads_conflicts(store: AsyncStore) -> None:
    _, generation = await store.get_with_generation("a/key")
    await store.set("a/key", b"another value")
    with pytest.raises(ConflictError, match="'a/key'"):
        await store.get_ranges_with_generation("a/key", [(0, 2), (-3, None)], generation)


async def test_credentials_are_nowhere_to_be_read(
    kind: Any, s3_server: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    url = s3_server.url.replace("http://", f"http://user:{SECRET}@")
    store = kind("s3://bucket", options(s3_server.url, token=SECRET))
    odd = kind("s3://bucket", {**options(s3_server.url), "client_kwargs": {"endpoint_url": url}})
    with caplog.at_level(logging.DEBUG, "azarr"):
        await store.set("a/key", b"value")
        s3_server.conditions = Conditions(error_rate=1)
        for call in CALLS.values():
            await failure_of(call, store)
    for each in (store, odd, store.with_read_only()):
        assert SECRET not in f"{each!r} {each} {each.origin}"
        assert "AKIA" not in f"{each!r}"
    assert SECRET not in caplog.text


async def test_a_pickled_store_can_sign_its_requests(kind: Any, s3_server: S3Server) -> None:
    store = kind("s3://bucket", options(s3_server.url), read_only=True)
    twin = pickle.loads(pickle.dumps(store))
    assert (twin, twin.read_only, twin.conditional) == (store, True, True)
    assert await twin.get("a/none") is None
