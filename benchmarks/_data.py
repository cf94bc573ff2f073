"""The numbers that are written and read: made once per run, kept in a file that all workers map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._works import Layout

STEP = 32
"""Longest step of the random walk: 8 KiB of uint16 compress to 5 KB, as measurements do."""

SLAB = 2**21
"""Bytes that are made or compared at a time: they and what comes of them fit into a cache."""


class Wrong(Exception):
    """A result is not the data."""


def make(layout: Layout, path: Path) -> None:
    """Write the numbers of a layout to a file of NumPy's."""
    out = np.lib.format.open_memmap(path, "w+", layout.dtype, layout.shape)
    if layout.values == "walk":
        _walk(out)
    else:
        _formula(out)
    out.flush()


def made(layout: Layout) -> np.ndarray:
    """Such numbers in memory, quickly: a walk of 4 MiB again and again; no number is zero."""
    row = np.empty((1, min(int(np.prod(layout.shape)), 2**22 // layout.itemsize)), layout.dtype)
    _walk(row)
    return np.resize(row | 1, layout.shape)


def load(path: Path, into_memory: bool) -> np.ndarray:
    """The numbers, read-only: mapped, or in memory of this process."""
    if into_memory:
        values = np.load(path)
    else:
        values = np.asarray(np.load(path, mmap_mode="r"))
    values.flags.writeable = False
    return values


def compare(result: Any, expected: np.ndarray, what: str) -> None:
    """Raise Wrong if they are not equal in shape, type or any number."""
    result = np.asarray(result)
    if result.shape != expected.shape or result.dtype != expected.dtype:
        raise Wrong(f"{what}: {result.dtype}{result.shape}, not {expected.dtype}{expected.shape}")
    step = max(1, SLAB * len(expected) // max(1, expected.nbytes)) if expected.ndim else 1
    equal = (
        np.array_equal(result[i : i + step], expected[i : i + step])
        for i in range(0, len(expected), step)
    )
    if not all(equal):
        raise Wrong(f"{what}: the result is not the data")


def _walk(out: np.ndarray) -> None:
    """Along the last dimension a random walk."""
    rng = np.random.default_rng(0)
    rows = max(1, SLAB // (out.nbytes // len(out)))
    for i in range(0, len(out), rows):
        piece = out[i : i + rows]
        steps = rng.integers(-STEP, STEP + 1, piece.shape, dtype="int8")
        np.cumsum(steps, axis=-1, dtype=out.dtype, out=piece)


def _formula(out: np.ndarray) -> None:
    """`(g2 + g1^2/32 + g0^3) mod 65536` of the indexes g, in integers.

    Source: https://github.com/zarrs/zarr_benchmarks, `generate_benchmark_array.rs`.
    """
    g0, g1, g2 = (np.arange(n, dtype="u8") for n in out.shape)
    plane = (g2[None, :] + (g1 * g1 // 32)[:, None]).astype("u2")  # 2^16 is where uint16 wraps
    for i, cube in enumerate((g0 * g0 * g0).astype("u2")):
        np.add(plane, cube, out=out[i])
