"""zarr-python 3, its blocking interface: with either of its pipelines, and with that of zarrs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks._works import CLEVEL, CNAME, ZSTD_LEVEL, Layout
from benchmarks.contenders._base import ARRAY, Bracketed, Contender, Node, Opened


class _OpenedAwaited(Bracketed):
    """Several regions at a time are awaited, as the public benchmarks do it."""

    def each(self, selections: Sequence[Any], concurrency: int) -> np.ndarray:
        if concurrency == 1:
            return super().each(selections, 1)

        async def some(left: Iterator[Any]) -> None:
            for selection in left:
                await self.array._async_array.getitem(selection)

        async def all_of_them() -> np.ndarray:
            *before, last = selections
            left = iter(before)
            await asyncio.gather(*(some(left) for _ in range(concurrency)))
            return await self.array._async_array.getitem(last)  # type: ignore[no-any-return]

        return asyncio.run(all_of_them())


class Zarr(Contender):
    """zarr-python 3 as it is by default."""

    pipeline: ClassVar[str] = "zarr.core.codec_pipeline.BatchedCodecPipeline"
    opened: ClassVar[type[Bracketed]] = _OpenedAwaited
    imports = "import zarr"
    first_use = """
array = zarr.create_array({}, shape=100, chunks=10, dtype="i4")
array[:] = 1
array[:]
"""

    def version(self) -> str:
        import zarr  # noqa: F401

        return f"zarr-python {metadata.version('zarr')}"

    def settings(self) -> AbstractContextManager[Any]:
        import zarr

        return zarr.config.set({"codec_pipeline.path": self.pipeline})

    def _compressors(self, layout: Layout) -> Any:
        from zarr.codecs import BloscCodec, ZstdCodec

        if layout.codec == "none":
            return None
        if layout.codec == "zstd":
            return ZstdCodec(level=ZSTD_LEVEL, checksum=False)
        return BloscCodec(cname=CNAME, clevel=CLEVEL, shuffle="shuffle", typesize=layout.itemsize)

    def _store(self, folder: Path | None) -> Any:
        import zarr

        return zarr.storage.MemoryStore() if folder is None else zarr.storage.LocalStore(folder)

    def create(self, layout: Layout, folder: Path | None) -> Opened:
        import zarr

        with self.settings():
            array = zarr.create_array(
                self._store(folder),
                name=ARRAY,
                shape=layout.shape,
                chunks=layout.chunks,
                shards=layout.shards,
                dtype=np.dtype(layout.dtype),
                compressors=self._compressors(layout),
                zarr_format=3,
            )
        return self.opened(array)

    def open(self, layout: Layout, folder: Path, files: str) -> Opened:
        import zarr

        with self.settings():  # an array chooses its pipeline when it is opened
            return self.opened(zarr.open_array(folder / ARRAY, mode="r"))

    def create_nodes(self, names: Sequence[str], folder: Path | None) -> Any:
        import zarr

        store = self._store(folder)
        group = zarr.create_group(store, zarr_format=3)
        for name in names:
            group.create_array(name, shape=(100, 100), chunks=(10, 10), dtype="i4")
        return store if folder is None else folder

    def list_nodes(self, group: Any) -> dict[str, Node]:
        import zarr

        members = zarr.open_group(group, mode="r").members()
        return {name: Node(array.shape, array.dtype.name) for name, array in members}


class ZarrFused(Zarr):
    """Its synchronous pipeline, which has to be asked for. zarr-python 3.4 and later."""

    pipeline = "zarr.core.codec_pipeline.FusedCodecPipeline"
    opened = Bracketed  # it has nothing to await; threads get further
    actions = Zarr.actions - {"create_nodes", "list_nodes"}

    def threads(self, count: int) -> AbstractContextManager[Any]:
        import zarr

        return zarr.config.set({"codec_pipeline.max_workers": count})

    def version(self) -> str:
        from zarr.core.codec_pipeline import FusedCodecPipeline  # noqa: F401

        return f"zarr-python {metadata.version('zarr')}, fused pipeline"


class Zarrs(Zarr):
    """zarr-python with zarrs-python, whose codecs and files are in Rust. Local files only."""

    pipeline = "zarrs.ZarrsCodecPipeline"
    media = frozenset({"local"})
    actions = Zarr.actions - {"create_nodes", "list_nodes", "points", "orthogonal"}

    def version(self) -> str:
        import zarrs  # noqa: F401

        return f"zarrs-python {metadata.version('zarrs')}, zarr-python {metadata.version('zarr')}"
