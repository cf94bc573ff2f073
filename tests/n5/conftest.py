"""Other implementations of N5, behind one interface: what they write, and what they read."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import tensorstore

ZARR2_PYTHON = os.environ.get("AZARR_ZARR2_PYTHON")
"""A Python that has zarr 2.17, which cannot be in one environment with zarr 3."""


class Peer(Protocol):
    """Another implementation of N5. Compressions are those of `attributes.json`."""

    compressions: tuple[str, ...]

    def write(
        self, container: Path, name: str, values: np.ndarray, chunks: Any, compression: Any
    ) -> None:
        """Create an array and write all of it."""

    def read(self, container: Path, name: str) -> np.ndarray:
        """All elements of an array."""


class TensorStore:
    compressions = ("raw", "gzip", "bzip2", "xz", "blosc", "zstd")

    def write(
        self, container: Path, name: str, values: np.ndarray, chunks: Any, compression: Any
    ) -> None:
        metadata = {
            "dimensions": values.shape[::-1],
            "blockSize": chunks[::-1],
            "dataType": values.dtype.name,
            "compression": compression,
        }
        spec = {**self._spec(container, name), "metadata": metadata}
        array = tensorstore.open(spec, create=True).result()
        if values.size:
            array.write(values.T).result()

    def read(self, container: Path, name: str) -> np.ndarray:
        array = tensorstore.open(self._spec(container, name), open=True, read=True).result()
        return np.asarray(array.read().result()).T

    def _spec(self, container: Path, name: str) -> dict[str, Any]:
        return {"driver": "n5", "kvstore": {"driver": "file", "path": f"{container}/{name}/"}}


Z5_OPTIONS = {"cname": "codec", "preset": "level", "blockSize": "level"}


class Z5:
    compressions = ("raw", "gzip", "bzip2", "xz", "blosc", "zstd", "lz4")

    def write(
        self, container: Path, name: str, values: np.ndarray, chunks: Any, compression: Any
    ) -> None:
        import z5py

        options = {
            Z5_OPTIONS.get(parameter, parameter): value
            for parameter, value in compression.items()
            if parameter not in ("type", "useZlib")
        }
        with z5py.File(container, "a", use_zarr_format=False) as file:
            array = file.create_dataset(
                name,
                shape=values.shape,
                chunks=chunks,
                dtype=values.dtype.name,
                compression=compression["type"],
                **options,
            )
            array[...] = values

    def read(self, container: Path, name: str) -> np.ndarray:
        import z5py

        with z5py.File(container, "r", use_zarr_format=False) as file:
            return np.asarray(file[name][...])


class Zarr2:
    """zarr-python 2, in a process of its own."""

    compressions = ("raw", "gzip", "bzip2", "xz", "blosc")

    def __init__(self, python: str, folder: Path) -> None:
        self._values = str(folder / "values.npy")
        script = Path(__file__).with_name("zarr2_peer.py")
        self._process = subprocess.Popen(
            [python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        self._process.communicate()

    def ask(self, name: str, **arguments: Any) -> Any:
        pipes = self._process
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        pipes.stdin.write(json.dumps([name, arguments]) + "\n")
        pipes.stdin.flush()
        error, answer = json.loads(pipes.stdout.readline())
        assert error is None, error
        return answer

    def write(
        self, container: Path, name: str, values: np.ndarray, chunks: Any, compression: Any
    ) -> None:
        parameters = {key: value for key, value in compression.items() if key != "type"}
        if compression["type"] == "gzip":
            parameters = {"level": max(compression["level"], 0)}
        codec = {
            "raw": None,
            "gzip": {"id": "zlib" if compression.get("useZlib") else "gzip", **parameters},
            "bzip2": {"id": "bz2", "level": compression.get("blockSize")},
            "xz": {"id": "lzma", "preset": compression.get("preset")},
            "blosc": {"id": "blosc", **parameters},
        }[compression["type"]]
        np.save(self._values, values)
        self.ask(
            "write",
            path=str(container),
            array=name,
            shape=values.shape,
            chunks=chunks,
            dtype=values.dtype.str,
            compressor=codec,
            values=self._values,
        )

    def read(self, container: Path, name: str) -> np.ndarray:
        self.ask("read", path=str(container), array=name, values=self._values)
        return np.load(self._values)


@pytest.fixture(scope="session")
def zarr2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zarr2]:
    if ZARR2_PYTHON is None:
        pytest.skip("zarr 2.17 needs an environment of its own: run `nox -s agreement_zarr2`")
    peer = Zarr2(ZARR2_PYTHON, tmp_path_factory.mktemp("zarr2"))
    yield peer
    peer.close()


@pytest.fixture
def tensorstore_peer() -> Peer:
    return TensorStore()


@pytest.fixture
def z5() -> Peer:
    pytest.importorskip("z5py", reason="z5py has no wheel for this Python or platform")
    return Z5()


@pytest.fixture(params=["tensorstore_peer", "z5", "zarr2"])
def peer(request: pytest.FixtureRequest) -> Peer:
    found: Peer = request.getfixturevalue(request.param)
    return found
