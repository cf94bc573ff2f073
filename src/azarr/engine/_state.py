"""The immutable state of an open node: what both facades hold, and the core coroutines work on."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from azarr.codecs import Pipeline, ShardLayout, compile_pipeline
from azarr.engine._synchronizers import Synchronizer
from azarr.errors import MetadataError
from azarr.model import ArrayMetadata, GroupMetadata, RegularGrid, document_keys
from azarr.stores import Store
from azarr.typing import Shape

VARIANTS = 4096
"""Chunk shapes of one array whose compiled codecs are kept, at a few KB each. Compiling takes about
0.1 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What arrays and groups have in common.

    Attributes:
        store: where the node's documents are.
        path: the node's path in the store, "" for the root, without slashes at its ends.
        read_only: whether writing through this object is refused.
        synchronizer: locks beyond those every write takes; see `azarr.engine._synchronizers`.
        cache_metadata: whether metadata is read from the store only when told to.
        cache_attrs: the same for attributes alone.
        prefix: what goes before every key of the node: "" or "path/".
    """

    store: Store
    path: str = ""
    read_only: bool = False
    synchronizer: Synchronizer | None = None
    cache_metadata: bool = True
    cache_attrs: bool = True
    prefix: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", f"{self.path}/" if self.path else "")

    def __reduce__(self) -> tuple[Any, ...]:
        # Everything that was given, also the metadata: unpickling makes no request. The compiled
        # pipeline is not data; it is compiled again.
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        return _made_of, (type(self), given)

    @property
    def name(self) -> str:
        """The node's name as h5py spells it: "/" and the path."""
        return f"/{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayState(NodeState):
    """An open array.

    Attributes:
        chunk_store: where the chunks are, if not in `store`.
        write_empty_chunks: whether chunks of nothing but the fill value are stored.
        allow_pickle: whether the codec that runs code may be used.
        is_view: whether the metadata is not what is stored, but how a view looks at the chunks.
        partial_decompress: read only the blosc blocks that a selection needs, where that is less.
        meta_array: an instance of the kind of array that results are; None: NumPy's.
        pipeline: the array's codecs, compiled.
        shards: how chunks are divided once more, where that division is what is stored as it is.
        fill: the fill value as something that can be assigned; an undefined one reads as zeros.
        varied: whether chunks have different shapes; `pipeline` and `shards` are then those of the
            largest, and `at` is to be asked for others.
    """

    metadata: ArrayMetadata
    chunk_store: Store
    write_empty_chunks: bool = True
    allow_pickle: bool = False
    is_view: bool = False
    partial_decompress: bool = False
    meta_array: Any = field(default=None, repr=False, compare=False)
    pipeline: Pipeline = field(init=False, repr=False, compare=False)
    shards: ShardLayout | None = field(init=False, repr=False, compare=False)
    fill: Any = field(init=False, repr=False, compare=False)
    varied: bool = field(init=False, repr=False, compare=False)
    _variants: dict[Shape, ArrayState] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        NodeState.__post_init__(self)
        try:
            pipeline = compile_pipeline(self.metadata, allow_pickle=self.allow_pickle)
        except MetadataError as error:
            if self.is_view:
                raise
            document = f"{self.prefix}{document_keys(self.metadata.zarr_format)[0]}"
            raise type(error)(f"{document}: codecs: {error}") from error
        object.__setattr__(self, "pipeline", pipeline)
        object.__setattr__(self, "shards", _shards(pipeline))
        object.__setattr__(self, "fill", _fill(self.metadata))
        object.__setattr__(self, "varied", not self.metadata.chunk_grid.is_regular)
        object.__setattr__(self, "_variants", {})

    def at(self, key: str) -> ArrayState:
        """The state for the chunk (or shard) of a key: as if all chunks had its shape."""
        metadata = self.metadata
        coords = metadata.chunk_key_encoding.parse(key[len(self.prefix) :], metadata.ndim)
        assert coords is not None  # a plan made the key
        shape = metadata.chunk_grid.shape_at(coords)
        variant = self._variants.get(shape)
        if variant is None:
            variant = replace(self, metadata=replace(metadata, chunk_grid=RegularGrid(shape)))
            if len(self._variants) < VARIANTS:
                self._variants[shape] = variant
        return variant

    @property
    def chunks(self) -> Shape:
        """The chunk shape users see: that of the inner chunks where there are shards."""
        layout = self.shards
        return self.metadata.chunk_shape if layout is None else layout.inner.chunk_shape

    @property
    def lengths(self) -> tuple[Any, ...]:
        """The length of chunks (or shards) for each dimension; where they differ, all of them."""
        grid = self.metadata.chunk_grid
        return grid.lengths(self.metadata.shape) if self.varied else grid.chunk_shape

    @property
    def grain(self) -> int:
        """Decoded bytes of one call of a codec: an inner chunk, or a chunk."""
        return self.pipeline.nbytes if self.shards is None else self.shards.inner.nbytes


def _shards(pipeline: Pipeline) -> ShardLayout | None:
    if pipeline.parts.filters or pipeline.parts.compressors:
        return None
    return pipeline.detail if isinstance(pipeline.detail, ShardLayout) else None


def _fill(metadata: ArrayMetadata) -> Any:
    if metadata.fill_value is not None or metadata.data_type.element in ("object", "array"):
        return metadata.fill_value
    return metadata.data_type.zero


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState(NodeState):
    """An open group.

    Attributes:
        chunk_store: where the chunks of its arrays are; None: in `store`.
        meta_array: what its arrays are opened with.
    """

    metadata: GroupMetadata
    chunk_store: Store | None = None
    meta_array: Any = field(default=None, repr=False, compare=False)


def _made_of(kind: type[NodeState], given: dict[str, Any]) -> NodeState:
    return kind(**given)
