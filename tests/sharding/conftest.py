"""Kinds of shards to test with, as v3 codecs, and arrays made of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import azarr

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
CRC32C = {"name": "crc32c"}
ZSTD = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
GZIP = {"name": "gzip", "configuration": {"level": 1}}


def transpose(*order: int) -> dict[str, Any]:
    return {"name": "transpose", "configuration": {"order": [*order]}}


def sharding(inner: tuple[int, ...], codecs: list[Any], **configuration: Any) -> dict[str, Any]:
    return {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": [*inner],
            "codecs": codecs,
            "index_codecs": [BYTES, CRC32C],
            **configuration,
        },
    }


# Shards of 8 x 12 in two dimensions; name -> codecs of the array.
LAYOUTS: dict[str, list[Any]] = {
    "plain": [sharding((4, 4), [BYTES])],
    "compressed": [sharding((4, 4), [BYTES, ZSTD])],
    "index at the start": [sharding((4, 4), [BYTES, GZIP], index_location="start")],
    "no checksum of the index": [sharding((4, 4), [BYTES, ZSTD], index_codecs=[BYTES])],
    "index in big-endian": [sharding((4, 4), [BYTES], index_codecs=[BIG, CRC32C])],
    "transposed index": [
        sharding((4, 4), [BYTES, ZSTD], index_codecs=[transpose(2, 0, 1), BYTES, CRC32C])
    ],
    "index with two checksums": [
        sharding((2, 6), [BYTES], index_codecs=[BYTES, CRC32C, CRC32C], index_location="start")
    ],
    "transposed inner chunks": [sharding((4, 6), [transpose(1, 0), BYTES, ZSTD])],
    "checksums of inner chunks": [sharding((2, 12), [BIG, CRC32C])],
    "one inner chunk": [sharding((8, 12), [BYTES, ZSTD])],
    "inner chunks of one element": [sharding((1, 1), [BYTES])],
    "nested": [sharding((4, 6), [sharding((2, 3), [BYTES, ZSTD])])],
    "nested twice": [
        sharding(
            (8, 6),
            [sharding((4, 6), [sharding((2, 2), [BYTES])], index_location="start"), CRC32C],
        )
    ],
    # These hide the shard from what reads inner chunks on their own: it is read and written whole.
    "transposed shard": [transpose(1, 0), sharding((4, 4), [BYTES, ZSTD])],
    "compressed shard": [sharding((4, 4), [BYTES]), ZSTD],
    "checksum of the shard": [sharding((4, 4), [BYTES]), CRC32C],
}

HIDDEN = ("transposed shard", "compressed shard", "checksum of the shard")


def document(
    codecs: list[Any],
    shape: tuple[int, ...] = (21, 30),
    shard: tuple[int, ...] = (8, 12),
    data_type: str = "uint16",
    fill_value: Any = 7,
) -> dict[str, Any]:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [*shape],
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [*shard]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill_value,
        "codecs": codecs,
        "attributes": {},
    }


@pytest.fixture(params=list(LAYOUTS))
def any_codecs(request: pytest.FixtureRequest) -> list[Any]:
    """The codecs of an array of shards, of every kind."""
    return LAYOUTS[request.param]


@pytest.fixture(params=[name for name in LAYOUTS if name not in HIDDEN])
def codecs(request: pytest.FixtureRequest) -> list[Any]:
    """The codecs of an array whose inner chunks are read and written on their own."""
    return LAYOUTS[request.param]


@pytest.fixture(name="sharding")
def sharding_function() -> Callable[..., Any]:
    """`sharding(inner shape, codecs, **configuration)`, a codec."""
    return sharding


@pytest.fixture(name="document")
def document_function() -> Callable[..., Any]:
    """`document(codecs, shape=(21, 30), shard=(8, 12), ...)`, the metadata of an array."""
    return document


@pytest.fixture
def make() -> Callable[..., azarr.Array]:
    """Put a document into a store and open it: any codecs, also those that no argument names."""

    def make(store: Any, codecs: list[Any], **fields: Any) -> azarr.Array:
        store["zarr.json"] = json.dumps(document(codecs, **fields)).encode()
        return azarr.open_array(store, mode="r+")

    return make
