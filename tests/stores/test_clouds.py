"""Azure and Google Cloud Storage: `ObstoreStore` over Azurite and over Google's own test server."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NamedTuple

import anyio
import numpy as np
import pytest
from tests.stores import servers
from tests.stores.processes import check_that_no_append_is_lost, check_that_no_update_is_lost

import azarr
from azarr.errors import ConflictError, NotFoundError, StoreError, UsageError
from azarr.stores import ABSStore, AsyncStore, BlockingStore, ObstoreStore, make_store
from azarr.stores._azure import DEVELOPMENT
from azarr.stores._fsspec_requests import explain
from azarr.stores._options import Spelled, spell
from azarr.stores._remote_failures import failure_of_code
from azarr.testing._rules import keys_of, value_of
from azarr.testing.conformance import AsyncStoreConformance, BlockingStoreConformance

ACCOUNT = DEVELOPMENT["account_name"]
KEY = DEVELOPMENT["account_key"]

MakeStore = Callable[..., ObstoreStore]


@pytest.fixture(scope="module")
def azurite_url() -> Iterator[str]:
    with servers.azurite() as url:
        yield f"{url}/{ACCOUNT}"


@pytest.fixture(scope="module")
def google_url() -> Iterator[str]:
    with servers.google() as url:
        yield url


def azure_options(url: str) -> dict[str, Any]:
    return {"account_name": ACCOUNT, "account_key": KEY, "endpoint_url": url}


def new_container(url: str) -> str:
    """The name of a new container of Azurite."""
    blob = pytest.importorskip("azure.storage.blob")
    name = servers.new_name()
    with blob.ContainerClient(url, name, credential=KEY) as client:
        client.create_container()
    return name


def new_bucket(url: str) -> str:
    """The name of a new bucket of Google's server."""
    from urllib.request import Request, urlopen

    name = servers.new_name()
    json = {"content-type": "application/json"}
    request = Request(f"{url}/storage/v1/b?project=p", b'{"name": "%s"}' % name.encode(), json)
    with urlopen(request, timeout=10):
        return name


