"""Diagnostics: what is stored of an array or a group, as numbers, text and HTML."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
from numcodecs import Blosc, Delta

import azarr
from azarr.storage import MemoryStore, getsize
from azarr.testing import CountingStore

DOCUMENTED = """\
Type               : azarr.Array
Data type          : int32
Shape              : (1000000,)
Chunk shape        : (100000,)
Order              : C
Read-only          : False
Compressor         : Blosc(cname='lz4', clevel=5, shuffle=SHUFFLE, blocksize=0)
Store type         : azarr.storage.MemoryStore
No. bytes          : 4000000 (3.8M)
No. bytes stored   : 320
Storage ratio      : 12500.0
Chunks initialized : 0/10"""


def test_the_report_on_an_array_is_the_documented_one() -> None:
    array = azarr.zeros(1000000, chunks=100000, dtype="i4", zarr_format=2)
    assert repr(array.info) == DOCUMENTED
    assert repr(anyio.run(array.async_array.info)) == DOCUMENTED.replace(
        "azarr.Array", "azarr.AsyncArray"
    )


def test_long_values_are_folded_and_filters_are_listed() -> None:
    array = azarr.array(
        np.arange(10000, dtype="i4").reshape(100, 100),
        chunks=(10, 10),
        filters=[Delta(dtype="i4")],
        compressor=Blosc(cname="zstd", clevel=3, shuffle=Blosc.BITSHUFFLE),
        zarr_format=2,
        store={},
        path="foo",
        chunk_store={},
        synchronizer=azarr.ThreadSynchronizer(),
    )
    text = repr(array.info)
    assert text.startswith("Name               : /foo\n")
    assert "Filter [0]         : Delta(dtype='<i4')\n" in text
    assert (
        "Compressor         : Blosc(cname='zstd', clevel=3, shuffle=BITSHUFFLE,\n"
        "                   : blocksize=0)\n"
        "Synchronizer type  : azarr.ThreadSynchronizer\n"
        "Store type         : azarr.storage.MappingStore\n"
        "Chunk store type   : azarr.storage.MappingStore\n"
    ) in text
    assert text.endswith("Chunks initialized : 100/100")


def test_the_report_on_a_group_is_the_documented_one() -> None:
    root = azarr.group()
    foo = root.create_group("foo")
    foo.zeros("bar", shape=10)
    foo.zeros("baz", shape=10)
    assert repr(foo.info) == (
        "Name        : /foo\n"
        "Type        : azarr.Group\n"
        "Read-only   : False\n"
        "Store type  : azarr.storage.MemoryStore\n"
        "No. members : 2\n"
        "No. arrays  : 2\n"
        "No. groups  : 0\n"
        "Arrays      : bar, baz"
    )
    assert root.info.items[-1] == ("Groups", "foo")


def test_a_report_has_an_html_form() -> None:
    html = azarr.zeros(3, store={}, path="a<b").info._repr_html_()
    assert "<td" in html
    assert "/a&lt;b" in html
    assert "a<b" not in html


def test_what_is_stored_is_counted() -> None:
    store = MemoryStore()
    array = azarr.create_array(store, name="a", shape=(10, 10), chunks=(3, 3), dtype="i4")
    assert (array.nchunks_initialized, array.initialized, array.nchunks) == (0, 0, 16)
    array[:4, :3] = 1
    array.attrs["a"] = "b"
    assert array.nchunks_initialized == array.initialized == 2
    assert array.nbytes_stored == sum(len(value) for key, value in store.items() if key[0] == "a")
    assert getsize(store, "a") == len(store["a/zarr.json"])


def test_chunks_of_shards_count_where_they_are_inside_the_array() -> None:
    array = azarr.create_array({}, shape=(10, 10), chunks=(2, 2), shards=(4, 4), dtype="i4")
    array[:] = 1
    assert array.nchunks_initialized == array.nchunks == 25
    array.resize(9, 1)
    assert array.nchunks_initialized == array.nchunks == 5


def test_keys_that_are_no_chunks_do_not_count() -> None:
    store: dict[str, Any] = {}
    array = azarr.create_array(store, shape=4, chunks=2, dtype="i4", zarr_format=2)
    array[:] = 1
    store["0.0"] = store["2"] = store["x"] = b""
    assert array.nchunks_initialized == 2


def test_counting_is_one_listing() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=100, chunks=1)
    array[:] = 1
    store.log.clear()
    assert array.nchunks_initialized == 100
    assert store.log.counts == {"list": 1}


def test_a_thousand_keys_at_a_time_are_looked_at() -> None:
    array = azarr.create_array({}, shape=2500, chunks=1, dtype="u1")
    array[:] = 1
    assert array.nchunks_initialized == 2500
    assert anyio.run(array.async_array.nchunks_initialized) == 2500
    assert anyio.run(array.async_array.nbytes_stored) == array.nbytes_stored
