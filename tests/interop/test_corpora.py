"""Arrays that other programs wrote read with the right values, data type and attributes.

Where zarr-python can read an array it is the oracle. Elsewhere it is an uncompressed copy of the
same values, decoded here with NumPy alone, or what the program that wrote the array asserts of it.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import anyio
import numpy as np
import pytest
import zarr

import azarr
import azarr.aio
from azarr.errors import MetadataError
from azarr.storage import NestedDirectoryStore

pytestmark = pytest.mark.corpus

DOCUMENTS = {2: ".zarray", 3: "zarr.json"}

# In zarrs/: what the error names, and why the array cannot be read.
OUT_OF_REACH = {
    "v3/array_optional.zarr/array": ("optional", "a data type that only zarrs has"),
    "v3/array_optional_nested.zarr/array": ("optional", "a data type that only zarrs has"),
}
# Codecs that numcodecs has where a package of the same name is installed, and the largest error
# that their configuration in these arrays allows.
OPTIONAL_CODECS = {"pcodec": 0.0, "zfpy": 0.01}

ROUNDED = [0, 0.1015625, 1.25, 12, 120, 1280, math.nan, math.inf, -math.inf]
# In zarrs/: arrays that zarr-python cannot read, or reads otherwise than its release 2 meant them.
WRITTEN = {
    "zarr_python_compat/str_v2_fv_0.zarr": np.array(["a", "bb", "", "", ""], object),
    "zarr_python_compat/str_v2_fv_null.zarr": np.array(["a", "bb", "", "", ""], object),
    "codec/bitround/bitround_float32.zarr": np.array(ROUNDED, "f4"),
    "codec/bitround/bitround_uint8.zarr": None,  # the chunk is not compressed
}
MOST_ELEMENTS = 1_000_000
FOLDERS = ("v2", "v3", "v3_zarr_python", "zarr_python_compat", "codec", "*.zarr")


def arrays(root: Path, folder: str = "*") -> Iterator[tuple[str, Path, int]]:
    """Every array under a folder with its name and format; some folders hold one in both."""
    for under, (zarr_format, name) in itertools.product(
        sorted(root.glob(folder)), DOCUMENTS.items()
    ):
        for document in sorted(under.rglob(name)):
            path = document.parent
            if json.loads(document.read_text()).get("node_type", "array") == "array":
                yield path.relative_to(root).as_posix(), path, zarr_format


def missing_codec(path: Path, zarr_format: int) -> str | None:
    """A codec that the array needs and that is not installed."""
    document = (path / DOCUMENTS[zarr_format]).read_text()
    return next(
        (name for name in OPTIONAL_CODECS if name in document and find_spec(name) is None), None
    )


def read(path: Path, zarr_format: int) -> tuple[azarr.Array, np.ndarray]:
    """An array and its elements (the first million of a large one), the same when awaited."""
    array = azarr.open_array(path, mode="r", zarr_format=zarr_format)
    rows = slice(0, MOST_ELEMENTS // max(math.prod(array.shape[1:]), 1))
    values = array[rows]

    async def main() -> np.ndarray:
        awaited = await azarr.aio.open_array(path, mode="r", zarr_format=zarr_format)
        assert awaited.attrs.asdict() == dict(array.attrs)
        return await awaited.getitem(rows)

    same(anyio.run(main), values)
    assert values.dtype == array.dtype
    return array, values


def same(actual: np.ndarray, expected: np.ndarray) -> None:
    """Equal bit for bit; objects one by one."""
    assert actual.shape == expected.shape
    if actual.dtype.hasobject:
        assert actual.tolist() == expected.tolist()
    else:
        assert actual.dtype == expected.dtype
        assert actual.tobytes() == expected.tobytes()


def check_against_zarr_python(path: Path, zarr_format: int) -> None:
    array, values = read(path, zarr_format)
    with warnings.catch_warnings():  # of data types that v3 does not specify
        warnings.simplefilter("ignore")
        peer = zarr.open_array(path, mode="r", zarr_format=zarr_format)
        expected = np.asarray(peer[: len(values)])
        assert (array.shape, array.chunks) == (peer.shape, peer.chunks)
        assert dict(array.attrs) == dict(peer.attrs)
    same(values, expected)


def all_hold(
    cases: Iterator[tuple[str, Path, int]], check: Callable[[str, Path, int], None]
) -> int:
    """Run a check on every array, and name all that fail. The number of arrays."""
    count, failures = 0, {}
    for name, path, zarr_format in cases:
        count += 1
        try:
            check(name, path, zarr_format)
        except Exception as error:
            failures[f"{name} (v{zarr_format})"] = f"{type(error).__name__}: {error}"
    assert not failures, "\n".join(f"{name}: {text}" for name, text in failures.items())
    return count


@pytest.fixture(scope="module")
def zarrs(corpora: Path) -> Path:
    return corpora / "zarrs"


@pytest.fixture(scope="module")
def fixture(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What release 2 of zarr-python keeps to see that it can read its old files."""
    folder = tmp_path_factory.mktemp("zarr2")
    with ZipFile(corpora / "zarr2-fixture.zip") as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_arrays_of_zarrs_read_as_zarr_python_reads_them(zarrs: Path, folder: str) -> None:
    def check(name: str, path: Path, zarr_format: int) -> None:
        if name not in {*OUT_OF_REACH, *WRITTEN} and not missing_codec(path, zarr_format):
            check_against_zarr_python(path, zarr_format)

    assert all_hold(arrays(zarrs, folder), check)


