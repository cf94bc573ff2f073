"""Who is measured against a slow store: each implementation through each of its clients.

An implementation is imported when it is made; one that is not installed is left out of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Protocol

import numpy as np

DTYPE = np.dtype("u2")
REGION = "us-east-1"


@dataclass(frozen=True)
class Layout:
    """An array without compression, so that a value is as large as its chunk."""

    shape: tuple[int, ...] = (1600, 1600)
    chunks: tuple[int, ...] = (50, 50)
    shards: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Handle:
    """An open array: the two things that are done with it."""

    read: Callable[[Any], Any]
    write: Callable[[Any, Any], Any]


class Client(Protocol):
    """One implementation through one client.

    Attributes:
        name: heads its column.
        can_list: whether it knows groups.
    """

    name: str
    can_list: bool

    def create(self, bucket: str, layout: Layout) -> Handle: ...

    def open(self, bucket: str) -> Handle: ...

    def create_many(self, bucket: str, names: Sequence[str]) -> None: ...

    def list_many(self, bucket: str) -> Mapping[str, Any]: ...

    def settings(self) -> AbstractContextManager[Any]: ...


def _options(url: str) -> dict[str, Any]:
    client = {"endpoint_url": url, "region_name": REGION}
    return {"key": "key", "secret": "secret", "client_kwargs": client}


class Azarr:
    """azarr, blocking, default settings."""

    can_list = True

    def __init__(self, url: str, kind: str) -> None:
        from azarr import stores

        self.name = f"azarr + {kind}"
        self._url = url
        self._kind = {"obstore": stores.ObstoreStore, "s3fs": stores.FsspecStore}[kind]

    def settings(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def store(self, bucket: str) -> Any:
        return self._kind(f"s3://{bucket}/a", _options(self._url))

    def _handle(self, array: Any) -> Handle:
        return Handle(array.__getitem__, array.__setitem__)

    def create(self, bucket: str, layout: Layout) -> Handle:
        import azarr

        array = azarr.create_array(
            self.store(bucket),
            shape=layout.shape,
            chunks=layout.chunks,
            shards=layout.shards,
            dtype=DTYPE,
            compressors=None,
        )
        return self._handle(array)

    def open(self, bucket: str) -> Handle:
        import azarr

        return self._handle(azarr.open_array(self.store(bucket), mode="r+"))

    def create_many(self, bucket: str, names: Sequence[str]) -> None:
        import azarr

        group = azarr.create_group(self.store(bucket))
        for name in names:
            group.create_array(name, shape=(10,), dtype=DTYPE)

    def list_many(self, bucket: str) -> Mapping[str, Any]:
        import azarr

        found: Mapping[str, Any] = azarr.open_group(self.store(bucket), mode="r").members()
        return found


class AzarrAtOnce(Azarr):
    """azarr, creating many nodes in one call."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "obstore")
        self.name = "azarr, at once"

    def create_many(self, bucket: str, names: Sequence[str]) -> None:
        import azarr

        group = azarr.create_group(self.store(bucket))
        group.create_hierarchy({name: {"shape": (10,), "dtype": DTYPE} for name in names})


