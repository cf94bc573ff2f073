"""Shards of other implementations are read, and they read those of azarr."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore
import zarr

import azarr

SHAPE = (21, 30)
VALUES = np.random.default_rng(3).integers(0, 2**16, SHAPE, dtype=np.uint16)
PART = (slice(3, 19), slice(5, 27))


def expected() -> np.ndarray:
    values = np.full(SHAPE, 7, np.uint16)
    values[PART] = VALUES[PART]
    return values


@pytest.fixture
def path(tmp_path: Path, any_codecs: list[Any], document: Any) -> Path:
    (tmp_path / "zarr.json").write_text(json.dumps(document(any_codecs)))
    return tmp_path


def has_codecs_after_shards(codecs: list[Any]) -> bool:
    shards = [codec for codec in codecs if codec["name"] == "sharding_indexed"]
    return any(
        codec is not codecs[-1] or has_codecs_after_shards(codec["configuration"]["codecs"])
        for codec in shards
    )


def open_tensorstore(path: Path) -> Any:
    if has_codecs_after_shards(json.loads((path / "zarr.json").read_text())["codecs"]):
        pytest.skip("tensorstore has no codecs after sharding_indexed")
    return tensorstore.open(
        {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/"}}, open=True
    ).result()


def open_zarr_python(path: Path, mode: str = "r+") -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return zarr.open_array(path, mode=mode)


def test_zarr_python_reads_the_shards_of_azarr(path: Path) -> None:
    azarr.open_array(path, mode="r+")[PART] = VALUES[PART]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(open_zarr_python(path, "r")[...], expected())


def test_azarr_reads_the_shards_of_zarr_python(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        open_zarr_python(path)[PART] = VALUES[PART]
    array = azarr.open_array(path, mode="r")
    np.testing.assert_array_equal(array[...], expected())
    np.testing.assert_array_equal(array[4, 2:29:3], expected()[4, 2:29:3])


def test_tensorstore_reads_the_shards_of_azarr(path: Path) -> None:
    azarr.open_array(path, mode="r+")[PART] = VALUES[PART]
    np.testing.assert_array_equal(open_tensorstore(path).read().result(), expected())


def test_azarr_reads_the_shards_of_tensorstore(path: Path) -> None:
    open_tensorstore(path)[PART].write(VALUES[PART]).result()
    array = azarr.open_array(path, mode="r")
    np.testing.assert_array_equal(array[...], expected())
    np.testing.assert_array_equal(array[4, 2:29:3], expected()[4, 2:29:3])


def test_azarr_changes_inner_chunks_of_the_shards_of_others(path: Path) -> None:
    open_tensorstore(path)[PART].write(VALUES[PART]).result()
    array = azarr.open_array(path, mode="r+")
    array[10, 10:20] = 1
    values = expected()
    values[10, 10:20] = 1
    np.testing.assert_array_equal(open_tensorstore(path).read().result(), values)
