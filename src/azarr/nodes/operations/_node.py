"""Opening, creating, listing and deleting nodes, as operations: not yet carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from inspect import isawaitable
from math import prod
from os import PathLike
from typing import Any

import numpy as np

from azarr import config
from azarr.engine import (
    ArrayState,
    GroupState,
    Metadata,
    NodeState,
    Operation,
    Runtime,
    Synchronizer,
    at_chunks,
    create_node,
    delete_node,
    members,
    open_consolidated,
    open_node,
    update_node,
    write,
)
from azarr.errors import (
    ArrayNotFoundError,
    AzarrError,
    ContainsArrayError,
    ContainsGroupError,
    GroupNotFoundError,
    NodeNotFoundError,
    UsageError,
)
from azarr.indexing import basic_selection
from azarr.model import ArrayMetadata, GroupMetadata, document_keys
from azarr.nodes.arguments._arguments import ArrayArguments, checked_attributes, normalize_shape
from azarr.nodes.arguments._values import array_of, check_writable, value_array
from azarr.plan import plan_selection
from azarr.stores import Store, check_key, make_store
from azarr.typing import JSON, NDArray, ZarrFormat

MODES = ("r", "r+", "a", "w", "w-", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node is or will be, and how it is opened.

    Attributes:
        zarr_format: the format asked for; None: as the parent group, else as configured.
        write_empty_chunks: None: as configured.
        allow_pickle: whether the codec that runs code may be used; it may if so configured.
        synchronizer, cache_metadata, cache_attrs, partial_decompress, meta_array: see `ArrayState`.
    """

    store: Store
    path: str = ""
    chunk_store: Store | None = None
    zarr_format: ZarrFormat | None = None
    read_only: bool = False
    write_empty_chunks: bool | None = None
    allow_pickle: bool = False
    synchronizer: Synchronizer | None = None
    cache_metadata: bool = True
    cache_attrs: bool = True
    partial_decompress: bool = False
    meta_array: Any = None

    @property
    def name(self) -> str:
        return f"'/{self.path}' in {self.store!r}"

    def state(self, metadata: Metadata) -> ArrayState | GroupState:
        """The state of the open node."""
        read_only = self.read_only or self.store.read_only
        if isinstance(metadata, GroupMetadata):
            return GroupState(
                store=self.store,
                path=self.path,
                metadata=metadata,
                read_only=read_only,
                chunk_store=self.chunk_store,
                synchronizer=self.synchronizer,
                cache_attrs=self.cache_attrs,
                meta_array=self.meta_array,
            )
        write_empty = self.write_empty_chunks
        return ArrayState(
            store=self.store,
            path=self.path,
            metadata=metadata,
            read_only=read_only,
            chunk_store=self.store if self.chunk_store is None else self.chunk_store,
            synchronizer=self.synchronizer,
            cache_metadata=self.cache_metadata,
            cache_attrs=self.cache_attrs,
            partial_decompress=self.partial_decompress,
            meta_array=self.meta_array,
            allow_pickle=self.allow_pickle or config.get().allow_pickle,
            write_empty_chunks=config.get().write_empty_chunks
            if write_empty is None
            else write_empty,
        )


def place(
    store: Any,
    path: str | None = None,
    *,
    mode: str = "a",
    chunk_store: Any = None,
    zarr_format: ZarrFormat | None = None,
    read_only: bool = False,
    write_empty_chunks: bool | None = None,
    storage_options: dict[str, Any] | None = None,
    **opening: Any,
) -> Place:
    """A `Place` from what users write: a store, path, URL or mapping, and a mode.

    `opening`: further fields of `Place`, as they are.

    Raises:
        UsageError: an unknown mode or format, or something that is no store.
    """
    if mode not in MODES:
        raise UsageError(f"mode {mode!r}: {', '.join(map(repr, MODES))} are allowed")
    if zarr_format not in (None, 2, 3, "n5"):
        raise UsageError(f"zarr_format {zarr_format!r}: 2, 3 and 'n5' are allowed")
    synchronizer = opening.get("synchronizer")
    if isinstance(synchronizer, (str, PathLike)) or not hasattr(synchronizer or {}, "__getitem__"):
        raise UsageError(
            f"synchronizer {synchronizer!r}: a ThreadSynchronizer, a ProcessSynchronizer(path) or "
            "another object with a lock for every key is needed"
        )
    read_only = read_only or mode == "r"
    made = make_store(store, read_only=read_only, storage_options=storage_options)
    chunks = None if chunk_store is None else make_store(chunk_store, read_only=read_only)
    return Place(
        store=made,
        path=normalize_path(path),
        chunk_store=chunks,
        zarr_format=zarr_format or made.default_format,
        read_only=read_only,
        write_empty_chunks=write_empty_chunks,
        **opening,
    )


