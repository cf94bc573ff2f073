"""A slow and faulty S3-like server as the subject of tests, and the stores that ask it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

import azarr
from azarr.config import RetryPolicy
from azarr.stores import FsspecStore, ObstoreStore
from benchmarks.s3_server import S3Server

SECRET = "hunter2-the-secret"
QUICK = RetryPolicy(base_seconds=0.005)
_buckets = count()

MakeStore = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[S3Server]:
    """A server in a thread, without delays."""
    with S3Server() as running:
        yield running


@pytest.fixture(params=[ObstoreStore, FsspecStore])
def kind(request: pytest.FixtureRequest) -> Any:
    """The class of the store."""
    return request.param


@pytest.fixture
def make(server: S3Server) -> MakeStore:
    """`make(kind, bucket)`: a store on the server, of a new bucket unless one is named."""

    def make_one(kind: Any = ObstoreStore, bucket: str | None = None, **arguments: Any) -> Any:
        options = {
            "key": "AKIA-test",
            "secret": SECRET,
            "client_kwargs": {"endpoint_url": server.url, "region_name": "us-east-1"},
        }
        bucket = bucket or f"bucket{next(_buckets)}"
        return kind(f"s3://{bucket}/a.zarr", options, **arguments).with_retry(QUICK)

    return make_one


@pytest.fixture(autouse=True)
def _as_configured_by_default(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings of the machine, and none of the test before."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    before = azarr.config.get()
    yield
    azarr.config.set(**{name: getattr(before, name) for name in before.__dataclass_fields__})


def statistics(store: Any) -> dict[str, Any]:
    """What azarr says of the store's origin."""
    return azarr.stats()[store.origin]
