"""`ZipStore`: the conformance suite as far as a file can keep it that forgets nothing, and more."""

from __future__ import annotations

import os
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.errors import (
    ArrayNotFoundError,
    ExistsError,
    NotFoundError,
    ReadOnlyError,
    ShortReadError,
    StoreError,
    UsageError,
)
from azarr.stores import BlockingStore, ZipStore, make_store
from azarr.testing._rules import fill, keys_of, value_of
from azarr.testing.conformance import BlockingStoreConformance, _driven

REFUSED = "keeps every value"
replaces = pytest.mark.filterwarnings("ignore:Duplicate name")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "folder" / "example.zip")


@replaces
@_driven
class TestZipStore(BlockingStoreConformance):
    compression = zipfile.ZIP_STORED

    @pytest.fixture(autouse=True)
    def _path(self, path: str) -> None:
        self.path = path

    def make_store(self) -> BlockingStore:
        return ZipStore(self.path, compression=self.compression)

    def test_it_is_a_mutable_mapping(self, blocking_store: BlockingStore) -> None:
        store = blocking_store
        assert not store
        store.update({"a/x": b"1", "b": b"3"})
        assert dict(store) == {"a/x": b"1", "b": b"3"}
        assert type(store["a/x"]) is bytes
        assert len(store) == 2
        with pytest.raises(StoreError, match=REFUSED):
            store.pop("b")
        store.clear()
        assert list(store) == []

    def test_several_values_are_put_and_deleted_in_order(
        self, blocking_store: BlockingStore
    ) -> None:
        store = blocking_store
        with pytest.raises(StoreError, match=REFUSED):
            store.set_many([("x/0", b"0"), ("x/1", b"1"), ("x/0", None), ("x/2", b"2")])
        assert dict(store) == {"x/0": b"0", "x/1": b"1"}

    async def test_a_deleted_key_is_missing(self, store: Any) -> None:
        await fill(store, "a/b", "a/c")
        with pytest.raises(StoreError, match=REFUSED):
            await store.delete("a/b")
        assert await keys_of(store) == ["a/b", "a/c"]

    async def test_deleting_many_keys_removes_them_and_no_others(self, store: Any) -> None:
        await fill(store, "a/x", "b")
        with pytest.raises(StoreError, match=REFUSED):
            await store.delete_many(["a/x"])
        await store.delete_many(["missing"])
        assert await keys_of(store) == ["a/x", "b"]

    async def test_deleting_a_prefix_removes_what_is_under_it(self, store: Any) -> None:
        await fill(store, "a/x", "ab/z")
        await store.delete_prefix("missing")
        with pytest.raises(StoreError, match=REFUSED):
            await store.delete_prefix("a")
        assert await keys_of(store) == ["a/x", "ab/z"]
        await store.delete_prefix("")
        assert await keys_of(store) == []
        await fill(store, "a/x")
        assert await keys_of(store) == ["a/x"]

    async def test_many_random_requests_do_what_they_do_to_a_dict(self, store: Any) -> None:
        choose = random.Random(1)
        expected: dict[str, bytes] = {}
        for step in range(150):
            key = choose.choice(["a/0", "a/b/0", "c"])
            match choose.randrange(5):
                case 0 if step % 5 == 0:
                    await store.delete_prefix("")
                    expected.clear()
                case 1:
                    await store.flush()
                case _:
                    expected[key] = choose.randbytes(choose.randrange(20))
                    await store.set(key, expected[key])
            assert await value_of(store, key) == expected.get(key)
        assert await keys_of(store) == sorted(expected)


class TestCompressingZipStore(TestZipStore):
    compression = zipfile.ZIP_DEFLATED


def test_other_programs_read_the_file(path: str) -> None:
    with ZipStore(path, mode="w") as store:
        store["a/0"] = b"x"
    with zipfile.ZipFile(path) as file:
        assert (file.namelist(), file.read("a/0")) == (["a/0"], b"x")
        assert file.getinfo("a/0").external_attr == 0o644 << 16


def test_a_value_put_again_warns_and_counts(path: str) -> None:
    with ZipStore(path) as store:
        store["a"] = b"old"
        with pytest.warns(UserWarning, match="Duplicate name: 'a'"):
            store["a"] = b"new"
        assert dict(store) == {"a": b"new"}
    assert dict(ZipStore(path, mode="r")) == {"a": b"new"}
    with zipfile.ZipFile(path) as file:
        assert file.namelist() == ["a", "a"]


def test_directories_and_names_that_are_no_keys_are_not_listed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.mkdir("d")
        for name in ("d/x", "../up", "/root", "e//f"):
            file.writestr(name, b"1")
    assert list(ZipStore(tmp_path / "a.zip", mode="r")) == ["d/x"]


def test_the_modes(path: str) -> None:
    with pytest.raises(NotFoundError, match="no file"):
        ZipStore(path, mode="r")
    assert list(ZipStore(path)) == []
    assert not os.path.exists(path)
    for mode, expected in (("x", ["x"]), ("a", ["a", "x"]), ("w", ["w"])):
        with ZipStore(path, mode=mode) as store:  # type: ignore[arg-type]
            store[mode] = b""
        assert sorted(ZipStore(path, mode="r")) == expected
    with pytest.raises(ExistsError, match="exists already"):
        ZipStore(path, mode="x")
    with pytest.raises(ReadOnlyError):
        ZipStore(path, mode="r")["a"] = b""
    with pytest.raises(UsageError, match="'q'"):
        ZipStore(path, mode="q")  # type: ignore[arg-type]


