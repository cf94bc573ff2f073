"""z5py, with as many threads as there are cores: it has one unless told otherwise."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._works import CLEVEL, CNAME, SHUFFLE, ZSTD_LEVEL, Layout
from benchmarks.contenders._base import ARRAY, Contender, Node, Opened

OPTIONS: dict[str, dict[str, Any]] = {
    "blosc": {"compression": "blosc", "codec": CNAME, "level": CLEVEL, "shuffle": SHUFFLE},
    "zstd": {"compression": "zstd", "level": ZSTD_LEVEL},
    "none": {"compression": "raw"},
}
DTYPES = {"i4": "int32", "u2": "uint16"}


class _Opened(Opened):
    def __init__(self, file: Any, array: Any) -> None:
        self.file, self.array = file, array
        array.n_threads = os.cpu_count() or 1

    def read(self, selection: Any) -> np.ndarray:
        return self.array[selection]  # type: ignore[no-any-return]

    def write(self, selection: Any, values: np.ndarray) -> None:
        self.array[selection] = values


class Z5(Contender):
    """z5py on Zarr v3 files."""

    media = frozenset({"local"})
    actions = Contender.actions - {"points", "orthogonal"}
    imports = "import z5py"

    def version(self) -> str:
        import z5py  # noqa: F401

        return f"z5py {metadata.version('z5py')}"

    def _file(self, folder: Path, mode: str) -> Any:
        import z5py

        return z5py.File(str(folder), mode, use_zarr_format=True, zarr_format=3)

    def create(self, layout: Layout, folder: Path | None) -> Opened:
        assert folder is not None
        file = self._file(folder, "a")
        array = file.create_dataset(
            ARRAY,
            shape=layout.shape,
            dtype=DTYPES[layout.dtype],
            chunks=layout.chunks,
            shards=layout.shards,
            **OPTIONS[layout.codec],
        )
        return _Opened(file, array)

    def open(self, layout: Layout, folder: Path, files: str) -> Opened:
        file = self._file(folder, "r")
        return _Opened(file, file[ARRAY])

    def create_nodes(self, names: Sequence[str], folder: Path | None) -> Any:
        assert folder is not None
        file = self._file(folder, "a")
        for name in names:
            file.create_dataset(name, shape=(100, 100), chunks=(10, 10), dtype="int32")
        return folder

    def list_nodes(self, group: Any) -> dict[str, Node]:
        file = self._file(group, "r")
        return {name: Node(tuple(array.shape), str(array.dtype)) for name, array in file.items()}
