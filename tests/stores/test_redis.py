"""`RedisStore`: conformance, processes and threads, what other programs see, errors."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from tests.stores import servers
from tests.stores.digests import DigestConformance
from tests.stores.processes import check_that_no_append_is_lost, check_that_no_update_is_lost

import azarr
from azarr.errors import ReadOnlyError, StoreError, UsageError
from azarr.stores import BlockingStore, RedisStore

redis = pytest.importorskip("redis")


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.redis(tmp_path_factory.mktemp("redis")) as path:
        yield path


@pytest.fixture
def store(socket: str) -> Iterator[RedisStore]:
    """An empty store that shares its database with others."""
    with RedisStore(servers.new_name(), unix_socket_path=socket) as store:
        yield store


class TestRedisStore(DigestConformance):
    @pytest.fixture(autouse=True)
    def _socket(self, socket: str) -> None:
        self.socket = socket

    def make_store(self) -> BlockingStore:
        return RedisStore(servers.new_name(), unix_socket_path=self.socket)


def test_no_update_of_several_processes_is_lost(socket: str) -> None:
    numbers = RedisStore(servers.new_name(), unix_socket_path=socket)
    check_that_no_update_is_lost(numbers, RedisStore(servers.new_name(), unix_socket_path=socket))


def test_no_append_of_several_processes_is_lost(store: RedisStore) -> None:
    check_that_no_append_is_lost(store)


def test_an_array_is_written_and_read(store: RedisStore) -> None:
    values = np.arange(64 * 64).reshape(64, 64)
    root = azarr.group(store=store, overwrite=True)
    root.create_array("foo/bar", shape=(64, 64), chunks=(8, 8), dtype=values.dtype)[...] = values
    sharded = root.create_array("s", shape=(64, 64), chunks=(8, 8), shards=(32, 32), dtype="i8")
    sharded[...] = values
    sharded[:5, :5] = -1
    assert (azarr.open(store, mode="r")["foo/bar"][...] == values).all()
    assert (
        sharded[:6, :6] == np.where(np.add.outer(*[np.arange(6) // 5] * 2), values[:6, :6], -1)
    ).all()
    assert azarr.storage.listdir(store, "foo/bar") == ["c", "zarr.json"]


def test_other_programs_see_a_string_for_each_key(store: RedisStore, socket: str) -> None:
    store["a/0"] = b"x"
    with redis.Redis(unix_socket_path=socket) as client:
        name = f"{store.prefix}:a/0"
        assert client.get(name) == b"x"
        _, generation = store.get_with_generation("a/0")
        client.set(name, b"y")
        assert store["a/0"] == b"y"
        assert store.get_with_generation("a/0")[1] != generation


def test_a_prefix_is_no_pattern(socket: str) -> None:
    first, second = (
        RedisStore(prefix, unix_socket_path=socket) for prefix in ("a*[b]?\\c^-", "axxbyzc^-")
    )
    first["x/[a]*"], second["x/a"] = b"1", b"2"
    assert list(first) == ["x/[a]*"]
    first.clear()
    assert list(first.list()) == []
    assert list(second) == ["x/a"]


def test_byte_ranges_take_one_transaction_and_no_more_bytes(store: RedisStore) -> None:
    store["a"] = bytes(2**20)
    before = store.client.info("stats")["total_net_output_bytes"]
    assert store.get_ranges("a", [(0, 100), (-8, None)]) == [bytes(100), bytes(8)]
    assert store.client.info("stats")["total_net_output_bytes"] - before < 20_000


def test_many_keys_are_deleted_at_once(store: RedisStore) -> None:
    store.update({f"c/{step}": b"" for step in range(1100)})
    store.delete_many(["c/0", "c/1", "c/none"])
    store.delete_many([])
    assert len(store) == 1098
    store.delete_prefix("c")
    assert not store


@pytest.mark.fork
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_connects_anew(store: RedisStore) -> None:
    store["a"] = b"1"
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        store["b"] = store["a"]
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert dict(store) == {"a": b"1", "b": b"1"}


def test_no_server_is_a_failure_that_may_pass(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("redis") / "none")
    store = RedisStore(unix_socket_path=path)
    for call in (lambda: store.get("a"), lambda: store.set("a", b""), lambda: list(store.list())):
        with pytest.raises(StoreError, match="cannot") as caught:
            call()
        assert caught.value.transient


def test_a_user_that_may_only_read_gets_an_error_that_says_so(socket: str) -> None:
    with redis.Redis(unix_socket_path=socket) as client:
        client.acl_setuser(
            "reader", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@read"]
        )
    store = RedisStore(unix_socket_path=socket, username="reader", password="secret")
    assert store.get("a") is None
    with pytest.raises(ReadOnlyError, match="'a'"):
        store["a"] = b""
    with pytest.raises(StoreError) as caught:
        RedisStore(unix_socket_path=socket, username="reader", password="wrong").get("a")
    assert not caught.value.transient
    assert "secret" not in f"{store!r} {caught.value}"
    assert "wrong" not in str(caught.value)


def test_a_value_of_another_kind_is_an_error(store: RedisStore) -> None:
    store.client.rpush(f"{store.prefix}:a", "x")
    with pytest.raises(StoreError, match="WRONGTYPE"):
        store.get("a")


def test_the_same_database_is_the_same_place() -> None:
    assert RedisStore() == RedisStore("zarr", host="localhost", port=6379, password="secret")
    assert RedisStore() != RedisStore("other")
    assert RedisStore() != RedisStore(db=1)
    assert repr(RedisStore(password="secret")) == "RedisStore('redis://localhost:6379/0/zarr')"


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("azarr.stores.redis.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"azarr\[redis\]"):
        RedisStore()
