"""Small shards on a server: one request each while their index is not known, then only ranges."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest
from tests.remote.conftest import MakeStore

import azarr
from azarr.engine.process._cache import Cache
from azarr.engine.process._process import process
from azarr.errors import ChunkDataError
from benchmarks.s3_server import Conditions, S3Server

VALUES = np.random.default_rng(3).integers(1, 2**16, (128, 128), dtype=np.uint16)
SHARD = 32 * 32 * 2 + 16 * 16 + 4


@pytest.fixture(params=["start", "end"])
def index_location(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def array(kind: Any, make: MakeStore, server: S3Server, index_location: str) -> Any:
    """4 x 4 shards of 4 x 4 inner chunks; nothing is known of them."""
    array = azarr.create_array(
        make(kind),
        shape=VALUES.shape,
        chunks=(8, 8),
        shards={"shape": (32, 32), "index_location": index_location},
        dtype="u2",
        fill_value=9,
        compressors=None,
    )
    array[...] = VALUES
    # As in test_round_trips: what goes out together arrives within the time of an answer.
    server.conditions = Conditions(latency=0.4)
    server.log.clear()
    return array


def asked(server: S3Server) -> tuple[dict[str, int], int]:
    """Requests by kind, and round trips, since it was asked this the last time."""
    found = dict(server.log.counts), server.log.round_trips
    server.log.clear()
    return found


def test_an_inner_chunk_is_one_request_and_the_next_is_its_range(
    array: Any, server: S3Server
) -> None:
    assert array[9, 9] == VALUES[9, 9]
    assert server.log.sent == SHARD
    assert asked(server) == ({"GET": 1}, 1)
    assert array[20, 20] == VALUES[20, 20]
    assert server.log.sent == 128
    assert asked(server) == ({"GET range": 1}, 1)


def test_a_row_over_four_shards_is_four_requests_and_one_round_trip(
    array: Any, server: S3Server
) -> None:
    np.testing.assert_array_equal(array[3], VALUES[3])
    assert asked(server) == ({"GET": 4}, 1)
    np.testing.assert_array_equal(array[3], VALUES[3])
    assert asked(server) == ({"GET range": 4}, 1)


def test_awaited_it_is_the_same(array: Any, server: S3Server) -> None:
    async def main() -> None:
        np.testing.assert_array_equal(await array.async_array.getitem(3), VALUES[3])
        assert asked(server) == ({"GET": 4}, 1)
        np.testing.assert_array_equal(await array.async_array.getitem(3), VALUES[3])
        assert asked(server) == ({"GET range": 4}, 1)

    anyio.run(main)


def test_larger_shards_are_two_round_trips_and_then_one(array: Any, server: S3Server) -> None:
    with azarr.config.using(coalesce_gap=32 * 32 * 2 - 1):
        np.testing.assert_array_equal(array[3], VALUES[3])
        assert asked(server) == ({"GET range": 8}, 2)
        np.testing.assert_array_equal(array[3], VALUES[3])
        assert asked(server) == ({"GET range": 4}, 1)


def test_a_part_is_written_in_two_round_trips(array: Any, server: S3Server) -> None:
    array[9, 9] = 1
    assert asked(server) == ({"GET": 1, "PUT if": 1}, 2)
    assert array[9, 9] == 1


def test_a_missing_shard_is_one_request(array: Any, server: S3Server) -> None:
    anyio.run(array.store.delete, "c/0/0")
    server.log.clear()
    assert array[9, 9] == 9
    assert asked(server) == ({"GET": 1}, 1)


def test_a_shard_with_a_damaged_index_is_an_error(array: Any, index_location: str) -> None:
    async def damage() -> None:
        shard = bytearray(await array.store.get("c/0/0"))
        shard[5 if index_location == "start" else -30] ^= 1
        await array.store.set("c/0/0", bytes(shard))

    anyio.run(damage)
    with pytest.raises(ChunkDataError, match=r"shard index: .*checksum"):
        array[9, 9]


def test_a_shard_without_bytes_is_an_error(array: Any) -> None:
    anyio.run(array.store.set, "c/0/0", b"")
    with pytest.raises(ChunkDataError, match="a shard of 0 bytes cannot hold its index"):
        array[9, 9]


def test_a_body_that_breaks_off_is_asked_for_again(array: Any, server: S3Server) -> None:
    server.conditions = Conditions(truncate_rate=0.5)
    for row in range(0, 128, 8):
        np.testing.assert_array_equal(array[row], VALUES[row])


def test_through_the_cache_it_is_one_request_too(
    array: Any, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process(), "cache", Cache())
    azarr.config.set(cache_bytes=2**20, cache_max_age=None)
    for _ in range(2):
        assert array[9, 9] == VALUES[9, 9]
    assert asked(server) == ({"GET": 1}, 1)
