"""Decoded chunks into the result: the statement `target[...] = chunk[...]`, in its few forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from azarr.codecs import Pipeline
from azarr.indexing import FieldNames
from azarr.typing import Buffer, NDArray, Order

DIRECT_BYTES = 64 * 1024
"""Chunks of at least this many bytes are decoded into memory that is there already: into the
output, or into a scratch buffer used again and again. Below it a fresh allocation is cheaper than
the extra argument (8 KiB blosc chunk: 1.5 us against 3.0 us with a destination)."""

LONG_BYTES = 4 * 1024 * 1024
"""To copy or to fill so many takes a millisecond: from there on, not on an event loop."""

ROW_BYTES = range(64, 256)
"""Rows of so many bytes are copied as one element each: cubes of 64 x 64 x 64 bytes then take 0.79
to 0.87 of the time to read, 0.83 to 0.90 with two bytes an element, 0.59 to 0.82 with edges of 128
bytes. Shorter rows take longer, longer ones about the same."""

_FIXED_SIZE = frozenset("biufcmMSUV")
"""Kinds of data types whose elements are their bytes, unless some of their fields are objects."""


def scatterer(
    pipeline: Pipeline, order: Order, flat: bool, target: NDArray, fields: FieldNames
) -> Callable[[Buffer, Any, Any], None]:
    """The function that decodes a chunk and puts its selected part into the target."""
    decode = pipeline.decode
    if flat:

        def scatter_points(data: Buffer, offsets: Any, points: Any) -> None:
            chunk = decode(data).reshape(-1)
            target[points] = (chunk if fields is None else chunk[fields])[offsets]

        return scatter_points
    if fields is not None:

        def scatter_fields(data: Buffer, chunk_selection: Any, out_selection: Any) -> None:
            target[out_selection] = decode(data)[fields][chunk_selection]

        return scatter_fields
    if not pipeline.decodes_into:

        def scatter_small(data: Buffer, chunk_selection: Any, out_selection: Any) -> None:
            target[out_selection] = decode(data)[chunk_selection]

        return scatter_small
    return _scatter_directly(pipeline, order, target)


def _scatter_directly(
    pipeline: Pipeline, order: Order, target: NDArray
) -> Callable[[Buffer, Any, Any], None]:
    """Decode into the target where a chunk is one contiguous piece of it, else into scratch memory.

    Scratch memory lives as long as the read.
    """
    decode = pipeline.decode
    scratch = Scratch(pipeline, order)

    def scatter(data: Buffer, chunk_selection: Any, out_selection: Any) -> None:
        piece = scratch.place_in(target, chunk_selection, out_selection)
        if piece is not None:
            chunk = decode(data, piece)
            if chunk is not piece:
                piece[...] = chunk
            return
        buffer = scratch.take()
        part = decode(data, buffer)[chunk_selection]
        view = view_of(target, out_selection)
        if view is None:
            target[out_selection] = part
        else:
            copy_into(view, part)
        scratch.give(buffer)

    return scatter


class Scratch:
    """Memory for chunks that is used again and again: as much as chunks are in work at once.

    New memory, which the system clears, takes longer than most of what is done with it.
    """

    def __init__(self, pipeline: Pipeline, order: Order) -> None:
        self._shape, self._dtype = pipeline.chunk_shape, pipeline.data_type.dtype
        self._order = order
        self._free: list[NDArray] = []

    def take(self) -> NDArray:
        """Memory of a chunk's shape, with anything in it."""
        try:
            return self._free.pop()
        except IndexError:
            return np.empty(self._shape, self._dtype, order=self._order)

    def give(self, memory: NDArray) -> None:
        """It is not needed any more."""
        self._free.append(memory)

    def is_like(self, array: NDArray) -> bool:
        """Whether an array has a chunk's shape and data type, and lies in one piece as it does."""
        flags = array.flags
        contiguous = flags.c_contiguous if self._order == "C" else flags.f_contiguous
        return contiguous and array.shape == self._shape and array.dtype == self._dtype

    def place_in(self, target: NDArray, chunk_selection: Any, out_selection: Any) -> NDArray | None:
        """The view of the target that is all of a chunk as it lies in memory; None: there is none.

        A permutation or repetition of a chunk's elements has its shape too, and index arrays make
        copies of the target, so only slices count.
        """
        if not (in_order(chunk_selection) and in_order(out_selection)):
            return None
        piece = target[(*out_selection, ...)]  # of a 0-d target a view too, and no scalar
        return piece if self.is_like(piece) else None


def copy_into(target: NDArray, source: Any) -> None:
    """`target[...] = source`, of a large chunk; they do not overlap.

    Example:
        >>> target = np.zeros((2, 3), "u1")
        >>> copy_into(target, np.array([[1, 2, 3], [4, 5, 6]], "u1"))
        >>> target.tolist()
        [[1, 2, 3], [4, 5, 6]]
    """
    shape, dtype, itemsize = target.shape, target.dtype, target.itemsize
    if (
        len(shape) > 1
        and shape[-1] * itemsize in ROW_BYTES
        and source.shape == shape
        and source.dtype == dtype
        and target.strides[-1] == source.strides[-1] == itemsize
        and dtype.kind in _FIXED_SIZE
        and not dtype.hasobject
    ):
        row = np.dtype((np.void, shape[-1] * itemsize))
        target, source = target.view(row), source.view(row)
    target[...] = source


def view_of(target: NDArray, selection: Any) -> NDArray | None:
    """The view that slices select, of as many dimensions; None: there are other indices."""
    items = selection if isinstance(selection, tuple) else (selection,)
    if all(type(item) is slice for item in items):
        return target[(*items, ...)]  # of a 0-d target a view too, and no scalar
    return None


def in_order(selection: Any) -> bool:
    """Whether it is made of slices without steps, so that it selects one block as it lies."""
    return all(
        each is Ellipsis or (type(each) is slice and each.step in (None, 1)) for each in selection
    )
