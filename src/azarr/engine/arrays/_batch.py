"""Small chunks that wait to be decoded by one call of the codec.

A chunk of 8 KiB takes 2 us to decode and 2 us to copy, of which most are the calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import numpy as np

from azarr.codecs import Pipeline
from azarr.engine.arrays._destination import Destination, Row, Run
from azarr.engine.process._process import process
from azarr.plan import Step
from azarr.typing import Buffer

MOST = 128
MOST_BYTES = 1024 * 1024
"""Decoded chunks that stay in a cache of the processor until they are copied: with 64 of 8 KiB
decoding takes 1.07 us each, with 128 0.94, with 256 0.88, alone 2.0."""

MEMORY_BYTES = 2 * MOST_BYTES + 32 * 1024
"""For a batch decoded and encoded, kept for the next one: as many as threads decode at once."""

FEW = 16
"""Fewer take longer together than one by one: what is done once for all of them takes 20 us."""


def most_together(pipeline: Pipeline) -> int:
    """How many chunks are decoded by one call, at most."""
    if pipeline.decode_together is None:
        return 1
    return max(1, min(MOST, MOST_BYTES // max(1, pipeline.nbytes)))


class Batch:
    """The chunks of one worker."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._decode = pipeline.decode_together
        self._most = most_together(pipeline)
        self._waiting: list[Run] = []
        self._count = 0

    def add(self, data: Buffer, step: Step[Any], destination: Destination) -> None:
        """A chunk, and where it goes."""
        if self._decode is None:
            destination.put_one(data, step)
            return
        self._waiting.append((data, None, (step,), destination))
        self._count += 1
        if self._count >= self._most:
            self.flush()

    def add_row(
        self, data: Buffer, sizes: Sequence[int], steps: Row, destination: Destination
    ) -> None:
        """Chunks of a row, at most `most_together`, that lie one after the other in `data`.

        Args:
            sizes: the bytes of each.
        """
        if self._count + len(steps) > self._most:
            self.flush()
        self._waiting.append((data, sizes, steps, destination))
        self._count += len(steps)
        if self._count >= self._most:
            self.flush()

    def flush(self) -> None:
        """Put everything that waits where it goes."""
        runs, self._waiting = self._waiting, []
        count, self._count = self._count, 0
        if count < FEW or not self._put_together(runs, count):
            for run in runs:
                _put(run)

    def _put_together(self, runs: Sequence[Run], count: int) -> bool:
        assert self._decode is not None
        spare = process().batch_memory
        try:
            memory = spare.pop()
        except IndexError:
            memory = np.empty(MEMORY_BYTES, np.uint8)
        try:
            buffers = [data for data, *_ in runs]
            # Without a call for each where there are single chunks only.
            sizes = map(len, buffers) if len(runs) == count else chain(*map(_sizes, runs))
            chunks = self._decode(buffers, [*sizes], memory)
            if chunks is None:
                return False
            at = 0
            for destination, group in groupby(runs, itemgetter(3)):
                at = destination.put(chunks, at, [steps for _, _, steps, _ in group])
            return True
        finally:
            spare.append(memory)


def _sizes(run: Run) -> Sequence[int]:
    data, sizes, *_ = run
    return (len(data),) if sizes is None else sizes


def _put(run: Run) -> None:
    data, sizes, steps, destination = run
    if sizes is None:
        destination.put_one(data, steps[0])
        return
    view, at = memoryview(data), 0
    for nbytes, step in zip(sizes, steps, strict=True):
        destination.put_one(view[at : at + nbytes], step)
        at += nbytes
