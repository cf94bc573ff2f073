"""The floor: a bare loop over the codec into a NumPy array. No metadata is read, nothing checked.

It knows where everything is: keys are those of Zarr v3, shapes are multiples of chunks and shards,
and a shard's index is read once.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks._works import CLEVEL, CNAME, SHUFFLE, ZSTD_LEVEL, Layout, Selection
from benchmarks.contenders._base import ARRAY, Contender, Opened
from benchmarks.contenders._documents import document

Coords = tuple[int, ...]
THREADED = 2**20
"""Chunks of at least so many bytes are worth a thread each."""


def decoder(layout: Layout) -> Callable[[Any], Any]:
    from numcodecs import blosc, zstd

    return {"blosc": blosc.decompress, "zstd": zstd.decompress, "none": lambda data: data}[
        layout.codec
    ]


def encoder(layout: Layout) -> Callable[[np.ndarray], Any]:
    from numcodecs import blosc, zstd

    return {
        "blosc": lambda piece: blosc.compress(piece, CNAME.encode(), CLEVEL, SHUFFLE),
        "zstd": lambda piece: zstd.compress(piece, ZSTD_LEVEL),
        "none": lambda piece: piece.reshape(-1).view("u1"),
    }[layout.codec]


class _Files:
    """Chunks as files; the folders are made with the first chunk in them."""

    def __init__(self, folder: Path, renames: bool) -> None:
        self._prefix = f"{folder / ARRAY}{os.sep}c{os.sep}"
        self._renames = renames
        self._made: set[Coords] = set()

    def path(self, chunk: Coords) -> str:
        return self._prefix + "/".join(map(str, chunk))

    def __getitem__(self, chunk: Coords) -> bytes:
        fd = os.open(self.path(chunk), os.O_RDONLY)  # `open()` takes twice as long
        try:
            return os.read(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    def __setitem__(self, chunk: Coords, value: Any) -> None:
        path = self.path(chunk)
        if chunk[:-1] not in self._made:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            self._made.add(chunk[:-1])
        whole = f"{path}.{threading.get_ident()}" if self._renames else path
        fd = os.open(whole, os.O_WRONLY | os.O_CREAT)
        try:
            os.write(fd, value)
        finally:
            os.close(fd)
        if self._renames:
            os.replace(whole, path)


class _Opened(Opened):
    def __init__(self, layout: Layout, place: Any) -> None:
        self.layout, self.place = layout, place
        self.decode, self.encode = decoder(layout), encoder(layout)
        large = layout.chunk_bytes >= THREADED or layout.codec == "none"
        self.threads = (os.cpu_count() or 1) if large else 1

    def piece(self, data: Any) -> np.ndarray:
        """The decoded chunk. A new allocation is faster than a buffer for small chunks."""
        flat = np.frombuffer(self.decode(data), self.layout.dtype)
        return flat.reshape(self.layout.chunks)

    def read(self, selection: Any) -> np.ndarray:
        if selection is ...:
            return self._read_all()
        found = [*self._overlaps(selection)]
        if len(found) == 1:
            chunk, inside, _ = found[0]
            return self.piece(self.place[chunk])[inside].copy()
        out = np.empty([part.stop - part.start for part in selection], self.layout.dtype)
        for chunk, inside, outside in found:
            out[outside] = self.piece(self.place[chunk])[inside]
        return out

    def _overlaps(self, selection: Selection) -> Iterator[tuple[Coords, Selection, Selection]]:
        """Each chunk that a region touches, what of it, and where that goes."""
        per_axis = []
        for part, size in zip(selection, self.layout.chunks, strict=True):
            per_axis.append(
                [
                    (
                        i,
                        slice(max(part.start - i * size, 0), min(part.stop - i * size, size)),
                        slice(
                            max(i * size - part.start, 0),
                            min((i + 1) * size, part.stop) - part.start,
                        ),
                    )
                    for i in range(part.start // size, (part.stop - 1) // size + 1)
                ]
            )
        for axes in product(*per_axis):
            chunk, inside, outside = zip(*axes, strict=True)
            yield chunk, inside, outside

    def _read_all(self) -> np.ndarray:
        out = np.empty(self.layout.shape, self.layout.dtype)
        chunks = self.layout.chunks

        def decode(some: Iterator[Coords]) -> None:
            for chunk in some:
                out[_selection(chunk, chunks)] = self.piece(self.place[chunk])

        self._in_threads(decode, _coords(self.layout.shape, chunks))
        return out

    def write(self, selection: Any, values: np.ndarray) -> None:
        chunks = self.layout.chunks

        def encode(some: Iterator[Coords]) -> None:
            for chunk in some:
                piece = np.ascontiguousarray(values[_selection(chunk, chunks)])
                self.place[chunk] = self.encode(piece)

        self._in_threads(encode, _coords(self.layout.shape, chunks))

    def _in_threads(self, do: Callable[[Iterator[Coords]], None], chunks: list[Coords]) -> None:
        if self.threads == 1:
            do(iter(chunks))
            return
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(do, [iter(chunks[k :: self.threads]) for k in range(self.threads)]))


class _OpenedShards(_Opened):
    """Files of inner chunks with an index at the end: offset and length of each, and CRC32C."""

    def __init__(self, layout: Layout, place: _Files) -> None:
        super().__init__(layout, place)
        assert layout.shards is not None
        self.shards = layout.shards
        self.ratio = tuple(s // c for s, c in zip(layout.shards, layout.chunks, strict=True))
        self.inner = _coords(layout.shards, layout.chunks)
        self._indexes: dict[Coords, list[list[int]]] = {}

    def _index(self, shard: Coords) -> list[list[int]]:
        if shard not in self._indexes:
            tail = self.place[shard][-16 * len(self.inner) - 4 : -4]
            self._indexes[shard] = np.frombuffer(tail, "<u8").reshape(-1, 2).tolist()
        return self._indexes[shard]

    def _read_all(self) -> np.ndarray:
        out = np.empty(self.layout.shape, self.layout.dtype)

        def decode(some: Iterator[Coords]) -> None:
            for shard in some:
                data = memoryview(self.place[shard])
                target = out[_selection(shard, self.shards)]
                for chunk, (start, length) in zip(self.inner, self._index(shard), strict=True):
                    piece = self.piece(data[start : start + length])
                    target[_selection(chunk, self.layout.chunks)] = piece

        self._in_threads(decode, _coords(self.layout.shape, self.shards))
        return out

    def read(self, selection: Any) -> np.ndarray:
        if selection is ...:
            return self._read_all()
        out = np.empty([part.stop - part.start for part in selection], self.layout.dtype)
        open_files: dict[Coords, int] = {}
        for chunk, inside, outside in self._overlaps(selection):
            shard = tuple(i // n for i, n in zip(chunk, self.ratio, strict=True))
            if shard not in open_files:
                open_files[shard] = os.open(self.place.path(shard), os.O_RDONLY)
            number = 0
            for i, n in zip(chunk, self.ratio, strict=True):
                number = number * n + i % n
            start, length = self._index(shard)[number]
            out[outside] = self.piece(os.pread(open_files[shard], length, start))[inside]
        for fd in open_files.values():
            os.close(fd)
        return out

    def write(self, selection: Any, values: np.ndarray) -> None:
        import google_crc32c

        def encode(some: Iterator[Coords]) -> None:
            for shard in some:
                source = values[_selection(shard, self.shards)]
                parts, entries, offset = [], [], 0
                for chunk in self.inner:
                    piece = np.ascontiguousarray(source[_selection(chunk, self.layout.chunks)])
                    parts.append(self.encode(piece))
                    entries.append((offset, len(parts[-1])))
                    offset += len(parts[-1])
                index = np.array(entries, "<u8").tobytes()
                check = google_crc32c.value(index).to_bytes(4, "little")
                self.place[shard] = b"".join([*parts, index, check])

        self._in_threads(encode, _coords(self.layout.shape, self.shards))


class Floor(Contender):
    """numcodecs itself."""

    actions = frozenset(
        {"read", "write", "region", "inner_chunk", "row", "each_stored", "each_inner"}
    )
    renames: ClassVar[bool] = False
    imports = "import numpy"

    def __init__(self, fsync: bool) -> None:
        super().__init__(fsync)
        from numcodecs import blosc

        blosc.use_threads = False

    def version(self) -> str:
        import numcodecs

        return f"numcodecs {numcodecs.__version__}, numpy {np.__version__}"

    def create(self, layout: Layout, folder: Path | None) -> Opened:
        if folder is not None:  # so that others can read it
            (folder / ARRAY).mkdir(parents=True)
            (folder / ARRAY / "zarr.json").write_text(json.dumps(document(layout)))
        return self._opened(layout, folder)

    def open(self, layout: Layout, folder: Path, files: str) -> Opened:
        return self._opened(layout, folder)

    def _opened(self, layout: Layout, folder: Path | None) -> Opened:
        place: Any = {} if folder is None else _Files(folder, self.renames)
        return (_OpenedShards if layout.shards else _Opened)(layout, place)


class FloorRenames(Floor):
    """numcodecs itself; a file is written under another name, and renamed when it is whole."""

    actions = frozenset({"write"})
    media = frozenset({"local"})
    renames = True


def _coords(shape: tuple[int, ...], piece: tuple[int, ...]) -> list[Coords]:
    return [*product(*(range(n // c) for n, c in zip(shape, piece, strict=True)))]


def _selection(chunk: Coords, piece: tuple[int, ...]) -> Selection:
    return tuple(slice(i * n, (i + 1) * n) for i, n in zip(chunk, piece, strict=True))
