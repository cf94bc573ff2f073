"""Chunks that other implementations wrote decode to values that other implementations read."""

from __future__ import annotations

import itertools
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from azarr.codecs import compile_pipeline
from azarr.errors import UnknownCodecError, UnknownDataTypeError
from azarr.model import ArrayMetadata, document_keys, parse_node

pytestmark = pytest.mark.corpus
OPTIONAL_PACKAGES = ("pcodec", "zfpy")


def array_folders(root: Path) -> Iterator[Path]:
    found = {path.parent for name in document_keys() for path in root.rglob(name)}
    yield from sorted(found)


def read(root: Path) -> tuple[ArrayMetadata, Any, Any] | None:
    """An array by decoding each of its chunks, and where there was one; None for a group."""
    names = {name: root / name for name in document_keys()}
    documents = {name: path.read_bytes() if path.exists() else None for name, path in names.items()}
    metadata = parse_node(documents, root.name)
    if not isinstance(metadata, ArrayMetadata):
        return None
    pipeline = compile_pipeline(metadata)
    out = np.empty(metadata.shape, metadata.dtype)
    stored = np.zeros(metadata.shape, bool)
    for coords in itertools.product(*map(range, metadata.chunk_counts)):
        path = root / metadata.chunk_key_encoding.key(coords)
        if path.exists():
            chunk = pipeline.decode(path.read_bytes())
            assert chunk.shape == metadata.chunk_shape
            assert chunk.dtype == metadata.dtype
            where = tuple(
                slice(i * c, min((i + 1) * c, extent))
                for i, c, extent in zip(coords, chunk.shape, metadata.shape, strict=True)
            )
            stored[where] = True
            out[where] = chunk[tuple(slice(0, s.stop - s.start) for s in where)]
    return metadata, out, stored


def check_all(folders: Iterator[Path]) -> int:
    zarr = pytest.importorskip("zarr", minversion="3.0.8")
    compared = 0
    for folder in folders:
        try:
            result = read(folder)
        except UnknownDataTypeError:
            if "optional" not in folder.parent.name:  # a data type of zarrs alone
                raise
            continue
        except UnknownCodecError as error:
            if not any(package in str(error) for package in OPTIONAL_PACKAGES):
                raise
            continue
        if result is None:
            continue
        metadata, values, stored = result
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = zarr.open_array(folder, mode="r", zarr_format=metadata.zarr_format)[...]
            except (TypeError, ValueError):
                continue  # fill values that zarr-python 2 wrote and 3 does not read
        expected = np.asarray(expected).astype(values.dtype)
        np.testing.assert_array_equal(values[stored], expected[stored])
        compared += 1
    return compared


def test_arrays_of_zarrs_and_zarr_python_3_read(corpora: Path) -> None:
    assert check_all(array_folders(corpora / "zarrs")) > 50


@pytest.mark.slow
def test_arrays_of_zarr_python_2_read(corpora: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(corpora / "zarr2-fixture.zip") as archive:
        archive.extractall(tmp_path)
    assert check_all(array_folders(tmp_path)) > 130
