"""`FsspecStore` passes the conformance suite over s3fs, and over blocking file systems."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import fsspec
import pytest
from tests.stores.s3_cases import S3Conformance, options

import azarr
from azarr.errors import ConflictError, UsageError
from azarr.stores import AsyncStore, BlockingStore, FsspecStore, FSStore
from azarr.stores._fsspec_requests import FileRequests
from azarr.testing.conformance import BlockingStoreConformance
from benchmarks.s3_server import S3Server

_folders = count()


class TestS3fsOverOurServer(S3Conformance):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        pytest.importorskip("uvloop")
        return "asyncio", {"use_uvloop": True}

    @pytest.fixture(autouse=True)
    def _server(self, s3_server: S3Server) -> None:
        self.url = s3_server.url

    def make_store(self) -> AsyncStore:
        store = FsspecStore("s3://bucket/some/folder", options(self.url))
        assert isinstance(store, AsyncStore)
        return store


class TestS3fsOverMoto(S3Conformance):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {}

    @pytest.fixture(autouse=True)
    def _server(self, moto_url: str, moto_bucket: str) -> None:
        self.url, self.bucket = moto_url, moto_bucket

    def make_store(self) -> AsyncStore:
        store = FsspecStore(f"s3://{self.bucket}", options(self.url))
        assert isinstance(store, AsyncStore)
        return store


class TestMemory(BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        store = FsspecStore(f"memory://folder-{next(_folders)}")
        assert isinstance(store, BlockingStore)
        return store


class TestLocal(BlockingStoreConformance):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.url = tmp_path.as_uri() + "/root"

    def make_store(self) -> BlockingStore:
        store = FsspecStore(self.url)
        assert isinstance(store, BlockingStore)
        return store


class TestFSStore(BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return FSStore(f"memory://fsstore-{next(_folders)}")


def test_a_file_system_in_the_place_of_the_url_is_refused_with_where_it_goes() -> None:
    file_system = fsspec.filesystem("memory")
    with pytest.raises(UsageError, match=r"a URL, or a path and a file system.*fs=\.\.\."):
        FsspecStore(file_system, path="somewhere")
    assert FsspecStore("somewhere", fs=file_system).origin.endswith("somewhere")


def test_what_is_deleted_from_a_local_disk_leaves_no_folders(tmp_path: Path) -> None:
    for store in (FSStore(str(tmp_path / "a")), FsspecStore(f"file://{tmp_path}/b")):
        store.set("kept/here", b"1")
        store.set("gone/x/y/z", b"2")
        store.set("gone/w", b"3")
        store.delete_prefix("gone")
        assert store.list_children() == ([], ["kept"])
        store.delete_prefix("gone")
        store.delete_prefix("never")
        assert store.list_children() == ([], ["kept"])


@pytest.fixture
def written_while_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], Any]], None]:
    """`written_while_read(n, write)`: `write()` after the nth range that is read from now on."""
    read = FileRequests.get_part

    def install(number: int, write: Callable[[], Any]) -> None:
        ranges = count(1)

        async def get_part(self: Any, *arguments: Any) -> Any:
            part = await read(self, *arguments)
            if next(ranges) == number:
                write()
            return part

        monkeypatch.setattr(FileRequests, "get_part", get_part)

    return install


def test_ranges_of_a_local_file_are_never_of_two_versions(
    tmp_path: Path, written_while_read: Any
) -> None:
    store = FSStore(str(tmp_path))
    store.set("a", b"old old")
    written_while_read(1, lambda: store.set("a", b"new new"))
    with pytest.raises(ConflictError):
        store.get_ranges("a", [(0, 3), (4, 7)])
    assert store.get_ranges("a", [(0, 3), (4, 7), (7, 7), (-3, None)]) == [
        b"new",
        b"new",
        b"",
        b"new",
    ]


@pytest.mark.parametrize("number", range(1, 6))
@pytest.mark.parametrize("fill", [0, 1])
def test_a_shard_that_is_replaced_while_it_is_read_is_read_in_one_version(
    tmp_path: Path, written_while_read: Any, number: int, fill: int
) -> None:
    array = azarr.create_array(
        FSStore(str(tmp_path)),
        shape=4000,
        chunks=500,
        shards=4000,
        dtype="f8",
        compressors=None,
        fill_value=fill,
        write_empty_chunks=False,
    )
    array[:] = 1
    array[2000:] = 2
    written_while_read(number, lambda: array.set_basic_selection(..., 3))
    with azarr.config.using(coalesce_gap=0):
        assert array[::3000].tolist() in ([1, 2], [3, 3])
