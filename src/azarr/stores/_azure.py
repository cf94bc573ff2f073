"""Which account of Azure is meant: by the URL, the storage options, or a connection string."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from azarr.errors import UsageError

_DOMAIN = "core.windows.net"

DEVELOPMENT = {
    "account_name": "devstoreaccount1",
    "account_key": (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    ),
    "endpoint_url": "http://127.0.0.1:10000/devstoreaccount1",
}
"""The account that every emulator has
(https://learn.microsoft.com/azure/storage/common/storage-connect-azurite)."""


def azure_options(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with `account_name`, and `endpoint_url` if it is not the usual one.

    "abfs://container@account.dfs.core.windows.net/path" names the account. A connection string goes
    before everything else, as adlfs has it; the environment's counts if nothing else names an
    account.

    Example:
        >>> azure_options("az://container", {"connection_string": "AccountName=me;AccountKey=xyz="})
        {'account_name': 'me', 'account_key': 'xyz='}
    """
    found = dict(options)
    text = found.pop("connection_string", None)
    if host := found.pop("account_host", None):
        found["endpoint_url"] = f"https://{host}"
    _, named, host = urlsplit(url).netloc.rpartition("@")
    if named:
        found["account_name"], _, domain = host.partition(".")
        if domain.partition(".")[2] not in ("", _DOMAIN):
            found.setdefault("endpoint_url", f"https://{host.replace('.dfs.', '.blob.', 1)}")
    elif text is None and not found.get("account_name"):
        text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    return {**found, **_parse(text)} if text else found


def _parse(text: str) -> dict[str, str]:
    """The options that a connection string stands for
    (https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string)."""
    pairs = (each.partition("=") for each in text.split(";"))
    parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        return DEVELOPMENT
    endpoint = parts.get("blobendpoint", "").rstrip("/")
    name = parts.get("accountname") or (urlsplit(endpoint).hostname or "").partition(".")[0]
    if not name:
        raise UsageError("the connection_string has neither an AccountName nor a BlobEndpoint")
    protocol = parts.get("defaultendpointsprotocol", "https")
    usual = f"https://{name}.blob.{_DOMAIN}"
    endpoint = endpoint or f"{protocol}://{name}.blob.{parts.get('endpointsuffix', _DOMAIN)}"
    found = {
        "account_name": name,
        "account_key": parts.get("accountkey"),
        "sas_token": parts.get("sharedaccesssignature"),
        "endpoint_url": None if endpoint == usual else endpoint,
    }
    return {option: value for option, value in found.items() if value}


def token_provider(credential: Any) -> Callable[[], Any]:
    """What obstore asks for tokens, of a credential of `azure.identity` or `azure.identity.aio`."""
    scope = "https://storage.azure.com/.default"

    def spelled(found: Any) -> dict[str, Any]:
        return {"token": found.token, "expires_at": datetime.fromtimestamp(found.expires_on, UTC)}

    def provide() -> dict[str, Any]:
        return spelled(credential.get_token(scope))

    async def provide_awaited() -> dict[str, Any]:
        return spelled(await credential.get_token(scope))

    return provide_awaited if inspect.iscoroutinefunction(credential.get_token) else provide
