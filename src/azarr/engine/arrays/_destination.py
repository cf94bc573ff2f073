"""Several decoded chunks into the result: one copy for as many as go one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NoReturn, TypeAlias

import numpy as np

from azarr.indexing import FieldNames
from azarr.plan import Plan, Step
from azarr.typing import Buffer, NDArray

Row: TypeAlias = Sequence[Step[Any]]
"""Steps that select the same of each chunk, and go one after the other along the last axis."""

Run: TypeAlias = tuple[Buffer, "Sequence[int] | None", Row, "Destination"]
"""Chunks that lie one after the other: their bytes, how many of each, and where they go. None: it
is one chunk."""


class Destination:
    """Where the chunks of a plan go.

    Args:
        target, fields: as for `scatterer`.
        scatter: what that has made: it decodes a chunk into the target.
        fail: raises the error that a chunk could not be decoded with, and says which one it is,
            by the first item of its step.
    """

    __slots__ = ("_end_of_row", "_fail", "_fields", "_put_row", "_scatter", "_target")

    def __init__(
        self,
        plan: Plan,
        target: NDArray,
        fields: FieldNames,
        scatter: Callable[[Buffer, Any, Any], None],
        fail: Callable[[Exception, Any], NoReturn],
    ) -> None:
        self._target, self._fields = target, fields
        self._scatter, self._fail = scatter, fail
        # Not methods of its own, which would refer back to it, and keep the result alive.
        if plan.flat:
            self._end_of_row, self._put_row = _end_of_points, _put_points
        elif plan.sliced:
            self._end_of_row, self._put_row = _end_of_row, _put_row
        else:
            self._end_of_row, self._put_row = _end_of_one, _put_one

    def put(self, chunks: NDArray, at: int, rows: Sequence[Row]) -> int:
        """Copy what is selected of decoded chunks; `chunks` has an axis more, for the steps.

        Args:
            at: the first of the chunks.

        Returns:
            The one after the last.
        """
        if self._fields is not None:
            chunks = chunks[self._fields]
        row, count = 0, len(rows)
        while row < count:
            stop = self._end_of_row(rows, row)
            steps = rows[row] if stop == row + 1 else [*chain.from_iterable(rows[row:stop])]
            end = at + len(steps)
            self._put_row(self._target, chunks[at:end], steps)
            row, at = stop, end
        return at

    def put_one(self, data: Buffer, step: Step[Any]) -> None:
        """Decode a chunk alone."""
        name, selection, out, _ = step
        try:
            self._scatter(data, selection, out)
        except Exception as error:
            self._fail(error, name)


def rows_of(steps: Sequence[Step[int]], most: int) -> list[Row]:
    """Rows of at most so many steps whose numbers follow each other."""
    rows: list[Row] = []
    at = 0
    while at < len(steps):
        number, last = steps[at][0], min(len(steps), at + most)
        stop = at + 1
        while stop < last and steps[stop][0] == number + stop - at:
            stop += 1
        singles = [(step,) for step in steps[at:stop]]
        stop = at + _end_of_row(singles, 0)
        rows.append(steps[at:stop])
        at = stop
    return rows


def _end_of_one(rows: Sequence[Row], at: int) -> int:
    """With index arrays, each chunk has selections of its own."""
    return at + 1


def _put_one(target: NDArray, chunks: NDArray, steps: Row) -> None:
    _, selection, out, _ = steps[0]
    target[out] = chunks[0][selection]


def _end_of_row(rows: Sequence[Row], at: int) -> int:
    """Up to where a row goes on in the next one."""
    _, selection, out, _ = rows[at][0]
    if not selection or type(selection[-1]) is not slice:
        return at + 1
    rest, end = out[:-1], rows[at][-1][2][-1].stop
    for stop in range(at + 1, len(rows)):
        row = rows[stop]
        _, next_selection, next_out, _ = row[0]
        axis = next_out[-1]
        if axis.start != end or next_selection != selection or next_out[:-1] != rest:
            return stop
        end = row[-1][2][-1].stop
    return len(rows)


def _put_row(target: NDArray, chunks: NDArray, steps: Row) -> None:
    if len(steps) == 1:
        _put_one(target, chunks, steps)
        return
    _, selection, (*rest, first), _ = steps[0]
    row = target[(*rest, slice(first.start, steps[-1][2][-1].stop))]
    parts = chunks[(slice(None), *selection)]
    last = parts.ndim - 1
    blocks = row.reshape(*row.shape[:-1], len(parts), parts.shape[last])
    blocks[...] = parts.transpose(*range(1, last), 0, last)


def _end_of_points(rows: Sequence[Row], at: int) -> int:
    """Up to where points of the result go one after the other, wherever in their chunks they are.

    Between two that do not, there is a chunk that does not exist.
    """
    end = rows[at][-1][2].stop
    for stop in range(at + 1, len(rows)):
        row = rows[stop]
        if row[0][2].start != end:
            return stop
        end = row[-1][2].stop
    return len(rows)


def _put_points(target: NDArray, chunks: NDArray, steps: Row) -> None:
    offsets = [offsets for _, offsets, _, _ in steps]
    size = chunks[0].size
    starts = np.repeat(np.arange(len(steps)) * size, [*map(len, offsets)])
    points = slice(steps[0][2].start, steps[-1][2].stop)
    target[points] = chunks.reshape(-1)[np.concatenate(offsets) + starts]
