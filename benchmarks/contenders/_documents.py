"""The metadata of a layout, for those that take Zarr v3 documents as they are."""

from __future__ import annotations

from typing import Any

from benchmarks._works import CLEVEL, CNAME, ZSTD_LEVEL, Layout

DTYPES = {"i4": "int32", "u2": "uint16", "u1": "uint8"}


def compressors(layout: Layout) -> list[dict[str, Any]]:
    """The codecs from bytes to bytes."""
    blosc = {
        "cname": CNAME,
        "clevel": CLEVEL,
        "shuffle": "shuffle",
        "typesize": layout.itemsize,
        "blocksize": 0,
    }
    named = {"blosc": blosc, "zstd": {"level": ZSTD_LEVEL, "checksum": False}}
    if layout.codec == "none":
        return []
    return [{"name": layout.codec, "configuration": named[layout.codec]}]


def document(layout: Layout) -> dict[str, Any]:
    """All of `zarr.json`."""
    codecs: list[dict[str, Any]] = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        *compressors(layout),
    ]
    if layout.shards:
        shards = {
            "chunk_shape": layout.chunks,
            "codecs": codecs,
            "index_codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "crc32c"},
            ],
        }
        codecs = [{"name": "sharding_indexed", "configuration": shards}]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": layout.shape,
        "data_type": DTYPES[layout.dtype],
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": layout.stored}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "codecs": codecs,
        "fill_value": 0,
    }
