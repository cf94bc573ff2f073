"""`ObstoreStore`: S3, Google Cloud Storage, Azure and HTTP through obstore, a client in Rust.

A client belongs to a process and is made when it is first needed; connections are shared by all
event loops.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Mapping
from typing import Any, cast

from azarr.errors import StoreError, UsageError
from azarr.stores import _options
from azarr.stores._obstore_requests import ObstoreRequests, client_of
from azarr.stores._remote import RemoteStore, Requests
from azarr.stores._remote_failures import failure_of_text, place_of

# The process whose fork would copy a tokio runtime without its threads: what is asked of the copy
# is never answered (https://github.com/tokio-rs/tokio/issues/4301).
_started_in: int | None = None

EXIT_SECONDS = 0.02
"""A thread of obstore that is still letting go of its last result when the interpreter shuts down
aborts the process: 3 of 60 short scripts did (PyO3/pyo3-async-runtimes issue 40 has no better
way)."""


def _let_threads_finish() -> None:
    if _started_in == os.getpid():
        time.sleep(EXIT_SECONDS)


# Handlers run in reverse: this one, of an early import, after the one that ends azarr's event loop.
atexit.register(_let_threads_finish)


class ObstoreStore(RemoteStore):
    """A store in a bucket, or below a URL: "s3://", "gs://", "az://", "http://", "https://".

    Conditional writes (If-Match, If-None-Match) are used where the service has them; without them,
    writers in different processes need a synchronizer. `http(s)://` is read-only, unless
    `read_only=False` says that the server takes PUT and DELETE.

    A pickled store holds its options, credentials too. After a fork of a process that has used
    obstore, `s3://` and `http(s)://` are served by s3fs and aiohttp in the child, which obstore
    cannot; other URLs raise a `StoreError`.

    Args:
        url: where the values are; or a store of `obstore.store`, used as it is.
        storage_options: as s3fs, gcsfs or adlfs spell them: anon, key, secret, token,
            endpoint_url, client_kwargs ... Without a key, the environment, and for S3 the files of
            the AWS command line, are searched.
        conditional: False for a server that does not know conditional writes.
        read_only: refuse every write.

    Raises:
        UsageError: no such scheme, or an option that obstore has nothing for.

    Example:
        >>> ObstoreStore("s3://bucket/a.zarr", {"key": "me", "secret": "xyz"})
        ObstoreStore('s3://bucket/a.zarr')
    """

    def __init__(
        self,
        url: Any,
        storage_options: Mapping[str, Any] | None = None,
        *,
        conditional: bool | None = None,
        read_only: bool | None = None,
    ) -> None:
        self._options = dict(storage_options or {})
        self._given: Any = None
        if isinstance(url, str):
            self._init_url(url)
        else:
            self._init_client(url)
        can = self._scheme not in ("http", "file")
        self.conditional = can if conditional is None else conditional
        self.read_only = self._scheme == "http" if read_only is None else read_only
        self._live: tuple[int, Requests] | None = None

    def _init_url(self, url: str) -> None:
        scheme = _options.scheme_of(url)
        if scheme not in _options.RULES:
            raise UsageError(f"{place_of(url)!r}: obstore serves {', '.join(_options.RULES)}")
        spelled = _options.spell(url, self._options)
        if isinstance(spelled, str):
            raise UsageError(f"obstore has nothing for the option {spelled!r} of {place_of(url)!r}")
        self.url = url
        self.origin = _options.origin_of(url, self._options)
        self._scheme = "http" if scheme == "https" else scheme

    def _init_client(self, client: Any) -> None:
        if self._options:
            raise UsageError("storage_options are for URLs, not for a client that is made already")
        kinds = {"S3Store": "s3", "GCSStore": "gs", "AzureStore": "az", "HTTPStore": "http"}
        kind = type(client).__name__
        self._scheme = kinds.get(kind, "file" if kind == "LocalStore" else "memory")
        self._given = client
        if self._scheme == "memory":
            self.url = f"obstore-memory://{os.getpid()}-{id(client):x}"
            self.origin = self.url
            return
        config: dict[str, Any] = dict(getattr(client, "config", None) or {})
        endpoint = config.get("endpoint") or config.get("base_url")
        where = config.get("bucket") or config.get("container_name") or ""
        root = f"{where}/{getattr(client, 'prefix', None) or ''}".strip("/")
        self.url = getattr(client, "url", None) or f"{self._scheme}://{root}"
        if self._scheme == "file":
            self.url = f"file:///{root}"
        said = {"account_name": config.get("account_name"), "endpoint_url": endpoint}
        self.origin = _options.origin_of(self.url, said)

    def _requests(self) -> Requests:
        live = self._live
        if live is None or live[0] != os.getpid():
            live = self._live = (os.getpid(), self._new_requests())
        return live[1]

    def _new_requests(self) -> Requests:
        global _started_in
        if _started_in is None:
            _started_in = os.getpid()
        if _started_in != os.getpid():
            return self._after_fork()
        if self._given is not None:
            return ObstoreRequests(self._given, self._scheme)
        spelled = cast(_options.Spelled, _options.spell(self.url, self._options))
        from obstore.exceptions import BaseError

        try:
            client = client_of(self._scheme, self.url, spelled)
        except BaseError as error:
            reason = failure_of_text(str(error), transient=False).reason
            raise UsageError(f"there is no client for {self!r}: {reason}") from None
        return ObstoreRequests(client, self._scheme)

    def _after_fork(self) -> Requests:
        if self._given is not None or self._scheme not in ("s3", "http"):
            raise StoreError(
                f"{self!r}: obstore does not work in a process that was forked after it was used; "
                "start workers by 'spawn' or 'forkserver'"
            )
        from azarr.stores._fsspec_requests import native_requests

        return native_requests(self.url, self._options)

    async def close(self) -> None:
        """Forget the client; its connections are closed when the last store has forgotten it."""
        self._live = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_live": None}
