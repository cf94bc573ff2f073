"""`ObstoreStore` passes the conformance suite over our server, moto's, files and memory."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.stores.s3_cases import S3Conformance, options

from azarr.stores import AsyncStore, ObstoreStore
from azarr.testing.conformance import AsyncStoreConformance
from benchmarks.s3_server import S3Server

_folders = count()


class TestOverOurServer(S3Conformance):
    @pytest.fixture(autouse=True)
    def _server(self, s3_server: S3Server) -> None:
        self.url = s3_server.url

    def make_store(self) -> AsyncStore:
        return ObstoreStore("s3://bucket/some/folder", options(self.url))


class TestOverMoto(S3Conformance):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {}

    @pytest.fixture(autouse=True)
    def _server(self, moto_url: str, moto_bucket: str) -> None:
        self.url, self.bucket = moto_url, moto_bucket

    def make_store(self) -> AsyncStore:
        return ObstoreStore(f"s3://{self.bucket}", options(self.url))


class TestWithoutConditionalWrites(S3Conformance):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {}

    @pytest.fixture(autouse=True)
    def _server(self, s3_server: S3Server) -> None:
        self.url = s3_server.url

    def make_store(self) -> AsyncStore:
        return ObstoreStore("s3://bucket", options(self.url), conditional=False)


class OnAsyncio(AsyncStoreConformance):
    @pytest.fixture
    def anyio_backend(self) -> tuple[str, dict[str, Any]]:
        return "asyncio", {}


class TestOverMemory(OnAsyncio):
    picklable = False

    def make_store(self) -> AsyncStore:
        from obstore.store import MemoryStore

        return ObstoreStore(MemoryStore())


class TestOverFiles(OnAsyncio):
    picklable = False

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path

    def make_store(self) -> AsyncStore:
        from obstore.store import LocalStore

        return ObstoreStore(LocalStore(self.path))
