"""Which store serves a URL, with which options; reading over HTTP; `FSStore`."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from tests.stores.s3_cases import SECRET, options

import azarr
from azarr.errors import NotFoundError, ReadOnlyError, ShortReadError, UsageError
from azarr.stores import (
    AsyncStore,
    BlockingStore,
    FsspecStore,
    FSStore,
    LocalStore,
    ObstoreStore,
    make_store,
)
from benchmarks.s3_server import S3Server

HEAVY = ("aiohttp", "anyio", "asyncio", "boto3", "botocore", "fsspec", "obstore", "s3fs")


# Which store


@pytest.mark.parametrize(
    ("url", "how"),
    [
        ("s3://bucket/a", {}),
        ("s3://bucket/a", {"anon": True, "use_listings_cache": False}),
        (
            "s3://bucket/a",
            {"key": "k", "secret": SECRET, "token": SECRET, "endpoint_url": "http://h"},
        ),
        ("s3a://bucket/a", {"client_kwargs": {"endpoint_url": "https://h", "region_name": "eu-x"}}),
        (
            "s3://bucket",
            {"config_kwargs": {"connect_timeout": 3, "s3": {"addressing_style": "path"}}},
        ),
        ("S3://bucket/a", {"requester_pays": True, "conditional": False}),
        ("gs://bucket/a", {"token": "anon"}),
        ("gcs://bucket/a", {}),
        ("az://container/a", {"account_name": "x", "account_key": SECRET}),
        ("abfs://container@account.dfs.core.windows.net/a", {"sas_token": SECRET}),
        ("https://host/a", {}),
        ("http://host:8080/a", {"headers": {"Authorization": SECRET}}),
    ],
)
def test_obstore_serves_what_it_understands(url: str, how: dict[str, Any]) -> None:
    store = make_store(url, storage_options=how)
    assert isinstance(store, ObstoreStore)
    assert repr(store).startswith("ObstoreStore('")
    assert SECRET not in repr(store)
    assert store.conditional == (not url.startswith("http") and "conditional" not in how)
    assert store.read_only == url.startswith("http")


@pytest.mark.parametrize(
    ("url", "how"),
    [
        ("s3://bucket/a", {"profile": "work"}),
        ("s3://bucket/a", {"client_kwargs": {"verify": "/etc/some.pem"}}),
        ("s3://bucket/a", {"config_kwargs": {"proxies": {"http": "http://p"}}}),
        ("s3://bucket/a", {"s3_additional_kwargs": {"ServerSideEncryption": "AES256"}}),
        ("https://host/a", {"client_kwargs": {"trust_env": True}}),
    ],
)
def test_options_that_only_fsspec_knows_select_it(url: str, how: dict[str, Any]) -> None:
    store = make_store(url, storage_options=how)
    assert isinstance(store, FsspecStore)
    assert isinstance(store, AsyncStore)
    assert repr(store).startswith("FsspecStore('")
    with pytest.raises(UsageError, match=next(iter(how))):
        ObstoreStore(url, how)


def test_other_schemes_and_chained_urls_are_for_fsspec(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "k").write_bytes(b"value")
    store = make_store(f"simplecache::{tmp_path.as_uri()}/a")
    assert isinstance(store, FsspecStore)
    assert isinstance(store, BlockingStore)
    assert store["k"] == b"value"
    assert list(store) == ["k"]
    assert pickle.loads(pickle.dumps(store))["k"] == b"value"
    assert "simplecache::file" in repr(store)


@pytest.mark.parametrize("url", ["nosuch://x", "nosuch::s3://bucket"])
def test_a_scheme_that_nobody_knows_is_named(url: str) -> None:
    with pytest.raises(UsageError, match="nosuch"):
        make_store(url)


def test_both_backends_say_that_the_same_place_is_the_same() -> None:
    how = options("http://127.0.0.1:9")
    first, second = ObstoreStore("s3://b/x/", how), FsspecStore("s3://b/x", how)
    assert first.origin == second.origin == "s3://b/x?endpoint=http://127.0.0.1:9"
    assert first.origin != ObstoreStore("s3://b/x").origin


def test_an_archive_is_read_through_fsspec(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/k", b"value")
    store = make_store(f"zip::{tmp_path.as_uri()}/a.zip", read_only=True)
    assert isinstance(store, BlockingStore)
    assert (store.get("x/k"), store.list_children()) == (b"value", ([], ["x"]))
    assert store.get("x/none") is None
    store.close()


def test_a_file_system_object_is_used(tmp_path: Path) -> None:
    from fsspec.implementations.local import LocalFileSystem

    store: Any = FsspecStore(str(tmp_path), fs=LocalFileSystem())
    store["a/b"] = b"value"
    assert (tmp_path / "a" / "b").read_bytes() == b"value"
    assert store.origin == LocalStore(tmp_path).origin
    with pytest.raises(UsageError, match="storage_options"):
        FsspecStore(str(tmp_path), {"auto_mkdir": True}, fs=LocalFileSystem())


def test_an_asynchronous_file_system_object_is_made_again_for_each_loop(
    s3_server: S3Server,
) -> None:
    import s3fs

    store: Any = FsspecStore("bucket/a", fs=s3fs.S3FileSystem(**options(s3_server.url)))
    assert isinstance(store, AsyncStore)
    for _ in range(2):
        anyio.run(store.set, "k", b"value")
    assert s3_server.objects.buckets["bucket"]["a/k"].value == b"value"


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    script = f"""if True:
        import sys, azarr
        from azarr.storage import FSStore, FsspecStore, ObstoreStore
        early = sys.modules.keys() & set({HEAVY}) - {{"asyncio"}}
        ObstoreStore("s3://bucket/a", {{"anon": True}})
        sys.stdout.write(" ".join(sorted(early | (sys.modules.keys() & {{"obstore", "fsspec"}}))))
    """
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""


@pytest.mark.parametrize("kind", ["ObstoreStore", "FsspecStore"])
def test_nothing_is_left_open_at_exit(s3_server: S3Server, kind: str) -> None:
    script = f"""if True:
        import asyncio
        import numpy as np
        import azarr, azarr.aio
        from azarr.storage import {kind}
        store = {kind}("s3://bucket/a", {options(s3_server.url)})
        array = azarr.create_array(store, shape=(4,), chunks=(2,), dtype="i4")
        array[...] = np.arange(4)
        async def main():
            await (await azarr.aio.open(store)).getitem(...)
        asyncio.run(main())
    """
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning"]
    done = subprocess.run([*command, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# HTTP


class _Quiet(SimpleHTTPRequestHandler):
    """Files, without byte ranges."""

    def log_message(self, *arguments: Any) -> None:
        return


@pytest.fixture
def static_url(tmp_path: Path) -> Iterator[str]:
    """A server of the files in `tmp_path` that knows no ranges."""
    handler = partial(_Quiet, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join(10)
    server.server_close()


@pytest.mark.parametrize("kind", [ObstoreStore, FsspecStore])
@pytest.mark.parametrize("ranges", ["ranges", "no ranges"])
def test_values_are_read_over_http(
    kind: Any, ranges: str, s3_server: S3Server, static_url: str, tmp_path: Path
) -> None:
    if ranges == "ranges":
        s3_server.objects.put("root", "a b/#k?", b"0123456789")
        s3_server.objects.put("root", "empty", b"")
        url = f"{s3_server.url}/root"
    else:
        (tmp_path / "a b").mkdir()
        (tmp_path / "a b" / "#k?").write_bytes(b"0123456789")
        (tmp_path / "empty").write_bytes(b"")
        url = static_url

    async def main() -> None:
        store = kind(url)
        key = "a b/#k?"
        assert bytes(await store.get(key)) == b"0123456789"
        assert bytes(await store.get("empty")) == b""
        assert await store.get("none", b"default") == b"default"
        assert (await store.size(key), await store.size("none")) == (10, None)
        found = await store.get_ranges(key, [(2, 5), (-3, None), (4, 4), (7, None)])
        assert [bytes(each) for each in found] == [b"234", b"789", b"", b"789"]
        assert await store.get_ranges("none", [(0, 1)]) is None
        with pytest.raises(ShortReadError):
            await store.get_ranges(key, [(8, 12)])
        with pytest.raises(ReadOnlyError):
            await store.set(key, b"x")
        assert not store.conditional

    anyio.run(main)


@pytest.mark.parametrize("kind", [ObstoreStore, FsspecStore])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_array_is_read_over_http(
    kind: Any, static_url: str, tmp_path: Path, zarr_format: int
) -> None:
    values = np.arange(100, dtype="i4").reshape(10, 10)
    array = azarr.create_array(
        str(tmp_path / "a.zarr"), shape=(10, 10), chunks=(4, 4), dtype="i4", zarr_format=zarr_format
    )
    array[...] = values
    found = azarr.open(kind(f"{static_url}/a.zarr"), mode="r")
    np.testing.assert_array_equal(found[...], values)
    url = azarr.open(f"{static_url}/a.zarr", mode="r")
    np.testing.assert_array_equal(url[2:7], values[2:7])
    with pytest.raises(NotFoundError):
        azarr.open(f"{static_url}/none.zarr", mode="r")


def test_a_password_in_a_url_is_not_shown() -> None:
    store = make_store(f"https://me:{SECRET}@host/a?sig={SECRET}")
    assert repr(store) == "ObstoreStore('https://host/a', read_only=True)"


# FSStore


def test_an_fsstore_has_the_arguments_of_zarr_2(tmp_path: Path) -> None:
    url = tmp_path.as_uri() + "/root"
    store = FSStore(url, normalize_keys=True, dimension_separator="/", create=True, check=True)
    assert (store.mode, store.key_separator, store.dimension_separator) == ("w", "/", "/")
    assert store.path == str(tmp_path / "root")
    assert type(store.fs).__name__ == "LocalFileSystem"
    store["Foo/BAR"] = b"value"
    assert list(store) == ["foo/bar"]
    assert store["FOO/bar"] == b"value"
    twin = pickle.loads(pickle.dumps(store))
    assert (twin, twin["foo/bar"], twin.key_separator) == (store, b"value", "/")
    reader = FSStore(url, mode="r")
    assert (reader.dimension_separator, reader.key_separator) == (None, ".")
    with pytest.raises(ReadOnlyError):
        reader["a"] = b"value"
    with pytest.raises(UsageError, match="contradicts"):
        FSStore(url, key_separator="/", dimension_separator=".")


def test_an_fsstore_takes_a_file_system(tmp_path: Path) -> None:
    from fsspec.implementations.local import LocalFileSystem

    fs = LocalFileSystem()
    store = FSStore(str(tmp_path), fs=fs)
    assert store.fs is fs
    store["a"] = b"value"
    assert dict(store) == {"a": b"value"}


def test_missing_is_what_the_store_says_and_no_other_error(tmp_path: Path) -> None:
    store = FSStore(tmp_path.as_uri())
    (tmp_path / "d").mkdir()
    assert store.get("d") is None
    assert store.get("none") is None
    assert FSStore(tmp_path.as_uri(), exceptions=(OSError,)).get("none") is None


def test_normalized_keys_are_in_lower_case_in_every_request(s3_server: S3Server) -> None:
    store = FSStore("s3://bucket/n", normalize_keys=True, **options(s3_server.url))
    generation = store.set_if("A/B", b"value", None)
    assert store.get_with_generation("a/B") == (b"value", generation)
    assert store.get_ranges("A/b", [(-2, None)]) == [b"ue"]
    assert (store.size("A/B"), store.list_children("A")) == (5, (["b"], []))
    store.delete_if("A/B", generation)
    assert list(store) == []
