"""Stored bytes + a written part -> new stored bytes, for a chunk and for a shard. Pure functions.

Both answer the same two questions: what to store when everything is given, and what to store when
a part is. None means: nothing but the fill value, so nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from math import prod
from operator import gt
from typing import Any, Protocol, TypeAlias

import numpy as np

from azarr import config
from azarr.codecs import Pipeline, ShardLayout
from azarr.engine._state import ArrayState
from azarr.errors import ChunkDataError
from azarr.indexing import FieldNames
from azarr.plan import Plan
from azarr.typing import Buffer, NDArray, Shape

ROW_BYTES = 1024 * 1024
"""A row of inner chunks up to this size is made contiguous by one copy, which stays in the cache of
a core: of 8 KiB each it takes half the time of as many copies."""


class Merger(Protocol):
    """Makes the bytes to store for one key."""

    def encoded(self, selection: Any, part: NDArray) -> Buffer | None:
        """The value when `part` is all of the chunk that lies inside the array."""

    def merged(self, old: Buffer | None, selection: Any, part: NDArray) -> Buffer | None:
        """The value when `part` replaces a selection of what is stored."""

    def empty(self) -> Buffer:
        """The value that says nothing but the fill value, where one has to be stored."""


MergerOf: TypeAlias = Callable[[str], Merger]
"""The merger for a key: what is stored may depend on where the chunk lies."""


def mergers(array: ArrayState, plan: Plan, fields: FieldNames) -> MergerOf:
    """The mergers for writing a plan to an array."""
    if array.varied:
        return lambda key: mergers(array.at(key), plan, fields)(key)
    layout = array.shards
    is_empty = None if array.write_empty_chunks else emptiness(array)
    pipeline = array.pipeline if layout is None else layout.inner
    chunks = ChunkMerger(pipeline, array.fill, plan.flat, fields, is_empty)
    if pipeline.extent is not None and not config.get().n5_pad_edges:
        return lambda key: chunks.of_shape(_inside(array, key))
    one = chunks if layout is None else ShardMerger(layout, plan, chunks)
    return lambda key: one


def _inside(array: ArrayState, key: str) -> Shape:
    """How much of the chunk of a key lies inside the array, in elements along each dimension."""
    metadata = array.metadata
    coords = metadata.chunk_key_encoding.parse(key[len(array.prefix) :], metadata.ndim)
    assert coords is not None  # the plan made the key
    return metadata.chunk_grid.inside(coords, metadata.shape)


class ChunkMerger:
    """Merges into one chunk: decode, assign, encode."""

    def __init__(
        self,
        pipeline: Pipeline,
        fill: Any,
        flat: bool,
        fields: FieldNames,
        is_empty: Callable[[NDArray], bool] | None,
    ) -> None:
        self._pipeline = pipeline
        self._fill = fill
        self._flat = flat
        self._fields = fields
        self._is_empty = is_empty
        self._shape = self._stored_shape = pipeline.chunk_shape
        self._dtype = pipeline.data_type.dtype

    def of_shape(self, shape: Shape) -> ChunkMerger:
        """The same for a chunk of which only so much is stored: what lies inside the array."""
        here = copy(self)
        here._stored_shape = shape
        return here

    @property
    def whole_elements(self) -> bool:
        """Whether elements are written with all their fields: nothing of the old remains."""
        return self._fields is None

    def encoded(self, selection: Any, part: NDArray) -> Buffer | None:
        # A single element of an array of objects comes as the object itself.
        is_array = isinstance(part, np.ndarray)
        if is_array and part.shape == self._stored_shape and part.dtype == self._dtype:
            return self.whole(part)
        return self.merged(None, selection, part)

    def merged(self, old: Buffer | None, selection: Any, part: NDArray) -> Buffer | None:
        if old is None:
            chunk = self._filled()
        else:
            chunk = np.array(self._pipeline.decode(old), order="C" if self._flat else "K")
        view = chunk.reshape(-1) if self._flat else chunk
        if self._fields is None:
            view[selection] = part
        elif isinstance(self._fields, str):
            view[self._fields][selection] = part
        else:
            for name in self._fields:
                view[name][selection] = part[name]
        return self.whole(chunk, old)

    def empty(self) -> Buffer:
        return self._stored(self._filled())

    def _filled(self) -> NDArray:
        chunk: NDArray = np.empty(self._shape, self._dtype)
        chunk[...] = self._fill
        return chunk

    def whole(self, chunk: NDArray, old: Buffer | None = None) -> Buffer | None:
        """The value of a chunk of which all is given, in any memory layout, instead of `old`."""
        if self._is_empty is not None and self._is_empty(chunk):
            return None
        return self._stored(chunk, old)

    def _stored(self, chunk: NDArray, old: Buffer | None = None) -> Buffer:
        if chunk.shape != self._stored_shape and not self._reaches_out(old):
            chunk = chunk[tuple(map(slice, self._stored_shape))]
        return self._pipeline.encode(chunk)

    def _reaches_out(self, old: Buffer | None) -> bool:
        """Whether more is stored than lies inside, for all that this writer knows.

        Others may have made the array longer since, so nothing of it is cut off. In which shape it
        lies inside is not known then; and not every reader knows blocks of a size in between.
        """
        extent = self._pipeline.extent
        if old is None or extent is None:
            return False
        return any(map(gt, extent(old), self._stored_shape))


class ShardMerger:
    """Merges into the inner chunks of one shard; those that are not touched are not decoded."""

    def __init__(self, layout: ShardLayout, plan: Plan, chunks: ChunkMerger) -> None:
        self._layout = layout
        self._plan = plan
        self._chunks = chunks
        inner = layout.inner
        row = inner.nbytes * prod(layout.counts[1:])
        plain = inner.layout == "C" and chunks.whole_elements and len(layout.counts) > 0
        self._in_blocks = plain and row <= ROW_BYTES

    def encoded(self, selection: Any, part: NDArray) -> Buffer | None:
        layout = self._layout
        if (
            self._in_blocks
            and part.shape == layout.shape
            and part.dtype == layout.inner.data_type.dtype
        ):
            return layout.assemble([*map(self._chunks.whole, layout.blocks(part))])
        return self.merged(None, selection, part)

    def merged(self, old: Buffer | None, selection: Any, part: Any) -> Buffer | None:
        layout, chunks = self._layout, self._chunks
        inner = self._plan.inner(selection, layout.shape, layout.inner.chunk_shape)
        if not isinstance(part, np.ndarray):  # the only element of an array of objects
            part, element = np.empty((), object), part
            part[()] = element
        source = inner.source(part)
        values = layout.split(old)
        for number, inner_selection, part_selection, whole in inner.steps(layout):
            piece = source[part_selection]
            if whole and not inner.flat and chunks.whole_elements:
                values[number] = chunks.encoded(inner_selection, piece)
                continue
            try:
                values[number] = chunks.merged(values[number], inner_selection, piece)
            except ChunkDataError as error:
                raise layout.located(error, number) from error
        return layout.assemble(values)

    def empty(self) -> Buffer:
        layout = self._layout
        values: list[Buffer | None] = [None] * prod(layout.counts)
        values[0] = self._chunks.empty()  # a shard of none at all is not stored
        shard = layout.assemble(values)
        assert shard is not None
        return shard


def emptiness(array: ArrayState) -> Callable[[NDArray], bool]:
    """Tells whether a chunk is nothing but the fill value, bit for bit.

    Bits, not `==`: -0.0 and NaNs with a payload are data where the fill value is 0.0 or NaN.
    """
    fill = np.empty((), array.metadata.dtype)
    fill[...] = array.fill
    if array.metadata.dtype.hasobject:
        element = fill[()]
        return lambda chunk: all(_is_same(item, element) for item in chunk.flat)
    text = fill.tobytes()
    pattern = np.frombuffer(text, np.uint8)
    first: Any = (..., *[slice(1)] * array.metadata.ndim)

    def is_empty(chunk: NDArray) -> bool:
        if not chunk.size or not len(pattern):
            return True
        # The first element says it of most chunks. Not `reshape`, which copies one with strides.
        if chunk[first].tobytes() != text:
            return False
        rows = np.ascontiguousarray(chunk).reshape(-1).view(np.uint8).reshape(-1, len(pattern))
        return bool((rows == pattern).all())

    return is_empty


def _is_same(item: Any, other: Any) -> bool:
    """Whether two objects are stored as the same: 1, 1.0 and True are equal, as 0.0 and -0.0."""
    if type(item) is not type(other):
        return False
    if isinstance(item, np.ndarray):
        same = item.dtype == other.dtype and item.shape == other.shape
        return bool(same and item.tobytes() == other.tobytes())
    return bool(item == other) and repr(item) == repr(other)
