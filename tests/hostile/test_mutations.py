"""Valid documents and chunks, changed at random: an error of azarr that says where, or an array.

Never another exception, a hang, or memory beyond what the metadata declares.
"""

from __future__ import annotations

import copy
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numcodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import azarr
from azarr.errors import AzarrError, ChunkDataError, MetadataError
from azarr.storage import MemoryStore

# What an array that opens may take to be read here; declared sizes above it are not read.
READABLE = 2**20

SHARDS = {
    "shape": (9, 7),
    "chunks": (2, 2),
    "shards": (4, 4),
    "dtype": "i4",
    "zarr_format": 3,
    "fill_value": 1,
}
ARRAYS: dict[str, dict[str, Any]] = {
    "v2": {"shape": (9, 7), "chunks": (4, 4), "dtype": "<i4", "zarr_format": 2},
    "v2 filters": {
        "shape": (9, 7),
        "chunks": (4, 4),
        "dtype": "<f8",
        "zarr_format": 2,
        "filters": [
            numcodecs.FixedScaleOffset(offset=1, scale=10, dtype="<f8", astype="<u2"),
            numcodecs.Delta("<u2"),
        ],
        "compressors": numcodecs.Zlib(1),
        "order": "F",
    },
    "v2 records": {
        "shape": (9,),
        "chunks": (4,),
        "dtype": [("x", "<i4"), ("y", "S3")],
        "zarr_format": 2,
    },
    "v2 strings": {"shape": (9,), "chunks": (4,), "dtype": str, "zarr_format": 2},
    "v3": {
        "shape": (9, 7),
        "chunks": (4, 4),
        "dtype": "f4",
        "zarr_format": 3,
        "dimension_names": ("y", None),
        "attributes": {"a": [1, {"b": None}]},
    },
    "v3 codecs": {
        "shape": (9, 7),
        "chunks": (4, 4),
        "dtype": "u2",
        "zarr_format": 3,
        "order": "F",
        "compressors": ["zstd", "gzip", "crc32c"],
    },
    "v3 times": {"shape": (9,), "chunks": (4,), "dtype": "M8[s]", "zarr_format": 3},
    "v3 records": {"shape": (9,), "chunks": (4,), "dtype": [("x", "i4"), ("y", "S3")]},
    "v3 strings": {"shape": (9,), "chunks": (4,), "dtype": str, "zarr_format": 3},
    "shards": SHARDS,
    "n5": {"shape": (9, 7), "chunks": (4, 4), "dtype": "i4", "zarr_format": "n5"},
}


def make(name: str) -> MemoryStore:
    store = MemoryStore()
    array = azarr.create_array(store, **ARRAYS[name])
    element = array.metadata.data_type.element
    values = np.arange(array.size).reshape(array.shape)
    if element == "string":
        array[...] = np.array([f"text {n}" for n in range(array.size)], object)
    elif array.dtype.names:
        array["x"] = values
    else:
        array[...] = values.astype(array.dtype)
    return store


VALID = {name: make(name) for name in ARRAYS}
DOCUMENTS = (".zarray", "zarr.json", "attributes.json")
ODD = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        3,
        7,
        2**31,
        2**40,
        2**63 - 1,
        2**63,
        2**64,
        -(2**63),
        10**30,
    ),
    *(0.0, 0.5, -0.0, 1e308, "", "NaN", "0x", "0x7fc00000", "|O", "<f4", "S0", "V99999999999"),
    *("bytes", "int32", "float32", "C", "/", ".", "é", "\ud800", "a" * 1000, "numcodecs.zlib"),
    *([], {}, [0], [[]], [1, 2, 3], {"name": "x"}, {"id": "x"}, [[["a", "<i4"]]], [None] * 50),
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(child, (*path, key))


def mutate(document: Any, rng: random.Random) -> Any:
    """One change somewhere in a document: another value, one gone, doubled, moved or wrapped."""
    document = copy.deepcopy(document)
    everywhere = [*paths(document)]
    path = rng.choice(everywhere[1:])
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    key, kind = path[-1], rng.randrange(8)
    if kind < 4:
        parent[key] = copy.deepcopy(rng.choice(ODD))
    elif kind == 4:
        del parent[key]
    elif kind == 5 and isinstance(parent, dict):
        parent[rng.choice(["x", "must_understand", "configuration", "name", "id"])] = rng.choice(
            ODD
        )
    elif kind == 5:
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind == 6:
        other = document
        for step in rng.choice(everywhere):
            other = other[step]
        parent[key] = copy.deepcopy(other)
    else:
        for _ in range(rng.choice([1, 3, 120])):
            parent[key] = [parent[key]] if rng.random() < 0.5 else {"name": parent[key]}
    return document


def declared(array: azarr.Array) -> int:
    itemsize = max(array.itemsize, 1)
    return max(array.size * itemsize, int(np.prod(array.metadata.chunk_shape)) * itemsize)


