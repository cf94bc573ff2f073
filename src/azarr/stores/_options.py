"""Storage options as s3fs, gcsfs and adlfs spell them, in obstore's spelling: tables.

An option that stands in no table is one that only the fsspec file system understands.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from azarr.errors import UsageError
from azarr.stores._azure import azure_options, token_provider
from azarr.stores._remote_failures import place_of


@dataclass(slots=True)
class Spelled:
    """What obstore is given: the configuration of a service, that of the HTTP client, and more."""

    config: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)


Rule: TypeAlias = Callable[[Spelled, Any], bool]
"""Writes one option down; False: obstore has nothing of the kind."""


def _config(name: str) -> Rule:
    def rule(spelled: Spelled, value: Any) -> bool:
        if value is not None:
            spelled.config[name] = value
        return True

    return rule


def _client(name: str, convert: Callable[[Any], Any] = lambda value: value) -> Rule:
    def rule(spelled: Spelled, value: Any) -> bool:
        if value is not None:
            spelled.client[name] = convert(value)
        return True

    return rule


def _endpoint(spelled: Spelled, value: Any) -> bool:
    if value is not None:
        spelled.config["endpoint"] = value
        spelled.client["allow_http"] = str(value).startswith("http://")
    return True


def _verify(spelled: Spelled, value: Any) -> bool:
    # A path of certificates is for fsspec.
    if value is False:
        spelled.client["allow_invalid_certificates"] = True
    return isinstance(value, bool) or value is None


def _nested(rules: Mapping[str, Rule]) -> Rule:
    def rule(spelled: Spelled, value: Any) -> bool:
        given = dict(value or {})
        return all(name in rules and rules[name](spelled, given[name]) for name in given)

    return rule


def _only(*allowed: Any) -> Rule:
    return lambda spelled, value: value in allowed


def _addressing(spelled: Spelled, value: Any) -> bool:
    spelled.config["virtual_hosted_style_request"] = value == "virtual"
    return value in ("path", "virtual")


def _token_of_google(spelled: Spelled, value: Any) -> bool:
    if value is None or value == "google_default":
        return True
    if value == "anon":
        spelled.config["skip_signature"] = True
    elif isinstance(value, Mapping) and value.get("type") == "service_account":
        spelled.config["service_account_key"] = json.dumps(dict(value))
    elif not isinstance(value, str) or value in ("browser", "cache", "cloud"):
        return False
    elif value.endswith(".json") or os.path.exists(value):
        spelled.config["application_credentials"] = value
    else:  # a token as it is, which nobody renews
        spelled.config["bearer_token"] = value
    return True


def _sas_token(spelled: Spelled, value: Any) -> bool:
    if value:
        spelled.config["sas_token"] = value.removeprefix("?")
    return True


def _credential_of_azure(spelled: Spelled, value: Any) -> bool:
    if hasattr(value, "get_token"):
        spelled.more["credential_provider"] = token_provider(value)
        return True
    # An `AzureSasCredential`; a str would be a key for some and a signature for others.
    return value is None or (hasattr(value, "signature") and _sas_token(spelled, value.signature))


def _seconds(value: Any) -> str:
    return f"{round(float(value) * 1000)}ms"


def _ignored(spelled: Spelled, value: Any) -> bool:
    return True


_TIMEOUTS: dict[str, Rule] = {
    "connect_timeout": _client("connect_timeout", _seconds),
    "read_timeout": _client("read_timeout", _seconds),
}

# How fsspec reads files piecewise, caches listings and keeps its event loop: nothing here does
# that.
_OF_FSSPEC: dict[str, Rule] = dict.fromkeys(
    """
    asynchronous loop skip_instance_cache use_listings_cache listings_expiry_time max_paths
    default_block_size default_fill_cache default_cache_type max_concurrency cache_regions
    default_location consistency
    """.split(),
    _ignored,
)

_S3: dict[str, Rule] = {
    "anon": _config("skip_signature"),
    "key": _config("access_key_id"),
    "username": _config("access_key_id"),
    "secret": _config("secret_access_key"),
    "password": _config("secret_access_key"),
    "token": _config("session_token"),
    "endpoint_url": _endpoint,
    "requester_pays": _config("request_payer"),
    "use_ssl": _only(True, None),
    "version_aware": _only(False, None),
    "client_kwargs": _nested(
        {
            "endpoint_url": _endpoint,
            "region_name": _config("region"),
            "aws_access_key_id": _config("access_key_id"),
            "aws_secret_access_key": _config("secret_access_key"),
            "aws_session_token": _config("session_token"),
            "verify": _verify,
            "use_ssl": _only(True, None),
        }
    ),
    "config_kwargs": _nested({**_TIMEOUTS, "s3": _nested({"addressing_style": _addressing})}),
    **_OF_FSSPEC,
}

_GOOGLE: dict[str, Rule] = {
    "token": _token_of_google,
    "project": _ignored,
    "access": _ignored,
    "endpoint_url": lambda spelled, value: (
        _config("base_url")(spelled, value)
        and _client("allow_http", lambda url: url.startswith("http://"))(spelled, value)
    ),
    "requester_pays": _only(False, None),
    "version_aware": _only(False, None),
    "session_kwargs": _only({}, None),
    "timeout": _client("timeout", _seconds),
    "requests_timeout": _client("timeout", _seconds),
    **dict.fromkeys(
        ("block_size", "cache_timeout", "check_connection", "secure_serialize"), _ignored
    ),
    **_OF_FSSPEC,
}

_AZURE: dict[str, Rule] = {
    "account_name": _config("account_name"),
    "account_key": _config("account_key"),
    "sas_token": _sas_token,
    "credential": _credential_of_azure,
    "tenant_id": _config("tenant_id"),
    "client_id": _config("client_id"),
    "client_secret": _config("client_secret"),
    "anon": _config("skip_signature"),
    "endpoint_url": _endpoint,
    "version_aware": _only(False, None),
    "location_mode": _only("primary"),
    "timeout": _client("timeout", _seconds),
    "connection_timeout": _client("connect_timeout", _seconds),
    "read_timeout": _client("read_timeout", _seconds),
    **dict.fromkeys(("assume_container_exists", "blocksize", "socket_timeout"), _ignored),
    **_OF_FSSPEC,
}

_HTTP: dict[str, Rule] = {
    "headers": _client("default_headers"),
    "client_kwargs": _nested({"headers": _client("default_headers")}),
    "timeout": _client("timeout", _seconds),
    **_OF_FSSPEC,
}

RULES: dict[str, Mapping[str, Rule]] = {
    **dict.fromkeys(("s3", "s3a"), _S3),
    **dict.fromkeys(("gs", "gcs"), _GOOGLE),
    **dict.fromkeys(("az", "abfs", "abfss"), _AZURE),
    **dict.fromkeys(("http", "https"), _HTTP),
}
"""The options of a URL scheme, by name; the schemes are those that obstore serves."""

_SAME = {"s3a": "s3", "gcs": "gs", "abfs": "az", "abfss": "az"}


def scheme_of(url: str) -> str:
    """The scheme of a URL, by the first of its names.

    Example:
        >>> scheme_of("abfss://container@account.dfs.core.windows.net/a")
        'az'
    """
    scheme = url.partition("://")[0].lower()
    return _SAME.get(scheme, scheme)


def spell(url: str, options: Mapping[str, Any]) -> Spelled | str:
    """The options of a URL for obstore, or the name of the first that it does not understand."""
    scheme = scheme_of(url)
    spelled, rules = Spelled(), RULES[scheme]
    for name, value in _complete(url, options).items():
        if name not in rules or not rules[name](spelled, value):
            return name
    return spelled


def _complete(url: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
    return azure_options(url, options) if scheme_of(url) == "az" else options


def origin_of(url: str, options: Mapping[str, Any]) -> str:
    """The identity of the place that a URL and its options name, without credentials.

    Example:
        >>> origin_of("abfs://container/a", {"account_name": "me", "account_key": "xyz="})
        'az://container@me/a'
    """
    options = _complete(url, options)
    rest = url.partition("://")[2]
    if scheme_of(url) == "az":
        # An account has its own containers: two may have one of the same name.
        where, slash, path = rest.partition("/")
        account = options.get("account_name") or os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
        rest = where.partition("@")[0] + (f"@{account}" if account else "") + slash + path
    return place_of(f"{scheme_of(url)}://{rest}", _endpoint_of(options))


def _endpoint_of(options: Mapping[str, Any]) -> str | None:
    """The endpoint that storage options name, if any.

    Raises:
        UsageError: it has no scheme. It may have a password, so it is not shown.
    """
    found = options.get("endpoint_url") or (options.get("client_kwargs") or {}).get("endpoint_url")
    if found is not None and "://" not in str(found):
        raise UsageError("endpoint_url is a URL, which begins with 'http://' or 'https://'")
    return None if found is None else str(found)
