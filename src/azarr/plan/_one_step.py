"""One step of a plan as a plan of its own, for what treats every chunk differently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from azarr.plan._plan import Plan
from azarr.plan._step import K, KeyEncoding, Step
from azarr.typing import NDArray, Shape


class OneStep:
    """A plan of one step of another; what it reads into is the target of that plan already."""

    __slots__ = ("_plan", "_step", "count", "flat", "shape", "sliced")

    def __init__(self, plan: Plan, step: Step[Any]) -> None:
        self._plan = plan
        self._step = step
        self.shape: Shape = plan.shape
        self.flat: bool = plan.flat
        self.sliced: bool = plan.sliced
        self.count = 1

    def target(self, out: NDArray) -> NDArray:
        """The target itself."""
        return out

    def finish(self, target: NDArray, out: NDArray) -> None:
        """Nothing: the plan that the step is of does it."""

    def source(self, value: NDArray) -> NDArray:
        """The source itself."""
        return value

    def steps(self, encoding: KeyEncoding[K], prefix: str = "") -> Iterator[Step[K]]:
        """The step."""
        return iter((self._step,))

    def inner(self, selection: Any, shape: Shape, chunk_shape: Shape) -> Plan:
        """The plan of the step's chunk selection in its chunk, divided once more."""
        return self._plan.inner(selection, shape, chunk_shape)
