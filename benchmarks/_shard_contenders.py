"""Who else is measured on shards: tensorstore, and zarr-python with the codecs of zarrs."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._contenders import Azarr, Contender, Read, ZarrPython
from benchmarks._works import CLEVEL, CNAME, Work


class TensorStore:
    """tensorstore, its driver zarr3. Its files are synced, which it does not leave to choice."""

    name = "tensorstore"

    def version(self) -> str:
        import tensorstore  # noqa: F401 - metadata alone does not show that it can be imported

        return f"tensorstore {metadata.version('tensorstore')}"

    def write(self, work: Work, folder: Path, values: np.ndarray) -> Any:
        import tensorstore

        data = work.data
        codec = {
            "cname": CNAME,
            "clevel": CLEVEL,
            "shuffle": "shuffle",
            "typesize": values.itemsize,
            "blocksize": 0,
        }
        inner = [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "blosc", "configuration": codec},
        ]
        shards = {"chunk_shape": data.chunks, "codecs": inner}
        document = {
            "shape": data.shape,
            "data_type": data.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": data.shards}},
            "codecs": [{"name": "sharding_indexed", "configuration": shards}],
        }
        array = tensorstore.open({**_driver(folder), "metadata": document, "create": True}).result()
        array.write(values).result()
        return folder

    def open(self, work: Work, target: Any) -> Read:
        import tensorstore

        array = tensorstore.open(_driver(target), read=True).result()
        return lambda region: (array if region is None else array[region]).read().result()


def _driver(folder: Path) -> dict[str, Any]:
    return {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(folder)}}


class Zarrs(ZarrPython):
    """zarr-python with zarrs-python, whose codecs and files are in Rust."""

    name = "zarrs"
    _pipeline = "zarrs.ZarrsCodecPipeline"

    def version(self) -> str:
        import zarrs  # noqa: F401

        return f"zarrs-python {metadata.version('zarrs')}"

    def write(self, work: Work, folder: Path, values: np.ndarray) -> Any:
        import zarr

        with zarr.config.set({"codec_pipeline.path": self._pipeline}):
            return super().write(work, folder, values)

    def open(self, work: Work, target: Any) -> Read:
        import zarr

        # An array chooses its pipeline when it is opened.
        with zarr.config.set({"codec_pipeline.path": self._pipeline}):
            return super().open(work, target)


SHARD_CONTENDERS: tuple[Contender, ...] = (TensorStore(), Zarrs(), ZarrPython(), Azarr())
"""Columns of the table. The first also reads back what the others wrote; the last one's files are
what all of them read."""
