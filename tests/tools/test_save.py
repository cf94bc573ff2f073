"""Saving and loading: the documented behaviour, blocking and awaited, on every kind of store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import UnknownDataTypeError, UsageError
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import CountingStore, LatencyStore

FORMATS = [2, 3, "n5"]


def stores(path: Path) -> list[Any]:
    """A store of every shape, each empty."""
    return [
        {},
        MemoryStore(),
        LocalStore(path / "a"),
        str(path / "b"),
        LatencyStore(MemoryStore(), 0),
    ]


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_one_array_is_saved_as_an_array(tmp_path: Path, zarr_format: Any) -> None:
    for store in stores(tmp_path):
        azarr.save(store, np.arange(12).reshape(3, 4), zarr_format=zarr_format)
        loaded = azarr.load(store, zarr_format=zarr_format)
        assert isinstance(loaded, np.ndarray)
        assert loaded.tolist() == np.arange(12).reshape(3, 4).tolist()
        assert azarr.open(store, zarr_format=zarr_format).shape == (3, 4)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_several_arrays_are_saved_as_a_group(tmp_path: Path, zarr_format: Any) -> None:
    for store in stores(tmp_path):
        azarr.save(store, np.arange(3), foo=np.ones(2), zarr_format=zarr_format)
        loader = azarr.load(store, zarr_format=zarr_format)
        assert repr(loader) == "<LazyLoader: arr_0, foo>"
        assert {name: data.tolist() for name, data in loader.items()} == {
            "arr_0": [0, 1, 2],
            "foo": [1, 1],
        }


def test_what_is_saved_replaces_what_was_there() -> None:
    store = MemoryStore()
    azarr.save(store, a=np.ones(3), b=np.ones(3))
    azarr.save(store, a=np.zeros(2))
    assert list(azarr.load(store)) == ["a"]
    azarr.save(store, np.arange(2))
    assert azarr.load(store).tolist() == [0, 1]


def test_a_path_in_the_store_is_saved_to_and_loaded_from() -> None:
    store = MemoryStore()
    azarr.save_group(store, np.arange(3), path="foo/bar")
    assert azarr.load(store, path="foo/bar")["arr_0"].tolist() == [0, 1, 2]
    assert azarr.load(store)["foo/bar/arr_0"].tolist() == [0, 1, 2]
    azarr.save_array(store, np.arange(2), path="x", zarr_version=3, chunks=1)
    assert azarr.open_array(store, path="x").chunks == (1,)


def test_an_array_is_loaded_when_it_is_first_asked_for_and_then_kept() -> None:
    store = CountingStore(MemoryStore())
    azarr.save(store, a=np.arange(4), b=np.arange(4))
    loader = azarr.load(store)
    store.log.clear()
    assert loader["a"] is loader["a"]
    assert store.log.counts == {"get": 1}
    with pytest.raises(KeyError):
        loader["c"]


def test_arrays_are_saved_at_the_same_time() -> None:
    store = LatencyStore(MemoryStore(), 0.2)
    azarr.save(store, *np.zeros((20, 3)))
    # Delete or look, write the group; then of all arrays together: look, delete, document, chunk.
    assert store.log.round_trips <= 7


def test_saving_nothing_and_two_arrays_of_one_name_are_refused() -> None:
    store = MemoryStore()
    with pytest.raises(UsageError, match="at least one array"):
        azarr.save(store)
    with pytest.raises(UsageError, match="'arr_0'"):
        azarr.save_group(store, np.ones(1), arr_0=np.ones(1))
    assert not store


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_awaited_twins_do_the_same(tmp_path: Path, backend: str) -> None:
    async def main() -> None:
        for store in stores(tmp_path):
            await azarr.aio.save(store, np.arange(3))
            assert (await azarr.aio.load(store)).tolist() == [0, 1, 2]
            await azarr.aio.save_group(store, np.arange(3), foo=np.ones(2))
            loader = await azarr.aio.load(store)
            assert repr(loader) == "<AsyncLazyLoader: arr_0, foo>"
            assert loader.keys() == ["arr_0", "foo"]
            assert (await loader.getitem("foo")).tolist() == [1, 1]

    anyio.run(main, backend=backend)


def test_the_default_compressor_can_be_changed_as_in_zarr_2() -> None:
    from numcodecs import Blosc, Zstd

    import azarr.storage as storage

    assert storage.default_compressor == Blosc()
    try:
        for zarr_format in (2, 3):
            storage.default_compressor = Zstd(level=1)
            with azarr.config.using(zarr_format=zarr_format):
                assert azarr.zeros(3).compressor == Zstd(level=1)
                assert azarr.create_array(shape=3, dtype="i4").compressor == Zstd(level=1)
                assert azarr.zeros(3, compressor=Blosc(clevel=1)).compressor.clevel == 1
                storage.default_compressor = None
                assert azarr.zeros(3).compressor is None
    finally:
        azarr.config.set(default_compressor="default")
    assert azarr.zeros(3, zarr_format=2).compressor == Blosc()


def test_a_setting_of_the_process_reaches_blocks_that_have_not_set_it() -> None:
    before = azarr.config.get()
    with azarr.config.using(zarr_format=2):
        azarr.config.set(write_empty_chunks=False, zarr_format=3)
        assert not azarr.config.get().write_empty_chunks
        assert azarr.config.get().zarr_format == 2
        with azarr.config.using(threads=1):
            assert azarr.config.get().zarr_format == 2
        azarr.config.set(write_empty_chunks=True)
    assert azarr.config.get() == before


def test_going_back_to_the_documented_default_is_the_default_of_every_format() -> None:
    from numcodecs import Zstd

    import azarr.storage as storage

    before = storage.default_compressor
    storage.default_compressor = Zstd()
    storage.default_compressor = before
    assert azarr.config.get().default_compressor == "default"
    assert azarr.zeros(3, zarr_format="n5").compressor.codec_id == "gzip"


def test_what_cannot_be_saved_is_refused_before_anything_is_replaced() -> None:
    store = MemoryStore()
    azarr.save(store, a=np.arange(3), b=np.arange(2))
    with pytest.raises(UnknownDataTypeError):
        azarr.save(store, a=np.arange(5), names=np.array(["x"], object))
    assert sorted(azarr.load(store)) == ["a", "b"]
    assert azarr.load(store)["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("elements", [["a", "bc"], [b"a", b"bc"]])
def test_an_array_of_text_is_saved_and_created_from_one(zarr_format: Any, elements: Any) -> None:
    kind = type(elements[0])
    source = azarr.create_array({}, shape=2, dtype=kind, zarr_format=zarr_format)
    source[:] = np.array(elements, object)
    saved, group = MemoryStore(), azarr.create_group({}, zarr_format=zarr_format)
    azarr.save(saved, one=source, two=source, zarr_format=zarr_format)
    group["set"] = source
    copies = [
        azarr.array(source),
        azarr.create_array({}, data=source),
        group["set"],
        azarr.open_group(saved)["one"],
    ]
    for copy in copies:
        assert copy[:].tolist() == elements
        assert copy.metadata.data_type.element == source.metadata.data_type.element