def test_a_file_that_is_no_zip_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(b"something else")
    with pytest.raises(StoreError, match="not a ZIP file"):
        ZipStore(file, mode="r")
    with pytest.raises(StoreError, match="not a ZIP file"):
        ZipStore(file)["a"] = b"1"
    assert file.read_bytes() == b"something else"


def test_damage_is_an_error(path: str) -> None:
    with ZipStore(path) as store:
        store["a"] = b"something"
    data = Path(path).read_bytes()
    Path(path).write_bytes(data.replace(b"something", b"otherwise", 1))
    with pytest.raises(StoreError, match="Bad CRC"):
        ZipStore(path, mode="r")["a"]


def test_a_write_that_fails_leaves_the_old_value(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ZipStore(path)
    store["a"] = b"old"
    real = zipfile._ZipWriteFile.write  # type: ignore[attr-defined]

    def write(self: Any, data: bytes) -> int:
        real(self, data[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zipfile._ZipWriteFile.write", write)
    with pytest.raises(StoreError, match="No space"):
        store["b"] = b"new"
    monkeypatch.undo()
    store["c"] = b"more"
    store.close()
    assert dict(ZipStore(path, mode="r")) == {"a": b"old", "c": b"more"}
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None


def test_a_byte_range_is_read_alone(path: str) -> None:
    with ZipStore(path) as store:
        store["first"] = b"-" * 100
        store["a"] = bytes(range(100))
        assert store.get_ranges("a", [(5, 7), (-1, None)]) == [b"\x05\x06", b"c"]
    # The checksum would tell if all of it were read.
    data = Path(path).read_bytes()
    Path(path).write_bytes(data.replace(b"\x0a\x0b", b"\x0a\x0a", 1))
    assert ZipStore(path, mode="r").get_ranges("a", [(5, 7)]) == [b"\x05\x06"]


def test_a_member_beyond_the_end_is_a_short_read(path: str) -> None:
    with ZipStore(path) as store:
        store["a"] = b"0123456789"
    reader = ZipStore(path, mode="r")
    os.truncate(path, 40)
    with pytest.raises(ShortReadError, match="cut off"):
        reader.get_ranges("a", [(0, 10)])


@pytest.mark.parametrize("mode", ["r", "w"])
def test_a_pickled_copy_keeps_its_arguments(path: str, mode: Any) -> None:
    with ZipStore(path) as store:
        store["a"] = b"1"
    store = ZipStore(path, mode=mode, compression=8, dimension_separator="/")
    if mode == "w":
        store["a"] = b"1"
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store
    assert (copy.mode, copy.compression, copy.dimension_separator) == (
        "r" if mode == "r" else "a", 8, "/",
    )  # fmt: skip
    assert copy["a"] == b"1"


@pytest.mark.fork
def test_a_forked_child_reads_and_leaves_the_file_to_its_parent(path: str) -> None:
    store = ZipStore(path)
    store["a"] = b"1"
    store.flush()
    store["b"] = b"2"
    child = os.fork()
    if child == 0:
        store.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    store["c"] = b"3"
    store.close()
    reader = ZipStore(path, mode="r")
    assert len(reader) == 3
    child = os.fork()
    if child == 0:
        os._exit(0 if all(reader["c"] == b"3" for _ in range(100)) else 1)
    assert all(reader["a"] == b"1" for _ in range(100))
    assert os.waitpid(child, 0)[1] == 0


def test_a_store_that_is_forgotten_writes_its_table_of_contents(path: str) -> None:
    store = ZipStore(path)
    store["a"] = b"1"
    del store
    assert list(ZipStore(path, mode="r")) == ["a"]


def test_a_path_that_ends_in_zip_is_a_zip_store(path: str) -> None:
    assert make_store(path) == ZipStore(path)
    assert not os.path.exists(path)
    assert make_store(path, read_only=True).read_only
    with pytest.raises(ArrayNotFoundError):
        azarr.open_array(path, mode="r")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_arrays_are_saved_to_and_loaded_from_a_zip_file(path: str, zarr_format: Any) -> None:
    data = np.arange(1000).reshape(100, 10)
    with ZipStore(path, mode="w") as store:
        root = azarr.group(store=store, zarr_format=zarr_format)
        root.create_array("foo", shape=data.shape, chunks=(10, 10), dtype=data.dtype)[:] = data
    np.testing.assert_array_equal(azarr.open(path, mode="r")["foo"][:], data)
    np.testing.assert_array_equal(azarr.load(path, path="foo"), data)


def test_save_writes_a_file_that_can_be_loaded_at_once(path: str) -> None:
    azarr.save(path, np.arange(10))
    np.testing.assert_array_equal(azarr.load(path), np.arange(10))
    os.remove(path)
    azarr.save(path, a=np.arange(3), b=np.arange(4))
    np.testing.assert_array_equal(azarr.load(path)["b"], np.arange(4))
