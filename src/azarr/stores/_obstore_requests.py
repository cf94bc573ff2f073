"""How to ask a client of obstore, and how to make one. obstore is imported when it is used.

obstore's own retries are off: it would retry without a limit in common with others, and a
conditional write that is sent twice conflicts with itself.
"""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

from azarr.stores import _options
from azarr.stores._remote import BULK_DELETES_AT_ONCE, DELETES_AT_ONCE, Part, for_each
from azarr.stores._remote_failures import (
    NO_CREDENTIALS,
    Failure,
    check_deleted,
    failure_of_code,
    failure_of_status,
    failure_of_text,
    failure_of_word,
)
from azarr.stores._values import cut_ranges
from azarr.typing import Buffer, Generation

Keys: TypeAlias = list[str]

CONNECT_TIMEOUT = "5s"
"""A host that is there accepts a connection in milliseconds."""

READ_TIMEOUT = "30s"
"""The longest silence within an answer. There is no limit for the whole of one: a value may be
large and a line slow."""

WHOLE = 1 << 62
"""The end of a range that holds every value: one range request costs a third less of the client's
time than a plain GET, whose body is awaited separately (obstore 0.12, 0.08 and 0.14 ms each)."""

PAGE = 1000

BATCH = {"s3": PAGE, "az": 256, "memory": PAGE}
"""The most keys of one request that deletes; elsewhere 1."""

_find_status = re.compile(r"non-2xx status code: (\d{3})").search
_find_code = re.compile(r"<Code>(\w+)</Code>").search
_find_refused = re.compile(r"<Error>.*?</Error>", re.DOTALL).findall
_find_first_refused = re.compile(r"failed for key (.*?): (.*) \(code: (\w+)\)", re.DOTALL).search


KEPT = 16
"""Clients that are kept for the next store of the same place. Making one takes 4 ms, in which the
certificates of the system are read, and its first request two round trips more, for TLS."""

_kept: OrderedDict[tuple[object, ...], Any] = OrderedDict()
_environment = ("AWS_", "AZURE_", "GOOGLE_", "HTTP", "ALL_PROXY", "NO_PROXY", "SSL_")


def client_of(scheme: str, url: str, spelled: _options.Spelled) -> Any:
    """A client of a URL, in this process: one for all stores of the same place and options.

    Closing a store lets go of its client, which others may have too.
    """
    named = {name: os.environ[name] for name in os.environ if name.upper().startswith(_environment)}
    key = (os.getpid(), scheme, url, repr(spelled), repr(named))
    client = _kept.pop(key, None) or new_client(scheme, url, spelled)
    # Where a provider looks may have changed; an HTTPStore has none.
    if getattr(client, "credential_provider", None) is None:
        _kept[key] = client  # as the last one that was used
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return client


def new_client(scheme: str, url: str, spelled: _options.Spelled) -> Any:
    """A new client of a URL, in this process."""
    from datetime import timedelta

    from obstore import store

    client_options = {
        "connect_timeout": CONNECT_TIMEOUT,
        "read_timeout": READ_TIMEOUT,
        # The default is 30 seconds, for large values too.
        "timeout": "1h",
        **spelled.client,
    }
    once: Any = {"max_retries": 0, "retry_timeout": timedelta(0)}
    options: dict[str, Any] = {
        "client_options": client_options,
        "retry_config": once,
        **spelled.more,
    }
    if scheme == "http":
        client_options.setdefault("allow_http", url.startswith("http://"))
        return store.HTTPStore(url, **options)
    parts = urlsplit(url)
    config = dict(spelled.config)
    options["prefix"] = parts.path.strip("/") or None
    if _needs_no_certificates(config):
        client_options.setdefault("allow_invalid_certificates", True)
    if scheme == "s3":
        from azarr.stores._credentials import add_aws_settings

        options |= add_aws_settings(config)
        return store.S3Store(parts.netloc, config=cast(Any, config), **options)
    if scheme == "gs":
        if config.get("skip_signature") and "base_url" in config:
            # An emulator. Without a token, a write looks for credentials first
            # (https://github.com/apache/arrow-rs-object-store/issues/520).
            config |= {"skip_signature": False, "bearer_token": "anon"}
        return store.GCSStore(parts.netloc, config=cast(Any, config), **options)
    container = parts.netloc.partition("@")[0]
    return store.AzureStore(container, config=cast(Any, config), **options)


_STATIC = {"access_key_id", "skip_signature", "bearer_token", "account_key", "sas_token"}
_PROXIES = {"http_proxy", "all_proxy"}


def _needs_no_certificates(config: Mapping[str, Any]) -> bool:
    """Whether all that is asked is asked without TLS, so that there is nothing to be verified.

    To read the certificates of the system takes 4 ms for each client, before its first request.
    Other credentials than these may come from a service that is asked over TLS.
    """
    endpoint = str(config.get("endpoint") or config.get("base_url") or "")
    proxies = _PROXIES & {name.lower() for name in os.environ}
    return endpoint.startswith("http://") and not proxies and not _STATIC.isdisjoint(config)


