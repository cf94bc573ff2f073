"""Copying between hierarchies of azarr: the documented logs, counts and errors; nothing is lost."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import ReadOnlyError, UsageError
from azarr.storage import LocalStore, MemoryStore
from azarr.testing import LatencyStore
from azarr.tools._blocks import blocks

FORMATS = [2, 3, "n5"]


def source_group(zarr_format: Any = 2, store: Any = None) -> Any:
    root = azarr.group(store, zarr_format=zarr_format)
    baz = root.create_dataset("foo/bar/baz", data=np.arange(100), chunks=(50,))
    baz.attrs["units"] = "m"
    root["foo"].attrs["x"] = [1, 2]
    root.create_dataset("foo/spam", data=np.arange(1000), chunks=(300,))
    return root


@pytest.mark.parametrize("old", FORMATS)
@pytest.mark.parametrize("new", FORMATS)
def test_a_group_is_copied_into_every_format(old: Any, new: Any) -> None:
    source, dest, lines = source_group(old), azarr.group(zarr_format=new), []
    counts = azarr.copy(source["foo"], dest, log=lines.append)
    assert counts == (4, 0, 8800)
    assert lines == [
        "copy /foo",
        "copy /foo/bar",
        "copy /foo/bar/baz (100,) int64",
        "copy /foo/spam (1000,) int64",
        "all done: 4 copied, 0 skipped, 8,800 bytes copied",
    ]
    assert dest["foo/bar/baz"].zarr_format == new
    assert dest["foo/bar/baz"][:].tolist() == list(range(100))
    assert dest["foo/spam"].chunks == (300,)
    assert dict(dest["foo"].attrs) == {"x": [1, 2]}
    assert dict(dest["foo/bar/baz"].attrs) == {"units": "m"}


@pytest.mark.parametrize(
    "keywords",
    [
        {"dtype": "f4", "fill_value": 7, "order": "F"},
        {"dtype": [("a", "i4"), ("b", "S3")]},
        {"dtype": "<M8[s]"},
        {"dtype": str},
        {"dtype": "i2", "compressors": None},
        {"dtype": "i4", "shards": (4, 8), "dimension_names": ("a", None)},
    ],
)
def test_an_array_keeps_what_it_is(keywords: dict[str, Any]) -> None:
    source = azarr.create_array({}, name="a", shape=(8, 8), chunks=(2, 4), **keywords)
    dest = azarr.group()
    azarr.copy(source, dest, "b")
    wanted, got = source.metadata, dest["b"].metadata
    assert got == wanted
    assert (dest["b"][:] == source[:]).all()


def test_objects_keep_their_codec_in_v2_and_find_one_in_v3() -> None:
    from numcodecs import JSON, VLenUTF8

    root = azarr.group(zarr_format=2)
    root.array("text", ["a", "bc"], dtype=object, object_codec=VLenUTF8())
    root.array("any", [{"a": 1}, 2], dtype=object, object_codec=JSON())
    same, other = azarr.group(zarr_format=2), azarr.group(zarr_format=3)
    azarr.copy_all(root, same)
    assert same["any"].filters == root["any"].filters
    assert same["any"][0] == {"a": 1}
    azarr.copy(root["text"], other)
    assert other["text"][:].tolist() == ["a", "bc"]


def test_keywords_of_create_are_used() -> None:
    dest = azarr.group()
    sharded = azarr.create_array({}, name="a", shape=8, chunks=2, shards=4, dtype="i4")
    azarr.copy(sharded, dest, chunks=8, compressor=None, fill_value=3)
    assert (dest["a"].chunks, dest["a"].shards, dest["a"].compressor) == ((8,), None, None)
    assert dest["a"].fill_value == 3


def test_what_exists_is_an_error_replaced_or_skipped() -> None:
    source, dest = source_group(), azarr.group()
    dest.create_dataset("foo/spam", data=np.zeros(1000))
    lines: list[str] = []
    with pytest.raises(azarr.CopyError, match="an object 'spam' already exists in destination"):
        azarr.copy(source["foo"], dest, log=lines.append, dry_run=True)
    assert "foo/bar" not in dest
    counts = azarr.copy(source["foo"], dest, if_exists="skip", log=lines.append, dry_run=True)
    assert (counts, lines[-1]) == ((3, 1, 0), "dry run: 3 copied, 1 skipped")
    assert lines[-2] == "skip /foo/spam (1000,) int64"
    assert azarr.copy(source["foo"], dest, if_exists="skip") == (3, 1, 800)
    assert azarr.copy(source["foo"], dest, if_exists="skip_initialized") == (2, 2, 0)
    assert azarr.copy(source["foo"], dest, if_exists="replace") == (4, 0, 8800)
    assert dest["foo/spam"][-1] == 999


def test_an_incomplete_array_is_not_skipped_as_initialized() -> None:
    source, dest = source_group(), azarr.group()
    dest.create_dataset("spam", shape=1000, chunks=300)[:300] = 1
    assert azarr.copy(source["foo/spam"], dest, if_exists="skip_initialized") == (1, 0, 8000)


def test_a_shallow_copy_has_the_arrays_directly_there_and_attributes_can_be_left_out() -> None:
    source, dest = source_group(), azarr.group()
    source.attrs["top"] = 1
    assert azarr.copy(source["foo"], dest, shallow=True, without_attrs=True) == (2, 0, 8000)
    assert list(dest["foo"]) == ["spam"]
    assert dict(dest["foo"].attrs) == {}
    assert azarr.copy_all(source, dest, shallow=True) == (0, 0, 0)
    assert dict(dest.attrs) == {"top": 1}


def test_a_log_is_a_function_a_file_or_its_path(tmp_path: Path) -> None:
    source, file = source_group(), io.StringIO()
    azarr.copy(source["foo/bar"], azarr.group(), log=file)
    azarr.copy(source["foo/bar"], azarr.group(), log=tmp_path / "log")
    assert (tmp_path / "log").read_text() == file.getvalue()
    with pytest.raises(UsageError, match="log 5"):
        azarr.copy(source["foo/bar"], azarr.group(), log=5)


def test_what_cannot_be_copied_is_refused() -> None:
    source = source_group()
    with pytest.raises(UsageError, match="no name"):
        azarr.copy(source, azarr.group())
    with pytest.raises(UsageError, match="a group is needed"):
        azarr.copy(source["foo"], source["foo/spam"])
    with pytest.raises(UsageError, match="if_exists 'no'"):
        azarr.copy_all(source, azarr.group(), if_exists="no")
    with pytest.raises(UsageError, match="an array or a group is needed, not 5"):
        azarr.copy(5, azarr.group())


def test_blocks_cover_an_array_in_bounded_pieces() -> None:
    for shape, piece in [((10, 7, 5), (3, 2, 2)), ((0, 3), (1, 1)), ((), ()), ((5,), (8,))]:
        covered = np.zeros(shape, int)
        for region in blocks(shape, piece, 1, 30):
            covered[region] += 1
            assert covered[region].size <= 30
        assert (covered == 1).all()


def test_a_copy_reads_and_writes_many_chunks_at_a_time() -> None:
    stores = LatencyStore(MemoryStore(), 0), LatencyStore(MemoryStore(), 0)
    azarr.zeros(100, chunks=1, store=stores[0], path="a")[:] = 1
    dest = azarr.group(stores[1])
    source = azarr.open_array(stores[0], path="a")
    for store in stores:
        store.seconds = 0.2
        store.log.clear()
    azarr.copy(source, dest)
    assert stores[0].log.round_trips == 1
    assert stores[1].log.round_trips <= 5


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_awaited_twins_do_the_same(zarr_format: Any, backend: str, tmp_path: Path) -> None:
    async def main() -> None:
        source = source_group(zarr_format)
        for store in ({}, LocalStore(tmp_path), LatencyStore(MemoryStore(), 0)):
            dest = await azarr.aio.group(store)
            assert await azarr.aio.copy_all(source.async_group, dest) == (4, 0, 8800)
            assert repr(await azarr.aio.tree(dest)) == repr(source.tree())
            counts = await azarr.aio.copy(source["foo"], dest, if_exists="skip")
            assert counts == (2, 2, 0)
            copied: dict[str, bytes] = {}
            number, _, _ = await azarr.aio.copy_store(store, copied)
            assert azarr.tree(azarr.open_group(copied)).members
            assert number == len(copied)

    anyio.run(main, backend=backend)


# copy_store


def test_values_are_copied_as_they_are(tmp_path: Path) -> None:
    source: dict[str, bytes] = {}
    source_group(2, source)
    lines: list[str] = []
    for dest in ({}, LocalStore(tmp_path / "a"), LatencyStore(MemoryStore(), 0)):
        copied, skipped, nbytes = azarr.copy_store(source, dest, log=lines.append)
        assert (copied, skipped) == (len(source), 0)
        assert nbytes == sum(map(len, source.values()))
        assert azarr.open_group(dest)["foo/spam"][-1] == 999
    assert lines[0] == "copy .zgroup"
    assert lines[: len(source)] == [f"copy {key}" for key in sorted(source)]


def test_a_part_is_copied_to_another_path() -> None:
    source: dict[str, bytes] = {}
    source_group(2, source)
    dest: dict[str, bytes] = {}
    lines: list[str] = []
    azarr.copy_store(source, dest, "foo/bar", "x/", log=lines.append)
    assert sorted(dest) == ["x/.zgroup", "x/baz/.zarray", "x/baz/.zattrs", "x/baz/0", "x/baz/1"]
    assert lines[0] == "copy foo/bar/.zgroup -> x/.zgroup"


def test_keys_are_excluded_and_included_by_regular_expressions() -> None:
    source = {"a/.zattrs": b"", "a/0": b"", "b/.ZATTRS": b"", "b/0": b""}
    dest: dict[str, bytes] = {}
    azarr.copy_store(source, dest, excludes=r"\.zattrs$", includes=["^b/"])
    assert sorted(dest) == ["a/0", "b/.ZATTRS", "b/0"]
    assert azarr.copy_store(source, {}, excludes=[r"\.zattrs$"], flags=2)[0] == 2


def test_existing_keys_are_an_error_before_anything_is_written() -> None:
    source, dest = {"a": b"1", "b": b"2"}, {"b": b"old"}
    with pytest.raises(azarr.CopyError, match="'b'"):
        azarr.copy_store(source, dest)
    assert dest == {"b": b"old"}
    assert azarr.copy_store(source, dest, if_exists="skip") == (1, 1, 1)
    assert dest == {"a": b"1", "b": b"old"}
    assert azarr.copy_store(source, dest, if_exists="replace", dry_run=True) == (2, 0, 0)
    assert azarr.copy_store(source, dest, if_exists="replace") == (2, 0, 2)
    assert dest == source


def test_a_copy_onto_itself_and_into_a_read_only_store_are_refused() -> None:
    store = MemoryStore()
    with pytest.raises(UsageError, match="same place"):
        azarr.copy_store(store, store)
    with pytest.raises(ReadOnlyError):
        azarr.copy_store(store, MemoryStore().with_read_only())
    with pytest.raises(UsageError, match="if_exists 'skip_initialized'"):
        azarr.copy_store({}, {}, if_exists="skip_initialized")


def test_values_are_copied_many_at_a_time() -> None:
    source = LatencyStore(MemoryStore({f"k{i}": b"x" for i in range(100)}), 0.2)
    dest = LatencyStore(MemoryStore(), 0.2)
    assert azarr.copy_store(source, dest) == (100, 0, 100)
    assert source.log.round_trips <= 3
