"""h5py: HDF5, which has other files. LZF with byte shuffle stands for Blosc; zstd it has not."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._works import Layout
from benchmarks.contenders._base import ARRAY, Contender, Node, Opened

OPTIONS: dict[str, dict[str, Any]] = {"blosc": {"compression": "lzf", "shuffle": True}, "none": {}}


class _Opened(Opened):
    def __init__(self, file: Any, array: Any) -> None:
        self.file, self.array = file, array

    def read(self, selection: Any) -> np.ndarray:
        return self.array[selection]  # type: ignore[no-any-return]

    def write(self, selection: Any, values: np.ndarray) -> None:
        self.array[selection] = values
        self.file.flush()


class HDF5(Contender):
    """h5py, without its cache of decoded chunks: none of the others keeps any."""

    media = frozenset({"local"})
    codecs = frozenset({"blosc", "none"})
    shards = False
    files = "hdf5"
    actions = Contender.actions - {"points", "orthogonal"}
    imports = "import h5py"

    def version(self) -> str:
        import h5py

        return f"h5py {metadata.version('h5py')} (HDF5 {h5py.version.hdf5_version})"

    def _file(self, folder: Path, mode: str) -> Any:
        import h5py

        folder.mkdir(parents=True, exist_ok=True)
        return h5py.File(folder / "data.h5", mode, rdcc_nbytes=0)

    def create(self, layout: Layout, folder: Path | None) -> Opened:
        assert folder is not None
        file = self._file(folder, "w")
        array = file.create_dataset(
            ARRAY,
            shape=layout.shape,
            dtype=layout.dtype,
            chunks=layout.chunks,
            **OPTIONS[layout.codec],
        )
        return _Opened(file, array)

    def open(self, layout: Layout, folder: Path, files: str) -> Opened:
        file = self._file(folder, "r")
        return _Opened(file, file[ARRAY])

    def create_nodes(self, names: Sequence[str], folder: Path | None) -> Any:
        assert folder is not None
        with self._file(folder, "w") as file:
            for name in names:
                file.create_dataset(name, shape=(100, 100), chunks=(10, 10), dtype="i4")
        return folder

    def list_nodes(self, group: Any) -> dict[str, Node]:
        with self._file(group, "r") as file:
            return {name: Node(array.shape, array.dtype.name) for name, array in file.items()}
