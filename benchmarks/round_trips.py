"""What a slow store costs: azarr beside zarr-python and tensorstore, on a server that waits 50 ms.

`python -m benchmarks.round_trips [--latency 0.05] [--rounds 3] [--only WORD] [--faults]`

Every sample uses a bucket of its own, so that nobody has anything cached, and an array that is open
and has been asked once, so that connections exist. Every result is compared with the data. The
table shows seconds (median) and requests; at its end, azarr's targets. `--faults` measures azarr
alone: a clean server, then one with 2 % errors and a heavy tail, without and with hedging.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks._remote_contenders import Azarr, Client, Layout, clients, versions
from benchmarks.s3_server import Conditions, RemoteServer, in_process

PLAIN = Layout()
SHARDED = Layout(shards=(400, 400))
VALUES = np.random.default_rng(5).integers(1, 60_000, PLAIN.shape).astype("u2")
NAMES = [f"array{i:02}" for i in range(20)]
PATIENCE = 8.0
"""A contender that has taken so many seconds for a row has had its turns."""

ACROSS = (slice(25, 75), slice(25, 75))
ROW = (slice(0, 50), slice(None))
ONE = (slice(0, 50), slice(0, 50))
FAR = (slice(1550, 1600), slice(1550, 1600))


class Wrong(Exception):
    """A contender's result is not the data."""


def check(found: Any, selection: Any) -> None:
    if not np.array_equal(found, VALUES[selection]):
        raise Wrong(f"{selection} is not the data")


Turn = Callable[[Client, str], Callable[[], Any]]
"""Prepares a bucket; the function it returns is what is measured."""


@dataclass(frozen=True)
class Row:
    """A row of the table: the bucket its samples are copies of, and what is done with one."""

    name: str
    source: str | None
    turn: Turn
    groups: bool = False


def _write_all(client: Client, bucket: str) -> Callable[[], Any]:
    array = client.create(bucket, PLAIN)
    return lambda: array.write(..., VALUES)


def _read(selection: Any, warm: Any, repeated: bool = False) -> Turn:
    def turn(client: Client, bucket: str) -> Callable[[], Any]:
        array = client.open(bucket)
        array.read(selection if repeated else warm)
        return lambda: check(array.read(selection), selection)

    return turn


def _open(client: Client, bucket: str) -> Callable[[], Any]:
    client.open(bucket)
    return lambda: client.open(bucket)


def _write_across(client: Client, bucket: str) -> Callable[[], Any]:
    array = client.open(bucket)
    array.read(FAR)
    return lambda: array.write(ACROSS, VALUES[ACROSS])


def _create_many(client: Client, bucket: str) -> Callable[[], Any]:
    client.create(f"{bucket}-other", PLAIN)
    return lambda: client.create_many(bucket, NAMES)


def _list_many(client: Client, bucket: str) -> Callable[[], Any]:
    def listed() -> None:
        if sorted(client.list_many(bucket)) != NAMES:
            raise Wrong("names are missing")

    return listed


ROWS = (
    Row("write 1024 chunks", None, _write_all),
    Row("read 1024 chunks", "plain", _read(..., FAR)),
    Row("open an array", "plain", _open),
    Row("read one chunk", "plain", _read(ONE, FAR)),
    Row("write across 4 chunks", "plain", _write_across),
    Row("sharded: read all", "sharded", _read(..., FAR)),
    Row("sharded: one inner chunk", "sharded", _read(ONE, FAR)),
    Row("sharded: one row", "sharded", _read(ROW, FAR)),
    Row("sharded: one row again", "sharded", _read(ROW, FAR, repeated=True)),
    Row("create 20 arrays in a group", None, _create_many, groups=True),
    Row("list 20 arrays", "group", _list_many, groups=True),
)

_buckets = count()


@dataclass
class Sample:
    seconds: float
    requests: int
    round_trips: int


def measure(row: Row, client: Client, server: RemoteServer, rounds: int) -> Sample:
    """The median of some turns."""
    samples: list[Sample] = []
    begun = perf_counter()
    while len(samples) < rounds and perf_counter() - begun < PATIENCE:
        bucket = f"bench{next(_buckets)}"
        if row.source is not None:
            server.copy(row.source, bucket)
        with client.settings():
            action = row.turn(client, bucket)
            gc.collect()
            server.clear()
            start = perf_counter()
            action()
            seconds = perf_counter() - start
        log = server.log()
        samples.append(Sample(seconds, log["requests"], log["round_trips"]))
        if row.turn is _write_all:
            check(Azarr(server.url, "obstore").open(bucket).read(...), ...)
    last = samples[-1]
    return Sample(median(each.seconds for each in samples), last.requests, last.round_trips)


def fill(server: RemoteServer) -> None:
    """The buckets that others are copies of."""
    server.set(Conditions())
    azarr = Azarr(server.url, "obstore")
    for bucket, layout in (("plain", PLAIN), ("sharded", SHARDED)):
        azarr.create(bucket, layout).write(..., VALUES)
    azarr.create_many("group", NAMES)


