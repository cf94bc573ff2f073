"""What errors of client libraries mean, and the names of places, without credentials in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

Kind: TypeAlias = Literal["missing", "range", "conflict", "forbidden", "other"]


@dataclass(frozen=True, slots=True)
class Failure:
    """What an error of a client library means.

    Attributes:
        kind: "missing": there is no such key; "range": the value has no such bytes; "conflict": a
            condition did not hold; "forbidden": not with these credentials.
        reason: for people, without URLs and credentials.
        transient: the same request may succeed later.
    """

    kind: Kind
    reason: str
    transient: bool = False


_urls = re.compile(r"\S*://\S*")

FORBIDDEN = (401, 403)

NO_CREDENTIALS = "no credentials were found (storage_options: key and secret, or anon=True)"


def failure_of_status(status: int, detail: str = "") -> Failure:
    """What an HTTP status means; `detail` is the service's own word for it, e.g. "SlowDown"."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "unknown status"
    reason = f"{status} {phrase}{f' ({detail})' if detail else ''}"
    # S3 answers 404 for a bucket that does not exist too. That is no missing key.
    if status == 404 and detail not in ("NoSuchBucket", "ContainerNotFound"):
        return Failure("missing", reason)
    if status == 416:
        return Failure("range", reason)
    # 409: two conditional writes at the same time, of which S3 lets one fail.
    if status in (409, 412):
        return Failure("conflict", reason)
    if status in FORBIDDEN:
        return Failure("forbidden", reason)
    if status in (301, 307):
        reason += ": the bucket may be in another region (client_kwargs={'region_name': ...})"
    lasting = status < 500 and status not in (408, 425, 429)
    return Failure("other", reason, transient=not lasting and status not in (501, 505))


def failure_of_text(text: str, *, transient: bool) -> Failure:
    """A failure that has no status; only the first line is kept, without URLs."""
    line = _urls.sub("...", text.strip().partition("\n")[0])
    return Failure("other", line[:200] or "unknown error", transient=transient)


def place_of(url: str, endpoint: str | None = None) -> str:
    """The identity of the place that a URL names, without credentials, query or "/" at its end.

    Example:
        >>> place_of("s3://bucket/a/", "http://user:word@127.0.0.1:9000")
        's3://bucket/a?endpoint=http://127.0.0.1:9000'
    """
    scheme, _, rest = url.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    account = host.rpartition("@")
    # az://container@account is a place; user:password@host is not.
    if ":" in account[0] or scheme in ("http", "https"):
        host = account[2]
    place = f"{scheme}://{host}{slash}{path}".rstrip("/")
    if endpoint:
        parts = urlsplit(endpoint)
        place += f"?endpoint={parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return place
