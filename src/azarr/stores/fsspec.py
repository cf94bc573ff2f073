"""`FsspecStore`: whatever fsspec has a file system for."""

from __future__ import annotations

import os
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias, TypeVar, cast

from azarr.errors import UsageError
from azarr.stores import _options
from azarr.stores._driven import DrivenStore
from azarr.stores._fsspec_requests import requests_of
from azarr.stores._fsspec_systems import (
    FileSystem,
    has_conditional_writes,
    shared_file_system,
)
from azarr.stores._remote import RemoteStore, Requests, one_by_one, together
from azarr.stores._remote_failures import place_of
from azarr.stores.base import Latency, Store

T = TypeVar("T")
Keys: TypeAlias = list[str]

# Asynchronous in form only, or around other file systems, which belong to one event loop.
_NOT_NATIVE = frozenset({"reference", "dir", "asyncwrapper", "async_wrapper", "generic"})

_LATENCY: dict[str, Latency] = {"memory": "memory", "file": "local", "zip": "local"}


class FsspecStore(Store):
    """A store in any file system of fsspec, below a URL or a path.

    `FsspecStore(...)` makes one of two kinds: an asynchronous store for a file system that is
    (s3fs, HTTP ...), whose session is one per process and event loop; else a blocking store
    (memory, local, zip, and all that is chained: "simplecache::s3://..."). Arrays use both alike.

    On S3 a read is one request, and there are conditional writes. Elsewhere there are none, so
    writers in different processes need a synchronizer. A pickled store holds its options,
    credentials too.

    Args:
        url: a URL, or a path in `fs`.
        storage_options: options of the file system, e.g. `{"anon": True}`; for a chained URL by
            protocol.
        fs: a file system. Of one that is asynchronous, an equal one is made for each event loop.
        conditional: False for an S3 server that does not know conditional writes.
        read_only: refuse every write; for HTTP, that is the default.

    Raises:
        UsageError: fsspec has no such file system, or what that needs is not installed.

    Example:
        >>> FsspecStore("memory://some/folder")
        FsspecStore('fsspec+memory://some/folder', fs=MemoryFileSystem)
    """

    def __new__(cls, *arguments: Any, **options: Any) -> Self:
        """One of the two kinds of store."""
        if cls is not FsspecStore:
            return object.__new__(cls)
        url = arguments[0] if arguments else options.get("url", "")
        native = _System.of(url, None, options.get("fs")).native
        return cast(Self, object.__new__(_AsyncFsspecStore if native else _BlockingFsspecStore))

    def __init__(
        self,
        url: str,
        storage_options: Mapping[str, Any] | None = None,
        *,
        fs: Any = None,
        conditional: bool | None = None,
        read_only: bool | None = None,
    ) -> None:
        system = self._system = _System.of(url, storage_options, fs)
        self.origin = system.origin
        self.latency = _LATENCY.get(system.protocol, "remote")
        self.read_only = system.protocol == "http" if read_only is None else read_only
        wanted = system.protocol == "s3" and conditional is not False
        self.conditional = wanted and has_conditional_writes()
        self._live: tuple[int, Requests] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_live": None, "_awaited": None}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FsspecStore) and other.origin == self.origin

    __hash__ = Store.__hash__

    def __repr__(self) -> str:
        name = type(self).__name__.removeprefix("_Async").removeprefix("_Blocking")
        flag = ", read_only=True" if self.read_only else ""
        return f"{name}({self.origin!r}, fs={self._system.kind.__name__}{flag})"


