"""Groups with and without a document, attributes beside reserved keys, and what N5 cannot hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import (
    ContainsArrayError,
    ContainsGroupError,
    GroupNotFoundError,
    MetadataError,
    NodeNotFoundError,
    UsageError,
)
from azarr.storage import LocalStore, MemoryStore, N5FSStore, N5Store


def document(container: Path, path: str = "") -> dict[str, Any]:
    return dict(json.loads((container / path / "attributes.json").read_text()))


@pytest.fixture
def container(tmp_path: Path) -> Path:
    return tmp_path / "data.n5"


def test_a_path_that_ends_in_n5_is_created_as_n5(container: Path) -> None:
    root = azarr.open(str(container), mode="w")
    assert root.zarr_format == "n5"
    array = root.create_array("foo/bar", shape=(10, 6), chunks=(5, 2), dtype="i4")
    assert array.zarr_format == "n5"
    assert document(container) == {"n5": "4.0.0"}
    assert document(container, "foo") == {}
    assert document(container, "foo/bar") == {
        "dimensions": [6, 10],
        "blockSize": [2, 5],
        "dataType": "int32",
        "compression": {"type": "gzip", "level": -1, "useZlib": False},
    }


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_that_ends_in_n5_opens_as_n5(container: Path, kind: Any) -> None:
    azarr.create_array(f"{container}/", shape=(3,), dtype="u1")
    array = azarr.open(kind(container), mode="r")
    assert (array.zarr_format, array.read_only) == ("n5", True)
    assert document(container)["n5"] == "4.0.0"


def test_a_format_that_is_asked_for_wins_over_the_name(container: Path) -> None:
    assert azarr.create_group(container, zarr_format=3).zarr_format == 3


def test_the_documented_store_works_as_documented(tmp_path: Path) -> None:
    store = N5Store(str(tmp_path / "array"))
    z = azarr.zeros((10, 10), chunks=(5, 5), store=store, overwrite=True)
    z[...] = 42
    assert z.zarr_format == "n5"
    store = N5Store(str(tmp_path / "group"))
    root = azarr.group(store=store, overwrite=True)
    bar = root.create_group("foo").create_array("bar", shape=(10, 10), chunks=(5, 5), dtype="f8")
    bar[...] = 42
    assert azarr.open_array(store, path="foo/bar", mode="r")[9, 9] == 42
    with pytest.raises(UsageError, match="dimension_separator"):
        N5Store(tmp_path, dimension_separator=".")


def test_the_documented_store_over_fsspec_works_as_documented(tmp_path: Path) -> None:
    store = N5FSStore(str(tmp_path / "group"), auto_mkdir=True)
    root = azarr.group(store=store, overwrite=True)
    bar = root.create_group("foo").create_array("bar", shape=(5, 5), chunks=(2, 2), dtype="f8")
    bar[...] = 42
    assert azarr.open_array(N5Store(tmp_path / "group"), path="foo/bar", mode="r")[4, 4] == 42
    assert sorted(root) == ["foo"]


@pytest.mark.anyio
async def test_the_awaitable_functions_know_n5_too() -> None:
    store = MemoryStore()
    root = await azarr.aio.create_group(store, zarr_format="n5")
    array = await root.create_array("a", shape=(5,), chunks=(2,), dtype="u2")
    await array.setitem(..., np.arange(5))
    again = await azarr.aio.open_array(store, path="a", zarr_format="n5")
    assert (await again.getitem(...)).tolist() == [0, 1, 2, 3, 4]


def test_every_directory_is_a_group(container: Path) -> None:
    (container / "a" / "b").mkdir(parents=True)
    root = azarr.open_group(container, mode="r")
    assert list(root) == ["a"]
    assert list(root["a"]) == ["b"]
    assert dict(root["a"].attrs) == {}
    assert list(root["a/b"]) == []
    assert "a/c" not in root
    with pytest.raises(NodeNotFoundError):
        root["c"]


def test_a_directory_is_a_group_only_where_n5_is_asked_for(container: Path) -> None:
    (container / "a").mkdir(parents=True)
    with pytest.raises(GroupNotFoundError):
        azarr.open_group(LocalStore(container), mode="r")
    with pytest.raises(GroupNotFoundError):
        azarr.open_group(LocalStore(container), path="a", mode="r")
    assert azarr.open_group(LocalStore(container), path="a", mode="r", zarr_format="n5").path == "a"


def test_a_key_is_no_group(container: Path) -> None:
    root = azarr.open_group(container, mode="w")
    root.create_array("a", shape=(4,), chunks=(2,), dtype="u1")[...] = 1
    assert "a/0" not in root
    assert "a/attributes.json" not in root


def test_a_group_without_a_document_is_given_one_with_its_first_attribute(
    container: Path,
) -> None:
    (container / "a").mkdir(parents=True)
    group = azarr.open_group(container, path="a", mode="r+")
    group.attrs["title"] = "x"
    assert document(container, "a") == {"title": "x"}
    assert dict(azarr.open_group(container, path="a").attrs) == {"title": "x"}


def test_opening_a_node_costs_one_round_trip(container: Path) -> None:
    """Its document, that of the root for the version, and a listing of the directory above."""
    from azarr.testing import CountingStore

    azarr.open_group(container, mode="w").create_array("a/b", shape=(3,), dtype="u1")
    store = CountingStore(LocalStore(container))
    azarr.open_array(store, path="a/b", mode="r", zarr_format="n5")
    assert store.log.counts == {"get": 2, "list_children": 1}


def test_creating_where_there_is_a_directory_is_refused_unless_it_is_to_be_overwritten(
    container: Path,
) -> None:
    (container / "a" / "0").mkdir(parents=True)
    (container / "a" / "0" / "1").write_bytes(b"old block")
    root = azarr.open_group(container, mode="r+")
    with pytest.raises(ContainsGroupError):
        root.create_array("a", shape=(4, 4), chunks=(2, 2), dtype="u1")
    array = root.create_array("a", shape=(4, 4), chunks=(2, 2), dtype="u1", overwrite=True)
    assert array[...].tolist() == np.zeros((4, 4)).tolist()


def test_nodes_are_deleted_with_what_is_under_them(container: Path) -> None:
    root = azarr.open_group(container, mode="w")
    root.create_array("a/b", shape=(4,), dtype="u1")[...] = 1
    (container / "c").mkdir()
    del root["a"]
    del root["c"]
    assert list(root) == []
    assert not (container / "a").exists()


def test_an_array_is_no_parent(container: Path) -> None:
    root = azarr.open_group(container, mode="w")
    root.create_array("a", shape=(4,), dtype="u1")
    with pytest.raises(ContainsArrayError):
        root.create_group("a/b")


def test_attributes_and_reserved_keys_do_not_touch_each_other(container: Path) -> None:
    array = azarr.open_group(container, mode="w").create_array(
        "a", shape=(4, 3), dtype="u1", attributes={"axes": ["x", "y"]}
    )
    before = document(container, "a")
    array.attrs["unit"] = "nm"
    array.attrs.update(scale=[1, 2])
    del array.attrs["axes"]
    after = document(container, "a")
    assert dict(array.attrs) == {"unit": "nm", "scale": [1, 2]}
    del before["axes"]
    assert after == {**before, "unit": "nm", "scale": [1, 2]}
    array.resize(5, 3)
    assert document(container, "a") == {**after, "dimensions": [3, 5]}


@pytest.mark.parametrize(
    "key", ["dimensions", "blockSize", "dataType", "compression", "compressionType", "n5"]
)
def test_reserved_keys_cannot_be_set(container: Path, key: str) -> None:
    root = azarr.open_group(container, mode="w")
    with pytest.raises(MetadataError, match=f"attribute '{key}' cannot be set"):
        root.create_array("b", shape=(4,), dtype="u1", attributes={key: 1})
    assert list(root) == []
    array = root.create_array("a", shape=(4,), dtype="u1")
    before = document(container, "a")
    with pytest.raises(MetadataError, match=f"attribute '{key}' cannot be set"):
        array.attrs[key] = [1]
    assert document(container, "a") == before


def test_the_version_of_a_container_is_kept(container: Path) -> None:
    container.mkdir()
    (container / "attributes.json").write_text('{"n5": "2.1.3", "title": "x"}')
    root = azarr.open_group(container, mode="r+")
    assert dict(root.attrs) == {"title": "x"}
    root.attrs["title"] = "y"
    assert document(container) == {"n5": "2.1.3", "title": "y"}
    with pytest.raises(MetadataError, match="'n5' cannot be set"):
        root.attrs["n5"] = "1.0.0"


def test_a_group_may_have_some_of_the_reserved_keys_as_attributes(container: Path) -> None:
    """BigDataViewer writes `dataType` and `downsamplingFactors` to the groups of its setups."""
    (container / "setup0").mkdir(parents=True)
    text = '{"dataType": "uint16", "downsamplingFactors": [[1, 1, 1]]}'
    (container / "setup0" / "attributes.json").write_text(text)
    group = azarr.open_group(container, path="setup0", mode="r+")
    group.attrs["name"] = "x"
    assert document(container, "setup0") == {**json.loads(text), "name": "x"}
    with pytest.raises(MetadataError, match="'dimensions' cannot be set"):
        group.attrs["dimensions"] = [1]


def test_parameters_of_a_compression_that_azarr_does_not_know_are_kept(container: Path) -> None:
    compression = {
        "type": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2, "blocksize": 0,
        "nthreads": 4, "typesize": 1,
    }  # fmt: skip
    root = azarr.open_group(container, mode="w")
    array = root.create_array("a", shape=(9,), chunks=(4,), dtype="u2", compressors=compression)
    array[...] = np.arange(9)
    array.attrs["x"] = 1
    assert document(container, "a")["compression"] == compression
    assert root["a"][...].tolist() == [*range(9)]


@pytest.mark.parametrize(
    ("compressor", "expected"),
    [
        (None, {"type": "raw"}),
        ("raw", {"type": "raw"}),
        ("gzip", {"type": "gzip", "level": -1, "useZlib": False}),
        ("bzip2", {"type": "bzip2", "blockSize": 9}),
        ("xz", {"type": "xz", "preset": 6}),
        ("lz4", {"type": "lz4", "blockSize": 65536}),
        ("zstd", {"type": "zstd", "level": 3}),
        ("blosc", {"type": "blosc", "cname": "blosclz", "clevel": 6, "shuffle": 0, "blocksize": 0}),
        (numcodecs.GZip(3), {"type": "gzip", "level": 3, "useZlib": False}),
        (numcodecs.Zlib(3), {"type": "gzip", "level": 3, "useZlib": True}),
        (numcodecs.BZ2(3), {"type": "bzip2", "blockSize": 3}),
        (numcodecs.LZMA(), {"type": "xz", "preset": 6}),
        (numcodecs.LZMA(preset=2), {"type": "xz", "preset": 2}),
        (numcodecs.LZ4(), {"type": "lz4", "blockSize": 65536}),
        (numcodecs.Zstd(level=7), {"type": "zstd", "level": 7}),
        (
            numcodecs.Blosc("zstd", 1, numcodecs.Blosc.AUTOSHUFFLE),
            {"type": "blosc", "cname": "zstd", "clevel": 1, "shuffle": 1, "blocksize": 0},
        ),
        (
            {"name": "zstd", "configuration": {"level": 1, "checksum": False}},
            {"type": "zstd", "level": 1},
        ),
        (
            {"name": "blosc", "configuration": {"cname": "lz4", "shuffle": "bitshuffle"}},
            {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 2, "blocksize": 0},
        ),
        ({"type": "gzip", "level": 2}, {"type": "gzip", "level": 2, "useZlib": False}),
    ],
)
def test_compressors_are_written_as_n5_names_them(
    container: Path, compressor: Any, expected: dict[str, Any]
) -> None:
    array = azarr.create_array(
        container, shape=(5,), chunks=(2,), dtype="u2", compressors=compressor
    )
    assert document(container)["compression"] == expected
    array[...] = np.arange(5)
    again = azarr.open_array(container)
    assert again[...].tolist() == [0, 1, 2, 3, 4]
    assert repr(again.compressor) == repr(array.compressor) or expected["type"] == "raw"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": ()}, "without dimensions"),
        ({"dtype": "b1"}, "data type bool"),
        ({"dtype": "f2"}, "data type float16"),
        ({"dtype": "c16"}, "data type complex128"),
        ({"dtype": "M8[s]"}, "data type datetime64"),
        ({"dtype": "S3"}, r"data type \|S3"),
        ({"dtype": [("a", "i4")]}, "data type"),
        ({"dtype": "array:i4", "compressors": None}, "fill value|'array'"),
        ({"fill_value": 1}, "fill_value is .*; N5 allows only"),
        ({"fill_value": -0.0}, "fill_value"),
        ({"order": "F"}, "order: 'F'; N5 allows"),
        ({"filters": [numcodecs.Delta("f8")]}, "cannot be written in N5"),
        ({"filters": ["gzip"]}, "N5 has none"),
        ({"compressors": numcodecs.LZMA(format=2)}, "cannot be written in N5"),
        ({"compressors": numcodecs.PackBits()}, "cannot be written in N5"),
        ({"compressors": ["gzip", "zstd"]}, "number of compressors"),
        ({"serializer": {"name": "bytes", "configuration": {"endian": "big"}}}, "N5"),
        ({"shards": (4, 4)}, "zarr_format=3"),
        ({"dimension_names": ("y", "x")}, "zarr_format=3"),
        ({"chunk_key_encoding": "default"}, "chunk_key_encoding"),
        ({"chunk_key_encoding": {"name": "n5", "separator": "."}}, "dimension_separator"),
        ({"chunks": (2**31, 1)}, "N5 has at most"),
    ],
)
def test_what_n5_cannot_hold_is_refused_before_anything_is_written(
    arguments: dict[str, Any], message: str
) -> None:
    store: dict[str, bytes] = {}
    everything = {"shape": (4, 4), "chunks": (2, 2), "dtype": "f8", **arguments}
    if everything["shape"] == ():
        del everything["chunks"]
    with pytest.raises((MetadataError, UsageError), match=message):
        azarr.create_array(store, zarr_format="n5", **everything)
    assert store == {}


def test_an_array_of_n5_can_be_copied_to_zarr_with_its_compression() -> None:
    source = azarr.create_array(
        {}, data=np.arange(5, dtype="u2"), chunks=(2,), zarr_format="n5", compressors="gzip"
    )
    for zarr_format in (2, 3):
        copy = azarr.create_array(
            {}, data=source[...], zarr_format=zarr_format, compressors=source.compressors
        )
        assert repr(copy.compressor) == repr(source.compressor)


def test_zeros_like_an_array_of_n5_is_one_of_n5() -> None:
    source = azarr.create_array({}, shape=(5,), chunks=(2,), zarr_format="n5", compressors="zstd")
    like = azarr.zeros_like(source)
    assert (like.zarr_format, like.chunks) == ("n5", (2,))
    assert like.metadata.compressors == source.metadata.compressors


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_a_moved_node_is_at_its_new_place_only(kind: str, container: Path) -> None:
    root = azarr.open_group(MemoryStore() if kind == "memory" else container, zarr_format="n5")
    root.create_array("a/b/c", data=np.arange(5), chunks=2)
    root.create_array("d", data=np.zeros(3))
    root.move("a/b", "e")
    assert sorted(root.members(max_depth=None)) == ["a", "d", "e", "e/c"]
    assert root["e/c"][:].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ContainsArrayError):
        root.move("e/c", "d")
    with pytest.raises(ContainsGroupError):
        root.move("d", "e")
    assert root["d"][:].tolist() == [0, 0, 0]


def test_a_store_of_n5_tells_what_it_contains(container: Path) -> None:
    store = N5Store(container)
    azarr.group(store).create_array("a/b", shape=3, dtype="u1")
    assert azarr.storage.contains_array(store, "a/b")
    assert azarr.storage.contains_group(store, "a")
    assert not azarr.storage.contains_group(store, "a/b")
    assert not azarr.storage.contains_array(store, "c")
