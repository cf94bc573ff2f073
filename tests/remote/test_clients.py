"""What it costs to ask a store at all: making its client, and reaching the background loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from tests.remote.conftest import MakeStore

import azarr
from azarr.engine.process._background import BackgroundCall, BackgroundLoop
from azarr.engine.process._process import process
from azarr.stores import ObstoreStore
from benchmarks.s3_server import S3Server

KEYS = {"key": "me", "secret": "hunter2"}


def client_options(url: str, options: dict[str, Any]) -> Any:
    """What a store's client is made with."""
    return ObstoreStore(url, options)._requests()._client.client_options  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/a", {"endpoint_url": "http://127.0.0.1:9000", **KEYS}),
        ("s3://bucket/a", {"endpoint_url": "http://127.0.0.1:9000", "anon": True}),
        ("gs://bucket/a", {"endpoint_url": "http://127.0.0.1:9000", "token": "anon"}),
    ],
)
def test_a_client_without_tls_reads_no_certificates(url: str, options: dict[str, Any]) -> None:
    """They take 4 ms: as long as opening an array takes beside waiting for its documents."""
    assert client_options(url, options)["allow_invalid_certificates"] == "true"


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "https://127.0.0.1:9000", **KEYS},
        KEYS,
        {"endpoint_url": "http://127.0.0.1:9000"},  # its credentials may come by https
    ],
)
def test_whatever_may_use_tls_verifies(options: dict[str, Any]) -> None:
    assert "allow_invalid_certificates" not in client_options("s3://bucket/a", options)


def test_a_proxy_may_use_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "https://proxy")
    options = {"endpoint_url": "http://127.0.0.1:9000", **KEYS}
    assert "allow_invalid_certificates" not in client_options("s3://bucket/a", options)


def client(url: str, **options: Any) -> Any:
    return ObstoreStore(url, KEYS | options)._requests()._client  # type: ignore[attr-defined]


def test_stores_of_the_same_place_and_options_share_a_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = client("s3://shared/a")
    assert client("s3://shared/a") is one
    assert client("s3://shared/b") is not one
    assert client("s3://shared/a", secret="another") is not one
    assert client("s3://shared/a", endpoint_url="https://127.0.0.1:9000") is not one
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert client("s3://shared/a") is not one


def test_closing_a_store_does_not_close_another(make: MakeStore) -> None:
    first, second = make(ObstoreStore, "bucket"), make(ObstoreStore, "bucket")
    array = azarr.create_array(first, shape=10, chunks=5, dtype="i4")
    other = azarr.open_array(second, mode="r+")
    anyio.run(first.close)
    other[:] = 3
    assert array[:].sum() == 30


def test_no_more_clients_are_kept_than_are_worth_it() -> None:
    from azarr.stores._obstore_requests import KEPT, _kept

    first = client("s3://shared/0")
    for number in range(KEPT):
        client(f"s3://shared/{number + 1}")
    assert len(_kept) == KEPT
    assert client("s3://shared/0") is not first
    assert client(f"s3://shared/{KEPT}") is client(f"s3://shared/{KEPT}")


def test_a_client_whose_credentials_are_looked_for_is_not_shared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = me\naws_secret_access_key = xyz\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    stores = [ObstoreStore("s3://shared/a") for _ in range(2)]
    one, another = (store._requests()._client for store in stores)  # type: ignore[attr-defined]
    assert one is not another


def test_a_call_enters_the_background_loop_once(
    make: MakeStore, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = azarr.create_array(make(ObstoreStore), shape=10, chunks=5, dtype="i4")
    entered: list[Callable[..., object]] = []
    soon = BackgroundLoop.soon

    def counted(self: BackgroundLoop, function: Callable[..., object], *args: Any) -> None:
        entered.append(function)
        soon(self, function, *args)

    monkeypatch.setattr(BackgroundLoop, "soon", counted)
    array[:] = 1
    assert array[3] == 1
    assert len(entered) == 2


def test_a_call_that_is_cancelled_before_it_begins_ends_too() -> None:
    background = process().background()
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        let_go.wait(10)

    async def body() -> None:
        raise AssertionError("it is not begun")

    background.soon(hold)
    held.wait(10)
    call = BackgroundCall(background, body)
    threading.Timer(0.05, let_go.set).start()
    call.cancel()


def test_a_call_has_the_context_of_its_caller_but_not_its_event_loop() -> None:
    from contextvars import ContextVar

    variable = ContextVar("variable", default="")

    async def body() -> tuple[str, str]:
        with anyio.move_on_after(5):
            await anyio.lowlevel.checkpoint()
        return variable.get(), type(anyio.Event()).__module__

    async def main() -> tuple[str, str]:
        variable.set("of the caller")
        return await BackgroundCall(process().background(), body).wait()

    value, module = anyio.run(main, backend="trio")
    assert value == "of the caller"
    assert "asyncio" in module


def test_the_background_loop_is_uvloops_where_it_is_installed() -> None:
    uvloop = pytest.importorskip("uvloop")
    assert isinstance(process().background().loop, uvloop.Loop)
