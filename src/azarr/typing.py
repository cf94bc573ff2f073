"""Type aliases that more than one layer uses. Nothing here is executed at run time but names."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal, TypeAlias

import numpy as np

# Not numpy.typing: it takes 15 ms to import.
NDArray: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Buffer: TypeAlias = bytes | bytearray | memoryview
"""What a store takes and returns as a value: contiguous bytes."""

JSON: TypeAlias = "None | bool | int | float | str | list[JSON] | dict[str, JSON]"

ZarrFormat: TypeAlias = Literal[2, 3, "n5"]
Order: TypeAlias = Literal["C", "F"]
AccessMode: TypeAlias = Literal["r", "r+", "a", "w", "w-", "x"]

ByteRange: TypeAlias = tuple[int, int | None]
"""`(start, stop)` in bytes, as in a Python slice: `(-n, None)` is the last n bytes."""

Generation: TypeAlias = Hashable
"""A store's version tag of a value (ETag, counter, inode and time). None: there is no value."""

ChunkCoords: TypeAlias = tuple[int, ...]
Shape: TypeAlias = tuple[int, ...]
DTypeLike: TypeAlias = np.dtype[Any] | type | str | list[Any] | tuple[Any, ...]
