"""tensorstore. It has no groups."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._works import Layout, Work
from benchmarks.contenders._base import ARRAY, Contender, Opened
from benchmarks.contenders._documents import document

DRIVERS = {"zarr3": "zarr3", "zarr2": "zarr"}
NODE = Layout((100, 100), (10, 10), "i4")


class _Opened(Opened):
    def __init__(self, array: Any) -> None:
        self.array = array

    def read(self, selection: Any) -> np.ndarray:
        return self.array[selection].read().result()  # type: ignore[no-any-return]

    def write(self, selection: Any, values: np.ndarray) -> None:
        self.array[selection].write(values).result()

    def points(self, coordinates: tuple[np.ndarray, ...]) -> np.ndarray:
        return self.array.vindex[coordinates].read().result()  # type: ignore[no-any-return]

    def orthogonal(self, indices: tuple[np.ndarray, ...]) -> np.ndarray:
        return self.array.oindex[indices].read().result()  # type: ignore[no-any-return]

    def each(self, selections: Sequence[Any], concurrency: int) -> np.ndarray:
        flying: deque[Any] = deque()
        for selection in selections:
            if len(flying) == concurrency:
                flying.popleft().result()
            flying.append(self.array[selection].read())
        while flying:
            result = flying.popleft().result()
        return result  # type: ignore[no-any-return]


class TensorStore(Contender):
    """tensorstore: its drivers zarr3 and, to read back, zarr."""

    actions = Contender.actions - {"list_nodes"}
    syncs = True
    imports = "import tensorstore"
    first_use = """
array = tensorstore.open(
    {"driver": "zarr3", "kvstore": {"driver": "memory"}},
    dtype="int32",
    shape=[100],
    chunk_layout=tensorstore.ChunkLayout(chunk_shape=[10]),
    create=True,
).result()
array.write(1).result()
array.read().result()
"""

    def __init__(self, fsync: bool) -> None:
        super().__init__(fsync)
        import tensorstore

        # With "file_io_sync", its default, it calls fsync twice for each file (strace shows it).
        self.settings: dict[str, Any] = {"file_io_sync": fsync}
        self.context = tensorstore.Context(self.settings)

    def version(self) -> str:
        return f"tensorstore {metadata.version('tensorstore')}"

    def _spec(self, folder: Path | None, name: str, files: str = "zarr3") -> dict[str, Any]:
        if folder is None:
            kvstore: dict[str, Any] = {"driver": "memory", "path": f"{name}/"}
        else:
            kvstore = {"driver": "file", "path": str(folder / name)}
        return {"driver": DRIVERS[files], "kvstore": kvstore}

    def _create(self, folder: Path | None, name: str, layout: Layout) -> Any:
        import tensorstore

        spec = {**self._spec(folder, name), "metadata": document(layout), "create": True}
        # Memory belongs to a context: a new one for every array.
        context = tensorstore.Context(self.settings) if folder is None else self.context
        return tensorstore.open(spec, context=context).result()

    def create(self, layout: Layout, folder: Path | None) -> Opened:
        return _Opened(self._create(folder, ARRAY, layout))

    def open(self, layout: Layout, folder: Path, files: str) -> Opened:
        import tensorstore

        spec = self._spec(folder, ARRAY, files)
        return _Opened(tensorstore.open(spec, context=self.context, read=True).result())

    @contextmanager
    def threads(self, count: int) -> Iterator[None]:
        import tensorstore

        usual = self.settings, self.context
        self.settings = {**self.settings, "data_copy_concurrency": {"limit": count}}
        self.context = tensorstore.Context(self.settings)
        yield
        self.settings, self.context = usual

    def can(self, work: Work) -> bool:
        # Creating in memory would be a memory for each array, not one group.
        return super().can(work) and not (work.action == "create_nodes" and work.media == "memory")

    def create_nodes(self, names: Sequence[str], folder: Path | None) -> Any:
        for name in names:
            self._create(folder, name, NODE)
        return folder
