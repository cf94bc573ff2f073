"""Checksums of what is stored: the documented ones come out, byte for byte."""

from __future__ import annotations

import hashlib
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
from azarr.errors import UsageError
from azarr.storage import MemoryStore
from azarr.testing import CountingStore

DOCUMENTED = [
    (azarr.empty, {}, "041f90bc7a571452af4f850a8ca2c6cddfa8a1ac"),
    (azarr.zeros, {}, "7162d416d26a68063b66ed1f30e0a866e4abed60"),
    (azarr.zeros, {"dtype": "u1"}, "cb387af37410ae5a3222e893cf3373e4e4f22816"),
]


@pytest.mark.parametrize(("create", "kwargs", "digest"), DOCUMENTED)
def test_the_documented_digests_come_out(create: Any, kwargs: dict[str, Any], digest: str) -> None:
    array = create(shape=(10000, 10000), chunks=(1000, 1000), zarr_format=2, **kwargs)
    assert array.hexdigest() == digest
    assert array.digest() == bytes.fromhex(digest)
    assert anyio.run(array.async_array.hexdigest) == digest


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_digest_hashes_chunks_in_c_order_then_metadata_then_attributes(zarr_format: Any) -> None:
    store = MemoryStore()
    array = azarr.create_array(
        store, name="a", data=np.arange(25).reshape(5, 5), chunks=(2, 2), zarr_format=zarr_format
    )
    array.attrs["unit"] = "m"
    array[:2, :2] = 7
    chunk = "a/{}.{}" if zarr_format == 2 else "a/c/{}/{}"
    hashing = hashlib.md5()
    for i in range(3):
        for j in range(3):
            hashing.update(store[chunk.format(i, j)])
    for name in ("a/.zarray", "a/.zattrs") if zarr_format == 2 else ("a/zarr.json",):
        hashing.update(store[name])
    assert array.hexdigest("md5") == hashing.hexdigest()


def test_a_digest_changes_with_data_and_with_attributes() -> None:
    array = azarr.zeros((4, 4), chunks=(2, 2))
    digests = {array.hexdigest()}
    array[0, 0] = 1
    digests.add(array.hexdigest())
    array.attrs["a"] = 1
    digests.add(array.hexdigest())
    array.resize(2, 4)
    digests.add(array.hexdigest())
    assert len(digests) == 4


def test_a_digest_asks_once_for_every_chunk_and_for_the_documents() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=(10,), chunks=(2,), dtype="i1", zarr_format=2)
    store.log.clear()
    array.digest()
    assert store.log.counts == {"get": 5 + 2}


def test_the_digest_of_an_array_without_dimensions() -> None:
    array = azarr.create_array({}, data=np.array(5))
    assert len(array.digest()) == 20


@pytest.mark.parametrize("name", ["nope", "shake_128", None])
def test_a_hash_that_there_is_not_is_refused_before_anything_is_read(name: Any) -> None:
    store = CountingStore(MemoryStore())
    array = azarr.zeros(4, store=store)
    store.log.clear()
    with pytest.raises(UsageError, match=r"hashname .*sha256"):
        array.digest(name)
    assert len(store.log) == 0


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_digest_is_the_same_through_consolidated_metadata(zarr_format: Any) -> None:
    store = MemoryStore()
    group = azarr.create_group(store, zarr_format=zarr_format)
    array = group.create_array("a", shape=4, dtype="i4", attributes={"b": 1, "a": [2]})
    azarr.consolidate_metadata(store)
    assert azarr.open_consolidated(store)["a"].hexdigest() == array.hexdigest()
