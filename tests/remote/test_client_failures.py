"""A client that fails in its own way makes no chunk missing, no read wrong and no write undone."""

from __future__ import annotations

import asyncio
import gc
import http.server
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.remote.conftest import QUICK, MakeStore, statistics

import azarr
from azarr.config import RetryPolicy
from azarr.engine.process._permit import Permit
from azarr.engine.process._process import process
from azarr.errors import StoreError, UsageError
from azarr.storage import FsspecStore, MemoryStore, ObstoreStore
from azarr.testing import AsyncCountingStore
from benchmarks.s3_server import Conditions, S3Server


class Cancelling(AsyncCountingStore):
    """Its client library cancels one request by itself."""

    key = ""

    async def _request(self, kind: str, key: str, sent: int, call: Any, *arguments: Any) -> Any:
        if key == self.key:
            raise asyncio.CancelledError
        return await super()._request(kind, key, sent, call, *arguments)


def test_a_request_that_its_client_has_cancelled_is_an_error() -> None:
    store = Cancelling(MemoryStore())
    array = azarr.create_array(store, shape=100, chunks=1, dtype="i4")
    array[:] = 1
    store.key = "c/7"
    with pytest.raises(StoreError, match="cancelled"):
        array[:]
    with pytest.raises(StoreError, match="cancelled"):
        array[:] = 2


def test_a_failed_range_leaves_the_timeouts_of_its_caller_alone(
    kind: Any, make: MakeStore, server: S3Server
) -> None:
    store = make(kind)
    array = azarr.create_array(
        store, shape=64, chunks=1, shards=64, dtype="i4", compressors=None
    ).async_array
    array.blocking[:] = range(64)
    azarr.config.set(coalesce_gap=0)

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        for _ in range(20):
            found = await array.oindex.getitem(([0, 20, 40],))
            assert found.tolist() == [0, 20, 40]
        assert task.cancelling() == 0
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(10)

    server.conditions = Conditions(error_rate=0.2)
    asyncio.run(main())
    assert statistics(store)["retries"] > 0


@pytest.mark.slow
def test_failed_ranges_and_hedges_give_all_data_right(make: MakeStore, server: S3Server) -> None:
    values = np.arange(1, 64 * 64 + 1, dtype="i4").reshape(64, 64)
    store = make(ObstoreStore).with_retry(RetryPolicy(base_seconds=0.005, hedge=True))
    array = azarr.create_array(
        store, shape=(64, 64), chunks=1, shards=(1, 64), dtype="i4", compressors=None
    )
    array[:] = values
    azarr.config.set(coalesce_gap=0)
    array[:, ::20]
    server.conditions = Conditions(latency=0.01, error_rate=0.03, tail_rate=0.03, tail_latency=0.3)
    for _ in range(20):
        np.testing.assert_array_equal(array[:, ::20], values[:, ::20])


@pytest.fixture
def nothing_there() -> Iterator[str]:
    """A server of credentials that has none."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("source", ["container", "token file", "process", "process, obstore"])
def test_credentials_that_cannot_be_had_do_not_make_values_missing(
    source: str,
    make: MakeStore,
    server: S3Server,
    nothing_there: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    azarr.create_array(make(bucket="b"), shape=4, chunks=2, dtype="i4", fill_value=-1)[:] = 7
    options = {"client_kwargs": {"endpoint_url": server.url, "region_name": "us-east-1"}}
    missing = str(tmp_path / "missing")
    if source == "container":
        token = tmp_path / "token"
        token.write_text("token")
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{nothing_there}/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))
        store: Any = ObstoreStore("s3://b/a.zarr", options)
    elif source == "token file":
        monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x")
        monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", missing)
        store = FsspecStore("s3://b/a.zarr", options)
    else:
        settings = tmp_path / "config"
        settings.write_text(f"[default]\ncredential_process = {missing}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(settings))
        store = (ObstoreStore if "obstore" in source else FsspecStore)("s3://b/a.zarr", options)
    store = store.with_retry(QUICK)

    async def asked() -> None:
        for request in (store.get("c/0"), store.list_children(""), store.size("c/0")):
            with pytest.raises(StoreError):
                await request

    asyncio.run(asked())
    with pytest.raises(StoreError):
        azarr.open_array(store, mode="r")


@pytest.mark.parametrize("endpoint", ["minio:9000", "me:word@minio:9000"])
def test_an_endpoint_without_a_scheme_is_refused_and_not_shown(kind: Any, endpoint: str) -> None:
    with pytest.raises(UsageError, match="begins with 'http://'") as caught:
        kind("s3://bucket", {"endpoint_url": endpoint})
    assert "minio" not in str(caught.value)


def test_a_permit_of_a_loop_that_was_closed_is_given_back_once() -> None:
    permits, name = process().permits, ("test", "permit")
    assert permits.try_acquire(name)

    async def wait() -> None:
        async with Permit(name):
            pass

    loop = asyncio.new_event_loop()
    task = loop.create_task(wait())
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    permits.release(name)
    assert permits.try_acquire(name)
    del task, loop
    gc.collect()
    assert permits.held(name) == 1
    assert not permits.try_acquire(name)
    permits.release(name)


def test_arrays_are_read_together_each_through_its_own_store() -> None:
    """Stores of one place may have different credentials, retries or clients."""
    memory = MemoryStore()
    stores = [AsyncCountingStore(memory) for _ in range(2)]
    root = azarr.create_group(memory)
    for number, name in enumerate("ab"):
        root.create_array(name, shape=4, chunks=2, dtype="i4", fill_value=number)
    arrays = [azarr.open_array(store, path=name) for store, name in zip(stores, "ab", strict=True)]
    for store in stores:
        store.log.clear()
    found = azarr.read_many([(array, ...) for array in arrays])
    assert [each.tolist() for each in found] == [[0] * 4, [1] * 4]
    for store, name in zip(stores, "ab", strict=True):
        assert {request.key.partition("/")[0] for request in store.log.requests} == {name}


def test_a_server_that_sends_other_bytes_than_asked_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(bytes(range(100)))

    class Shifting(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(206)
            self.send_header("Content-Range", "bytes 0-9/100")
            self.send_header("Content-Length", "10")
            self.end_headers()
            self.wfile.write(bytes(range(10)))

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shifting)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        for kind in (FsspecStore, ObstoreStore):
            store: Any = kind(f"http://127.0.0.1:{server.server_port}/").with_retry(QUICK)
            with pytest.raises(StoreError):
                asyncio.run(store.get_ranges("value", [(40, 50)]))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


FORKS = """
import os, sys
sys.modules["uvloop"] = None
import azarr
from azarr.storage import FsspecStore

options = {"key": "k", "secret": "s", "endpoint_url": sys.argv[1],
           "client_kwargs": {"region_name": "us-east-1"}}
store = FsspecStore("s3://forks/a.zarr", options)
array = azarr.create_array(store, shape=50, chunks=1, dtype="i4")
array[:] = 1
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        assert array[:].sum() == 50
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert array[:].sum() == 50
print(azarr.stats()[store.origin]["failures"])
"""


@pytest.mark.fork
@pytest.mark.skipif(sys.platform != "linux", reason="needs epoll, which two processes share")
def test_a_parent_still_hears_its_connections_when_a_forked_child_has_ended(
    server: S3Server,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORKS), server.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["0"], done.stderr