def compare(server: RemoteServer, latency: float, rounds: int, only: str) -> None:
    """Measure every row for everybody, and print the table and the targets."""
    contenders = clients(server.url)
    print(f"\n{versions()}; latency {latency * 1000:.0f} ms; seconds (requests)\n")
    print("| work | " + " | ".join(each.name for each in contenders) + " |")
    print("|---" * (len(contenders) + 1) + "|")
    found: dict[tuple[str, str], Sample] = {}
    for row in (each for each in ROWS if only in each.name):
        cells = []
        for client in contenders:
            if (row.groups and not client.can_list) or (
                client.name == "azarr, at once" and row.turn is not _create_many
            ):
                cells.append("-")
                continue
            sample = found[row.name, client.name] = measure(row, client, server, rounds)
            cells.append(f"{sample.seconds:.3f} ({sample.requests})")
        print(f"| {row.name} | " + " | ".join(cells) + " |", flush=True)
    _print_ratios(found)
    _print_targets(found, latency)


def _print_ratios(found: dict[tuple[str, str], Sample]) -> None:
    print("\n| work | best peer | azarr takes, of that | azarr + s3fs, of zarr + s3fs |")
    print("|---|---|---|---|")
    for name in dict.fromkeys(row for row, _ in found):
        peers = {client: each for (row, client), each in found.items() if row == name}
        ours = min(each.seconds for who, each in peers.items() if who in OURS)
        others = {who: each.seconds for who, each in peers.items() if not who.startswith("azarr")}
        best = min(others, key=others.__getitem__)
        s3fs = peers["azarr + s3fs"].seconds / others["zarr + s3fs"]
        print(f"| {name} | {best} | {ours / others[best]:.2f} | {s3fs:.2f} |")


OURS = ("azarr + obstore", "azarr, at once")


def _print_targets(found: dict[tuple[str, str], Sample], latency: float) -> None:
    def seconds(name: str, client: str = "azarr + obstore") -> float:
        return found[name, client].seconds

    def show(text: str, value: float, most: float) -> None:
        print(f"{'met ' if value <= most else 'MISSED'} {text}: {value:.2f} (at most {most:g})")

    print()
    names = {row for row, _ in found}
    scale = latency / 0.05
    if "read 1024 chunks" in names:
        read = seconds("read 1024 chunks")
        show("read 1024 chunks, s", read, 0.45 * scale)
        if ("read 1024 chunks", "tensorstore") in found:
            show("  of tensorstore's", read / seconds("read 1024 chunks", "tensorstore"), 1 / 3)
        for name in ("read 1024 chunks", "write 1024 chunks"):
            if name in names:
                ratio = seconds(name, "azarr + s3fs") / seconds(name, "zarr + s3fs")
                show(f"  {name} through s3fs, of zarr's", ratio, 0.5)
    if "sharded: one row again" in names:
        show("sharded row, round trips", seconds("sharded: one row") / latency, 2.2)
        show("sharded row again, round trips", seconds("sharded: one row again") / latency, 1.2)
    name = "create 20 arrays in a group"
    if name in names:
        sample = found[name, "azarr, at once"]
        show(f"{name}, round trips as the server counts them", sample.round_trips, 4)


FAULTY: dict[str, Any] = {"error_rate": 0.02, "tail_rate": 0.02, "tail_latency": 1.0}


def faults(server: RemoteServer, latency: float, rounds: int) -> None:
    """azarr on a clean server, and on one that fails and has a heavy tail; turn by turn."""
    import azarr
    from azarr.config import RetryPolicy

    clean = Conditions(latency=latency)
    faulty = Conditions(latency=latency, **FAULTY)
    print(f"\nread 1024 chunks; the faulty server: {FAULTY}\n")
    contenders = {}
    for name, conditions, hedge in (
        ("clean", clean, False),
        ("faulty", faulty, False),
        ("clean, hedged", clean, True),
        ("faulty, hedged", faulty, True),
    ):
        server.set(clean)
        bucket = f"faults{next(_buckets)}"
        server.copy("plain", bucket)
        store = Azarr(server.url, "obstore").store(bucket).with_retry(RetryPolicy(hedge=hedge))
        array = azarr.open_array(store, mode="r")
        array[...]  # learns what is usual
        contenders[name] = array, conditions
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (array, conditions) in contenders.items():
            server.set(conditions)
            gc.collect()
            start = perf_counter()
            found = array[...]
            samples[name].append(perf_counter() - start)
            check(found, ...)
    for name, (array, _) in contenders.items():
        seconds = median(samples[name])
        of_clean = seconds / median(samples["clean, hedged" if "hedged" in name else "clean"])
        stats = azarr.stats()[array.store.origin]
        print(
            f"{name:15} {seconds:.3f} s, {of_clean:.2f} of clean; "
            f"{stats['retries']} retries, {stats['hedges']} hedges of {stats['requests']} requests"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--faults", action="store_true")
    given = parser.parse_args(arguments)
    with in_process() as server:
        fill(server)
        server.set(Conditions(latency=given.latency))
        if given.faults:
            faults(server, given.latency, given.rounds)
        else:
            compare(server, given.latency, given.rounds, given.only)


if __name__ == "__main__":
    sys.exit(main())
