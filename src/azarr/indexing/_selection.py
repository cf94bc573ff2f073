"""The two normalized selections. Every rule has been applied: no negative index, no Ellipsis.

Plain values: they can be compared, pickled, and planned against any chunk grid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from azarr.typing import Shape

Axis: TypeAlias = int | slice | np.ndarray[Any, np.dtype[np.intp]]
"""What is selected along one axis: an index in [0, length), which drops the axis from the result; a
slice with 0 <= start <= stop <= length and step >= 1, where stop is one past the last selected
element; or a 1-D array of indices in [0, length), in any order, repeats allowed."""


@dataclass(frozen=True, slots=True, eq=False)
class OrthogonalSelection:
    """The outer product of one `Axis` per dimension. Basic and block selections are the case
    without index arrays.

    Attributes:
        axes: one entry per dimension of the array.
        shape: the shape of the result; integer axes are dropped.
        indices: how many indices the index arrays have; None: there is no index array.
    """

    axes: tuple[Axis, ...]
    shape: Shape
    indices: int | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class CoordinateSelection:
    """Single elements, one per point; mask selections become this one too.

    Attributes:
        coordinates: per dimension, a 1-D array of indices in [0, length), all of one length.
        shape: the shape of the result, whose elements in C order are the points.
    """

    coordinates: tuple[np.ndarray[Any, np.dtype[np.intp]], ...]
    shape: Shape

    @property
    def indices(self) -> int:
        """How many points there are."""
        return len(self.coordinates[0]) if self.coordinates else 0


Selection: TypeAlias = OrthogonalSelection | CoordinateSelection
