"""What S3 answers: objects in memory, and the part of its interface that array stores use.

GET (ranges, If-Match), HEAD, PUT (If-Match, If-None-Match), DELETE (If-Match), bulk delete, and
ListObjectsV2, as in the Amazon S3 API Reference. A bucket exists as soon as it is named. An ETag is
the MD5 of the value: the same value written again has the same.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from hashlib import md5
from time import time
from urllib.parse import parse_qs, quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_find_range = re.compile(r"bytes=(\d*)-(\d*)").fullmatch


@dataclass(slots=True)
class Request:
    """One request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        method, headers = self.method, self.headers
        if method == "GET" and ("list-type=" in self.target or self.target.count("/") < 2):
            self.kind = "LIST"
        elif method == "GET" and "range" in headers:
            self.kind = "GET range"
        elif method == "PUT" and ("if-match" in headers or "if-none-match" in headers):
            self.kind = "PUT if"
        elif method == "POST":
            self.kind = "BULK DELETE"
        else:
            self.kind = method


@dataclass(slots=True)
class Answer:
    """One answer; `length` is that of the value where the body has none, as for HEAD."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Object:
    value: bytes
    etag: str
    modified: float
    metadata: tuple[tuple[str, str], ...] = ()


class Objects:
    """The objects of all buckets, by bucket and key.

    Attributes:
        refusals: of keys, with which codes the next bulk deletes refuse them, one after the other.
    """

    def __init__(self) -> None:
        self.refusals: dict[str, list[str]] = {}
        self.buckets: dict[str, dict[str, Object]] = {}
        self._sorted: dict[str, list[str]] = {}

    def put(
        self, bucket: str, key: str, value: bytes, metadata: tuple[tuple[str, str], ...] = ()
    ) -> str:
        """Store a value with metadata, which are headers, and return its ETag."""
        objects = self.buckets.setdefault(bucket, {})
        if key not in objects:
            self._sorted.pop(bucket, None)
        etag = f'"{md5(value, usedforsecurity=False).hexdigest()}"'
        objects[key] = Object(value, etag, time(), metadata)
        return etag

    def copy(self, source: str, bucket: str) -> None:
        """Let a bucket hold what another one holds."""
        self.buckets[bucket] = dict(self.buckets[source])
        self._sorted.pop(bucket, None)

    def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        path, _, query = request.target.partition("?")
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        objects = self.buckets.setdefault(bucket, {})
        match request.kind:
            case "GET" | "GET range" | "HEAD":
                return self._get(objects, key, request)
            case "PUT" | "PUT if":
                return self._put(bucket, objects, key, request)
            case "DELETE":
                return self._delete(bucket, objects, key, request)
            case "BULK DELETE":
                return self._delete_many(bucket, objects, request)
            case "LIST":
                return self._list(bucket, objects, parse_qs(query, keep_blank_values=True))
        return error(501, "NotImplemented")

    def _get(self, objects: dict[str, Object], key: str, request: Request) -> Answer:
        found = objects.get(key)
        if found is None:
            return error(404, "NoSuchKey")
        if request.headers.get("if-match", found.etag) not in (found.etag, "*"):
            return error(412, "PreconditionFailed")
        value = found.value
        headers = (
            ("ETag", found.etag),
            ("Last-Modified", formatdate(found.modified, usegmt=True)),
            ("Accept-Ranges", "bytes"),
            ("Content-Type", "application/octet-stream"),
            *found.metadata,
        )
        if request.method == "HEAD":
            return Answer(200, b"", headers, len(value))
        if "range" not in request.headers:
            return Answer(200, value, headers)
        bounds = _bounds(request.headers["range"], len(value))
        if bounds is None:
            return error(416, "InvalidRange")
        start, stop = bounds
        content_range = ("Content-Range", f"bytes {start}-{stop - 1}/{len(value)}")
        return Answer(206, value[start:stop], (*headers, content_range))

    def _put(self, bucket: str, objects: dict[str, Object], key: str, request: Request) -> Answer:
        if not key:
            return Answer(200)
        found = objects.get(key)
        if "if-none-match" in request.headers and found is not None:
            return error(412, "PreconditionFailed")
        if "if-match" in request.headers:
            if found is None:
                return error(404, "NoSuchKey")
            if request.headers["if-match"] != found.etag:
                return error(412, "PreconditionFailed")
        metadata = [item for item in request.headers.items() if item[0].startswith("x-amz-meta-")]
        return Answer(200, b"", (("ETag", self.put(bucket, key, request.body, (*metadata,))),))

    def _delete(
        self, bucket: str, objects: dict[str, Object], key: str, request: Request
    ) -> Answer:
        found = objects.get(key)
        expected = request.headers.get("if-match")
        if expected is not None and (found is None or found.etag != expected):
            return error(412, "PreconditionFailed")
        self._forget(bucket, objects, key)
        return Answer(204)

    def _delete_many(self, bucket: str, objects: dict[str, Object], request: Request) -> Answer:
        try:
            elements = ElementTree.fromstring(request.body).iterfind(".//{*}Key")
            keys = [each.text or "" for each in elements]
        except ElementTree.ParseError:
            return error(400, "MalformedXML")
        if len(keys) > 1000:
            return error(400, "MalformedXML")
        results = []
        for key in keys:
            name = f"<Key>{escape(key)}</Key>"
            if codes := self.refusals.get(key):
                code = codes.pop(0)
                why = f"<Code>{code}</Code><Message>It says {code}.</Message>"
                results.append(f"<Error>{name}{why}</Error>")
            else:
                self._forget(bucket, objects, key)
                results.append(f"<Deleted>{name}</Deleted>")
        return _xml(f"<DeleteResult>{''.join(results)}</DeleteResult>")

    def _forget(self, bucket: str, objects: dict[str, Object], key: str) -> None:
        if objects.pop(key, None) is not None:
            self._sorted.pop(bucket, None)

    def _list(
        self, bucket: str, objects: dict[str, Object], query: Mapping[str, list[str]]
    ) -> Answer:
        def given(name: str, default: str = "") -> str:
            return query.get(name, [default])[0]

        prefix, delimiter = given("prefix"), given("delimiter")
        after = given("continuation-token") or given("start-after")
        limit = min(int(given("max-keys", "1000")), 1000)
        by_url = given("encoding-type") == "url"
        spelled = quote if by_url else escape
        keys = self._sorted.get(bucket)
        if keys is None:
            keys = self._sorted[bucket] = sorted(objects)
        entries, more = _page(keys, prefix, delimiter, after, limit)
        text = []
        for name, is_prefix in entries:
            if is_prefix:
                text.append(f"<CommonPrefixes><Prefix>{spelled(name)}</Prefix></CommonPrefixes>")
                continue
            found = objects[name]
            text.append(
                f"<Contents><Key>{spelled(name)}</Key><LastModified>{_iso(found.modified)}"
                f"</LastModified><ETag>{escape(found.etag)}</ETag><Size>{len(found.value)}</Size>"
                "<StorageClass>STANDARD</StorageClass></Contents>"
            )
        last = escape(entries[-1][0]) if more else ""
        token = f"<NextContinuationToken>{last}</NextContinuationToken>"
        return _xml(
            f"<ListBucketResult><Name>{bucket}</Name><Prefix>{spelled(prefix)}</Prefix>"
            f"<KeyCount>{len(entries)}</KeyCount><MaxKeys>{limit}</MaxKeys>"
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>"
            f"{'<EncodingType>url</EncodingType>' if by_url else ''}"
            f"{token if more else ''}{''.join(text)}</ListBucketResult>"
        )


def _page(
    keys: list[str], prefix: str, delimiter: str, after: str, limit: int
) -> tuple[list[tuple[str, bool]], bool]:
    """A page of a listing: (name, whether it is a prefix), and whether there is more."""
    entries: list[tuple[str, bool]] = []
    at = max(bisect_left(keys, prefix), bisect_right(keys, after) if after else 0)
    if delimiter and after.endswith(delimiter):
        at = bisect_left(keys, after + "\U0010ffff")
    while at < len(keys) and keys[at].startswith(prefix):
        if len(entries) == limit:
            return entries, True
        key = keys[at]
        end = key.find(delimiter, len(prefix)) if delimiter else -1
        if end < 0:
            entries.append((key, False))
            at += 1
        else:
            common = key[: end + len(delimiter)]
            entries.append((common, True))
            at = bisect_left(keys, common + "\U0010ffff")
    return entries, False


def _bounds(text: str, size: int) -> tuple[int, int] | None:
    """The bytes of a Range header; None: there are none such."""
    match = _find_range(text)
    if not match:
        return 0, size
    first, last = match.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else None


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _xml(text: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return Answer(200, body, (("Content-Type", "application/xml"),))


def error(status: int, code: str, retry_after: int | None = None) -> Answer:
    """An error as S3 says it."""
    answer = _xml(f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")
    headers = answer.headers
    if retry_after is not None:
        headers = (*headers, ("Retry-After", str(retry_after)))
    return Answer(status, answer.body, headers)