def normalize_path(path: str | None) -> str:
    """A node's path without slashes at its ends or doubled inside.

    Raises:
        UsageError: it is no string, or a segment is "." or "..", which could climb out of the root.
    """
    if path is not None and not isinstance(path, str):
        raise UsageError(f"a path is a str, not {type(path).__name__}: {path!r}")
    parts = [part for part in (path or "").replace("\\", "/").split("/") if part]
    if "." in parts or ".." in parts:
        raise UsageError(f"path {path!r}: '.' and '..' are not allowed")
    if parts:
        check_key("/".join(parts))
    return "/".join(parts)


def check_name(at: Place) -> None:
    """Refuses a node in the place of a document, which a folder or a bucket would mix up."""
    taken = {*document_keys(), *document_keys(at.zarr_format)}.intersection(at.path.split("/"))
    if taken:
        raise UsageError(f"path '/{at.path}': {min(taken)!r} is the name of a metadata document")


def create_array(
    at: Place, arguments: ArrayArguments, data: Any = None, overwrite: bool = False
) -> Operation[ArrayState]:
    """Create an array, and write `data` into it if given."""
    check_writable(at.read_only or at.store.read_only, at.name)
    check_name(at)
    if data is not None:
        data = array_of(data)
        arguments = arguments.with_data(data)
    if at.store.dimension_separator is not None:
        arguments = replace(arguments, v2_separator=at.store.dimension_separator)
    at = replace(at, allow_pickle=arguments.names_pickle)

    build = cache(arguments.metadata)

    async def body(runtime: Runtime) -> ArrayState:
        return await _create_array(runtime, at, build, data, overwrite)

    if at.zarr_format is not None:  # else the parent's, which has to be read
        build(at.zarr_format)
    data_type = arguments.data_type
    steps = nbytes = 0
    if data is not None:
        shape = normalize_shape(arguments.shape)
        data = value_array(np.asarray(data), data_type.dtype, shape, data_type.element)
        steps = _count_chunks(build, at, data)
        nbytes = data.size * max(data_type.itemsize, 1)
    return Operation(at.store, body, 4 + steps, nbytes, beside=at.chunk_store)


def _count_chunks(build: Callable[[ZarrFormat], ArrayMetadata], at: Place, data: NDArray) -> int:
    """How many chunks the data of a new array take, at most."""
    try:
        metadata = build(at.zarr_format or config.get().zarr_format)
    except AzarrError:  # it may fit the format of the parent, which has to be read
        return data.size
    return prod(metadata.chunk_counts)


def read_only_after(operation: Operation[ArrayState]) -> Operation[ArrayState]:
    """The same operation; the array that results refuses writes."""

    async def body(runtime: Runtime) -> ArrayState:
        return replace(await operation.body(runtime), read_only=True)

    return replace(operation, body=body)


async def _create_node(
    runtime: Runtime, at: Place, build: Callable[[ZarrFormat], Metadata], overwrite: bool
) -> ArrayState | GroupState:
    metadata = await create_node(
        runtime,
        at.path,
        build,
        zarr_format=at.zarr_format,
        default_format=config.get().zarr_format,
        overwrite=overwrite,
        chunk_store=at.chunk_store,
    )
    return at.state(metadata)