def read_all(array: azarr.Array) -> None:
    if declared(array) > READABLE:
        return
    try:
        array[...]
        array[tuple(0 for _ in array.shape)] if array.size else None
    except ChunkDataError as error:
        check_names(error, "key", error.__notes__)


def check_names(error: AzarrError, what: str, texts: list[str]) -> None:
    assert any(what in text for text in texts), f"{error!r} does not name {what!r}"
    assert len(str(error)) < 5000


def copy_of(name: str) -> MemoryStore:
    return MemoryStore(dict(VALID[name].items()))


def document_of(store: MemoryStore) -> str:
    return next(key for key in DOCUMENTS if key in store)


def open_array(store: MemoryStore, name: str) -> azarr.Array:
    return azarr.open_array(store, mode="r", zarr_format=ARRAYS[name].get("zarr_format"))


@pytest.mark.parametrize("name", ARRAYS)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 3))
def test_a_changed_document_opens_or_is_an_error_that_names_it(
    name: str, seed: int, changes: int
) -> None:
    store, rng = copy_of(name), random.Random(seed)
    key = document_of(store)
    document = json.loads(bytes(store[key]))
    for _ in range(changes):
        if len([*paths(document)]) > 1:
            document = mutate(document, rng)
    store[key] = json.dumps(document).encode()
    try:
        array = open_array(store, name)
    except MetadataError as error:
        check_names(error, key, [str(error)])
        return
    except (azarr.errors.NotFoundError, azarr.errors.ContainsGroupError):
        return
    read_all(array)


@pytest.mark.parametrize("name", ARRAYS)
@settings(max_examples=100)
@given(st.data())
def test_a_document_of_other_bytes_opens_or_is_an_error_that_names_it(
    name: str, data: st.DataObject
) -> None:
    store = copy_of(name)
    key = document_of(store)
    text = bytearray(store[key])
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    store[key] = bytes(text[: data.draw(st.none() | st.integers(0, len(text)))])
    try:
        array = open_array(store, name)
    except (azarr.errors.NotFoundError, azarr.errors.ContainsGroupError):
        return
    except MetadataError as error:
        check_names(error, key, [str(error)])
        return
    read_all(array)


@pytest.mark.parametrize("name", ARRAYS)
@settings(max_examples=100)
@given(st.data())
def test_changed_chunks_are_read_or_are_an_error_that_names_the_chunk(
    name: str, data: st.DataObject
) -> None:
    store = copy_of(name)
    keys = [key for key in store if key.rpartition("/")[2] not in (*DOCUMENTS, ".zattrs")]
    key = data.draw(st.sampled_from(sorted(keys)))
    value = bytearray(store[key])
    for _ in range(data.draw(st.integers(0, 6))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.none() | st.integers(0, len(value)))
    store[key] = bytes(value[:cut]) + data.draw(st.binary(max_size=9))
    read_all(open_array(store, name))


BOMBS: dict[str, tuple[Any, Callable[[bytes], bytes]]] = {
    "zlib": (numcodecs.Zlib(1), zlib.compress),
    "gzip": (numcodecs.GZip(1), numcodecs.GZip(9).encode),
    "bz2": (numcodecs.BZ2(1), numcodecs.BZ2(9).encode),
    "lzma": (numcodecs.LZMA(), numcodecs.LZMA().encode),
    "zstd": (numcodecs.Zstd(1), numcodecs.Zstd(3).encode),
    "blosc": (numcodecs.Blosc(), numcodecs.Blosc(cname="zstd").encode),
    "lz4": (numcodecs.LZ4(), numcodecs.LZ4().encode),
}
NBYTES = 2**26


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("codec", BOMBS)
def test_a_chunk_that_inflates_beyond_its_size_takes_no_memory(
    codec: str, zarr_format: int
) -> None:
    store = MemoryStore()
    compressor, encode = BOMBS[codec]
    azarr.create_array(
        store,
        shape=(8,),
        chunks=(8,),
        dtype="i4",
        compressors=compressor,
        zarr_format=zarr_format,  # type: ignore[arg-type]
    )
    store["0" if zarr_format == 2 else "c/0"] = bytes(encode(bytes(NBYTES)))
    array = azarr.open_array(store)
    tracemalloc.start()
    try:
        with pytest.raises(ChunkDataError):
            array[...]
        # xz has a window of 8 MiB, whatever the chunk.
        assert tracemalloc.get_traced_memory()[1] < (2**24 if codec == "lzma" else 2**22)
    finally:
        tracemalloc.stop()


HUGE = {
    "shape": {"shape": [2**40, 2**20]},
    "chunks": {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**30, 2**30]}}},
}


@pytest.mark.parametrize("what", HUGE)
def test_declaring_a_huge_array_takes_no_memory(what: str) -> None:
    store = copy_of("v3")
    document = json.loads(bytes(store["zarr.json"])) | {"dimension_names": None} | HUGE[what]
    store["zarr.json"] = json.dumps(document).encode()
    tracemalloc.start()
    try:
        with suppress(AzarrError):
            azarr.open_array(store)[0, 0]
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
