"""Which inner chunks of a shard a selection needs, and which of them are neighbours. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import Any

from azarr.codecs import Entry, Index, ShardLayout
from azarr.engine.arrays._batch import most_together
from azarr.engine.arrays._destination import Row, rows_of
from azarr.engine.arrays._scatter import in_order
from azarr.plan import Plan


@dataclass(frozen=True, slots=True)
class InnerPlan:
    """The plan of a selection inside a shard, with its steps: one per inner chunk.

    Attributes:
        numbers: of the inner chunks, a column of the steps.
        singles: a row of each step.
        rows: the steps in rows of neighbours.
        whole: whether that is every inner chunk.
        in_order: whether elements are selected as they lie in the shard, none left out between.
    """

    plan: Plan
    numbers: Sequence[int]
    singles: Sequence[Row]
    rows: Sequence[Row]
    whole: bool
    in_order: bool

    def entries(self, index: Index, most: float = inf) -> list[Entry | None]:
        """Where the inner chunks are: the entry of each, or of each row of neighbours.

        Args:
            most: as for `coalesce`, which then gives the same for both.
        """
        if self.rows_in(index, most) is self.singles:
            return index.entries(self.numbers)
        return [*index.spans((row[0][0], row[-1][0]) for row in self.rows)]

    def rows_in(self, index: Index, most: float = inf) -> Sequence[Row]:
        """The steps of each of these entries."""
        if self.rows is self.singles or not index.adjacent:
            return self.singles
        ((_, nbytes),) = index.spans([(self.numbers[0], self.numbers[-1])])
        return self.rows if nbytes <= most else self.singles


class InnerPlans:
    """Plans inside shards. Neighbouring shards mostly have the same one, which is made once."""

    def __init__(self, plan: Plan, layout: ShardLayout) -> None:
        self._plan = plan
        self._layout = layout
        self._most = most_together(layout.inner)
        self._last: tuple[Any, InnerPlan] | None = None

    def of(self, selection: Any) -> InnerPlan:
        """The plan of a step's chunk selection."""
        last = self._last
        if not _is_comparable(selection):
            return self._made(selection)
        if last is None or last[0] != selection:
            self._last = last = selection, self._made(selection)
        return last[1]

    def _made(self, selection: Any) -> InnerPlan:
        layout = self._layout
        plan = self._plan.inner(selection, layout.shape, layout.inner.chunk_shape)
        steps = list(plan.steps(layout))
        numbers = [number for number, *_ in steps]
        singles: list[Row] = [(step,) for step in steps]
        rows = rows_of(steps, self._most) if plan.sliced and len(steps) > 1 else singles
        return InnerPlan(
            plan,
            numbers,
            singles=singles,
            rows=rows,
            whole=len(steps) == prod(layout.counts),
            in_order=in_order(selection),
        )


def _is_comparable(selection: Any) -> bool:
    """Index arrays are not: their comparison gives an array."""
    return type(selection) is tuple and all(type(axis) in (slice, int) for axis in selection)
