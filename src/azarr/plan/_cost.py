"""What carrying out a plan takes, known before anything is done: counted, never measured.

The rules of the engine in numbers: a chunk that is written in part is read first, a shard is read
whole or by its index. The engine says how it works at present (`Terms`), nothing here asks a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import prod
from typing import Any, NamedTuple

from azarr.codecs import Index, ShardLayout, coalesce
from azarr.model import ArrayMetadata
from azarr.plan._plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How the engine would carry out the plan.

    Attributes:
        workers: requests in flight at once, at most.
        prefix: what goes before each chunk key: "" or "path/".
        layout: how chunks are divided once more, if they are; the largest, where they differ.
        layout_at: the same for one key, where chunks have different shapes.
        known: the index of a shard by its key, where it is known; None: it has to be read.
        gap, most: which byte ranges of a shard are read as one, see `coalesce`, and which shards
            are read whole, see `ShardLayout.is_small`.
        whole_fields: False: elements are written in part, so every chunk is read first.
        skips_empty: a chunk that becomes empty may need no second request.
        read_most: the most requests that reading one chunk may take (3 with partial decompression).
    """

    workers: int
    prefix: str = ""
    layout: ShardLayout | None = None
    layout_at: Callable[[str], ShardLayout | None] | None = None
    known: Callable[[str], Index | None] = lambda key: None
    gap: int = 0
    most: int = 0
    whole_fields: bool = True
    skips_empty: bool = False
    read_most: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cost:
    """What a read or a write would do. No I/O was done to find out.

    Bytes of stored values are bounded by their decoded size, for how well they compress is in the
    store; they are exact where chunks are not compressed, or where the index of a shard is known.
    Retries, and conflicts with other writers, come on top.

    Attributes:
        writes: whether it is the cost of writing.
        chunks: chunks touched; inner chunks where there are shards.
        chunks_in_array: chunks of the whole array.
        keys: stored values touched: chunks, or shards.
        requests: calls of the store, at most.
        requests_least: calls of the store, at least; the same number where it is known.
        byte_ranges: whole values and byte ranges that are read, at most: requests of an object
            store that takes one range a request.
        in_flight: the most requests at the same time.
        round_trips: the longest chain of requests that wait for one another, at most.
        bytes_wanted: bytes of the selection, in memory.
        bytes_read: bytes fetched, at most (see above).
        bytes_written: bytes stored, at most (see above).
        peak_memory: bytes allocated at once, about: result, and chunks being worked on.
    """

    writes: bool
    chunks: int
    chunks_in_array: int
    keys: int
    requests: int
    requests_least: int
    byte_ranges: int
    in_flight: int
    round_trips: int
    bytes_wanted: int
    bytes_read: int
    bytes_written: int
    peak_memory: int

    @property
    def exact(self) -> bool:
        """Whether the number of requests is known, not only bounded."""
        return self.requests == self.requests_least

    @property
    def amplification(self) -> float:
        """Bytes moved for each byte wanted, at most."""
        return (self.bytes_read + self.bytes_written) / max(self.bytes_wanted, 1)

    def rows(self) -> Iterator[tuple[str, str]]:
        """Names and values, for people."""
        yield "chunks", f"{self.chunks:,} of {self.chunks_in_array:,}"
        if self.keys != self.chunks:
            yield "stored values", f"{self.keys:,}"
        span = f"{self.requests:,}"
        if not self.exact:
            span = f"{self.requests_least:,} to {span}"
        yield "requests", f"{span}, {self.in_flight:,} at a time"
        if self.byte_ranges > self.requests:
            yield "byte ranges", f"at most {self.byte_ranges:,}"
        yield "round trips", f"{self.round_trips:,}"
        yield "bytes wanted", human_bytes(self.bytes_wanted)
        for name, nbytes in (("read", self.bytes_read), ("written", self.bytes_written)):
            if nbytes:
                factor = nbytes / max(self.bytes_wanted, 1)
                yield f"bytes {name}", f"at most {human_bytes(nbytes)} ({factor:.3g} x wanted)"
        yield "peak memory", f"about {human_bytes(self.peak_memory)}"

    def __repr__(self) -> str:
        rows = [*self.rows()]
        width = max(len(name) for name, _ in rows)
        lines = (f"  {name:<{width}}  {value}" for name, value in rows)
        return "\n".join(["write" if self.writes else "read", *lines])

    def _repr_html_(self) -> str:
        from html import escape

        cells = "".join(
            f'<tr><th style="text-align:left">{escape(name)}</th>'
            f'<td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in self.rows()
        )
        return f"<table><caption>{'write' if self.writes else 'read'}</caption>{cells}</table>"


class _Step(NamedTuple):
    """What one stored value takes."""

    chunks: int = 1
    requests: int = 1
    least: int = 1
    ranges: int = 0
    read: int = 0
    written: int = 0
    memory: int = 0


