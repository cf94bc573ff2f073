"""Small chunks that wait to be decoded by one call of the codec.

A chunk of 8 KiB takes 2 us to decode and 2 us to copy, of which most are the calls.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from azarr.codecs import Pipeline
from azarr.engine.arrays._place import Place, Waiting
from azarr.engine.process._process import process
from azarr.typing import Buffer

K = TypeVar("K")

MOST = 128
MOST_BYTES = 1024 * 1024
"""Decoded chunks that stay in a cache of the processor until they are copied: with 64 of 8 KiB
decoding takes 1.07 us each, with 128 0.94, with 256 0.88, alone 2.0."""

MEMORY_BYTES = 2 * MOST_BYTES + 32 * 1024
"""For a batch decoded and encoded, kept for the next one: as many as threads decode at once."""

FEW = 16
"""Fewer take longer together than one by one: what is done once for all of them takes 20 us."""


class Batch(Generic[K]):
    """The chunks of one worker, by their names.

    Args:
        fail: says where a chunk is, and raises the error that it could not be decoded with.
    """

    def __init__(self, pipeline: Pipeline, fail: Callable[[Exception, K], NoReturn]) -> None:
        self._decode = pipeline.decode_together
        self._fail = fail
        self._most = max(1, min(MOST, MOST_BYTES // max(1, pipeline.nbytes)))
        self._waiting: list[Waiting] = []

    def add(self, name: K, data: Buffer, selection: Any, out: Any, place: Place) -> None:
        """A chunk's bytes, its chunk selection and its out selection, and where it goes."""
        if self._decode is None:
            self._put(name, data, selection, out, place)
            return
        self._waiting.append((name, data, selection, out, place))
        if len(self._waiting) == self._most:
            self.flush()

    def flush(self) -> None:
        """Put everything that waits into its place."""
        steps, self._waiting = self._waiting, []
        if len(steps) < FEW or not self._put_together(steps):
            for step in steps:
                self._put(*step)

    def _put_together(self, steps: list[Waiting]) -> bool:
        assert self._decode is not None
        spare = process().batch_memory
        try:
            memory = spare.pop()
        except IndexError:
            memory = np.empty(MEMORY_BYTES, np.uint8)
        try:
            chunks = self._decode([data for _, data, *_ in steps], memory)
            if chunks is None:
                return False
            at = 0
            for place, group in groupby(steps, itemgetter(4)):
                some = list(group)
                place.put(chunks[at : at + len(some)], some)
                at += len(some)
            return True
        finally:
            spare.append(memory)

    def _put(self, name: K, data: Buffer, selection: Any, out: Any, place: Place) -> None:
        try:
            place.scatter(data, selection, out)
        except Exception as error:
            self._fail(error, name)
