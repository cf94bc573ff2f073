"""HDF5 files of h5py on either side of `copy`, `copy_all` and `tree`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

import azarr
import azarr.aio
from azarr.errors import UsageError

h5py = pytest.importorskip("h5py")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Any]:
    """Makes files, and closes them afterwards."""
    opened: list[Any] = []

    def make(name: str) -> Any:
        opened.append(h5py.File(tmp_path / name, "w"))
        return opened[-1]

    yield make
    for file in opened:
        file.close()


@pytest.fixture
def file(files: Any) -> Any:
    """A file with what HDF5 and Zarr have in common."""
    file = files("source.h5")
    file.create_dataset("foo/bar/baz", data=np.arange(100), chunks=(50,), fillvalue=5)
    file["foo"].attrs.update(
        numbers=np.arange(3), text="é", raw=np.bytes_(b"x"), none=h5py.Empty("f")
    )
    file["scalar"] = 3.5
    file["empty"] = np.zeros((0, 3))
    file["text"] = ["a", "bcé"]
    file["fixed"] = np.array([b"ab", b"c"])
    file["truth"] = np.array([True, False])
    file["pairs"] = np.array([(1, 2.5)], [("a", "i4"), ("b", ">f8")])
    file.create_dataset("enum", data=[1, 2], dtype=h5py.enum_dtype({"A": 1, "B": 2}, "u1"))
    file["broken"] = h5py.SoftLink("/nowhere")
    return file


ARRAYS = ["empty", "enum", "fixed", "foo/bar/baz", "pairs", "scalar", "text", "truth"]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_file_goes_to_zarr_and_back(file: Any, files: Any, zarr_format: Any) -> None:
    root = azarr.group(zarr_format=zarr_format)
    assert azarr.copy_all(file, root)[:2] == (10, 0)
    assert root["foo/bar/baz"].chunks == (50,)
    assert root["foo/bar/baz"].fill_value == 5
    assert dict(root["foo"].attrs) == {"numbers": [0, 1, 2], "text": "é", "raw": "x", "none": None}
    back = files("back.h5")
    assert azarr.copy_all(root, back)[:2] == (10, 0)
    for name in ARRAYS:
        wanted = file[name].asstr()[:] if name == "text" else file[name][()]
        got = back[name].asstr()[:] if name == "text" else back[name][()]
        assert np.array_equal(root[name][...], wanted), name
        assert np.array_equal(got, wanted), name
    assert back["foo/bar/baz"].compression == "gzip"
    assert back["foo"].attrs["text"] == "é"


def test_ragged_arrays_bytes_and_dates_are_translated(files: Any) -> None:
    file = files("a.h5")
    ragged = file.create_dataset("ragged", (2,), dtype=h5py.vlen_dtype("i4"))
    ragged[0], ragged[1] = [1, 2], []
    root = azarr.group(zarr_format=2)
    azarr.copy_all(file, root)
    assert [row.tolist() for row in root["ragged"][:]] == [[1, 2], []]
    root.array("dates", np.array(["2020-01-01"], "M8[D]"))
    root.array("bytes", [b"a", b"\0b"], dtype=bytes)
    root.array("wide", ["é", "b"])
    back = files("b.h5")
    azarr.copy_all(root, back)
    assert [row.tolist() for row in back["ragged"][:]] == [[1, 2], []]
    assert back["dates"][0] == np.datetime64("2020-01-01")
    assert bytes(back["bytes"][1]) == b"\0b"
    assert back["wide"].asstr()[:].tolist() == ["é", "b"]


def test_between_two_files_what_a_dataset_is_stays(files: Any) -> None:
    one, two = files("one.h5"), files("two.h5")
    one.create_dataset("a", data=np.arange(10), chunks=(5,), compression="lzf", shuffle=True)
    assert azarr.copy(one["a"], two) == (1, 0, 80)
    assert (two["a"].chunks, two["a"].compression, two["a"].shuffle) == ((5,), "lzf", True)
    with pytest.raises(UsageError, match="not available for HDF5"):
        azarr.copy(one["a"], two, if_exists="skip_initialized")
    assert azarr.copy(one["a"], two, if_exists="replace", compression=None) == (1, 0, 80)
    assert two["a"].compression is None


def test_attributes_that_hdf5_has_nothing_for_become_text(files: Any) -> None:
    root, file = azarr.group(), files("a.h5")
    root.attrs.update(nested={"a": 1}, mixed=[1, "a"], flags=[True], nothing=None, empty=[])
    azarr.copy_all(root, file)
    assert file.attrs["nested"] == '{"a": 1}'
    assert file.attrs["mixed"] == '[1, "a"]'
    assert file.attrs["flags"].tolist() == [True]
    assert (file.attrs["nothing"], file.attrs["empty"]) == ("null", "[]")


def test_what_has_no_counterpart_is_refused_by_name(files: Any) -> None:
    file, root = files("a.h5"), azarr.group()
    file["refs"] = np.array([file.ref], dtype=h5py.ref_dtype)
    with pytest.raises(UsageError, match="'/refs' has elements"):
        azarr.copy(file["refs"], root)
    file["nothing"] = h5py.Empty("f4")
    with pytest.raises(UsageError, match="'/nothing' has no shape"):
        azarr.copy(file["nothing"], root)
    loop = file.create_group("loop")
    loop["again"] = loop
    for look in (lambda: azarr.copy(file["loop"], root), lambda: azarr.tree(file)):
        with pytest.raises(UsageError, match="contains itself"):
            look()
    objects = azarr.group(zarr_format=2)
    objects.array("any", [{}], dtype=object, object_codec="json2")
    with pytest.raises(UsageError, match="Python objects"):
        azarr.copy_all(objects, file)


def test_a_file_is_shown_as_a_tree(file: Any) -> None:
    lines = repr(azarr.tree(file)).splitlines()
    assert lines[0] == "/"
    assert "│       └── baz (100,) int64" in lines
    assert repr(azarr.tree(file["foo"], level=1)) == "foo\n└── bar"
    assert "baz" in azarr.tree(file, expand=True)._repr_html_()
    with pytest.raises(UsageError, match="a group is needed"):
        azarr.tree(file["text"])


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_awaited_twins_take_files_too(file: Any, files: Any, backend: str) -> None:
    async def main() -> None:
        root = await azarr.aio.group()
        assert (await azarr.aio.copy_all(file, root))[:2] == (10, 0)
        back = files(f"{backend}.h5")
        assert (await azarr.aio.copy_all(root, back))[:2] == (10, 0)
        assert repr(await azarr.aio.tree(back)) == repr(azarr.tree(back))
        assert back["text"].asstr()[1] == "bcé"

    anyio.run(main, backend=backend)
