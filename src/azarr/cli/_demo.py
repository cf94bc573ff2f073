"""`azarr demo`: what chunks are for, and what awaiting is for, measured on this machine."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import numpy as np

import azarr
import azarr.aio
from azarr.cli._command import MISUSED, Command, CommandError
from azarr.cli._text import Measured, Table, bytes_text, seconds_text, shape_text
from azarr.storage import LocalStore
from azarr.testing import CountingStore, LatencyStore
from azarr.typing import NDArray, Shape

NAME = "field"

Region = tuple[slice, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much the demo does.

    Attributes:
        shape, chunks: of the field, float32.
        region: the region read from local files; it lies across chunks.
        piece: the shape of the small regions; each lies within a chunk of its own.
        pieces: how many of them.
        latency: seconds that the slow store takes for a request.
    """

    shape: Shape = (160, 250, 400)
    chunks: Shape = (20, 50, 50)
    region: Region = (slice(30, 90), slice(100, 200), slice(150, 300))
    piece: Shape = (10, 20, 20)
    pieces: int = 200
    latency: float = 0.05


def run_demo(folder: Path, scale: Scale) -> None:
    """Write and read a field in `folder`, and print what it cost.

    Raises:
        CommandError: what was read is not what was written.
    """
    field = make_field(scale.shape)
    print(
        f"A field of {shape_text(scale.shape)} {field.dtype}, {bytes_text(field.nbytes)}, "
        f"in chunks of {shape_text(scale.chunks)}.\n"
    )
    store = LocalStore(folder)
    with Table(sys.stdout) as table:
        table.heading("local files")
        _local(table, store, field, scale)
        milliseconds = f"{scale.latency * 1000:.0f} ms"
        table.heading(f"{scale.pieces} regions, from a store that takes {milliseconds} a request")
        blocking, awaited = _slow(table, store, field, scale)
    stored = sum(store.size(key) or 0 for key in store.list())
    print(
        f"\nEverything read is equal to what was written; it takes {bytes_text(stored)} on disk.\n"
        f"Awaited together the regions came {blocking.seconds / awaited.seconds:.0f} times sooner: "
        f"their requests wait at\n"
        f"the same time. A round trip is one such wait; local files have none."
    )


def make_field(shape: Shape) -> NDArray:
    """A random walk along every axis, to 1/16: neighbours are alike, as in measurements."""
    field = np.random.default_rng(0).standard_normal(shape, dtype="f4")
    for axis in range(field.ndim):
        np.cumsum(field, axis=axis, out=field)
    return np.round(field * 16) / np.float32(16)


def _local(table: Table, store: LocalStore, field: NDArray, scale: Scale) -> None:
    counted = CountingStore(store)
    azarr.create_group(counted)
    array = azarr.create_array(
        counted,
        name=NAME,
        shape=scale.shape,
        chunks=scale.chunks,
        dtype=field.dtype,
        dimension_names=["time", "y", "x"],
    )

    def measure(label: str, work: Callable[[], Any], nbytes: int) -> Any:
        table.begin(label)
        counted.log.clear()
        start = perf_counter()
        result = work()
        table.row(label, Measured(perf_counter() - start, nbytes, len(counted.log)))
        return result

    def write() -> None:
        array[...] = field

    measure("write the field", write, field.nbytes)
    _check("the field", measure("read it whole", lambda: array[...], field.nbytes), field)
    expected = field[scale.region]
    label = f"read a region of {shape_text(expected.shape)}"
    _check("the region", measure(label, lambda: array[scale.region], expected.nbytes), expected)


def _slow(
    table: Table, store: LocalStore, field: NDArray, scale: Scale
) -> tuple[Measured, Measured]:
    regions = _scattered_regions(scale)
    ways: dict[str, Callable[..., Any]] = {
        "blocking, one after the other": _read_one_by_one,
        "awaited together, in one task group": _read_together,
    }
    costs = []
    for label, way in ways.items():
        slow = LatencyStore(store, scale.latency)
        table.begin(label)
        seconds, pieces = way(slow, regions, partial(table.begin, label))
        nbytes = sum(piece.nbytes for piece in pieces)
        costs.append(Measured(seconds, nbytes, len(slow.log), slow.log.round_trips))
        table.row(label, costs[-1])
        for region, piece in zip(regions, pieces, strict=True):
            _check(f"the region {region}", piece, field[region])
    return costs[0], costs[1]