@dataclass(frozen=True)
class _System:
    """A file system that is described, and not made yet.

    Attributes:
        url: the URL; "" if the file system was given.
        kind, arguments, options: its class, and what to make it with.
        given: a blocking one that was given.
        protocol: the first name of the class: "s3", "file", "memory" ...
        path: where the values are in it; not known for a chained URL.
        native: each event loop has one of its own.
    """

    url: str
    kind: Any
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    given: Any
    protocol: str
    path: str
    native: bool

    @classmethod
    def of(cls, url: str, options: Mapping[str, Any] | None, fs: Any) -> _System:
        if not isinstance(url, str):
            raise UsageError(
                "an FsspecStore needs a URL, or a path and a file system: FsspecStore(path, "
                f"fs=...); not {url!r}"
            )
        options = dict(options or {})
        arguments: tuple[Any, ...] = ()
        given = None
        if fs is not None:
            if options:
                raise UsageError("storage_options are for URLs, not for a file system")
            fs = getattr(fs, "sync_fs", fs)  # fsspec's asynchronous wrapper of a blocking one
            kind = type(fs)
            if kind.async_impl:
                arguments, options = fs.storage_args, dict(fs.storage_options)
            else:
                given = fs
        else:
            kind = _class_of(url)
        protocol = kind.protocol if isinstance(kind.protocol, str) else kind.protocol[0]
        chained = fs is None and "::" in url
        path = "" if chained else str(kind._strip_protocol(url)).rstrip("/")
        native = bool(kind.async_impl) and not chained and protocol not in _NOT_NATIVE
        protocol = {"http": "http", "https": "http", "local": "file"}.get(protocol, protocol)
        return cls(url, kind, arguments, options, given, protocol, path, native)

    @property
    def origin(self) -> str:
        """The identity of the place, the same as that of other stores of the same place."""
        if self.protocol in ("s3", "gs", "abfs"):
            url = self.url if "://" in self.url else f"{self.protocol}://{self.path}"
            return _options.origin_of(url, self.options)
        if self.protocol == "http":
            return place_of(self.path)
        if self.protocol == "file":
            return f"file://{self.path}"
        if "::" in self.url:
            return "::".join(
                place_of(part) if "://" in part else part for part in self.url.split("::")
            )
        where = f"{self.protocol}://{self.path.lstrip('/')}"
        if self.given is not None and self.protocol != "memory":
            return f"fsspec+{where}?id={id(self.given):x}"
        return f"fsspec+{where}" if self.protocol == "memory" else place_of(where)

    def requests(self) -> Requests:
        """How to ask it, in this process."""
        if self.given is not None:
            return requests_of(FileSystem(lambda _: self.given, False), self.protocol, self.path)
        if "::" not in self.url:
            system = shared_file_system(self.kind, self.arguments, self.options, self.native)
            return requests_of(system, self.protocol, self.path)
        from fsspec.core import url_to_fs

        fs, path = url_to_fs(self.url, **self.options)
        return requests_of(FileSystem(lambda _: fs, False), self.protocol, path.rstrip("/"))


def _class_of(url: str) -> Any:
    import fsspec

    # Without a scheme fsspec takes a path to be local.
    protocol = url.partition("::")[0] if "::" in url else url.partition("://")[0]
    protocol = "file" if protocol == url else protocol.partition("://")[0]
    try:
        return fsspec.get_filesystem_class(protocol.lower())
    except (ValueError, ImportError) as error:
        raise UsageError(f"no file system of fsspec for {place_of(url)!r}: {error}") from None


class _AsyncFsspecStore(FsspecStore, RemoteStore):
    """A store in an asynchronous file system."""

    __hash__ = Store.__hash__

    def _requests(self) -> Requests:
        live = self._live
        if live is None or live[0] != os.getpid():
            live = self._live = (os.getpid(), self._system.requests())
        return live[1]


class _Driven(_AsyncFsspecStore):
    """The coroutines of a blocking store. On a blocking file system, they never suspend."""

    async def _together(self, calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        return await (together if self._system.kind.async_impl else one_by_one)(calls)

    def __repr__(self) -> str:
        return FsspecStore.__repr__(self).replace("_Driven", "FsspecStore")


class _BlockingFsspecStore(FsspecStore, DrivenStore):
    """A store in a blocking file system, or in one that runs on the event loop of fsspec."""

    __hash__ = Store.__hash__
    _awaited: _Driven | None = None

    def _driven(self) -> _Driven:
        if self._awaited is None:
            twin = object.__new__(_Driven)
            twin.__dict__.update(self.__dict__, read_only=False)
            self._awaited = twin
        return self._awaited

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        if self._system.kind.async_impl:
            from fsspec.asyn import get_loop, sync

            async def body() -> T:
                return await call

            return cast(T, sync(get_loop(), body))
        try:
            call.send(None)
        except StopIteration as done:
            return cast(T, done.value)
        call.close()
        raise AssertionError(f"{self!r} suspended")
