"""`ABSStore`: the store in Azure of the Zarr 2 documentation, over `ObstoreStore`."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from azarr.errors import UsageError
from azarr.stores._azure import DEVELOPMENT
from azarr.stores._driven import DrivenStore
from azarr.stores._remote import RemoteStore
from azarr.stores.base import Latency
from azarr.stores.obstore import ObstoreStore

T = TypeVar("T")


class ABSStore(DrivenStore):
    """A blocking store, and mapping, in a container of Azure Blob Storage.

    It has conditional writes and needs no further package. The URL "az://container/prefix" is the
    same place, and faster.

    Args:
        container: the name of the container.
        prefix: of the keys in it.
        account_name: the account; without it the environment is searched
            (`AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_CONNECTION_STRING` ...).
        account_key: of the account.
        blob_service_kwargs: `{"is_emulated": True}` for an emulator at its usual port, or
            `storage_options` of "az://".
        dimension_separator: what new arrays in this store have between chunk coordinates in a
            chunk key, if nothing else says so.
        client: an `azure.storage.blob.ContainerClient` whose container, account and credential are
            meant, in place of all but the prefix. Requests do not go through it.

    Raises:
        UsageError: neither a container nor a client, or an option that obstore has nothing for.

    Example:
        >>> ABSStore("container", "some/folder", account_name="me", account_key="xyz=")
        ABSStore('az://container@me/some/folder')
    """

    latency: Latency = "remote"
    conditional = True

    def __init__(
        self,
        container: str | None = None,
        prefix: str = "",
        account_name: str | None = None,
        account_key: str | None = None,
        blob_service_kwargs: Mapping[str, Any] | None = None,
        dimension_separator: Literal[".", "/"] | None = None,
        client: Any = None,
    ) -> None:
        if client is not None:
            container, options = client.container_name, _options_of(client)
        else:
            options = dict(blob_service_kwargs or {})
            if options.pop("is_emulated", False):
                options = {**DEVELOPMENT, **options}
            given = {"account_name": account_name, "account_key": account_key}
            options |= {name: value for name, value in given.items() if value is not None}
        if not container:
            raise UsageError("an ABSStore needs the name of a container, or a client")
        self.client = client
        self.prefix = prefix.strip("/")
        self.dimension_separator = dimension_separator
        self._store = ObstoreStore(f"az://{container}/{self.prefix}", options)
        self.origin = self._store.origin

    def _driven(self) -> RemoteStore:
        return self._store

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        from fsspec.asyn import get_loop, sync

        async def body() -> T:
            return await call

        result: T = sync(get_loop(), body)
        return result

    def __getstate__(self) -> dict[str, Any]:
        # A client has locks and open connections.
        return {**self.__dict__, "client": None}


def _options_of(client: Any) -> dict[str, Any]:
    """The storage options of the account that a `ContainerClient` asks."""
    parts = urlsplit(client.url)
    options = {
        "account_name": client.account_name,
        "endpoint_url": f"{parts.scheme}://{parts.netloc}{parts.path.rpartition('/')[0]}",
    }
    key = getattr(client.credential, "account_key", None)
    if key is not None:
        return {**options, "account_key": key}
    if client.credential is not None:
        return {**options, "credential": client.credential}
    return {**options, **({"sas_token": parts.query} if parts.query else {"anon": True})}