@pytest.fixture(autouse=True)
def _azure_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine."""
    for name in [name for name in os.environ if name.startswith(("AZURE_", "GOOGLE_"))]:
        monkeypatch.delenv(name)


@pytest.fixture(params=["azure", "google"])
def make(request: pytest.FixtureRequest) -> MakeStore:
    """`make(path)`: a store in a bucket of this test."""
    if request.param == "azure":
        url = request.getfixturevalue("azurite_url")
        start, options = f"az://{new_container(url)}/", azure_options(url)
    else:
        url = request.getfixturevalue("google_url")
        start, options = f"gs://{new_bucket(url)}/", {"token": "anon", "endpoint_url": url}
    return lambda path="a.zarr", **more: ObstoreStore(start + path, options, **more)


class OnAsyncio(AsyncStoreConformance):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {}


class TestOverAzurite(OnAsyncio):
    @pytest.fixture(autouse=True)
    def _container(self, azurite_url: str) -> None:
        self.url, self.name = azurite_url, new_container(azurite_url)

    def make_store(self) -> AsyncStore:
        return ObstoreStore(f"az://{self.name}/some/folder", azure_options(self.url))


class TestABSStore(BlockingStoreConformance):
    @pytest.fixture(autouse=True)
    def _container(self, azurite_url: str) -> None:
        self.url, self.name = azurite_url, new_container(azurite_url)

    def make_store(self) -> BlockingStore:
        return ABSStore(self.name, "some/folder", ACCOUNT, KEY, {"endpoint_url": self.url})


class TestOverGoogle(OnAsyncio):
    @pytest.fixture(autouse=True)
    def _bucket(self, google_url: str) -> None:
        self.url, self.name = google_url, new_bucket(google_url)

    def make_store(self) -> AsyncStore:
        return ObstoreStore(
            f"gs://{self.name}/some/folder", {"token": "anon", "endpoint_url": self.url}
        )

    # Google gives the whole value for a suffix that is longer; its test server gives no sense.
    @pytest.mark.parametrize("bad", [(8, 11), (11, None), (20, 21)])
    async def test_a_byte_range_that_is_not_all_there_is_a_short_read(
        self, store: Any, bad: tuple[int, int | None]
    ) -> None:
        await super().test_a_byte_range_that_is_not_all_there_is_a_short_read(store, bad)


def test_no_update_of_several_processes_is_lost(make: MakeStore) -> None:
    check_that_no_update_is_lost(make("numbers"), make("w.zarr"))


def test_no_append_of_several_processes_is_lost(make: MakeStore) -> None:
    check_that_no_append_is_lost(make())


def test_of_two_writers_that_read_the_same_one_has_to_read_again(make: MakeStore) -> None:
    async def main() -> None:
        first, second = make(), make()
        created = await first.set_if("a", b"1", None)
        with pytest.raises(ConflictError):
            await second.set_if("a", b"2", None)
        await second.set_if("a", b"2", created)
        with pytest.raises(ConflictError):
            await first.set_if("a", b"3", created)
        assert await value_of(first, "a") == b"2"

    anyio.run(main)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_array_is_written_and_read(make: MakeStore, zarr_format: int) -> None:
    values = np.arange(64 * 64, dtype="i4").reshape(64, 64)
    array = azarr.create_array(
        make(), shape=(64, 64), chunks=(16, 16), dtype="i4", zarr_format=zarr_format
    )
    array[...] = values
    array[3:5, 10:40] = 0
    values[3:5, 10:40] = 0
    np.testing.assert_array_equal(azarr.open(make(), mode="r")[...], values)
    with pytest.raises(NotFoundError):
        azarr.open(make("none"), mode="r")


@pytest.mark.parametrize("gap", [0, None])  # None: it is read whole the first time
@pytest.mark.parametrize("index_location", ["start", "end"])
def test_a_shard_is_read_in_parts(make: MakeStore, index_location: str, gap: int | None) -> None:
    values = np.arange(64 * 64, dtype="i4").reshape(64, 64)
    shards = {"shape": (64, 64), "index_location": index_location}
    array = azarr.create_array(
        make(), shape=(64, 64), chunks=(8, 8), shards=shards, dtype="i4", compressors=None
    )
    array[...] = values
    array[5, :9] = -1
    values[5, :9] = -1
    again = azarr.open(make(), mode="r")
    with azarr.config.using(coalesce_gap=gap):
        np.testing.assert_array_equal(again[4:20, 30:50], values[4:20, 30:50])
        np.testing.assert_array_equal(again[40:, 30:50], values[40:, 30:50])
    np.testing.assert_array_equal(again[...], values)


def test_a_tree_is_deleted_beyond_a_page_though_keys_go_missing(make: MakeStore) -> None:
    async def main() -> None:
        store = make()
        async with anyio.create_task_group() as tasks:
            for step in range(20):
                tasks.start_soon(store.set, f"c/{step}", b"x")
        await store.delete("c/3")
        await store._delete([f"c/{step}" for step in range(10)])
        assert len(await keys_of(store, "c")) == 10
        await store.delete_prefix("c")
        assert await keys_of(store) == []

    anyio.run(main)


def test_a_deletion_that_azure_refuses_for_one_key_names_it(azurite_url: str) -> None:
    blob = pytest.importorskip("azure.storage.blob")
    name = new_container(azurite_url)

    async def main() -> None:
        store = ObstoreStore(f"az://{name}/a", azure_options(azurite_url))
        for key in "xyz":
            await store.set(key, b"1")
        with blob.BlobClient(azurite_url, name, "a/y", credential=KEY) as client:
            client.acquire_lease()
        with pytest.raises(StoreError, match=r"cannot write 'y' in .* 412") as caught:
            await store.delete_many(["x", "y", "z"])
        assert not caught.value.transient
        assert await keys_of(store) == ["y"]

    anyio.run(main)


def test_a_container_that_does_not_exist_is_no_missing_key(azurite_url: str) -> None:
    async def main() -> None:
        store = ObstoreStore("az://no-such-container/a", azure_options(azurite_url))
        with pytest.raises(StoreError, match="ContainerNotFound"):
            await store.get("a")
        with pytest.raises(StoreError, match="ContainerNotFound"):
            await store.set("a", b"")

    anyio.run(main)


def test_a_wrong_key_of_an_account_is_an_error_without_the_key(azurite_url: str) -> None:
    options = {**azure_options(azurite_url), "account_key": "bm90IHRoZSBrZXk="}

    async def main() -> None:
        with pytest.raises(StoreError, match="403") as caught:
            await ObstoreStore("az://container/a", options).get("a")
        assert "bm90" not in str(caught.value)

    anyio.run(main)


@pytest.mark.parametrize("spelling", ["connection_string", "environment", "sas_token", "abfs"])
def test_an_account_is_named_in_every_way_of_adlfs(
    azurite_url: str, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_container(azurite_url)
    text = f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={azurite_url};"
    url, options = f"az://{name}/a", azure_options(azurite_url)
    if spelling == "connection_string":
        options = {"connection_string": text}
    elif spelling == "environment":
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
        options = {}
    elif spelling == "sas_token":
        del options["account_key"]
        options["sas_token"] = "?" + sas_token(name)
    else:
        url = f"abfs://{name}@{ACCOUNT}.dfs.core.windows.net/a"
        del options["account_name"]
    array = azarr.create_array(url, shape=4, dtype="i4", storage_options=options)
    array[:] = [1, 2, 3, 4]
    same = ObstoreStore(f"az://{name}/a", azure_options(azurite_url))
    assert azarr.open(same)[:].tolist() == [1, 2, 3, 4]
    assert array.store.origin == same.origin
    assert KEY not in repr(array.store)


def sas_token(container: str) -> str:
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    return str(
        generate_container_sas(
            ACCOUNT,
            container,
            account_key=KEY,
            permission=ContainerSasPermissions(read=True, write=True, delete=True, list=True),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
    )


def test_a_client_of_obstore_is_the_same_place(azurite_url: str, google_url: str) -> None:
    from obstore.store import AzureStore, GCSStore

    azure = AzureStore(
        "container",
        prefix="a",
        config={"account_name": ACCOUNT, "account_key": KEY, "endpoint": azurite_url},
        client_options={"allow_http": True},
    )
    same = ObstoreStore("az://container/a", azure_options(azurite_url))
    assert ObstoreStore(azure).origin == same.origin
    gcs = GCSStore("bucket", prefix="a", config={"base_url": google_url, "bearer_token": "x"})
    options = {"token": "anon", "endpoint_url": google_url}
    assert ObstoreStore(gcs).origin == ObstoreStore("gs://bucket/a", options).origin


@pytest.mark.parametrize("credential", ["key", "named key", "signature", "signed URL"])
def test_an_absstore_is_where_its_client_is(azurite_url: str, credential: str) -> None:
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
    from azure.storage.blob import ContainerClient

    name = new_container(azurite_url)
    url, how = (
        azurite_url,
        {
            "key": KEY,
            "named key": AzureNamedKeyCredential(ACCOUNT, KEY),
            "signature": AzureSasCredential(sas_token(name)),
            "signed URL": None,
        }[credential],
    )
    if credential == "signed URL":
        url += "?" + sas_token(name)
    with ContainerClient(url, name, credential=how) as client:
        store = ABSStore(client=client, prefix="/zarr-testing/")
        root = azarr.group(store=store, overwrite=True, zarr_format=2)
        z = root.zeros("foo/bar", shape=(100, 100), chunks=(10, 100), dtype="i4")
        z[:] = 42
        assert (
            client.download_blob("zarr-testing/foo/bar/.zarray").readall()
            == store["foo/bar/.zarray"]
        )
    same = ABSStore(name, "zarr-testing", ACCOUNT, KEY, {"endpoint_url": azurite_url})
    assert store == same
    assert azarr.open(pickle.loads(pickle.dumps(store)))["foo/bar"][:].sum() == 42 * 10_000
    assert KEY not in repr(store)


def test_an_absstore_needs_a_container() -> None:
    with pytest.raises(UsageError, match="container"):
        ABSStore()
    with pytest.raises(UsageError, match="nonsense"):
        ABSStore("container", blob_service_kwargs={"nonsense": 1})
    emulated = ABSStore("container", blob_service_kwargs={"is_emulated": True})
    assert repr(emulated) == (
        "ABSStore('az://container@devstoreaccount1?endpoint=http://127.0.0.1:10000')"
    )


@pytest.mark.parametrize("awaited", [False, True])
def test_tokens_are_asked_of_a_credential(awaited: bool) -> None:
    """No emulator takes tokens over plain HTTP, so this looks at what is sent."""
    seen: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_error(404)

        def log_message(self, *arguments: Any) -> None:
            pass

    class Token(NamedTuple):
        token: str = "abc"
        expires_on: int = 2**33

    class Credential:
        def get_token(self, scope: str) -> Token:
            assert scope == "https://storage.azure.com/.default"
            return Token()

    class AsyncCredential:
        async def get_token(self, scope: str) -> Token:
            return Token()

    credential = AsyncCredential() if awaited else Credential()
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/{ACCOUNT}"
        options = {"account_name": ACCOUNT, "endpoint_url": url, "credential": credential}
        assert anyio.run(ObstoreStore("az://container/a", options).get, "a") is None
        thread.join(10)
    assert seen == ["Bearer abc"]


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "missing"), (416, "range"), (412, "conflict"), (403, "forbidden")]
)
def test_what_adlfs_raises_is_understood(status: int, kind: str) -> None:
    class HttpResponseError(Exception):
        status_code = status

    assert explain(HttpResponseError()).kind == kind
    assert explain(ValueError("Required Content-Range response header is missing")).kind == "range"


def test_not_every_409_of_azure_is_a_conflict() -> None:
    forbidden = failure_of_code("PublicAccessNotPermitted")
    assert forbidden
    assert (forbidden.kind, forbidden.transient) == ("forbidden", False)
    assert failure_of_code("BlobAlreadyExists") is None


@pytest.mark.parametrize(
    ("url", "options", "place"),
    [
        ("az://c/a", {"account_name": "me"}, "az://c@me/a"),
        ("abfs://c/a/", {"connection_string": "AccountName=me;AccountKey=k=="}, "az://c@me/a"),
        ("abfss://c@me.dfs.core.windows.net/a", {}, "az://c@me/a"),
        ("az://c/a", {"connection_string": "UseDevelopmentStorage=true"}, f"az://c@{ACCOUNT}/a?1"),
        ("az://c", {"account_name": "me", "account_host": "h.example"}, "az://c@me?2"),
        ("az://c@me.dfs.core.chinacloudapi.cn/a", {}, "az://c@me/a?3"),
        ("az://c", {"connection_string": "BlobEndpoint=https://me.example/"}, "az://c@me?4"),
    ],
)
def test_an_account_is_part_of_a_place(url: str, options: dict[str, Any], place: str) -> None:
    endpoints = {
        "1": "http://127.0.0.1:10000",
        "2": "https://h.example",
        "3": "https://me.blob.core.chinacloudapi.cn",
        "4": "https://me.example",
    }
    start, mark, number = place.partition("?")
    store = make_store(url, storage_options=options)
    assert isinstance(store, ObstoreStore)
    assert store.origin == (f"{start}?endpoint={endpoints[number]}" if mark else start)


def test_a_connection_string_without_an_account_is_refused() -> None:
    with pytest.raises(UsageError, match="AccountName") as caught:
        make_store("az://c", storage_options={"connection_string": "AccountKey=secret"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "options", "reason"),
    [
        ("az://c/a", {}, "Account must be specified"),
        ("az://c/a", {"account_name": "me", "account_key": "no key!"}, "Invalid Access Key"),
        ("gs://b/a", {"token": "none.json"}, "none.json"),
    ],
)
def test_options_that_make_no_client_are_an_error_at_the_first_request(
    url: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        anyio.run(make_store(url, storage_options=options).get, "a")
    assert "no key!" not in str(caught.value)


@pytest.mark.parametrize(
    ("token", "config"),
    [
        (None, {}),
        ("google_default", {}),
        ("anon", {"skip_signature": True}),
        ("some/file.json", {"application_credentials": "some/file.json"}),
        ("ya29.token", {"bearer_token": "ya29.token"}),
        ({"type": "service_account"}, {"service_account_key": '{"type": "service_account"}'}),
        ("browser", None),
        ({"refresh_token": "x"}, None),
        (object(), None),
    ],
)
def test_a_token_of_gcsfs_is_spelled_for_obstore_or_left_to_fsspec(token: Any, config: Any) -> None:
    spelled = spell("gs://bucket", {"token": token, "project": "p"})
    assert spelled == "token" if config is None else spelled == Spelled(config)
