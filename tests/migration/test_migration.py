"""Older formats, rewritten in place: what is read stays the same, and chunks stay in place."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

import azarr
from azarr.cli import main
from azarr.errors import ArrayNotFoundError, MetadataError, NodeNotFoundError
from azarr.storage import MemoryStore, migrate_1to2, migrate_2to3
from azarr.testing import CountingStore


def v1_document(**fields: Any) -> dict[str, Any]:
    return {
        "zarr_format": 1,
        "shape": [10],
        "chunks": [4],
        "dtype": "<i4",
        "compression": "blosc",
        "compression_opts": {"cname": "lz4", "clevel": 5, "shuffle": 1},
        "fill_value": 0,
        "order": "C",
        **fields,
    }


@pytest.mark.parametrize(
    ("compression", "options", "codec"),
    [
        ("blosc", {"cname": "lz4", "clevel": 5, "shuffle": 1}, numcodecs.Blosc()),
        ("zlib", 3, numcodecs.Zlib(3)),
        ("bz2", 1, numcodecs.BZ2(1)),
        ("lzma", {"format": 1, "check": -1, "preset": 1, "filters": None}, numcodecs.LZMA()),
        ("none", None, None),
        (None, None, None),
    ],
)
def test_a_v1_array_becomes_a_v2_array(compression: Any, options: Any, codec: Any) -> None:
    values = np.arange(12, dtype="<i4")
    chunks = [values[start : start + 4].tobytes() for start in (0, 4, 8)]
    encoded = [chunk if codec is None else bytes(codec.encode(chunk)) for chunk in chunks]
    store = {str(number): chunk for number, chunk in enumerate(encoded)}
    document = v1_document(compression=compression, compression_opts=options)
    store["meta"] = json.dumps(document).encode()
    store["attrs"] = b'{"units": "K"}'
    migrate_1to2(store)
    assert sorted(store) == [".zarray", ".zattrs", "0", "1", "2"]
    array = azarr.open_array(store, mode="r")
    assert array.zarr_format == 2
    assert array[...].tolist() == [*range(10)]
    assert dict(array.attrs) == {"units": "K"}


@pytest.mark.parametrize(
    "fields",
    [
        {"zarr_format": 2},
        {"shape": "x"},
        {"compression": 5},
        {"compression_opts": "x"},
        {"dtype": "nonsense"},
        {"order": "K"},
    ],
)
def test_what_is_no_v1_array_is_left_alone(fields: dict[str, Any]) -> None:
    store = {"meta": json.dumps(v1_document(**fields)).encode(), "attrs": b"{}"}
    before = dict(store)
    with pytest.raises(MetadataError, match="meta: "):
        migrate_1to2(store)
    assert store == before
    with pytest.raises(ArrayNotFoundError, match="'meta'"):
        migrate_1to2({})


F8 = "<f8"
CASES: dict[str, dict[str, Any]] = {
    "plain": {"dtype": "<i4"},
    "big-endian": {"dtype": ">i4"},
    "one byte": {"dtype": "i1"},
    "order F": {"dtype": ">f4", "order": "F"},
    "separator": {"dtype": "<i4", "dimension_separator": "/"},
    "undefined fill value": {"dtype": "<i4", "fill_value": None},
    "NaN": {"dtype": F8, "fill_value": np.nan},
    "bool": {"dtype": "?", "fill_value": True},
    "complex": {"dtype": ">c16", "fill_value": 1 + 2j},
    "time": {"dtype": "<M8[ms]"},
    "bytes": {"dtype": "S6", "fill_value": b"x"},
    "text": {"dtype": ">U6", "fill_value": "x"},
    "record": {"dtype": [("x", ">i4"), ("y", "S3"), ("z", ">f8")]},
    "strings": {"dtype": str, "fill_value": "none"},
    "variable bytes": {"dtype": bytes},
    "no compressor": {"dtype": "<i4", "compressor": None},
    "zlib": {"dtype": "<i4", "compressor": numcodecs.Zlib(1)},
    "zstd": {"dtype": "<i4", "compressor": numcodecs.Zstd(1)},
    "gzip": {"dtype": "<i4", "compressor": numcodecs.GZip(1)},
    "lz4": {"dtype": "<i4", "compressor": numcodecs.LZ4()},
    "blosc autoshuffle": {"dtype": "<i4", "compressor": numcodecs.Blosc(shuffle=-1)},
    "delta": {"dtype": ">i4", "filters": [numcodecs.Delta(">i4", ">i2")]},
    "delta in order F": {"dtype": "<i4", "filters": [numcodecs.Delta("<i4")], "order": "F"},
    "scaled": {
        "dtype": ">f8",
        "filters": [numcodecs.FixedScaleOffset(offset=1, scale=10, dtype=">f8", astype=">u2")],
    },
    "quantized": {"dtype": "<f8", "filters": [numcodecs.Quantize(2, "<f8", "<f4")]},
    "converted": {"dtype": ">f8", "filters": [numcodecs.AsType(">f4", ">f8")]},
    "packed": {"dtype": "?", "filters": [numcodecs.PackBits()]},
    "rounded": {"dtype": "<f4", "filters": [numcodecs.BitRound(8)]},
    "checked": {"dtype": "<i4", "filters": [numcodecs.CRC32(), numcodecs.Adler32()]},
    "shuffled": {"dtype": "<i4", "filters": [numcodecs.Shuffle(4)], "compressor": None},
    "delta, shuffled": {"dtype": "<i4", "filters": [numcodecs.Delta("<i4"), numcodecs.Shuffle(4)]},
}


def values_of(array: azarr.Array) -> np.ndarray:
    rng = np.random.default_rng(7)
    numbers = rng.integers(0, 50, array.shape)
    element = array.metadata.data_type.element
    if element == "string":
        return np.array([[str(n) for n in row] for row in numbers], object)
    if element == "bytes":
        return np.array([[b"%d" % n for n in row] for row in numbers], object)
    if array.dtype.names is not None:
        values = np.zeros(array.shape, array.dtype)
        for name in array.dtype.names:
            values[name] = numbers
        return values
    return numbers.astype(array.dtype)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("remove_v2", [True, False])
def test_a_v2_array_reads_the_same_as_a_v3_array(name: str, remove_v2: bool) -> None:
    store = MemoryStore()
    case = {"compressor": numcodecs.Zlib(1), "fill_value": 0, **CASES[name]}
    array = azarr.create((7, 5), chunks=(4, 2), store=store, zarr_format=2, **case)
    array.attrs["a"] = 1
    array[:6] = values_of(array)[:6]
    expected = array[...]
    chunks = {key: value for key, value in store.items() if not key.startswith(".z")}

    assert {path: type(node) for path, node in migrate_2to3(store, dry_run=True).items()} == {
        "": type(array.metadata)
    }
    assert "zarr.json" not in store
    migrate_2to3(store, remove_v2=remove_v2)

    assert chunks.items() <= store.items()
    assert (".zarray" in store) != remove_v2
    migrated = azarr.open_array(store, mode="r+")
    assert migrated.zarr_format == 3
    found = migrated[...]
    assert found.dtype == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, expected)
    assert dict(migrated.attrs) == {"a": 1}
    migrated[0, 0] = migrated[1, 1]
    np.testing.assert_array_equal(migrated[0, 0], expected[1, 1])


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"dtype": object, "object_codec": numcodecs.JSON()}, "json2"),
        ({"dtype": "array:i4"}, "vlen-array"),
        ({"dtype": [("x", ">i4"), ("y", "<i4")]}, "different byte orders"),
        ({"dtype": [("x", "<i4", (2,))]}, "sub-array"),
        ({"dtype": "<i4", "filters": [numcodecs.Shuffle(4), numcodecs.Delta("u1")]}, "after one"),
    ],
)
def test_what_v3_cannot_express_is_refused_and_nothing_is_written(
    case: dict[str, Any], message: str
) -> None:
    store = MemoryStore()
    root = azarr.create_group(store, zarr_format=2)
    root.create_array("good", shape=(4,), dtype="i4")
    azarr.create((8,), chunks=(4,), store=store, path="a/bad", zarr_format=2, **case)
    before = dict(store.items())
    with pytest.raises(MetadataError, match=f"^/a/bad: .*{message}"):
        migrate_2to3(store)
    assert dict(store.items()) == before


def hierarchy(store: Any) -> None:
    root = azarr.create_group(store, zarr_format=2, attributes={"title": "x"})
    array = root.create_array("a/b", shape=(4, 6), chunks=(2, 3), dtype=">i4")
    array[...] = np.arange(24).reshape(4, 6)
    array.attrs["_ARRAY_DIMENSIONS"] = ["y", "x"]
    root.create_group("c", attributes={"k": 1})


def test_a_hierarchy_is_migrated_from_its_leaves_to_its_root() -> None:
    store = CountingStore(MemoryStore())
    hierarchy(store)
    azarr.consolidate_metadata(store)
    store.log.clear()
    assert sorted(migrate_2to3(store, remove_v2=True)) == ["", "a", "a/b", "c"]
    written = store.log.keys("set")
    assert written[-1] == "zarr.json"
    assert written[0] == "a/b/zarr.json"
    assert not [key for key in store if key.rpartition("/")[2].startswith(".z")]
    root = azarr.open_group(store)
    assert (root["a/b"][...] == np.arange(24).reshape(4, 6)).all()
    assert root["a/b"].dimension_names == ("y", "x")
    assert dict(root.attrs) == {"title": "x"}
    assert dict(root["c"].attrs) == {"k": 1}
    assert migrate_2to3(store) == {}
    with pytest.raises(NodeNotFoundError):
        migrate_2to3(store, "nowhere")


def test_zarr_python_reads_what_was_migrated(tmp_path: Path) -> None:
    hierarchy(tmp_path)
    migrate_2to3(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = zarr.open_array(str(tmp_path / "a" / "b"), zarr_format=3, mode="r")
        assert (array[...] == np.arange(24).reshape(4, 6)).all()


def test_the_command_migrates_and_says_what_it_would_do(tmp_path: Path, capsys: Any) -> None:
    hierarchy(tmp_path)
    assert main(["migrate", str(tmp_path), "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/  group",
        "/a  group",
        "/a/b  array 4 x 6",
        "/c  group",
        "4 documents of Zarr v3 would be written",
    ]
    assert not (tmp_path / "zarr.json").exists()
    assert main(["migrate", str(tmp_path), "--remove-v2"]) == 0
    assert (tmp_path / "zarr.json").exists()
    assert not (tmp_path / ".zgroup").exists()
    assert main(["migrate", str(tmp_path / "nowhere")]) == 1
