"""The door from a selection to its plan, and the interface that both plans have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from azarr.indexing import CoordinateSelection, Selection
from azarr.model import ChunkGrid, RectilinearGrid
from azarr.plan._coordinate import CoordinatePlan
from azarr.plan._orthogonal import OrthogonalPlan
from azarr.plan._rectilinear import RectilinearPlan
from azarr.plan._step import K, KeyEncoding, Step
from azarr.typing import NDArray, Shape


class Plan(Protocol):
    """What the engine carries out, the same for reading and writing."""

    @property
    def shape(self) -> Shape:
        """The shape of the result, or of the value to write."""

    @property
    def count(self) -> int:
        """The number of chunks touched, each once."""

    @property
    def flat(self) -> bool:
        """Whether chunk selections index the chunk raveled in C order."""

    @property
    def sliced(self) -> bool:
        """Whether chunk and out selections have slices and integers only, no index arrays."""

    def target(self, out: NDArray) -> NDArray:
        """What the out selections index when reading."""

    def finish(self, target: NDArray, out: NDArray) -> None:
        """What is left to do after the last step of reading."""

    def source(self, value: NDArray) -> NDArray:
        """What the out selections index when writing; `value` has the plan's shape."""

    def steps(self, encoding: KeyEncoding[K], prefix: str = "") -> Iterator[Step[K]]:
        """One step per chunk; `prefix` ("" or "path/") goes before each chunk key."""

    def inner(self, selection: Any, shape: Shape, chunk_shape: Shape) -> Plan:
        """The plan of one step's chunk selection in its chunk, of `shape`, divided once more."""


def plan_selection(selection: Selection, shape: Shape, grid: ChunkGrid) -> Plan:
    """The plan of a selection from an array of `shape` stored in the chunks of `grid`.

    Example:
        >>> from azarr.indexing import basic_selection
        >>> from azarr.model import ChunkKeyEncoding, RegularGrid
        >>> selection = basic_selection((slice(3, 6), 0), (10, 4))
        >>> plan = plan_selection(selection, (10, 4), RegularGrid((5, 4)))
        >>> for step in plan.steps(ChunkKeyEncoding("v2", "."), "a/"):
        ...     print(step)
        ('a/0.0', (slice(3, 5, 1), 0), (slice(0, 2, 1),), False)
        ('a/1.0', (slice(0, 1, 1), 0), (slice(2, 3, 1),), False)
    """
    if not grid.is_regular:
        assert isinstance(grid, RectilinearGrid)
        if isinstance(selection, CoordinateSelection):
            return CoordinatePlan(selection, shape, grid.bounds)
        return RectilinearPlan(selection, shape, grid.bounds)
    kind = CoordinatePlan if type(selection) is CoordinateSelection else OrthogonalPlan
    return kind(selection, shape, grid.chunk_shape)  # type: ignore[arg-type]