def _scattered_regions(scale: Scale) -> list[Region]:
    """Regions of the shape `piece`, each somewhere within a chunk of its own, in random order."""
    rng = np.random.default_rng(1)
    counts = [length // chunk for length, chunk in zip(scale.shape, scale.chunks, strict=True)]
    chosen = rng.choice(int(np.prod(counts)), scale.pieces, replace=False)
    corners = np.stack(np.unravel_index(chosen, counts), axis=1) * scale.chunks
    corners += rng.integers(0, np.subtract(scale.chunks, scale.piece) + 1, corners.shape)
    return [
        tuple(slice(int(i), int(i) + n) for i, n in zip(corner, scale.piece, strict=True))
        for corner in corners
    ]


def _read_one_by_one(
    slow: LatencyStore, regions: list[Region], progress: Callable[[str], None]
) -> tuple[float, list[NDArray]]:
    array = azarr.open_array(slow, mode="r", path=NAME)
    expected = seconds_text(len(regions) * slow.seconds).strip()
    slow.log.clear()
    pieces = []
    start = perf_counter()
    for region in regions:
        pieces.append(array[region])
        progress(f"{len(pieces):>4} of {len(regions)}, about {expected}")
    return perf_counter() - start, pieces


def _read_together(
    slow: LatencyStore, regions: list[Region], progress: Callable[[str], None]
) -> tuple[float, list[NDArray]]:
    pieces: list[Any] = [None] * len(regions)

    async def read(array: azarr.aio.AsyncArray, i: int) -> None:
        pieces[i] = await array.getitem(regions[i])

    async def read_all() -> float:
        array = await azarr.aio.open_array(slow, mode="r", path=NAME)
        slow.log.clear()
        start = perf_counter()
        async with anyio.create_task_group() as tasks:
            for i in range(len(regions)):
                tasks.start_soon(read, array, i)
        return perf_counter() - start

    return anyio.run(read_all), pieces


def _check(what: str, got: NDArray, expected: NDArray) -> None:
    if not np.array_equal(got, expected):
        raise CommandError(f"{what} as read is not what was written: this is a bug")


NEXT_STEPS = """
Where to go next
  keep the data       azarr demo --keep DIR
  from Python         import azarr; help(azarr.create_array)
  a first program     README.md and docs/quick-start.md in the source
"""

NEXT_STEPS_KEPT = """
The data are in {folder}. Where to go next
  look at them        azarr tree {quoted}
                      azarr info {quoted_field}
  read them           field = azarr.open_array({path!r}, mode="r")
                      field[10, :5, :5]
  a first program     README.md and docs/quick-start.md in the source
"""

HELP_NOTES = """\
It takes about 12 seconds: 10 of them are 200 requests of 50 ms, one after the
other. The data are in a temporary folder, and gone afterwards.

columns:
  time         wall time of the work alone; opening the array is not in it
  MB/s         millions of decoded bytes per second
  requests     calls to the store; here each is one chunk
  round trips  the longest chain of requests each of which began after the one
               before it had ended: how often the work waited for an answer.
               Counted for the slow store; local files answer at once ("-").

exit status: 0, or 1 when something read is not equal to what was written.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep",
        metavar="DIR",
        type=Path,
        help="write the data into DIR, which must be new or empty, and leave them there",
    )


def _run(arguments: argparse.Namespace) -> None:
    if arguments.keep is None:
        with tempfile.TemporaryDirectory(prefix="azarr-demo-") as folder:
            run_demo(Path(folder), Scale())
        print(NEXT_STEPS, end="")
        return
    folder = arguments.keep
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CommandError(f"--keep {folder}: not an empty folder; name a new one", MISUSED)
    run_demo(folder, Scale())
    field = folder / NAME
    print(
        NEXT_STEPS_KEPT.format(
            folder=folder,
            path=str(field),
            quoted=shlex.quote(str(folder)),
            quoted_field=shlex.quote(str(field)),
        ),
        end="",
    )


DEMO = Command(
    "demo",
    "write and read 64 MB, from local files and a slow store",
    _add_arguments,
    _run,
    HELP_NOTES,
)
