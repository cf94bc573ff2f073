"""Who is measured: a class for each implementation, and the table of them.

An implementation is imported when it is asked for its version; one that is not installed is left
out of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks._floor import Floor
from benchmarks._works import CLEVEL, CNAME, Work

Read = Callable[[tuple[slice, ...] | None], np.ndarray]
"""Reads a region, or everything, of an array that is open."""


class Contender(Protocol):
    """An implementation, in its default settings but for what the work fixes.

    Attributes:
        name: heads its column.
    """

    name: str

    def version(self) -> str:
        """Name and version of what is measured. Raises ImportError where it is not installed."""

    def write(self, work: Work, folder: Path, values: np.ndarray) -> Any:
        """Create the array and write all of it: into a new folder, or into new memory.

        Returns what `open` takes: the folder, or the memory.
        """

    def open(self, work: Work, target: Any) -> Read:
        """Open an array. A folder may have been written by another contender (Zarr v3)."""


class Azarr:
    """azarr, blocking."""

    name = "azarr"

    def version(self) -> str:
        import azarr

        return f"azarr at {Path(azarr.__file__).parent}"

    def write(self, work: Work, folder: Path, values: np.ndarray) -> Any:
        import azarr
        from azarr.storage import LocalStore, MemoryStore

        store = MemoryStore() if work.media == "memory" else LocalStore(folder, durable=False)
        codec = {
            "cname": CNAME,
            "clevel": CLEVEL,
            "shuffle": "shuffle",
            "typesize": values.itemsize,
            "blocksize": 0,
        }
        array = azarr.create_array(
            store,
            shape=work.data.shape,
            chunks=work.data.chunks,
            shards=work.data.shards,
            dtype=work.data.dtype,
            compressors=[{"name": "blosc", "configuration": codec}],
            zarr_format=3,
        )
        array[...] = values
        return store if work.media == "memory" else folder

    def open(self, work: Work, target: Any) -> Read:
        import azarr

        array = azarr.open_array(target, mode="r")
        return lambda region: array[... if region is None else region]


class ZarrPython:
    """zarr-python 3, its synchronous API."""

    name = "zarr"

    def version(self) -> str:
        return f"zarr-python {metadata.version('zarr')}"

    def write(self, work: Work, folder: Path, values: np.ndarray) -> Any:
        import zarr
        from zarr.codecs import BloscCodec

        store = zarr.storage.MemoryStore() if work.media == "memory" else folder
        array = zarr.create_array(
            store,
            shape=work.data.shape,
            chunks=work.data.chunks,
            shards=work.data.shards,
            dtype=work.data.dtype,
            compressors=BloscCodec(
                cname=CNAME, clevel=CLEVEL, shuffle="shuffle", typesize=values.itemsize
            ),
            zarr_format=3,
        )
        array[...] = values
        return store

    def open(self, work: Work, target: Any) -> Read:
        import zarr

        array: Any = zarr.open_array(target, mode="r")
        return lambda region: array[... if region is None else region]


CONTENDERS: tuple[Contender, ...] = (Floor(), ZarrPython(), Azarr())
"""Columns of the table. The first is the floor; it also reads back what the others wrote."""


def installed(contenders: Sequence[Contender] = CONTENDERS) -> list[Contender]:
    """Those of the contenders that can be imported here."""
    found = []
    for contender in contenders:
        try:
            contender.version()
        except ImportError:
            continue
        found.append(contender)
    return found