class ZarrPython:
    """zarr-python 3, its blocking interface; `concurrency` None: as it is by default."""

    can_list = True

    def __init__(self, url: str, kind: str, concurrency: int | None) -> None:
        import zarr  # noqa: F401 - is it installed?

        self.name = f"zarr + {kind}" + ("" if concurrency is None else f", {concurrency}")
        self._url, self._kind, self._concurrency = url, kind, concurrency

    def settings(self) -> AbstractContextManager[Any]:
        import zarr

        if self._concurrency is None:
            return nullcontext()
        tuned: AbstractContextManager[Any] = zarr.config.set(
            {"async.concurrency": self._concurrency}
        )
        return tuned

    def _store(self, bucket: str) -> Any:
        from zarr import storage

        if self._kind == "s3fs":
            options = _options(self._url)
            if self._concurrency is not None:
                options["config_kwargs"] = {"max_pool_connections": self._concurrency}
            return storage.FsspecStore.from_url(f"s3://{bucket}/a", storage_options=options)
        from obstore.store import S3Store

        client = S3Store(
            bucket,
            prefix="a",
            endpoint=self._url,
            region=REGION,
            access_key_id="key",
            secret_access_key="secret",
            client_options={"allow_http": True},
        )
        return storage.ObjectStore(client)

    def create(self, bucket: str, layout: Layout) -> Handle:
        import zarr

        array = zarr.create_array(
            self._store(bucket),
            shape=layout.shape,
            chunks=layout.chunks,
            shards=layout.shards,
            dtype=DTYPE,
            compressors=None,
        )
        return Handle(array.__getitem__, array.__setitem__)

    def open(self, bucket: str) -> Handle:
        import zarr

        array: Any = zarr.open_array(self._store(bucket), mode="r+")
        return Handle(array.__getitem__, array.__setitem__)

    def create_many(self, bucket: str, names: Sequence[str]) -> None:
        import zarr

        group = zarr.create_group(self._store(bucket))
        for name in names:
            group.create_array(name, shape=(10,), dtype=DTYPE)

    def list_many(self, bucket: str) -> Mapping[str, Any]:
        import zarr

        group = zarr.open_group(self._store(bucket), mode="r", use_consolidated=False)
        return dict(group.members())


class TensorStore:
    """tensorstore, default settings."""

    name = "tensorstore"
    can_list = False

    def __init__(self, url: str) -> None:
        import tensorstore

        self._tensorstore = tensorstore
        self._url = url

    def settings(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def _spec(self, bucket: str) -> dict[str, Any]:
        kvstore = {
            "driver": "s3",
            "bucket": bucket,
            "path": "a/",
            "endpoint": self._url,
            "aws_region": REGION,
            "aws_credentials": {"type": "anonymous"},
        }
        return {"driver": "zarr3", "kvstore": kvstore}

    def _handle(self, array: Any) -> Handle:
        def write(selection: Any, values: Any) -> None:
            array[selection].write(values).result()

        return Handle(lambda selection: array[selection].read().result(), write)

    def create(self, bucket: str, layout: Layout) -> Handle:
        inner: list[Any] = [{"name": "bytes", "configuration": {"endian": "little"}}]
        codecs = inner
        if layout.shards is not None:
            sharding = {"chunk_shape": layout.chunks, "codecs": inner}
            codecs = [{"name": "sharding_indexed", "configuration": sharding}]
        document = {
            "shape": layout.shape,
            "data_type": DTYPE.name,
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": layout.shards or layout.chunks},
            },
            "codecs": codecs,
        }
        spec = {**self._spec(bucket), "metadata": document}
        return self._handle(self._tensorstore.open(spec, create=True).result())

    def open(self, bucket: str) -> Handle:
        return self._handle(self._tensorstore.open(self._spec(bucket), open=True).result())

    def create_many(self, bucket: str, names: Sequence[str]) -> None:
        raise NotImplementedError

    def list_many(self, bucket: str) -> Mapping[str, Any]:
        raise NotImplementedError


def clients(url: str) -> list[Client]:
    """Those that can be imported here; azarr comes first."""
    makers: list[Callable[[], Client]] = [
        lambda: Azarr(url, "obstore"),
        lambda: Azarr(url, "s3fs"),
        lambda: AzarrAtOnce(url),
        lambda: ZarrPython(url, "obstore", None),
        lambda: ZarrPython(url, "s3fs", None),
        lambda: ZarrPython(url, "obstore", 256),
        lambda: ZarrPython(url, "s3fs", 256),
        lambda: TensorStore(url),
    ]
    found = []
    for make in makers:
        try:
            found.append(make())
        except ImportError:
            continue
    return found


def versions() -> str:
    """What is measured."""
    names = ["azarr", "zarr", "obstore", "s3fs", "tensorstore"]
    known = []
    for name in names:
        try:
            known.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(known)
