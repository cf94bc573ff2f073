"""The immutable state of an open node: what both facades hold, and the core coroutines work on."""

from __future__ import annotations

from dataclasses import dataclass, field

from azarr.codecs import Pipeline, compile_pipeline
from azarr.model import ArrayMetadata, GroupMetadata
from azarr.stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What arrays and groups have in common.

    Attributes:
        store: where the node's documents are.
        path: the node's path in the store, "" for the root, without slashes at its ends.
        read_only: whether writing through this object is refused.
        prefix: what goes before every key of the node: "" or "path/".
    """

    store: Store
    path: str = ""
    read_only: bool = False
    prefix: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "prefix", f"{self.path}/" if self.path else "")

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
        pipeline: the array's codecs, compiled.
    """

    metadata: ArrayMetadata
    chunk_store: Store
    write_empty_chunks: bool = True
    pipeline: Pipeline = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        NodeState.__post_init__(self)
        object.__setattr__(self, "pipeline", compile_pipeline(self.metadata))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState(NodeState):
    """An open group."""

    metadata: GroupMetadata