async def _create_array(
    runtime: Runtime,
    at: Place,
    build: Callable[[ZarrFormat], Metadata],
    data: Any,
    overwrite: bool,
) -> ArrayState:
    state = await _create_node(runtime, at, build, overwrite)
    assert isinstance(state, ArrayState)
    if data is not None and data.size:
        shape = state.metadata.shape
        plan = plan_selection(basic_selection(..., shape), shape, state.metadata.chunk_grid)
        await write(at_chunks(runtime, state), state, plan, data, None)
    return state


def open_array(
    at: Place, mode: str, arguments: ArrayArguments, overwrite: bool = False
) -> Operation[ArrayState]:
    """Open an array; the modes that may create one need at least a shape."""
    if mode in ("w", "w-", "x"):
        return create_array(at, arguments, None, overwrite or mode == "w")

    async def body(runtime: Runtime) -> ArrayState:
        metadata = await open_node(runtime, at.path, at.zarr_format)
        if isinstance(metadata, GroupMetadata):
            raise ContainsGroupError(f"there is a group, not an array, at {at.name}")
        if metadata is not None:
            state = at.state(metadata)
            assert isinstance(state, ArrayState)
            return state
        if mode != "a" or arguments.shape is None:
            hint = "; give shape and dtype to create one" if mode == "a" else ""
            raise ArrayNotFoundError(f"no array at {at.name}{hint}")
        return await create_array(at, arguments).body(runtime)

    return Operation(at.store, body)


def create_group(
    at: Place, attributes: Mapping[str, JSON] | None = None, overwrite: bool = False
) -> Operation[GroupState]:
    """Create a group."""
    check_writable(at.read_only or at.store.read_only, at.name)
    check_name(at)
    given = checked_attributes(attributes)

    async def body(runtime: Runtime) -> GroupState:
        def build(chosen: ZarrFormat) -> GroupMetadata:
            return GroupMetadata(zarr_format=chosen, attributes=given)

        state = await _create_node(runtime, at, build, overwrite)
        assert isinstance(state, GroupState)
        return state

    return Operation(at.store, body, beside=at.chunk_store)


def open_group(
    at: Place,
    mode: str,
    attributes: Mapping[str, JSON] | None = None,
    use_consolidated: bool | None = False,
) -> Operation[GroupState]:
    """Open a group; mode "a" creates one that does not exist.

    `use_consolidated`: open the hierarchy by its consolidated metadata; None: where it has it.
    """
    if mode in ("w", "w-", "x"):
        return create_group(at, attributes, mode == "w")

    async def body(runtime: Runtime) -> GroupState:
        store = at.store
        if use_consolidated is False:
            metadata = await open_node(runtime, at.path, at.zarr_format)
        else:
            metadata, store = await open_consolidated(
                runtime, at.path, at.zarr_format, required=bool(use_consolidated)
            )
        if isinstance(metadata, ArrayMetadata):
            raise ContainsArrayError(f"there is an array, not a group, at {at.name}")
        if metadata is not None:
            state = replace(at, store=store).state(metadata)
            assert isinstance(state, GroupState)
            return state
        if mode != "a":
            raise GroupNotFoundError(f"no group at {at.name}")
        return await create_group(at, attributes).body(runtime)

    return Operation(at.store, body)


def open_any(at: Place, mode: str, arguments: ArrayArguments) -> Operation[ArrayState | GroupState]:
    """Open whatever is there; a shape says that an array may be created, mode "w" else a group."""
    if arguments.shape is not None:
        return open_array(at, mode, arguments)
    if mode in ("w", "w-", "x"):
        return create_group(at, None, mode == "w")

    async def body(runtime: Runtime) -> ArrayState | GroupState:
        # The copy in a v3 document comes with it; to ask for that of v2 would cost a request.
        metadata, store = await open_consolidated(runtime, at.path, at.zarr_format, None)
        if metadata is None:
            raise NodeNotFoundError(
                f"no array or group at {at.name}; create one with create_array or create_group"
            )
        return replace(at, store=store).state(metadata)

    return Operation(at.store, body)


