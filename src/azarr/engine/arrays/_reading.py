"""A read that is prepared but not begun: what workers do with a step, and the steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azarr.engine.runtimes._runtime import Runtime, Work


@dataclass(frozen=True, slots=True)
class Reading:
    """The arguments of `Runtime.for_each`, and what is left to do after it.

    Attributes:
        work, steps, count, nbytes, grain: see `Runtime.for_each`.
        finish: puts the result into its final order.
    """

    work: Work
    steps: Iterator[Any]
    count: int
    nbytes: int
    grain: int
    finish: Callable[[], None]

    async def carry_out(self, runtime: Runtime) -> None:
        """Read."""
        await runtime.for_each(self.work, self.steps, self.count, self.nbytes, self.grain)
        self.finish()


async def read_together(runtime: Runtime, readings: Sequence[Reading]) -> None:
    """Carry out several readings as one: the workers pull from the steps of all of them.

    Requests: those of the readings, all in the round trips of the longest.
    """

    async def work(steps: Iterator[tuple[Reading, Any]]) -> None:
        for reading, step in steps:
            await reading.work(iter((step,)))

    await runtime.for_each(
        work,
        ((reading, step) for reading in readings for step in reading.steps),
        sum(reading.count for reading in readings),
        max((reading.nbytes for reading in readings), default=0),
        max((reading.grain for reading in readings), default=0),
    )
    for reading in readings:
        reading.finish()
