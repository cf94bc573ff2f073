"""Bad input is refused before anything is written, with a message that names the value."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import (
    ArrayNotFoundError,
    AzarrError,
    ContainsArrayError,
    ContainsGroupError,
    GroupNotFoundError,
    MetadataError,
    NodeNotFoundError,
    ReadOnlyError,
    SelectionError,
    ShapeMismatchError,
    StoreError,
    UnknownCodecError,
    UnknownDataTypeError,
    UsageError,
)
from azarr.storage import LocalStore, MappingStore, MemoryStore
from azarr.testing import AsyncCountingStore, CountingStore

WRITES = ("set", "set_if", "delete", "delete_if", "delete_prefix")


def wrote(store: Any) -> list[str]:
    return store.log.keys(*WRITES)


@pytest.fixture(params=["memory", "mapping", "async"])
def counting(request: pytest.FixtureRequest) -> Any:
    memory = MappingStore({}) if request.param == "mapping" else MemoryStore()
    return AsyncCountingStore(memory) if request.param == "async" else CountingStore(memory)


class Unknown:
    """What no argument may be, by a name that is the same in every process."""

    def __repr__(self) -> str:
        return "Unknown()"


BAD_SHAPES = [(5, 5), (3, 4), (2, 3), (4,), (3, 3), (4, 3, 1), (2, 4, 3), (0, 3), (5, 3), (4, 4)]


@pytest.mark.parametrize("shape", BAD_SHAPES, ids=str)
@pytest.mark.parametrize("awaited", [False, True])
def test_a_value_of_the_wrong_shape_is_refused_before_anything_is_written(
    counting: Any, shape: tuple[int, ...], awaited: bool
) -> None:
    array = azarr.create_array(counting, shape=(6, 6), chunks=(2, 2), dtype="i4")
    array[...] = 1
    counting.log.clear()
    value = np.zeros(shape, "i4")
    index = (slice(1, 5), slice(0, 3))

    async def attempt() -> None:
        if awaited:
            await array.async_array.setitem(index, value)
        else:
            array[index] = value

    with pytest.raises(ShapeMismatchError) as caught:
        anyio.run(attempt)
    assert str(caught.value) == (
        f"a value of shape {shape} does not fit a selection of shape (4, 3)"
    )
    assert isinstance(caught.value, ValueError)
    assert len(counting.log) == 0
    np.testing.assert_array_equal(array[...], np.ones((6, 6)))


@pytest.mark.parametrize("kind", ["oindex", "vindex", "blocks"])
def test_every_kind_of_selection_refuses_a_wrong_shape(counting: Any, kind: str) -> None:
    array = azarr.create_array(counting, shape=(6, 6), chunks=(2, 2), dtype="i4")
    counting.log.clear()
    index = {
        "oindex": ([0, 3, 5], slice(2)),
        "vindex": ([0, 3, 5], [0, 1, 1]),
        "blocks": (slice(2), 1),
    }[kind]
    with pytest.raises(ShapeMismatchError, match="does not fit"):
        getattr(array, kind)[index] = np.zeros((5, 5))
    assert len(counting.log) == 0


BAD_VALUES = [
    ("i4", "text"),
    ("i4", ["1", "two", "3", "4"]),
    ("i4", np.array(["a", "b", "c", "d"])),
    ("i1", 300),
    ("u1", -1),
    ("i4", 2**40),
    ("u8", [1, 2, 3, 2**64]),
    ("i4", None),
    ("i4", Unknown()),
    ("i4", [[1, 2], [3]]),
    ("f8", "text"),
    ("f8", [1.0, None, "x", 2.0]),
    ("M8[ns]", "no date"),
    (str, ["a", "b", 5, "d"]),
    (str, np.array(["a", "b", b"c", "d"], object)),
    (bytes, [b"a", b"b", "c", b"d"]),
]


@pytest.mark.parametrize(("dtype", "value"), BAD_VALUES, ids=lambda value: str(value)[:30])
def test_a_bad_value_is_refused_before_anything_is_written(
    counting: Any, dtype: Any, value: Any
) -> None:
    array = azarr.create_array(counting, shape=4, chunks=2, dtype=dtype)
    counting.log.clear()
    with pytest.raises(AzarrError):
        array[:] = value
    assert wrote(counting) == []


def test_a_cast_that_warns_as_an_error_writes_nothing(counting: Any) -> None:
    """NumPy warns of NaN in an integer array; where warnings are errors, that is bad input too."""
    array = azarr.create_array(counting, shape=4, chunks=2, dtype="i4")
    counting.log.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises((AzarrError, RuntimeWarning)):
            array[:] = np.array([1, 2, np.nan, 4])
    assert wrote(counting) == []


INDEX_ERRORS = [
    (6, "index 6 is out of bounds for axis 0 with size 6"),
    ((0, -7), "index -7 is out of bounds for axis 1 with size 6"),
    (1.5, "unsupported index 1.5"),
    ("x", "fields 'x' asked of the data type int32, which has no fields"),
    ((0, 0, 0), "the array has 2 dimensions, 3 were indexed"),
    (slice(None, None, -1), "step >= 1"),
    (None, "unsupported index None"),
]


@pytest.mark.parametrize(("index", "message"), INDEX_ERRORS, ids=str)
def test_a_wrong_index_is_refused_without_a_request(
    counting: Any, index: Any, message: str
) -> None:
    array = azarr.create_array(counting, shape=(6, 6), chunks=(2, 2), dtype="i4")
    counting.log.clear()
    with pytest.raises(SelectionError) as caught:
        array[index]
    assert message in str(caught.value)
    with pytest.raises(SelectionError):
        array[index] = 1
    assert len(counting.log) == 0


BAD_ARGUMENTS = [
    ({"dtype": "nonsense"}, UnknownDataTypeError, "nonsense"),
    ({"dtype": "M8[fortnight]"}, UnknownDataTypeError, "fortnight"),
    ({"shape": -1}, UsageError, "shape -1: lengths must not be negative"),
    ({"shape": (3, -2)}, UsageError, "(3, -2)"),
    ({"shape": 1.5}, UsageError, "shape 1.5: integers are needed"),
    ({"shape": "ab"}, UsageError, "integers are needed"),
    ({"shape": None}, UsageError, "shape is missing"),
    ({"shape": (2**40, 2**40)}, MetadataError, "shape"),
    ({"chunks": 0}, UsageError, "chunks 0: chunk lengths must be at least 1"),
    ({"chunks": -5}, UsageError, "chunks -5"),
    ({"chunks": 1.5}, UsageError, "chunks 1.5: integers are needed"),
    ({"chunks": (1, 1)}, UsageError, "chunks (1, 1): the array has 1 dimensions"),
    ({"fill_value": "x", "dtype": "i4"}, MetadataError, "'x'"),
    ({"fill_value": 300, "dtype": "u1"}, MetadataError, "300"),
    ({"fill_value": 1.5, "dtype": "i4"}, MetadataError, "1.5"),
    ({"order": "K"}, UsageError, "order 'K': 'C' and 'F' are allowed"),
    ({"zarr_format": 4}, UsageError, "zarr_format 4: 2"),
    ({"compressors": "no-such-codec"}, UnknownCodecError, "no-such-codec"),
    ({"compressors": {"name": "no-such-codec"}}, UnknownCodecError, "no-such-codec"),
    ({"compressors": {"name": "zstd", "configuration": {"level": "x"}}}, MetadataError, "level"),
    ({"compressors": 5}, AzarrError, "5"),
    ({"filters": "zstd"}, MetadataError, "zstd"),
    ({"serializer": "zstd"}, MetadataError, "zstd"),
    ({"serializer": "no-such-codec"}, UnknownCodecError, "no-such-codec"),
    ({"compressors": "bytes"}, MetadataError, "bytes"),
    ({"chunk_key_encoding": "nonsense"}, MetadataError, "chunk_key_encoding 'nonsense'"),
    ({"chunk_key_encoding": {"separator": ":"}}, MetadataError, "dimension_separator ':'"),
    ({"dimension_names": ("x", "y")}, MetadataError, "dimension_names"),
    ({"dimension_names": ("x",), "zarr_format": 2}, UsageError, "zarr_format=3, not 2"),
    ({"attributes": {"x": Unknown()}}, AzarrError, "JSON"),
    ({"name": "../climb"}, UsageError, "path '../climb': '.' and '..' are not allowed"),
    ({"name": "a/./b"}, UsageError, "'a/./b'"),
    ({"name": "a/../../b"}, UsageError, "'a/../../b'"),
    ({"name": "..\\climb"}, UsageError, "climb"),
    ({"name": "a\0b"}, UsageError, "key"),
    ({"shape": 4, "data": np.zeros(5)}, ShapeMismatchError, "(5,)"),
    ({"shape": 4, "data": ["a", "b", "c", "d"], "dtype": "i4"}, UsageError, "int32"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), BAD_ARGUMENTS, ids=lambda v: str(v)[:50])
@pytest.mark.parametrize("over", [False, True], ids=["", "overwrite"])
def test_a_bad_argument_is_refused_before_anything_is_written(
    arguments: dict[str, Any], kind: type, message: str, over: bool
) -> None:
    store = CountingStore(MemoryStore())
    name = arguments.get("name", "array")
    if over and name == "array":
        azarr.create_array(store, name=name, data=np.arange(4), chunks=2)
    before = dict(store.store)
    merged = {"name": name, "shape": 4, **arguments}
    with pytest.raises(kind) as caught:
        azarr.create_array(store, **merged, overwrite=over)
    assert message in str(caught.value)
    assert isinstance(caught.value, AzarrError)
    assert dict(store.store) == before
    if over and name == "array":
        np.testing.assert_array_equal(azarr.open_array(store, path=name)[:], np.arange(4))


@pytest.mark.parametrize(
    "arguments",
    [{"dtype": "nonsense"}, {"chunks": 0}, {"shape": -1}, {"fill_value": "x"}, {}],
    ids=str,
)
@pytest.mark.parametrize("opener", ["open", "open_array"])
def test_a_failed_mode_w_leaves_the_old_data(
    opener: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    azarr.create_array(tmp_path / "x", data=np.arange(4), chunks=2)
    if arguments or opener == "open_array":
        merged = {"shape": 4, **arguments} if arguments else {}
        with pytest.raises(AzarrError):
            getattr(azarr, opener)(tmp_path / "x", mode="w", **merged)
    with pytest.raises(UsageError, match="unknown argument 'no_such'"):
        getattr(azarr, opener)(tmp_path / "x", mode="w", shape=4, no_such=1)
    np.testing.assert_array_equal(azarr.open(tmp_path / "x")[:], np.arange(4))


@pytest.mark.parametrize("mode", ["w-", "x"])
def test_the_modes_that_create_refuse_what_exists(mode: str) -> None:
    store = MemoryStore()
    azarr.create_array(store, shape=4, name="array")
    azarr.create_group(store, path="group")
    before = dict(store)
    with pytest.raises(ContainsArrayError, match="'/array'"):
        azarr.open_array(store, mode=mode, path="array", shape=5)
    with pytest.raises(ContainsGroupError, match="'/group'"):
        azarr.open_group(store, mode=mode, path="group")
    with pytest.raises(ContainsArrayError, match="parent '/array'"):
        azarr.open_array(store, mode=mode, path="array/below", shape=5)
    assert dict(store) == before


@pytest.mark.parametrize("mode", ["r", "r+", "a"])
@pytest.mark.parametrize("awaited", [False, True])
def test_opening_a_typo_names_the_path_and_creates_nothing(
    mode: str, awaited: bool, tmp_path: Path
) -> None:
    path = str(tmp_path / "typo")

    async def attempt() -> None:
        if awaited:
            await azarr.aio.open(path, mode=mode)
        else:
            azarr.open(path, mode=mode)

    with pytest.raises(NodeNotFoundError) as caught:
        anyio.run(attempt)
    assert path in str(caught.value)
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, KeyError)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("mode", ["r", "r+", "a"])
def test_opening_an_array_or_group_that_does_not_exist(mode: str, tmp_path: Path) -> None:
    with pytest.raises(ArrayNotFoundError, match="typo"):
        azarr.open_array(tmp_path, mode=mode, path="typo")
    if mode != "a":
        with pytest.raises(GroupNotFoundError, match="typo"):
            azarr.open_group(tmp_path, mode=mode, path="typo")
        with pytest.raises(NodeNotFoundError):
            azarr.open_array(tmp_path, mode=mode, path="typo", shape=4)
    assert os.listdir(tmp_path) == []


def test_members_that_do_not_exist_are_key_errors() -> None:
    group = azarr.create_group({})
    with pytest.raises(KeyError, match="typo"):
        group["typo"]
    with pytest.raises(KeyError, match="typo"):
        del group["typo"]
    assert "typo" not in group
    assert "../typo" not in group
    assert 5 not in group
    assert group.get("typo", 7) == 7


@pytest.mark.parametrize("mode", ["", "R", "rw", "wa", None, 5])
def test_an_unknown_mode_is_refused_with_the_modes_there_are(mode: Any) -> None:
    for opener in (azarr.open, azarr.open_array, azarr.open_group):
        with pytest.raises(UsageError, match="'r', 'r\\+', 'a', 'w', 'w-', 'x' are allowed"):
            opener({}, mode=mode)


@pytest.mark.parametrize("store", [5, b"bytes", [], Unknown(), "no-such-scheme://x"], ids=repr)
def test_what_is_no_store_is_refused(store: Any) -> None:
    with pytest.raises(UsageError):
        azarr.open(store)


def test_a_read_only_array_group_or_store_refuses_writes() -> None:
    memory = MemoryStore()
    root = azarr.create_group(memory)
    root.create_array("array", shape=4)
    before = dict(memory)
    opened = [azarr.open_group(memory, mode="r"), azarr.open_group(memory.with_read_only())]
    for group in opened:
        array = group["array"]
        for attempt in (
            lambda array=array: array.__setitem__(0, 1),
            lambda array=array: array.attrs.update(a=1),
            lambda group=group: group.attrs.update(a=1),
            lambda group=group: group.create_array("new", shape=3),
            lambda group=group: group.create_group("new"),
            lambda group=group: group.create_array("array", shape=3, overwrite=True),
            lambda group=group: group.__delitem__("array"),
            lambda group=group: azarr.create_array(group.store, shape=3, overwrite=True),
        ):
            with pytest.raises(ReadOnlyError, match="read-only") as caught:
                attempt()
            assert isinstance(caught.value, PermissionError)
    assert dict(memory) == before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_directory_that_may_not_be_written_is_a_read_only_error(tmp_path: Path) -> None:
    azarr.create_array(tmp_path / "a", shape=4)
    os.chmod(tmp_path / "a", 0o500)
    with pytest.raises(ReadOnlyError, match="zarr"):
        azarr.open_array(tmp_path / "a")[0] = 1


def test_a_store_whose_root_is_a_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    with pytest.raises((StoreError, ReadOnlyError), match="file"):
        azarr.create_array(tmp_path / "file", shape=4)
    assert (tmp_path / "file").read_text() == "text"


@pytest.mark.parametrize("path", ["..", "../a", "a/../..", ".", "a/./b", "..\\a"])
def test_a_path_that_climbs_out_of_its_root_is_refused(path: str, tmp_path: Path) -> None:
    root = azarr.create_group(LocalStore(tmp_path / "root"))
    outside = tmp_path / "a"
    for attempt in (
        lambda: root[path],
        lambda: root.create_array(path, shape=3),
        lambda: root.create_group(path),
        lambda: root.require_group(path),
        lambda: root.__delitem__(path),
        lambda: azarr.open(tmp_path / "root", path=path),
        lambda: azarr.create_array(tmp_path / "root", name=path, shape=3),
    ):
        with pytest.raises(UsageError, match="'\\.' and '\\.\\.' are not allowed"):
            attempt()
    assert not outside.exists()


V3: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [4],
    "data_type": "int32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0,
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    "attributes": {},
}
V2: dict[str, Any] = {
    "zarr_format": 2,
    "shape": [4],
    "chunks": [2],
    "dtype": "<i4",
    "compressor": None,
    "fill_value": 0,
    "order": "C",
    "filters": None,
}
CONTRADICTIONS = [
    (V3, {"codecs": [{"name": "no-such"}]}, UnknownCodecError, "no-such"),
    (V3, {"codecs": []}, MetadataError, "codec"),
    (V3, {"codecs": "bytes"}, MetadataError, "codecs"),
    (V3, {"data_type": "int33"}, UnknownDataTypeError, "int33"),
    (V3, {"data_type": 5}, MetadataError, "5"),
    (V3, {"shape": [4, 4]}, MetadataError, "chunk"),
    (V3, {"shape": [-4]}, MetadataError, "-4"),
    (V3, {"shape": [4.5]}, MetadataError, "4.5"),
    (V3, {"shape": [2**70]}, MetadataError, "shape"),
    (V3, {"shape": "4"}, MetadataError, "shape"),
    (
        V3,
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0]}}},
        MetadataError,
        "0",
    ),
    (
        V3,
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**62]}}},
        MetadataError,
        "chunk",
    ),
    (V3, {"chunk_grid": {"name": "no-such-grid"}}, MetadataError, "no-such-grid"),
    (V3, {"fill_value": "x"}, MetadataError, "'x'"),
    (V3, {"fill_value": 2**40}, MetadataError, str(2**40)),
    (V3, {"node_type": "thing"}, MetadataError, "thing"),
    (V3, {"zarr_format": 4}, MetadataError, "4"),
    (V3, {"extra": {"must_understand": True}}, MetadataError, "extra"),
    (V3, {"dimension_names": ["a", "b"]}, MetadataError, "dimension_names"),
    (V3, {"attributes": []}, MetadataError, "attributes"),
    (V3, {"storage_transformers": [{"name": "t"}]}, MetadataError, "storage_transformers"),
    (V2, {"compressor": {"id": "no-such"}}, UnknownCodecError, "no-such"),
    (V2, {"compressor": "zlib"}, MetadataError, "compressor"),
    (V2, {"filters": [{"id": "no-such"}]}, UnknownCodecError, "no-such"),
    (V2, {"dtype": "<x4"}, UnknownDataTypeError, "<x4"),
    (V2, {"dtype": "|O"}, MetadataError, "object"),
    (V2, {"chunks": [2, 2]}, MetadataError, "chunk"),
    (V2, {"chunks": [0]}, MetadataError, "0"),
    (V2, {"order": "K"}, MetadataError, "'K'"),
    (V2, {"zarr_format": 1}, MetadataError, "1"),
    (V2, {"fill_value": "x"}, MetadataError, "'x'"),
    (V2, {"dimension_separator": ":"}, MetadataError, "':'"),
]


@pytest.mark.parametrize(
    ("document", "change", "kind", "message"), CONTRADICTIONS, ids=lambda v: str(v)[:40]
)
def test_metadata_that_contradicts_itself_is_refused_with_its_place(
    document: dict[str, Any], change: dict[str, Any], kind: type, message: str
) -> None:
    name = ".zarray" if document is V2 else "zarr.json"
    store = CountingStore(MemoryStore())
    store.set(f"some/path/{name}", json.dumps({**document, **change}).encode())
    store.log.clear()
    with pytest.raises(kind) as caught:
        azarr.open(store, path="some/path")
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert message in text
    assert "some/path" in text
    assert wrote(store) == []


@pytest.mark.parametrize("name", ["zarr.json", ".zarray", ".zgroup"])
@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000], ids=str)
def test_a_document_that_is_no_json_object_is_refused_with_its_place(
    name: str, text: bytes
) -> None:
    store = MemoryStore({f"some/path/{name}": text})
    with pytest.raises(MetadataError) as caught:
        azarr.open(store, path="some/path")
    text_of_error = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "some/path" in text_of_error
    assert name in text_of_error


def test_attributes_that_json_cannot_hold_are_refused_before_anything_is_written() -> None:
    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=3, attributes={"a": 1})
    store.log.clear()
    for value in (object(), {1, 2}, b"bytes", np.arange(3), {"x": object()}):
        with pytest.raises(AzarrError, match="JSON"):
            array.attrs["x"] = value
    with pytest.raises(KeyError, match="missing"):
        del array.attrs["missing"]
    assert wrote(store) == []
    assert array.attrs.asdict() == {"a": 1}


def test_out_that_does_not_fit_is_refused() -> None:
    array = azarr.create_array({}, shape=(4, 3), chunks=(2, 2), dtype="f8")
    frozen = np.empty((4, 3))
    frozen.flags.writeable = False
    for out, kind, message in (
        (np.empty((3, 4)), ShapeMismatchError, "out has shape (3, 4), the selection has"),
        (np.empty((4, 3), "i4"), UsageError, "int32, which cannot hold float64"),
        (frozen, UsageError, "out is read-only"),
        ([0] * 12, UsageError, "out must be a NumPy array, not list"),
    ):
        with pytest.raises(kind) as caught:
            array.get_basic_selection(..., out=out)
        assert message in str(caught.value)


def test_the_format_of_a_new_array_is_that_of_its_parent_when_arguments_are_checked() -> None:
    """An argument that only the parent's format allows is no mistake."""
    numcodecs = pytest.importorskip("numcodecs")
    store = MemoryStore()
    azarr.create_group(store, zarr_format=2)
    array = azarr.create(
        3, dtype=object, object_codec=numcodecs.JSON(), fill_value=None, store=store, path="x"
    )
    assert array.zarr_format == 2
    array[:] = [{"a": 1}, None, "x"]
    assert array[:].tolist() == [{"a": 1}, None, "x"]


def test_overwriting_with_data_that_cannot_be_encoded_leaves_the_old_data() -> None:
    store = MemoryStore()
    azarr.create_array(store, data=np.arange(4), chunks=2)
    with pytest.raises(AzarrError):
        azarr.create_array(
            store, shape=4, dtype=str, data=np.array(["a", "b", 3, "d"], object), overwrite=True
        )
    np.testing.assert_array_equal(azarr.open_array(store)[:], np.arange(4))


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_a_group_does_not_delete_or_replace_itself_by_an_empty_name(path: str) -> None:
    root = azarr.group()
    group = root.create_group("a")
    group["x"] = np.ones(3)
    for each in (root, group):
        with pytest.raises(UsageError, match="itself, no member of"):
            del each[path]
        with pytest.raises(UsageError, match="itself, no member of"):
            each[path] = np.zeros(3)
    assert root["a/x"][...].tolist() == [1, 1, 1]

    async def awaited() -> None:
        with pytest.raises(UsageError, match="itself, no member of"):
            await group.async_group.delitem(path)
        with pytest.raises(UsageError, match="itself, no member of"):
            await group.async_group.setitem(path, np.zeros(3))

    anyio.run(awaited)
    assert root["a/x"][...].tolist() == [1, 1, 1]