class ObstoreRequests:
    """How to ask an obstore client."""

    def __init__(self, client: Any, scheme: str) -> None:
        import obstore

        self._ask = obstore
        self._client = client
        # obstore keeps the memory it is given; a request is done with it when it is answered.
        self._owned = bytes if scheme == "memory" else lambda value: value
        self._whole_by_range = scheme in ("s3", "gs", "az")
        self._batch = BATCH.get(scheme, 1)
        self.deletes_at_once = PAGE if scheme == "s3" else 1
        # Google compares its generation number, the others the entity tag.
        self._tag = "version" if scheme == "gs" else "e_tag"

    async def get(self, key: str) -> Buffer:
        if self._whole_by_range:
            try:
                return memoryview(
                    await self._ask.get_range_async(self._client, key, start=0, end=WHOLE)
                )
            except self._ask.exceptions.GenericError as error:
                if "code: 416" not in str(error):  # an empty value has no ranges
                    raise
        found = await self._ask.get_async(self._client, key)
        return memoryview(await found.bytes_async())

    async def get_part(
        self, key: str, start: int, stop: int | None, generation: Generation | None
    ) -> Part:
        options: dict[str, Any] = {}
        if start < 0:
            options["range"] = {"suffix": -start}
        elif stop is not None:
            options["range"] = (start, stop)
        elif start > 0:
            options["range"] = {"offset": start}
        if generation is not None and self._tag == "e_tag":
            options["if_match"] = generation
        try:
            found = await self._ask.get_async(self._client, key, options=cast(Any, options))
        except self._ask.exceptions.NotSupportedError:
            if self._whole_by_range:  # Azure, which cannot count from the end
                raise
            # An HTTP server without ranges.
            return Part(cut_ranges(await self.get(key), [(start, stop)], key)[0])
        data = memoryview(await found.bytes_async())
        return Part(data, cast(Any, found.meta).get(self._tag))

    async def put(self, key: str, value: Buffer) -> None:
        data = self._owned(value)
        await self._ask.put_async(self._client, key, data, use_multipart=False)

    async def put_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        mode: Any = "create" if generation is None else {self._tag: generation}
        done = await self._ask.put_async(
            self._client, key, self._owned(value), mode=mode, use_multipart=False
        )
        new: str = cast(Any, done)[self._tag]
        return new

    async def remove_folders(self, prefix: str) -> None:
        """Buckets have none."""

    async def delete(self, keys: Keys) -> None:
        batches = [keys[at : at + self._batch] for at in range(0, len(keys), self._batch)]
        at_once = DELETES_AT_ONCE if self._batch == 1 else BULK_DELETES_AT_ONCE
        untold = await for_each(self._delete_batch, batches, at_once)
        if single := [[key] for some in untold if len(some) > 1 for key in some]:
            await for_each(self._delete_batch, single, DELETES_AT_ONCE)

    async def _delete_batch(self, keys: Keys) -> Keys:
        """Delete them, and return those that may still be there: obstore tells of one error, and
        where that is a missing key, nothing of the others."""
        try:
            await self._ask.delete_async(self._client, keys)
        except Exception as error:
            text = str(error).partition("\n\nDebug source:")[0]
            if "<DeleteResult" in text:  # all of the answer, in which obstore has seen "SlowDown"
                check_deleted(self._refused(_find_refused(text)))
                return []
            if first := _find_first_refused(text):
                name, message, code = first.groups()
                check_deleted([(self._key(name), code, message)])
            elif self.explain(error).kind != "missing":
                raise
            return keys
        return []

    def _refused(self, elements: Iterable[str]) -> Iterable[tuple[str, str, str]]:
        """The (key, code, message) of elements of an answer of S3."""
        from html import unescape  # 1 ms

        for each in elements:
            found = dict(re.findall(r"<(Key|Code|Message)>(.*?)</", each, re.DOTALL))
            key = self._key(unescape(found.get("Key", "")))
            yield key, found.get("Code", ""), unescape(found.get("Message", ""))

    def _key(self, name: str) -> str:
        """The key of a service's name."""
        prefix = self._client.prefix
        return name.removeprefix(f"{prefix}/") if prefix else name

    async def pages(self, prefix: str) -> AsyncIterator[Iterable[str]]:
        async for page in self._ask.list(self._client, prefix or None, chunk_size=PAGE):
            yield [found["path"] for found in page]

    async def children(self, prefix: str) -> tuple[Iterable[str], Iterable[str]]:
        found = await self._ask.list_with_delimiter_async(self._client, prefix or None)
        return [each["path"] for each in found["objects"]], found["common_prefixes"]

    async def head(self, key: str) -> tuple[int, Generation | None]:
        found: Any = await self._ask.head_async(self._client, key)
        return found["size"], found.get(self._tag)

    def explain(self, error: Exception) -> Failure:
        text = str(error)
        status, code = _find_status(text), _find_code(text)
        kinds = self._ask.exceptions
        if isinstance(error, kinds.NotSupportedError) and "suffix" in text:
            return Failure("range", "the size has to be known first")
        if code and (failure := failure_of_code(code[1])):
            return failure
        if isinstance(error, kinds.AlreadyExistsError | kinds.PreconditionError):
            return Failure("conflict", "a condition did not hold")
        if "169.254.169.254" in text:
            return Failure("other", NO_CREDENTIALS)
        if status:
            failure = failure_of_status(int(status[1]), code[1] if code else "")
            if failure.kind == "missing" and not isinstance(error, FileNotFoundError):
                # Not the value is: who was asked for credentials (ECS, EKS, GKE) has none.
                return Failure("other", f"{failure.reason}, where credentials are asked for")
            return failure
        if code:  # in an answer that began with 200
            return failure_of_word(code[1])
        if isinstance(error, FileNotFoundError) or "kind: NotADirectory" in text:
            return Failure("missing", "not found")
        if "StartTooLarge" in text:
            return Failure("range", "the range is not there")
        if isinstance(error, PermissionError | kinds.PermissionDeniedError):
            return Failure("forbidden", "permission denied")
        # Everything without an answer: no connection, a reset, a timeout, a body that broke off.
        lost = "HTTP error" in text or isinstance(error, TimeoutError | ConnectionError)
        return failure_of_text(text, transient=lost)
