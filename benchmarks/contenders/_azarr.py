"""azarr: blocking, with new memory for every result, and awaited on an event loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._works import Layout
from benchmarks.contenders._base import ARRAY, Bracketed, Contender, Node, Opened
from benchmarks.contenders._documents import compressors


class Azarr(Contender):
    """azarr, blocking."""

    syncs = True
    imports = "import azarr"
    first_use = """
array = azarr.create_array({}, shape=100, chunks=10, dtype="i4")
array[:] = 1
array[:]
"""

    def version(self) -> str:
        from importlib import metadata

        import azarr  # noqa: F401

        try:
            return f"azarr {metadata.version('azarr')}"
        except metadata.PackageNotFoundError:
            return "azarr"

    def store(self, folder: Path | None) -> Any:
        from azarr.storage import LocalStore, MemoryStore

        return MemoryStore() if folder is None else LocalStore(folder, durable=self.fsync)

    def create(self, layout: Layout, folder: Path | None) -> Opened:
        import azarr

        array = azarr.create_array(
            self.store(folder),
            name=ARRAY,
            shape=layout.shape,
            chunks=layout.chunks,
            shards=layout.shards,
            dtype=layout.dtype,
            compressors=compressors(layout),
            zarr_format=3,
        )
        return self.opened(array)

    def open(self, layout: Layout, folder: Path, files: str) -> Opened:
        import azarr

        return self.opened(azarr.open_array(folder / ARRAY, mode="r"))

    def opened(self, array: Any) -> Opened:
        return Bracketed(array)

    def threads(self, count: int) -> AbstractContextManager[Any]:
        import azarr

        return azarr.config.using(threads=count)

    def create_nodes(self, names: Sequence[str], folder: Path | None) -> Any:
        import azarr

        store = self.store(folder)
        group = azarr.create_group(store, zarr_format=3)
        for name in names:
            group.create_array(name, shape=(100, 100), chunks=(10, 10), dtype="i4")
        return store if folder is None else folder

    def list_nodes(self, group: Any) -> dict[str, Node]:
        import azarr

        members = azarr.open_group(group, mode="r").members()
        return {name: Node(array.shape, array.dtype.name) for name, array in dict(members).items()}


class AzarrNewMemory(Azarr):
    """azarr that keeps no memory of results for the next ones: as the first read of a process."""

    actions = frozenset({"read", "each_stored", "round_trip"})

    def __init__(self, fsync: bool) -> None:
        import azarr

        super().__init__(fsync)
        azarr.config.set(kept_result_bytes=0)


class _Awaited(Bracketed):
    def __init__(self, array: Any, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(array.async_array)
        self.wait = loop.run_until_complete

    def read(self, selection: Any) -> np.ndarray:
        return self.wait(self.array.getitem(selection))

    def write(self, selection: Any, values: np.ndarray) -> None:
        self.wait(self.array.setitem(selection, values))

    def points(self, coordinates: tuple[np.ndarray, ...]) -> np.ndarray:
        return self.wait(self.array.get_coordinate_selection(coordinates))

    def orthogonal(self, indices: tuple[np.ndarray, ...]) -> np.ndarray:
        return self.wait(self.array.get_orthogonal_selection(indices))

    def repeat(self, selection: Any, times: int) -> np.ndarray:
        async def all_of_them() -> np.ndarray:
            for _ in range(times):
                result = await self.array.getitem(selection)
            return result  # type: ignore[no-any-return]

        return self.wait(all_of_them())

    def each(self, selections: Sequence[Any], concurrency: int) -> np.ndarray:
        async def some(left: Iterator[Any]) -> np.ndarray | None:
            result = None
            for selection in left:
                result = await self.array.getitem(selection)
            return result  # type: ignore[no-any-return]

        async def all_of_them() -> np.ndarray:
            *before, last = selections
            left = iter(before)
            await asyncio.gather(*(some(left) for _ in range(concurrency)))
            return await self.array.getitem(last)  # type: ignore[no-any-return]

        return self.wait(all_of_them())


class AzarrAwaited(Azarr):
    """azarr, awaited under asyncio."""

    # Where awaiting could cost, or give, something. The rest is the same code.
    actions = frozenset({"read", "region", "inner_chunk", "row", "each_stored"})

    def __init__(self, fsync: bool) -> None:
        super().__init__(fsync)
        self.loop = asyncio.new_event_loop()

    def opened(self, array: Any) -> Opened:
        return _Awaited(array, self.loop)
