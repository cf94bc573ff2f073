"""zarr-python 2.17, in an environment of its own, and z5py: Zarr v2 written by either side."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import azarr

PYTHON = os.environ.get("AZARR_ZARR2_PYTHON")
DTYPES = [
    *"? u1 u2 <u4 >u8 i1 <i2 >i4 i8 <f2 >f4 f8 c8 >c16 S5 <U4 >U4 <M8[ns] >m8[s] V3".split(),
    [("a", "<i4"), ("b", "S3"), ("c", "f4", (2,))],
    "strings",
]
SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((7, 5), (3, 2)),
    ((), ()),
    ((0, 3), (2, 2)),
    ((1,), (1,)),
    ((2, 3), (5, 4)),
]
COMPRESSORS: list[Any] = [
    None,
    {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2, "blocksize": 0},
    *({"id": each, "level": 1} for each in ("zlib", "gzip", "bz2", "zstd")),
    {"id": "lz4", "acceleration": 1},
    {"id": "lzma", "format": 1, "check": -1, "preset": 1, "filters": None},
]
FILTERS: dict[str, list[Any]] = {
    "i8": [{"id": "delta", "dtype": "<i8", "astype": "<i4"}],
    "f8": [
        {"id": "fixedscaleoffset", "scale": 2, "offset": 0, "dtype": "<f8", "astype": "<i2"},
        {"id": "shuffle", "elementsize": 2},
    ],
    ">f4": [{"id": "quantize", "digits": 1, "dtype": ">f4", "astype": ">f4"}],
    "?": [{"id": "packbits"}],
    "u2": [{"id": "crc32"}],
}


def made_up(dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod(shape))
    if dtype == "strings":
        return np.array([f"word{i}é" for i in range(count)], "U9").reshape(shape)
    kind = np.dtype(dtype)
    numbers = np.random.default_rng(3).integers(0, 2 if kind.kind == "b" else 90, count)
    if kind.names is None and kind.kind != "V":
        return numbers.astype("M8[s]" if kind.kind == "M" else "i8").astype(dtype).reshape(shape)
    raw = np.frombuffer(bytes(range(1, 200)) * count, np.uint8, count * kind.itemsize)
    values = raw.copy().view(kind)
    if kind.names is not None:
        values["c"] = 1.5
    return values.reshape(shape)


class Zarr2:
    """zarr-python 2, in a process of its own."""

    def __init__(self, python: str, folder: Path) -> None:
        self._values = folder / "values.npy"
        script = Path(__file__).with_name("zarr2_peer.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        self._process.communicate()

    def ask(self, name: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([name, arguments]) + "\n")
        self._process.stdin.flush()
        error, answer = json.loads(self._process.stdout.readline())
        assert error is None, error
        return answer

    def write(self, values: np.ndarray, **arguments: Any) -> None:
        np.save(self._values, values)
        self.ask("write", values=str(self._values), **arguments)

    def read(self, path: Path, separator: str) -> np.ndarray:
        self.ask("read", path=str(path), separator=separator, values=str(self._values))
        return np.load(self._values)


@pytest.fixture(scope="module")
def zarr2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zarr2]:
    if PYTHON is None:
        pytest.skip("zarr 2.17 needs an environment of its own: run `nox -s agreement_zarr2`")
    peer = Zarr2(PYTHON, tmp_path_factory.mktemp("zarr2"))
    yield peer
    peer.close()


def cases() -> Iterator[Any]:
    for number, dtype in enumerate(DTYPES):
        for shape, chunks in SHAPES:
            compressor = COMPRESSORS[number % len(COMPRESSORS)]
            yield pytest.param(dtype, shape, chunks, compressor, [], id=f"{dtype}-{shape}")
    for compressor in COMPRESSORS:
        name = compressor["id"] if compressor else "none"
        yield pytest.param("<i4", (7, 5), (3, 2), compressor, [], id=name)
    for kind, filters in FILTERS.items():
        yield pytest.param(kind, (7, 5), (3, 2), COMPRESSORS[2], filters, id=filters[0]["id"])


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and one.tobytes() == other.astype(one.dtype).tobytes()


@pytest.mark.parametrize(("dtype", "shape", "chunks", "compressor", "filters"), [*cases()])
@pytest.mark.parametrize(("order", "separator"), [("C", "."), ("F", "/")])
def test_azarr_and_zarr_python_2_read_each_other(
    zarr2: Zarr2,
    tmp_path: Path,
    dtype: Any,
    shape: Any,
    chunks: Any,
    compressor: Any,
    filters: list[Any],
    order: str,
    separator: str,
) -> None:
    values = made_up(dtype, shape)
    strings = dtype == "strings"
    azarr.create_array(
        tmp_path / "azarr",
        data=values.astype(object) if strings else values,
        dtype=str if strings else values.dtype,
        chunks=chunks,
        order=order,
        compressors=compressor,
        filters=filters or "auto",
        chunk_key_encoding={"name": "v2", "separator": separator},
        zarr_format=2,
    )
    assert same(values, zarr2.read(tmp_path / "azarr", separator))
    zarr2.write(
        values,
        path=str(tmp_path / "zarr"),
        separator=separator,
        chunks=chunks,
        order=order,
        compressor=compressor,
        filters=filters,
        fill_value=None,
        strings=strings,
    )
    found = np.asarray(azarr.open_array(tmp_path / "zarr", mode="r")[...])
    assert same(values, found.astype("U9") if strings else found)


@pytest.mark.parametrize("consolidated", [False, True])
def test_zarr_python_2_finds_the_hierarchy(
    zarr2: Zarr2, tmp_path: Path, consolidated: bool
) -> None:
    root = azarr.create_group(tmp_path / "a", zarr_format=2, attributes={"über": [1, None]})
    root.create_array("g/h/x", shape=3)
    root.create_group("e")
    if consolidated:
        azarr.consolidate_metadata(tmp_path / "a")
    answer = zarr2.ask("groups", path=str(tmp_path / "a"), consolidated=consolidated)
    assert answer == [["e", "g", "g/h", "g/h/x"], {"über": [1, None]}]


Z5_COMPRESSIONS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "raw": ("raw", {}, None),
    "zlib": ("zlib", {"level": 5}, {"id": "zlib", "level": 5}),
    "bzip2": ("bzip2", {"level": 5}, {"id": "bz2", "level": 5}),
    "zstd": ("zstd", {"level": 3}, {"id": "zstd", "level": 3}),
    "blosc": ("blosc", {"codec": "lz4", "shuffle": 1}, COMPRESSORS[1]),
}


@pytest.fixture
def z5() -> Callable[[Path, str], Any]:
    z5py = pytest.importorskip("z5py", reason="z5py has no wheel for this Python or platform")
    return lambda path, mode: z5py.File(path, mode, use_zarr_format=True)


@pytest.mark.parametrize("compression", list(Z5_COMPRESSIONS))
@pytest.mark.parametrize("dtype", "u1 u2 u4 u8 i1 i2 i4 i8 f4 f8".split())
@pytest.mark.parametrize(
    ("shape", "chunks"), [each for each in SHAPES if 0 not in (*each[0], len(each[0]))]
)
def test_azarr_and_z5_read_each_other_in_zarr(
    tmp_path: Path, z5: Any, compression: str, dtype: str, shape: Any, chunks: Any
) -> None:
    values = made_up(dtype, shape)
    name, options, compressor = Z5_COMPRESSIONS[compression]
    azarr.create_group(tmp_path / "azarr.zarr", zarr_format=2)
    azarr.create_array(
        tmp_path / "azarr.zarr",
        name="x",
        data=values,
        chunks=chunks,
        compressors=compressor,
        zarr_format=2,
    )
    with z5(tmp_path / "azarr.zarr", "r") as file:
        np.testing.assert_array_equal(np.asarray(file["x"][...]), values)
    with z5(tmp_path / "z5.zarr", "w") as file:
        array = file.create_dataset(
            "x", shape=shape, chunks=chunks, dtype=np.dtype(dtype).name, compression=name, **options
        )
        array[...] = values
    np.testing.assert_array_equal(azarr.open_array(tmp_path / "z5.zarr", path="x")[...], values)
