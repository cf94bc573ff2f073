"""What errors of client libraries mean, and the names of places, without credentials in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from time import time
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["missing", "range", "conflict", "forbidden", "other"]


@dataclass(frozen=True, slots=True)
class Failure:
    """What an error of a client library means.

    Attributes:
        kind: "missing": there is no such key; "range": the value has no such bytes; "conflict": a
            condition did not hold; "forbidden": not with these credentials.
        reason: for people, without URLs and credentials.
        transient: the same request may succeed later.
        throttled: the service asks for fewer requests.
        retry_after: seconds that the service asks to wait, if it says.
    """

    kind: Kind
    reason: str
    transient: bool = False
    throttled: bool = False
    retry_after: float | None = None


class NotDeleted(Exception):
    """A bulk delete was answered, and this key is still there."""

    def __init__(self, key: str, failure: Failure) -> None:
        super().__init__(f"{key}: {failure.reason}")
        self.key = key
        self.failure = failure


_urls = re.compile(r"\S*://\S*")

FORBIDDEN = (401, 403)

NO_CREDENTIALS = "no credentials were found (storage_options: key and secret, or anon=True)"


THROTTLED = (429, 503)
"""S3 says 503 SlowDown, Azure 503 ServerBusy, Google 429."""

_STATUS_OF_CODE = {
    "SlowDown": 503,
    "ServiceUnavailable": 503,
    "InternalError": 500,
    "RequestTimeout": 408,
    "AccessDenied": 403,
    "NoSuchKey": 404,
}
"""What words of S3 mean where no status comes with them: for one key of a bulk delete, or in an
answer that began with 200 (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""

_NO_CONFLICTS: dict[str, tuple[Kind, bool]] = {
    "PublicAccessNotPermitted": ("forbidden", False),
    "BlobImmutableDueToPolicy": ("forbidden", False),
    "LeaseIdMissing": ("forbidden", False),
    "ContainerBeingDeleted": ("other", True),
}


def failure_of_code(code: str) -> Failure | None:
    """What those words of Azure mean that come with 409 or 412 and are no conflict; else None
    (https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes)."""
    if code not in _NO_CONFLICTS:
        return None
    kind, transient = _NO_CONFLICTS[code]
    return Failure(kind, code, transient=transient)


def failure_of_word(code: str, message: str = "") -> Failure:
    """What a code means that has no status with it. Azure's codes of single keys are statuses.

    Example:
        >>> failure_of_word("SlowDown").throttled, failure_of_word("AccessDenied").kind
        (True, 'forbidden')
    """
    if status := _STATUS_OF_CODE.get(code):
        return failure_of_status(status, code)
    if code.isdecimal():
        return failure_of_status(int(code))
    return failure_of_text(f"{code}: {message}", transient=False)


def check_deleted(refused: Iterable[tuple[str, str, str]]) -> None:
    """Look at the (key, code, message) of each key that a bulk delete was refused for.

    Raises:
        NotDeleted: for the one that matters most: what will not pass, else what asks for fewer
            requests. That a key is missing is fine.
    """
    failures = [(key, failure_of_word(code, message)) for key, code, message in refused]
    there = [each for each in failures if each[1].kind != "missing"]
    if there:
        raise NotDeleted(*min(there, key=lambda each: (each[1].transient, not each[1].throttled)))


def failure_of_status(status: int, detail: str = "", retry_after: str | None = None) -> Failure:
    """What an HTTP status means.

    Args:
        detail: the service's own word for it, e.g. "SlowDown".
        retry_after: the header, if there is one.
    """
    try:
        from http import HTTPStatus

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
    if status == 501:
        reason += ": a server that knows no conditional writes is for conditional=False"
    # S3 says 400 RequestTimeout when a body comes too slowly.
    lasting = status < 500 and status not in (408, 425, 429) and detail != "RequestTimeout"
    return Failure(
        "other",
        reason,
        transient=not lasting and status not in (501, 505),
        throttled=status in THROTTLED,
        retry_after=seconds_of(retry_after),
    )


def seconds_of(retry_after: str | None) -> float | None:
    """What a Retry-After header says: seconds, or a date (RFC 9110, section 10.2.3).

    Example:
        >>> seconds_of("3"), seconds_of("Wed, 21 Oct 2015 07:28:00 GMT"), seconds_of("soon")
        (3.0, 0.0, None)
    """
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        from email.utils import parsedate_to_datetime  # 5 ms, with socket and locale

        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time())
    except ValueError:
        return None


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
        from urllib.parse import urlsplit

        parts = urlsplit(endpoint)
        place += f"?endpoint={parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return place
