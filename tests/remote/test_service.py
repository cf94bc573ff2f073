"""The example of a web service, under asyncio and trio."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from tests.remote.conftest import statistics

import azarr
from azarr.storage import MemoryStore
from azarr.testing import LatencyStore
from benchmarks.service import example

VALUES = np.arange(400, dtype="i4").reshape(20, 20)
TIMEOUT = 0.2


class Slow(LatencyStore):
    """A store whose read-only twin is as slow as itself."""

    def __init__(self) -> None:
        self._seconds = [0.0]
        super().__init__(MemoryStore(), 0.0)

    @property
    def seconds(self) -> float:
        return self._seconds[0]

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        self._seconds[0] = seconds


@pytest.fixture
def store() -> LatencyStore:
    store = Slow()
    azarr.create_array(store, data=VALUES, chunks=(5, 5))
    store.seconds = 0.005
    return store


@pytest.fixture(params=["asyncio", "trio"])
def client(request: pytest.FixtureRequest, store: LatencyStore) -> Iterator[Any]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient

    app = example().make_app(store, TIMEOUT)
    with TestClient(app, backend=request.param) as running:
        yield running


def test_it_serves_regions_as_bytes_and_as_json(client: Any) -> None:
    answer = client.get("/region?0=3:8&1=0:20")
    assert answer.headers["x-shape"] == "(5, 20)"
    found = np.frombuffer(answer.content, answer.headers["x-dtype"]).reshape(5, 20)
    np.testing.assert_array_equal(found, VALUES[3:8])
    answer = client.get("/region?0=3:4&1=2:4&format=json")
    assert answer.json() == {"shape": [1, 2], "values": [[62, 63]]}


def test_full_collections_are_rare_while_it_runs(client: Any) -> None:
    """They were the only steps of its event loop that took more than 10 ms."""
    import gc

    assert gc.get_threshold()[2] >= 100
    assert gc.get_freeze_count() > 0
    client.__exit__()
    assert gc.get_threshold()[2] < 100
    client.__enter__()


@pytest.mark.parametrize("query", ["0=5:2", "0=0:21", "1=-1:3", "0=a:b"])
def test_it_refuses_what_is_no_region(client: Any, store: LatencyStore, query: str) -> None:
    store.log.clear()
    assert client.get(f"/region?{query}").status_code == 400
    assert len(store.log) == 0


def test_a_request_that_takes_too_long_is_answered_and_its_requests_are_cancelled(
    client: Any, store: LatencyStore
) -> None:
    store.seconds = 30
    start = time.monotonic()
    assert client.get("/region").status_code == 504
    assert time.monotonic() - start < 5
    assert store.log.in_flight == 0
    assert statistics(store)["in_flight"] == 0
    store.seconds = 0
    assert client.get("/region").status_code == 200
    assert client.get("/stats").json()[store.origin]["in_flight"] == 0
