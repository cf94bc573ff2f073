"""The floor: a bare loop over the codec into a NumPy array. No metadata, no checks, plain files.

It reads what the others wrote (the keys are those of Zarr v3), and so also judges their writing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
from numcodecs import blosc

from benchmarks._works import CLEVEL, CNAME, SHUFFLE, Data, Work

Chunk = tuple[int, int]
Get = Callable[[Chunk], bytes]
Set = Callable[[Chunk, bytes], None]


class Floor:
    """Contender: numcodecs itself."""

    name = "floor"

    def version(self) -> str:
        return f"numcodecs {numcodecs.__version__}"

    def write(self, work: Work, folder: Path, values: np.ndarray) -> Any:
        target: Any = {} if work.media == "memory" else folder
        put = _setter(target, work.data)

        def encode(chunks: Iterator[Chunk]) -> None:
            for i, j in chunks:
                piece = np.ascontiguousarray(values[_selection(work.data, i, j)])
                put((i, j), blosc.compress(piece, CNAME.encode(), CLEVEL, SHUFFLE))

        _in_threads(encode, list(_chunks(work.data)), work.floor_threads)
        return target

    def open(self, work: Work, target: Any) -> Callable[[tuple[slice, ...] | None], np.ndarray]:
        get = _getter(target)

        def read(region: tuple[slice, ...] | None) -> np.ndarray:
            if region is not None:
                return _read_region(work.data, get, region)
            return _read_all(work, get)

        return read


def _read_all(work: Work, get: Get) -> np.ndarray:
    data = work.data
    out = np.empty(data.shape, data.dtype)

    def decode(chunks: Iterator[Chunk]) -> None:
        if work.floor_threads == 1:  # a fresh allocation is faster for small chunks
            for i, j in chunks:
                piece = np.frombuffer(blosc.decompress(get((i, j))), data.dtype)
                out[_selection(data, i, j)] = piece.reshape(data.chunks)
            return
        piece = np.empty(data.chunks, data.dtype)
        for i, j in chunks:
            blosc.decompress(get((i, j)), piece)
            out[_selection(data, i, j)] = piece

    _in_threads(decode, list(_chunks(data)), work.floor_threads)
    return out


def _read_region(data: Data, get: Get, region: tuple[slice, ...]) -> np.ndarray:
    """A region within one chunk."""
    rows, columns = region
    height, width = data.chunks
    i, j = rows.start // height, columns.start // width
    chunk = np.frombuffer(blosc.decompress(get((i, j))), data.dtype).reshape(data.chunks)
    y, x = i * height, j * width
    return chunk[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x].copy()


def _getter(target: Any) -> Get:
    if isinstance(target, dict):
        return target.__getitem__
    prefix = f"{target}{os.sep}c{os.sep}"

    def get(chunk: Chunk) -> bytes:
        fd = os.open(f"{prefix}{chunk[0]}/{chunk[1]}", os.O_RDONLY)  # `open()` takes twice as long
        try:
            return os.read(fd, os.fstat(fd).st_size)
        finally:
            os.close(fd)

    return get


def _setter(target: Any, data: Data) -> Set:
    if isinstance(target, dict):
        return target.__setitem__
    for i in range(data.shape[0] // data.chunks[0]):
        (target / "c" / str(i)).mkdir(parents=True)
    prefix = f"{target}{os.sep}c{os.sep}"

    def put(chunk: Chunk, value: bytes) -> None:
        fd = os.open(f"{prefix}{chunk[0]}/{chunk[1]}", os.O_WRONLY | os.O_CREAT)
        try:
            os.write(fd, value)
        finally:
            os.close(fd)

    return put


def _chunks(data: Data) -> Iterator[Chunk]:
    rows, columns = (range(n // c) for n, c in zip(data.shape, data.chunks, strict=True))
    return product(rows, columns)


def _selection(data: Data, i: int, j: int) -> tuple[slice, slice]:
    height, width = data.chunks
    return slice(i * height, (i + 1) * height), slice(j * width, (j + 1) * width)


def _in_threads(
    function: Callable[[Iterator[Chunk]], None], chunks: list[Chunk], threads: int
) -> None:
    if threads == 1:
        function(iter(chunks))
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(function, [iter(chunks[k::threads]) for k in range(threads)]))
