"""Containers that other implementations wrote; see the README beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import azarr

pytestmark = pytest.mark.corpus


@pytest.mark.parametrize("version", ["1.5.0", "2.5.1", "3.1.3"])
def test_containers_of_the_java_library_read(corpora: Path, version: str) -> None:
    root = azarr.open_group(corpora / "n5-java" / f"data-{version}.n5", mode="r")
    assert list(root) == ["raw"]
    array = root["raw"]
    assert (array.shape, array.chunks, array.dtype) == ((5, 7), (4, 5), np.uint8)
    # Block k, counted with x fastest, is filled with k.
    blocks = np.repeat(np.repeat([[0, 1], [2, 3]], 4, 0), 5, 1)[:5, :7]
    assert array[...].tolist() == blocks.tolist()


@pytest.mark.parametrize("compression", ["raw", "gzip", "bzip2", "xz", "blosc"])
def test_the_arrays_of_tensorstore_read(corpora: Path, compression: str) -> None:
    array = azarr.open_array(corpora / "n5-tensorstore" / compression, mode="r", zarr_format="n5")
    assert (array.shape, array.chunks) == ((4, 5), (2, 3))
    assert array[...].tolist() == np.arange(20).reshape(5, 4).T.tolist()


def test_blocks_of_the_java_library_are_written_again_as_they_were(
    corpora: Path, tmp_path: Path
) -> None:
    source = corpora / "n5-java" / "data-3.1.3.n5" / "raw"
    values = azarr.open_array(source, mode="r", zarr_format="n5")[...]
    azarr.create_array(tmp_path / "a.n5", data=values, chunks=(4, 5), compressors=None)
    for block in ("0/0", "0/1", "1/0", "1/1"):
        assert (tmp_path / "a.n5" / block).read_bytes() == (source / block).read_bytes()
