"""Arrays and groups of azarr and of h5py, with the few methods that copying needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np

from azarr.engine import ArrayState, GroupState, Operation, Way
from azarr.errors import NodeNotFoundError, UsageError
from azarr.indexing import basic_selection
from azarr.model import DataType
from azarr.nodes import (
    array_operations,
    change_operations,
    child_place,
    creation,
    group_operations,
    likeness,
    node_operations,
    state_of,
)
from azarr.tools import _hdf5 as hdf5
from azarr.tools._blocks import Region
from azarr.typing import JSON, NDArray, Shape, ZarrFormat

T = TypeVar("T")


class Node(Protocol):
    """An array or a group."""

    is_array: ClassVar[bool]

    @property
    def name(self) -> str: ...

    async def attributes(self) -> dict[str, JSON]: ...

    async def set_attributes(self, attributes: dict[str, JSON]) -> None: ...


class ArrayNode(Node, Protocol):
    """An array.

    Attributes:
        piece: the shape of what is stored as one value.
    """

    @property
    def shape(self) -> Shape: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def piece(self) -> Shape: ...

    @property
    def data_type(self) -> DataType: ...

    def for_azarr(self, zarr_format: ZarrFormat) -> dict[str, Any]:
        """Arguments of `azarr.create` for an array like it."""

    def for_hdf5(self) -> dict[str, Any]:
        """Arguments of `create_dataset` of h5py for a dataset like it."""

    async def read(self, region: Region) -> NDArray: ...

    async def write(self, region: Region, values: NDArray) -> None: ...

    async def is_complete(self) -> bool:
        """Whether all of its chunks are stored."""


class GroupNode(Node, Protocol):
    """A group."""

    async def children(self) -> dict[str, Node]: ...

    async def get(self, name: str) -> Node | None: ...

    async def delete(self, name: str) -> None: ...

    async def require_group(self, name: str) -> GroupNode: ...

    async def create(self, name: str, like: ArrayNode, kws: dict[str, Any]) -> ArrayNode: ...


def node_of(node: Any, way: Way) -> Node:
    """What copying needs of an array or a group, of azarr or h5py.

    Raises:
        UsageError: it is none of these.
    """
    if hdf5.is_hdf5_group(node):
        return HdfGroup(node, way)
    if hdf5.is_hdf5(node) and hdf5.is_dataset(node):
        return HdfArray(node, way)
    found = _of_state(state_of(node), way)
    found.facade = node
    return found


def group_of(node: Any, way: Way) -> GroupNode:
    """The same, of a group.

    Raises:
        UsageError: it is none.
    """
    found = node_of(node, way)
    if not isinstance(found, Group | HdfGroup):
        raise UsageError(f"a group is needed, not {node!r}")
    return found


def _of_state(state: ArrayState | GroupState, way: Way) -> Array | Group:
    return Array(state, way) if isinstance(state, ArrayState) else Group(state, way)


@dataclass
class _Own:
    """A node of azarr.

    Attributes:
        facade: what the user holds, and looks at the attributes of afterwards.
    """

    state: Any
    way: Way
    facade: Any = None

    @property
    def name(self) -> str:
        return str(self.state.name)

    async def attributes(self) -> dict[str, JSON]:
        return dict(self.state.metadata.attributes)

    async def set_attributes(self, attributes: dict[str, JSON]) -> None:
        def change(old: dict[str, JSON]) -> dict[str, JSON]:
            return {**old, **attributes}

        changed = await self._do(node_operations.change_attributes(self.state, change))
        if self.facade is not None:
            self.facade._adopt(changed)

    async def _do(self, operation: Operation[T]) -> T:
        return await self.way.do(operation)


class Array(_Own):
    """An array of azarr."""

    is_array: ClassVar[bool] = True

    @property
    def shape(self) -> Shape:
        return self.state.metadata.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.state.metadata.dtype  # type: ignore[no-any-return]

    @property
    def data_type(self) -> DataType:
        return self.state.metadata.data_type  # type: ignore[no-any-return]

    @property
    def piece(self) -> Shape:
        return self.state.metadata.chunk_shape  # type: ignore[no-any-return]

    def for_azarr(self, zarr_format: ZarrFormat) -> dict[str, Any]:
        like = likeness(self.state, zarr_format)
        if zarr_format == 3:
            like["dimension_names"] = self.state.metadata.dimension_names
        return like | {"fill_value": self.state.metadata.fill_value}

    def for_hdf5(self) -> dict[str, Any]:
        return {
            "chunks": tuple(map(min, self.state.chunks, self.shape)),
            "compression": "gzip",
            "compression_opts": 1,
            "fillvalue": self.state.metadata.fill_value,
        }

    async def read(self, region: Region) -> NDArray:
        selection = basic_selection(region, self.shape)
        memory = np.empty(selection.shape, self.dtype)  # one element too is an array
        await self._do(array_operations.get(self.state, selection, None, memory))
        return memory

    async def write(self, region: Region, values: NDArray) -> None:
        selection = basic_selection(region, self.shape)
        await self._do(array_operations.set_(self.state, selection, values))

    async def is_complete(self) -> bool:
        stored = await self._do(change_operations.stored_count(self.state))
        lengths = zip(self.shape, self.state.chunks, strict=True)
        return bool(
            stored == np.prod([-(-length // chunk) for length, chunk in lengths], dtype=int)
        )


class Group(_Own):
    """A group of azarr."""

    is_array: ClassVar[bool] = False

    async def children(self) -> dict[str, Node]:
        found = await self._do(node_operations.list_children(self.state))
        return {name: _of_state(state, self.way) for name, state in found.items()}

    async def get(self, name: str) -> Node | None:
        try:
            return _of_state(await self._do(node_operations.get_child(self.state, name)), self.way)
        except NodeNotFoundError:
            return None

    async def delete(self, name: str) -> None:
        await self._do(node_operations.delete_child(self.state, name))

    async def require_group(self, name: str) -> GroupNode:
        at = child_place(self.state, name)
        return Group(await self._do(node_operations.open_group(at, "a")), self.way)

    async def create(self, name: str, like: ArrayNode, kws: dict[str, Any]) -> ArrayNode:
        given = {**like.for_azarr(self.state.metadata.zarr_format), **kws}
        if "compressor" in kws:
            given.pop("compressors", None)
        if "chunks" in kws and "shards" not in kws:
            given.pop("shards", None)
        creating = group_operations.create_in(
            self.state, name, creation.create, like.shape, **given
        )
        return Array(await self._do(creating), self.way)


@dataclass
class _Hdf:
    """An object of h5py, which is only touched in functions that may block."""

    node: Any
    way: Way
    above: list[Any] = field(default_factory=list)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.node.name

    async def attributes(self) -> dict[str, JSON]:
        return await self.way.call(hdf5.attributes_of, self.node)

    async def set_attributes(self, attributes: dict[str, JSON]) -> None:
        await self.way.call(hdf5.set_attributes, self.node, attributes)


class HdfArray(_Hdf):
    """A dataset of h5py."""

    is_array: ClassVar[bool] = True

    @property
    def shape(self) -> Shape:
        return self.node.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.node.dtype  # type: ignore[no-any-return]

    @property
    def data_type(self) -> DataType:
        return DataType.of(hdf5.data_type_of(self.node))

    @property
    def piece(self) -> Shape:
        return tuple(self.node.chunks or (1,) * len(self.shape))

    def for_azarr(self, zarr_format: ZarrFormat) -> dict[str, Any]:
        return {
            "chunks": self.node.chunks,
            "dtype": self.data_type,
            "fill_value": hdf5.fill_of(self.node),
        }

    def for_hdf5(self) -> dict[str, Any]:
        names = "chunks compression compression_opts shuffle fletcher32 scaleoffset fillvalue"
        return {name: getattr(self.node, name) for name in names.split()}

    async def read(self, region: Region) -> NDArray:
        return np.asarray(await self.way.call(hdf5.read, self.node, region))

    async def write(self, region: Region, values: NDArray) -> None:
        await self.way.call(hdf5.write, self.node, region, values)

    async def is_complete(self) -> bool:
        raise UsageError("if_exists 'skip_initialized' is not available for HDF5 files")


class HdfGroup(_Hdf):
    """A group of h5py."""

    is_array: ClassVar[bool] = False

    async def children(self) -> dict[str, Node]:
        above = [*self.above, self.node]
        found = await self.way.call(hdf5.hdf5_children, self.node, above)
        return {name: self._child(node) for name, node in found.items()}

    def _child(self, node: Any) -> HdfArray | HdfGroup:
        kind = HdfGroup if hdf5.is_hdf5_group(node) else HdfArray
        return kind(node, self.way, [*self.above, self.node])

    async def get(self, name: str) -> Node | None:
        node = await self.way.call(self.node.get, name)
        return None if node is None else self._child(node)

    async def delete(self, name: str) -> None:
        await self.way.call(self.node.__delitem__, name)

    async def require_group(self, name: str) -> GroupNode:
        return HdfGroup(await self.way.call(self.node.require_group, name), self.way)

    async def create(self, name: str, like: ArrayNode, kws: dict[str, Any]) -> ArrayNode:
        given = {**like.for_hdf5(), **kws}
        made = await self.way.call(hdf5.create, self.node, name, like.shape, like.data_type, given)
        return HdfArray(made, self.way)
