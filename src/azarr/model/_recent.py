"""What was made lately and may be made again: a small cache of immutable values."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Recent(Generic[T]):
    """The last values by what they were made from, at most `most` of them.

    All of them go when it is full. That is rare, and leaves nothing for threads to get wrong: each
    operation here is a single one of a dict.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: dict[Hashable, T] = {}
        self.get = self._values.get

    def put(self, key: Hashable, value: T) -> None:
        """Keep a value that nobody will change."""
        if len(self._values) >= self.most:
            self._values.clear()
        self._values[key] = value


def is_immutable(element: object) -> bool:
    """Whether an element, e.g. a fill value, cannot be changed in place: structured ones can."""
    if isinstance(element, np.generic):
        return not isinstance(element, np.void)
    return element is None or isinstance(element, str | bytes)
