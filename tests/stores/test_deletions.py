"""Deleting many keys of a bucket: what is refused for some, and how many requests go out."""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from typing import Any

import pytest
from fsspec.asyn import AsyncFileSystem
from tests.stores.s3_cases import options

from azarr.errors import AzarrError, ReadOnlyError, StoreError
from azarr.stores import AsyncStore, FsspecStore, ObstoreStore
from azarr.stores._remote import DELETES_AT_ONCE, for_each
from azarr.stores._remote_failures import failure_of_status
from azarr.testing._rules import keys_of
from benchmarks.s3_server import Conditions, S3Server

pytestmark = pytest.mark.anyio

KEYS = ["c/0", "c/1", "c/2", "c/3"]

SPECIAL = [
    *("a&b", "&amp;", "c<d>e", "]]>", "</Key>", "f\"g'h", "i j", "k%20l", "m+n", "o?p#q", "~", ":"),
    *("\u00e9", "e\u0301", "\u4e2d", "\U0001f600"),
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["s3://bucket", "s3://bucket/some/folder"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def refuse(url: str, s3_server: S3Server) -> Any:
    """`refuse(key=[codes])`: the server has the keys, and refuses to delete these."""
    prefix = url.removeprefix("s3://bucket").lstrip("/")
    for key in KEYS:
        s3_server.objects.put("bucket", f"{prefix}/{key}".lstrip("/"), b"1")

    def given(codes: dict[str, list[str]]) -> None:
        refusals = {f"{prefix}/{key}".lstrip("/"): each for key, each in codes.items()}
        s3_server.objects.refusals.update(refusals)

    return given


@pytest.fixture
def store(kind: Any, url: str, s3_server: S3Server) -> AsyncStore:
    made: AsyncStore = kind(url, options(s3_server.url))
    return made


async def failure_of(store: AsyncStore, *keys: str) -> AzarrError:
    with pytest.raises((StoreError, ReadOnlyError)) as caught:
        await store.delete_many(keys)
    error: AzarrError = caught.value
    return error


@pytest.mark.parametrize(
    ("code", "throttled"),
    [
        ("SlowDown", True),
        ("ServiceUnavailable", True),
        ("InternalError", False),
        ("RequestTimeout", False),
    ],
)
async def test_a_key_that_may_be_deleted_later_is_a_transient_failure(
    store: AsyncStore, refuse: Any, s3_server: S3Server, code: str, throttled: bool
) -> None:
    refuse({"c/2": [code]})
    error = await failure_of(store, *KEYS)
    assert isinstance(error, StoreError)
    assert (error.transient, error.throttled) == (True, throttled)
    assert "cannot write 'c/2' in" in str(error)
    assert code in str(error)
    assert s3_server.log.counts == {"BULK DELETE": 1}, "retries are azarr's own business"
    assert await keys_of(store) == ["c/2"]
    await store.delete_many(KEYS)
    assert await keys_of(store) == []


async def test_a_key_that_is_forbidden_is_named(store: AsyncStore, refuse: Any) -> None:
    refuse({"c/1": ["AccessDenied"]})
    error = await failure_of(store, *KEYS)
    assert isinstance(error, ReadOnlyError)
    assert error.errno == errno.EACCES
    assert "cannot write 'c/1' in" in str(error)
    assert "AccessDenied" in str(error)


@pytest.mark.parametrize("code", ["SlowDown", "AccessDenied"])
async def test_a_refused_key_is_named_as_it_is_spelled(
    store: AsyncStore, refuse: Any, code: str
) -> None:
    key = "a&b <\u00e9>"
    refuse({key: [code]})
    assert repr(key) in str(await failure_of(store, "c/0", key))


async def test_what_will_not_pass_is_told_before_what_may(store: AsyncStore, refuse: Any) -> None:
    refuse({"c/0": ["SlowDown"], "c/1": ["InternalError"], "c/3": ["AccessDenied"]})
    assert isinstance(await failure_of(store, *KEYS), ReadOnlyError)


async def test_a_word_that_nobody_knows_is_told_and_lasts(store: AsyncStore, refuse: Any) -> None:
    refuse({"c/1": ["MyOwnReason"]})
    error = await failure_of(store, *KEYS)
    assert isinstance(error, StoreError)
    assert not error.transient
    assert "'c/1'" in str(error)
    assert "MyOwnReason: It says MyOwnReason." in str(error)


async def test_a_key_that_is_said_to_be_missing_is_fine(store: AsyncStore, refuse: Any) -> None:
    await store.delete("c/0")
    refuse({"c/0": ["NoSuchKey"] * 2})
    await store.delete_many(KEYS)
    assert await keys_of(store) == []
    refuse({"c/0": ["NoSuchKey"] * 2})
    await store.delete("c/0")


async def test_a_missing_key_does_not_hide_one_that_is_forbidden(
    store: AsyncStore, refuse: Any
) -> None:
    await store.delete("c/0")
    refuse({"c/0": ["NoSuchKey"] * 2, "c/2": ["AccessDenied"] * 2})
    error = await failure_of(store, *KEYS)
    assert isinstance(error, ReadOnlyError)
    assert "'c/2'" in str(error)


@pytest.mark.parametrize("keys", [["a"], ["a", "b"]])
async def test_a_bucket_that_is_missing_is_no_missing_key(
    kind: Any, moto_url: str, keys: list[str]
) -> None:
    store = kind("s3://there-is-no-such-bucket", options(moto_url))
    assert "NoSuchBucket" in str(await failure_of(store, *keys))


async def test_keys_that_look_like_errors_are_deleted(store: AsyncStore) -> None:
    """The client of obstore takes an answer that holds these words for an error."""
    keys = ["InternalError/0", "SlowDown/1"]
    for key in keys:
        await store.set(key, b"1")
    await store.delete_many(keys)
    assert await keys_of(store) == []


@pytest.mark.parametrize("server", ["ours", "moto"])
async def test_keys_of_every_script_and_with_marks_of_xml_are_deleted(
    kind: Any, request: pytest.FixtureRequest, server: str
) -> None:
    if server == "ours":
        bucket, at = "bucket", request.getfixturevalue("s3_server").url
    else:
        bucket, at = request.getfixturevalue("moto_bucket"), request.getfixturevalue("moto_url")
    store = kind(f"s3://{bucket}/x & y", options(at))
    for key in [*SPECIAL, "other"]:
        await store.set(key, b"1")
    await store.delete_many(SPECIAL)
    assert await keys_of(store) == ["other"]
    await store.set(SPECIAL[0], b"1")
    await store.delete(SPECIAL[0])
    assert await keys_of(store) == ["other"]


async def test_a_key_of_two_lines_is_deleted_or_cannot_be_at_all(
    kind: Any, s3_server: S3Server
) -> None:
    """obstore knows no control characters in keys."""
    store = kind("s3://bucket", options(s3_server.url))
    key = "a\nb\tc\rd"
    if kind is ObstoreStore:
        with pytest.raises(StoreError, match="Error parsing Path"):
            await store.set(key, b"1")
        return
    await store.set(key, b"1")
    await store.delete_many([key, "other"])
    assert s3_server.objects.buckets["bucket"] == {}


async def test_bulk_deletes_go_out_so_many_at_once(
    kind: Any, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("_fsspec_requests", "_obstore_requests"):
        monkeypatch.setattr(f"azarr.stores.{module}.BULK_DELETES_AT_ONCE", 3)
    store = kind("s3://bucket", options(s3_server.url))
    s3_server.conditions = Conditions(latency=0.05)
    await store.delete_many([f"c/{step}" for step in range(7001)])
    assert s3_server.log.counts == {"BULK DELETE": 8}
    assert s3_server.log.most_in_flight == 3


@pytest.fixture
def google(s3_server: S3Server) -> ObstoreStore:
    """A store of Google's, who takes one key at a time. Their DELETE is that of S3."""
    given = {"token": "anon", "endpoint_url": s3_server.url}
    return ObstoreStore("gs://bucket/some/folder", given)


@pytest.mark.parametrize("missing", [False, True])
async def test_single_deletions_go_out_so_many_at_once(
    google: ObstoreStore, s3_server: S3Server, missing: bool
) -> None:
    """A key that is missing is asked for once as well, and nothing is looked for."""
    s3_server.conditions = Conditions(
        latency=0.05, error_rate=float(missing), error_status=404, methods=frozenset({"DELETE"})
    )
    await google.delete_many([f"c/{step}" for step in range(DELETES_AT_ONCE + 20)])
    assert s3_server.log.counts["DELETE"] == s3_server.log.requests == DELETES_AT_ONCE + 20
    assert s3_server.log.most_in_flight == DELETES_AT_ONCE


async def test_the_first_deletion_that_is_forbidden_ends_the_others(
    google: ObstoreStore, s3_server: S3Server
) -> None:
    s3_server.conditions = Conditions(latency=0.02, error_rate=1, error_status=403)
    error = await failure_of(google, *(f"c/{step}" for step in range(1000)))
    assert isinstance(error, ReadOnlyError)
    assert s3_server.log.requests < 2 * DELETES_AT_ONCE


async def test_any_file_system_is_asked_for_so_many_deletions_at_once() -> None:
    seen: Counter[str] = Counter()

    class Counting(AsyncFileSystem):  # type: ignore[misc]
        protocol = "counting"
        cachable = False

        async def _rm_file(self, path: str, **options: Any) -> None:
            seen["now"] += 1
            seen["most"] = max(seen["most"], seen["now"])
            await asyncio.sleep(0)
            seen["now"] -= 1
            seen["all"] += 1
            if path.endswith("3"):
                raise FileNotFoundError(path)

    store = FsspecStore("root", fs=Counting(asynchronous=True))
    await store.delete_many([f"c/{step}" for step in range(500)])  # type: ignore[attr-defined]
    assert seen == {"now": 0, "most": DELETES_AT_ONCE, "all": 500}


async def test_the_next_request_goes_out_when_one_is_answered() -> None:
    """Not when all of a window are: a slow answer does not hold up the others."""
    slow = asyncio.Event()

    async def answer(number: int) -> int:
        if number == 0:
            await slow.wait()
        if number == 9:
            slow.set()
        return number

    assert await for_each(answer, range(10), 2) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert await for_each(answer, [], 2) == []


def test_a_body_that_came_too_slowly_may_be_sent_again() -> None:
    assert failure_of_status(400, "RequestTimeout").transient
    assert not failure_of_status(400, "MalformedXML").transient