def cost_of(
    plan: Plan, metadata: ArrayMetadata, wanted: int, nbytes: int, terms: Terms, *, write: bool
) -> Cost:
    """The cost of a plan.

    Args:
        wanted: bytes of the selection.
        nbytes: decoded bytes of a chunk, of a shard where there are shards.

    At most about 1 us per chunk; nothing per chunk when reading an array without shards.
    """
    totals, heaviest, waits = _totals(plan, metadata, nbytes, terms, write)
    workers = max(1, min(terms.workers, plan.count))
    layout = terms.layout
    inner = 1 if layout is None else prod(layout.counts)
    in_array = inner * prod(metadata.chunk_counts)
    if layout is not None:
        lengths = zip(metadata.shape, layout.inner.chunk_shape, strict=True)
        in_array = prod(-(-length // chunk) for length, chunk in lengths)
    return Cost(
        writes=write,
        chunks=totals.chunks,
        chunks_in_array=in_array,
        keys=plan.count,
        requests=totals.requests,
        requests_least=totals.least,
        byte_ranges=totals.ranges,
        in_flight=min(workers, totals.requests),
        round_trips=_longest_chain(waits, workers),
        bytes_wanted=wanted,
        bytes_read=totals.read,
        bytes_written=totals.written,
        peak_memory=(0 if write else wanted * (2 if plan.flat else 1)) + workers * heaviest,
    )


def _totals(
    plan: Plan, metadata: ArrayMetadata, nbytes: int, terms: Terms, write: bool
) -> tuple[_Step, int, list[tuple[int, int]]]:
    """The sum of all steps, the most memory of one, and how many requests in a row they take.

    The last as (requests, steps in a row that take so many), in the order of the steps.
    """
    if not write and terms.layout is None:
        most, count = terms.read_most, plan.count
        step = _Step(1, most, 1, most, nbytes, 0, 2 * nbytes)
        return _Step(*(count * each for each in step)), step.memory, [(most, count)]
    sums, heaviest, waits = [0] * len(_Step._fields), 0, list[tuple[int, int]]()
    for step in _steps(plan, metadata, nbytes, terms, write):
        sums = [total + each for total, each in zip(sums, step, strict=True)]
        heaviest = max(heaviest, step.memory)
        if waits and waits[-1][0] == step.requests:
            waits[-1] = step.requests, waits[-1][1] + 1
        else:
            waits.append((step.requests, 1))
    return _Step(*sums), heaviest, waits


def _steps(
    plan: Plan, metadata: ArrayMetadata, nbytes: int, terms: Terms, write: bool
) -> Iterator[_Step]:
    for key, selection, _, whole in plan.steps(metadata.chunk_key_encoding, terms.prefix):
        touched: Any = None
        layout = terms.layout if terms.layout_at is None else terms.layout_at(key)
        if layout is not None:
            inner = plan.inner(selection, layout.shape, layout.inner.chunk_shape)
            touched = [number for number, *_ in inner.steps(layout)]
        if not write:
            assert layout is not None  # reading without shards is not counted by steps
            # Those of different shapes are read each by itself.
            shards = plan.count if terms.layout_at is None else 1
            small = layout.is_small(shards, terms.gap, terms.most)
            yield _shard_read(key, touched, whole, small, nbytes, terms, layout)
            continue
        index = 0 if layout is None else layout.index_nbytes
        chunks = 1 if touched is None else len(touched)
        stored = nbytes + index
        if not (whole and terms.whole_fields) or plan.flat:
            least = 1 if terms.skips_empty else 2
            yield _Step(chunks, 2, least, 1, stored, stored, 4 * nbytes)
        elif _reaches_out(key.removeprefix(terms.prefix), metadata):
            # Created if it does not exist; else, as a part of a chunk is written.
            yield _Step(chunks, 3, 1, 1, stored, 2 * stored, 4 * nbytes)
        else:
            yield _Step(chunks, 1, 1, 0, 0, stored, 2 * nbytes)


def _reaches_out(key: str, metadata: ArrayMetadata) -> bool:
    """Whether some of a chunk lies outside of the array."""
    coords = metadata.chunk_key_encoding.parse(key, metadata.ndim)
    assert coords is not None  # the plan made the key
    grid = metadata.chunk_grid
    return grid.inside(coords, metadata.shape) != grid.shape_at(coords)


def _shard_read(
    key: str,
    touched: list[int],
    whole: bool,
    small: bool,
    nbytes: int,
    terms: Terms,
    layout: ShardLayout,
) -> _Step:
    """Whole in one request; else the index, unless it is known, and then ranges of it."""
    count = len(touched)
    whole = whole or count == prod(layout.counts)
    index = None if whole else terms.known(key)
    if whole or (small and index is None):
        return _Step(count, 1, 1, 1, nbytes + layout.index_nbytes, 0, 2 * nbytes)
    if index is not None:
        entries = [entry for number in touched if (entry := index[number]) is not None]
        ranges = coalesce(entries, terms.gap, terms.most)
        read = sum(stop - start for start, stop in ranges)
        asked = 1 if ranges else 0
        return _Step(count, asked, asked, len(ranges), read, 0, read + layout.inner.nbytes)
    chunks = count * layout.inner.nbytes + (count - 1) * terms.gap
    read = min(chunks, nbytes)
    memory = read + layout.inner.nbytes + layout.index_nbytes
    return _Step(count, 2, 1, 1 + count, read + layout.index_nbytes, 0, memory)


def _longest_chain(waits: list[tuple[int, int]], workers: int) -> int:
    """Requests in a row of the busiest worker, when each pulls the next step as it is done."""
    if len(waits) < 2:
        return sum(wait * -(-count // workers) for wait, count in waits)
    busy = [0] * workers
    heapify(busy)
    for wait, count in waits:
        for _ in range(count):
            heapreplace(busy, busy[0] + wait)
    return max(busy)


def human_bytes(nbytes: int) -> str:
    """A number of bytes with three digits: '512 B', '1.5 KiB', '20.3 MiB'."""
    size, units = float(nbytes), ("B", "KiB", "MiB", "GiB", "TiB")
    for unit in units:
        if size < 1000 or unit == units[-1]:
            break
        size /= 1024
    return f"{nbytes} B" if unit == "B" else f"{size:.3g} {unit}"
