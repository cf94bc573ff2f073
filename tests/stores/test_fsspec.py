"""`FsspecStore` passes the conformance suite over s3fs, and over blocking file systems."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.stores.s3_cases import S3Conformance, options

from azarr.stores import AsyncStore, BlockingStore, FsspecStore, FSStore
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
