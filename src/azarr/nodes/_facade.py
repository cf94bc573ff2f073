"""What the blocking and the awaitable facade of a node share: its state, and all without I/O."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from azarr.codecs import Parts, numcodec_of
from azarr.engine import ArrayState, GroupState, Metadata
from azarr.errors import UsageError
from azarr.stores import Store
from azarr.typing import Shape, ZarrFormat

S = TypeVar("S", ArrayState, GroupState)


class NodeFacade(Generic[S]):
    """Properties of every node."""

    _held: S
    _twin: ClassVar[Any]
    """The awaitable class of a blocking one; set where that class is defined, which knows both."""

    @classmethod
    def _of(cls, state: S) -> Any:
        """A facade over a state, without I/O."""
        facade = cls.__new__(cls)
        facade._held = state
        return facade

    @property
    def _state(self) -> S:
        """The state to work on: the one held, or a new one where metadata is not cached."""
        held = self._held
        return held if held.cache_metadata else self._reloaded()

    def _reloaded(self) -> S:
        """What a blocking facade reads again each time; an awaitable one does so in its methods."""
        return self._held

    def _adopt(self, metadata: Metadata) -> None:
        """Take over metadata that this object has just written or read."""
        self._held = replace(self._held, metadata=metadata)  # type: ignore[arg-type]

    @property
    def store(self) -> Store:
        """The store that holds the node's documents."""
        return self._held.store

    @property
    def path(self) -> str:
        """The path in the store, "" for the root."""
        return self._held.path

    @property
    def name(self) -> str:
        """The path as h5py spells it, with a leading slash."""
        return self._held.name

    @property
    def basename(self) -> str:
        """The last segment of the name, "" for the root."""
        return self._held.path.rsplit("/", 1)[-1]

    @property
    def read_only(self) -> bool:
        """Whether writing through this object is refused."""
        return self._held.read_only

    @property
    def synchronizer(self) -> Any:
        """The locks that writes take beyond those they always take; None: no others."""
        return self._held.synchronizer

    @property
    def zarr_format(self) -> ZarrFormat:
        """The format the node is stored in."""
        return self._state.metadata.zarr_format

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = self._held, other._held
        return bool(
            mine.store == theirs.store
            and mine.path == theirs.path
            and mine.read_only == theirs.read_only
        )

    __hash__ = None  # type: ignore[assignment]  # equal nodes may change

    def __getstate__(self) -> S:
        return self._held

    def __setstate__(self, state: S) -> None:
        self._held = state


class ArrayFacade(NodeFacade[ArrayState]):
    """Properties of every array; all of them are known without asking the store."""

    def _adopt(self, metadata: Metadata) -> None:
        if self._held.is_view:  # how it looks at the chunks stays as it is
            metadata = replace(self._held.metadata, attributes=metadata.attributes)
        super()._adopt(metadata)

    @property
    def metadata(self) -> Any:
        """The array's metadata, independent of its format."""
        return self._state.metadata

    @property
    def chunk_store(self) -> Store:
        """The store that holds the chunks."""
        return self._held.chunk_store

    @property
    def shape(self) -> Shape:
        """The length of each dimension."""
        return self._state.metadata.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self._state.metadata.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy data type of the elements."""
        return self._state.metadata.dtype

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory."""
        return self.dtype.itemsize

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all elements in memory, uncompressed."""
        return self.size * self.itemsize

    @property
    def chunks(self) -> tuple[Any, ...]:
        """The length of each dimension of a chunk; of an inner chunk where there are shards.

        Where chunks have different lengths, a tuple of all of them for each dimension.
        """
        state = self._state
        return state.chunks if state.shards else state.lengths

    @property
    def shards(self) -> tuple[Any, ...] | None:
        """The length of each dimension of a shard; None: chunks are stored on their own.

        Where shards have different lengths, a tuple of all of them for each dimension.
        """
        return None if self._state.shards is None else self._state.lengths

    @property
    def cdata_shape(self) -> Shape:
        """The number of chunks along each dimension."""
        state = self._state
        if state.shards is None:
            return state.metadata.chunk_counts or (1,)
        lengths = zip(self.shape, state.chunks, strict=True)
        return tuple(-(-length // chunk) for length, chunk in lengths) or (1,)

    @property
    def nchunks(self) -> int:
        """The number of chunks, stored or not."""
        return prod(self.cdata_shape)

    @property
    def fill_value(self) -> Any:
        """What elements hold that were never written; None: undefined, read as zeros."""
        return self._state.metadata.fill_value

    @property
    def order(self) -> str:
        """The layout of elements inside a chunk: "C" row-major, "F" column-major."""
        parts = self._codecs
        reverse = [*reversed(range(self.ndim))]
        first = parts.filters[0] if parts.filters else None
        if first is not None and first.name == "transpose" and self.ndim > 1:
            return "F" if first.configuration.get("order") in (reverse, "F") else "C"
        return parts.order

    @property
    def _codecs(self) -> Parts:
        """The codecs of a chunk; of an inner chunk where there are shards."""
        layout = self._state.shards
        return (self._state.pipeline if layout is None else layout.inner).parts

    @property
    def filters(self) -> Any:
        """The filters, as numcodecs objects where they have one; None if there are none."""
        return [numcodec_of(spec) for spec in self._codecs.filters] or None

    @property
    def compressor(self) -> Any:
        """The first compressor as a numcodecs object; None: chunks are not compressed."""
        compressors = self._codecs.compressors
        return numcodec_of(compressors[0]) if compressors else None

    @property
    def serializer(self) -> Any:
        """The codec from array to bytes; None in v2, where the data type says it all."""
        return self._codecs.serializer

    @property
    def compressors(self) -> tuple[Any, ...]:
        """All codecs from bytes to bytes, in the order of encoding."""
        return tuple(numcodec_of(spec) for spec in self._codecs.compressors)

    @property
    def dimension_names(self) -> tuple[str | None, ...] | None:
        """The names of the dimensions, where the metadata has them."""
        return self._state.metadata.dimension_names

    @property
    def write_empty_chunks(self) -> bool:
        """Whether chunks of nothing but the fill value are stored."""
        return self._state.write_empty_chunks

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.path else ""
        mode = " read-only" if self.read_only else ""
        return f"<azarr.{type(self).__name__}{name} {self.shape} {self.dtype}{mode}>"


class GroupFacade(NodeFacade[GroupState]):
    """Properties of every group."""

    @property
    def chunk_store(self) -> Store:
        """The store that holds the chunks of the group's arrays."""
        held = self._held
        return held.store if held.chunk_store is None else held.chunk_store

    @property
    def meta_array(self) -> Any:
        """An instance of the kind of array that reads of the group's arrays return."""
        like = self._held.meta_array
        return np.empty(()) if like is None else like

    @property
    def metadata(self) -> Any:
        """The group's metadata, independent of its format."""
        return self._state.metadata

    def __repr__(self) -> str:
        mode = " read-only" if self.read_only else ""
        return f"<azarr.{type(self).__name__} {self.name!r}{mode}>"


def state_of(node: Any) -> Any:
    """The state that an array or a group of either facade holds.

    Raises:
        UsageError: it is neither.
    """
    if not isinstance(node, NodeFacade):
        raise UsageError(f"an array or a group is needed, not {node!r}")
    return node._held
