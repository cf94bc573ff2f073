"""Every store of azarr, and every wrapper of the test kit, passes the conformance suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from azarr.stores import (
    AsyncStore,
    BlockingStore,
    DirectoryStore,
    KVStore,
    LocalStore,
    MappingStore,
    MemoryStore,
    NestedDirectoryStore,
)
from azarr.testing import (
    AsyncCountingStore,
    AsyncFaultStore,
    CountingStore,
    FaultStore,
    LatencyStore,
)
from azarr.testing.conformance import AsyncStoreConformance, BlockingStoreConformance


class InFolder:
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "store"


class TestMemoryStore(BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return MemoryStore()


class TestMappingStore(BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return MappingStore({})


class TestKVStore(BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return KVStore({})


class TestMappingStoreOverALocalStore(InFolder, BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return MappingStore(LocalStore(self.path))


class TestLocalStore(InFolder, BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return LocalStore(self.path)


class TestDurableLocalStore(InFolder, BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return LocalStore(self.path, durable=True)


class TestLocalStoreWithoutDirectoryDescriptors(InFolder, BlockingStoreConformance):
    """As on a platform whose directories cannot be opened: paths, and a lock file."""

    @pytest.fixture(autouse=True)
    def _platform(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("azarr.stores._directory._HAS_DIRECTORY_FD", False)
        monkeypatch.setattr("azarr.stores._directory._HAS_UTIME_FD", False)

    def make_store(self) -> BlockingStore:
        return LocalStore(self.path)


class TestDirectoryStore(InFolder, BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return DirectoryStore(self.path)


class TestNestedDirectoryStore(InFolder, BlockingStoreConformance):
    def make_store(self) -> BlockingStore:
        return NestedDirectoryStore(self.path)


class TestCountingStore(BlockingStoreConformance):
    picklable = False

    def make_store(self) -> BlockingStore:
        return CountingStore(MemoryStore())


class TestFaultStoreWithoutFaults(BlockingStoreConformance):
    picklable = False

    def make_store(self) -> BlockingStore:
        return FaultStore(MemoryStore(), keys="no such key")


class TestAsyncCountingStore(AsyncStoreConformance):
    picklable = False

    def make_store(self) -> AsyncStore:
        return AsyncCountingStore(MemoryStore())


class TestLatencyStore(AsyncStoreConformance):
    picklable = False

    def make_store(self) -> AsyncStore:
        return LatencyStore(MemoryStore(), 0.0001)


class TestAsyncFaultStoreWithoutFaults(AsyncStoreConformance):
    picklable = False

    def make_store(self) -> AsyncStore:
        return AsyncFaultStore(LatencyStore(MemoryStore(), 0), keys="no such key")
