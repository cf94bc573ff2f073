"""zarr-python 2.17, in an environment of its own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks._works import CLEVEL, CNAME, SHUFFLE, ZSTD_LEVEL, Layout
from benchmarks.contenders._base import ARRAY, Bracketed, Contender, Node, Opened


class Zarr2(Contender):
    """zarr-python 2."""

    files = "zarr2"
    shards = False
    imports = "import zarr"
    first_use = """
array = zarr.create(store={}, shape=100, chunks=10, dtype="i4")
array[:] = 1
array[:]
"""

    def version(self) -> str:
        import zarr

        if not zarr.__version__.startswith("2."):
            raise ImportError("zarr-python 2 is not installed")
        return f"zarr-python {metadata.version('zarr')}"

    def _store(self, folder: Path | None) -> Any:
        import zarr

        # Nested, as the keys of Zarr v3 are: one folder of 4096 files is another work.
        return zarr.MemoryStore() if folder is None else zarr.NestedDirectoryStore(str(folder))

    def create(self, layout: Layout, folder: Path | None) -> Opened:
        import numcodecs
        import zarr

        codecs = {
            "none": lambda: None,
            "zstd": lambda: numcodecs.Zstd(ZSTD_LEVEL),
            "blosc": lambda: numcodecs.Blosc(CNAME, CLEVEL, SHUFFLE),
        }
        array = zarr.create(
            shape=layout.shape,
            chunks=layout.chunks,
            dtype=layout.dtype,
            compressor=codecs[layout.codec](),
            fill_value=0,
            store=self._store(folder),
            path=ARRAY,
        )
        return Bracketed(array)

    def open(self, layout: Layout, folder: Path, files: str) -> Opened:
        import zarr

        return Bracketed(zarr.open_array(self._store(folder), path=ARRAY, mode="r"))

    def create_nodes(self, names: Sequence[str], folder: Path | None) -> Any:
        import zarr

        store = self._store(folder)
        group = zarr.group(store)
        for name in names:
            group.zeros(name, shape=(100, 100), chunks=(10, 10), dtype="i4")
        return store

    def list_nodes(self, group: Any) -> dict[str, Node]:
        import zarr

        arrays = zarr.open_group(group, mode="r").arrays()
        return {name: Node(array.shape, array.dtype.name) for name, array in arrays}