@pytest.mark.parametrize("name", WRITTEN)
def test_arrays_that_zarr_python_does_not_read_hold_what_was_written(
    zarrs: Path, name: str
) -> None:
    zarr_format = 2 if "_v2_" in name else 3
    expected = WRITTEN[name]
    if expected is None:
        expected = np.fromfile(zarrs / name / "c" / "0", "u1")
    _, values = read(zarrs / name, zarr_format)
    same(values, expected)


@pytest.mark.parametrize("name", OUT_OF_REACH)
def test_an_array_out_of_reach_is_refused_by_name(zarrs: Path, name: str) -> None:
    missing, _ = OUT_OF_REACH[name]
    with pytest.raises(MetadataError, match=missing):
        azarr.open_array(zarrs / name, mode="r", zarr_format=3)


def test_an_array_of_a_codec_that_is_not_installed_is_refused_by_name(zarrs: Path) -> None:
    def check(name: str, path: Path, zarr_format: int) -> None:
        codec = missing_codec(path, zarr_format)
        if codec:
            with pytest.raises(MetadataError, match=codec):
                azarr.open_array(path, mode="r", zarr_format=zarr_format)

    assert all_hold(arrays(zarrs), check)


def test_every_codec_of_zarrs_holds_the_same_values(zarrs: Path) -> None:
    def check(name: str, path: Path, zarr_format: int) -> None:
        if name in OUT_OF_REACH or missing_codec(path, zarr_format) or "cities" in name:
            return
        _, values = read(path, zarr_format)
        error = next((most for codec, most in OPTIONAL_CODECS.items() if codec in name), 0.0)
        expected = np.arange(100, dtype="<f4").reshape(10, 10)
        assert values.dtype == expected.dtype
        assert np.abs(values - expected).max() <= error

    for folder in ("v2", "v3", "v3_zarr_python"):
        assert all_hold(arrays(zarrs, folder), check) > 8


@pytest.mark.parametrize(
    ("name", "zarr_format"),
    [
        ("v3/cities.zarr", 3),
        ("zarr_python_compat/cities_v2.zarr", 2),
        ("zarr_python_compat/cities_v3.zarr", 3),
    ],
)
def test_strings_are_those_of_the_table_beside_them(
    zarrs: Path, name: str, zarr_format: int
) -> None:
    _, values = read(zarrs / name, zarr_format)
    assert values.tolist() == (zarrs / "cities.csv").read_text().splitlines()


def test_groups_of_zarrs_list_their_children(zarrs: Path) -> None:
    root = azarr.open_group(zarrs / "hierarchy.zarr", mode="r")
    assert sorted(name for name, _ in root.groups()) == ["a", "b"]
    assert dict(root["b"].attrs) == {"test_key": "test_value"}
    assert root["a/foo"].dimension_names == ("rows", "columns")
    assert math.isnan(root["a/foo"][0, 0])
    written = azarr.open_group(zarrs / "array_write_read.zarr", mode="r")
    assert dict(written["group"].attrs) == {"foo": "bar"}


def uncompressed(path: Path) -> np.ndarray:
    """A v2 array without compressor and filters, put together by NumPy alone."""
    document = json.loads((path / ".zarray").read_text())
    assert document["compressor"] is None
    assert document["filters"] is None
    chunks, order = document["chunks"], document["order"]
    counts = [-(-length // chunk) for length, chunk in zip(document["shape"], chunks, strict=True)]
    dtype = np.dtype(document["dtype"])
    whole = np.zeros([count * chunk for count, chunk in zip(counts, chunks, strict=True)], dtype)
    for index in itertools.product(*map(range, counts)):
        stored = path / ".".join(map(str, index))
        if stored.exists():
            at = tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, chunks, strict=True))
            whole[at] = np.fromfile(stored, dtype).reshape(chunks, order=order)
    return whole[tuple(slice(0, length) for length in document["shape"])]


def test_the_arrays_of_zarr_2_read_as_their_uncompressed_copies(fixture: Path) -> None:
    plain = {group.name: uncompressed(group / "0") for group in fixture.glob("[0-9]*")}

    def check(name: str, path: Path, zarr_format: int) -> None:
        if path.parent.name in plain:
            _, values = read(path, zarr_format)
            same(values, np.ascontiguousarray(plain[path.parent.name]))

    assert len(plain) == 24
    assert all_hold(arrays(fixture), check) == 173


# zarr-python 3 refuses the fill value 0 of these data types, which release 2 wrote.
FILL_VALUE_0 = ("|S1", "<U4")


def test_the_arrays_of_zarr_2_read_as_zarr_python_reads_them(fixture: Path) -> None:
    def check(name: str, path: Path, zarr_format: int) -> None:
        dtype = json.loads((path / ".zarray").read_text())["dtype"]
        if dtype not in FILL_VALUE_0:
            check_against_zarr_python(path, zarr_format)

    all_hold(arrays(fixture), check)


@pytest.mark.parametrize("name", ["flat", "flat_legacy", "nested", "nested_legacy"])
def test_chunks_of_zarr_2_are_found_in_folders_and_beside_each_other(
    fixture: Path, name: str
) -> None:
    # Old documents do not say which it is: the kind of store did.
    place: Any = fixture / name
    store = NestedDirectoryStore(place) if name == "nested_legacy" else place
    assert azarr.open_array(store, mode="r")[...].tolist() == [[1, 2], [3, 4]]


def test_utf8_attributes_of_zarr_2_read(fixture: Path) -> None:
    assert dict(azarr.open_group(fixture / "utf8attrs", mode="r").attrs) == {"foo": "た"}