def child_place(group: GroupState, path: str) -> Place:
    """The place of a node under a group; an absolute path counts from the root of the store."""
    relative = normalize_path(path)
    under = relative if path.startswith("/") else f"{group.prefix}{relative}"
    return Place(
        store=group.store,
        path=under.strip("/"),
        chunk_store=group.chunk_store,
        zarr_format=group.metadata.zarr_format,
        read_only=group.read_only,
        synchronizer=group.synchronizer,
        cache_attrs=group.cache_attrs,
        meta_array=group.meta_array,
    )


def member_place(group: GroupState, path: str) -> Place:
    """As `child_place`, for what is deleted or replaced unasked: never the group itself.

    Raises:
        UsageError: the path, "" or "/", is that of the group or of the root of the store.
    """
    at = child_place(group, path)
    if at.path in ("", group.path):
        raise UsageError(f"path {path!r} is '/{at.path}' itself, no member of {group.name!r}")
    return at


def get_child(group: GroupState, path: str) -> Operation[ArrayState | GroupState]:
    """Open a node under a group."""
    at = child_place(group, path)

    async def body(runtime: Runtime) -> ArrayState | GroupState:
        metadata = await open_node(runtime, at.path, at.zarr_format)
        if metadata is None:
            raise NodeNotFoundError(f"no array or group at {at.name}")
        return at.state(metadata)

    return Operation(at.store, body)


def contains_child(group: GroupState, path: str) -> Operation[bool]:
    """Whether there is a node under a group; at what is no path, there is none."""
    try:
        at = child_place(group, path)
    except UsageError:
        at = None

    async def body(runtime: Runtime) -> bool:
        if at is None:
            return False
        return await open_node(runtime, at.path, at.zarr_format) is not None

    return Operation(group.store, body)


def list_children(group: GroupState) -> Operation[dict[str, ArrayState | GroupState]]:
    """The nodes directly under a group, by name, sorted."""

    async def body(runtime: Runtime) -> dict[str, ArrayState | GroupState]:
        found = await members(runtime, group.path, group.metadata.zarr_format)
        return {name: child_place(group, name).state(metadata) for name, metadata in found.items()}

    return Operation(group.store, body)


def delete_child(group: GroupState, path: str) -> Operation[None]:
    """Delete a node under a group, with everything under it."""
    check_writable(group.read_only, group.name, group.store)
    at = member_place(group, path)

    async def body(runtime: Runtime) -> None:
        if not await delete_node(runtime, at.path, at.zarr_format, at.chunk_store):
            raise NodeNotFoundError(f"no array or group at {at.name}")

    return Operation(at.store, body, beside=at.chunk_store)


def close(group: GroupState) -> Operation[None]:
    """Close the stores of a group."""

    async def body(runtime: Runtime) -> None:
        stores = [group.store, *([] if group.chunk_store is None else [group.chunk_store])]
        for store in {id(each): each for each in stores}.values():
            closing = store.close()
            if isawaitable(closing):
                await closing

    return Operation(group.store, body, beside=group.chunk_store)


def change_attributes(node: NodeState, change: Any) -> Operation[Metadata]:
    """Change a node's attributes as they are in the store now; the result is the new metadata."""
    check_writable(node.read_only, node.name, node.store)
    metadata: Metadata = node.metadata  # type: ignore[attr-defined]

    async def body(runtime: Runtime) -> Metadata:
        return await update_node(
            runtime,
            node.path,
            metadata,
            lambda now: replace(now, attributes=checked_attributes(change(dict(now.attributes)))),
            node.synchronizer,
        )

    return Operation(node.store, body)


def reload(node: NodeState) -> Operation[Metadata]:
    """The node's metadata as it is in the store now."""
    metadata: Metadata = node.metadata  # type: ignore[attr-defined]

    async def body(runtime: Runtime) -> Metadata:
        found = await open_node(runtime, node.path, metadata.zarr_format)
        if found is None or type(found) is not type(metadata):
            kind = "group" if isinstance(metadata, GroupMetadata) else "array"
            raise NodeNotFoundError(f"no {kind} at {node.name!r} in {node.store!r} any more")
        return found

    return Operation(node.store, body)
