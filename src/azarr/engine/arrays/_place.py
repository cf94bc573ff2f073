"""Several decoded chunks into the result: one copy for as many as go one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from azarr.indexing import FieldNames
from azarr.plan import Plan
from azarr.typing import Buffer, NDArray

Waiting: TypeAlias = tuple[Any, Buffer, Any, Any, "Place"]
"""The name of a chunk, its bytes, its chunk selection and out selection, and where it goes."""


class Place:
    """Where the chunks of a plan go.

    Args:
        target, fields: as for `scatterer`.
        scatter: what that has made: it decodes a chunk into the target.
    """

    __slots__ = ("_end_of_run", "_fields", "_put_run", "_target", "scatter")

    def __init__(
        self,
        plan: Plan,
        target: NDArray,
        fields: FieldNames,
        scatter: Callable[[Buffer, Any, Any], None],
    ) -> None:
        self._target, self._fields = target, fields
        self.scatter = scatter
        # Not methods of its own, which would refer back to it, and keep the result alive.
        if plan.flat:
            self._end_of_run, self._put_run = _end_of_points, _put_points
        elif plan.sliced:
            self._end_of_run, self._put_run = _end_of_row, _put_row
        else:
            self._end_of_run, self._put_run = _end_of_one, _put_one

    def put(self, chunks: NDArray, steps: Sequence[Waiting]) -> None:
        """Copy what is selected of decoded chunks; `chunks` has an axis more, for the steps."""
        if self._fields is not None:
            chunks = chunks[self._fields]
        at, count = 0, len(steps)
        while at < count:
            stop = self._end_of_run(steps, at)
            self._put_run(self._target, chunks[at:stop], steps[at:stop])
            at = stop


def _end_of_one(steps: Sequence[Waiting], at: int) -> int:
    """With index arrays, each chunk has selections of its own."""
    return at + 1


def _put_one(target: NDArray, chunks: NDArray, steps: Sequence[Waiting]) -> None:
    _, _, selection, out, _ = steps[0]
    target[out] = chunks[0][selection]


def _end_of_row(steps: Sequence[Waiting], at: int) -> int:
    """Up to where steps select the same of each chunk, and go one after the other."""
    _, _, selection, out, _ = steps[at]
    if not selection or type(selection[-1]) is not slice:
        return at + 1
    rest, end = out[:-1], out[-1].stop
    for stop in range(at + 1, len(steps)):
        _, _, next_selection, next_out, _ = steps[stop]
        axis = next_out[-1]
        if axis.start != end or next_selection != selection or next_out[:-1] != rest:
            return stop
        end = axis.stop
    return len(steps)


def _put_row(target: NDArray, chunks: NDArray, steps: Sequence[Waiting]) -> None:
    if len(steps) == 1:
        _put_one(target, chunks, steps)
        return
    _, _, selection, (*rest, first), _ = steps[0]
    row = target[(*rest, slice(first.start, steps[-1][3][-1].stop))]
    parts = chunks[(slice(None), *selection)]
    last = parts.ndim - 1
    blocks = row.reshape(*row.shape[:-1], len(parts), parts.shape[last])
    blocks[...] = parts.transpose(*range(1, last), 0, last)


def _end_of_points(steps: Sequence[Waiting], at: int) -> int:
    """Up to where points of the result go one after the other, wherever in their chunks they are.

    Between two that do not, there is a chunk that does not exist.
    """
    end = steps[at][3].stop
    for stop in range(at + 1, len(steps)):
        out = steps[stop][3]
        if out.start != end:
            return stop
        end = out.stop
    return len(steps)


def _put_points(target: NDArray, chunks: NDArray, steps: Sequence[Waiting]) -> None:
    offsets = [offsets for _, _, offsets, _, _ in steps]
    size = chunks[0].size
    starts = np.repeat(np.arange(len(steps)) * size, [*map(len, offsets)])
    points = slice(steps[0][3].start, steps[-1][3].stop)
    target[points] = chunks.reshape(-1)[np.concatenate(offsets) + starts]
