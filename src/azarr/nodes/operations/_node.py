"""Opening, creating, listing and deleting nodes, as operations: not yet carried out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from functools import cache
from inspect import isawaitable
from math import prod
from typing import Any, TypeVar

import numpy as np

from azarr import config
from azarr.engine import (
    ArrayState,
    GroupState,
    Metadata,
    NodeState,
    Operation,
    Runtime,
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
from azarr.model import ArrayMetadata, GroupMetadata
from azarr.nodes.arguments._arguments import ArrayArguments, checked_attributes, normalize_shape
from azarr.nodes.arguments._values import array_of, check_writable, value_array
from azarr.nodes.operations._place import Place, check_name, child_place, member_place
from azarr.plan import plan_selection
from azarr.typing import JSON, NDArray, ZarrFormat

S = TypeVar("S")


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

    async def find(runtime: Runtime) -> ArrayState | None:
        metadata = await open_node(runtime, at.path, at.zarr_format)
        if isinstance(metadata, GroupMetadata):
            raise ContainsGroupError(f"there is a group, not an array, at {at.name}")
        state = None if metadata is None else at.state(metadata)
        assert not isinstance(state, GroupState)
        return state

    async def create(runtime: Runtime) -> ArrayState:
        if mode != "a" or arguments.shape is None:
            hint = "; give shape and dtype to create one" if mode == "a" else ""
            raise ArrayNotFoundError(f"no array at {at.name}{hint}")
        return await create_array(at, arguments).body(runtime)

    return Operation(at.store, found_or_created(find, create))


def found_or_created(
    find: Callable[[Runtime], Awaitable[S | None]], create: Callable[[Runtime], Awaitable[S]]
) -> Callable[[Runtime], Coroutine[Any, Any, S]]:
    """What opens a node, or creates it, or opens what others have created meanwhile."""

    async def body(runtime: Runtime) -> S:
        found = await find(runtime)
        if found is not None:
            return found
        try:
            return await create(runtime)
        except (ContainsArrayError, ContainsGroupError):
            found = await find(runtime.uncached)
            if found is None:  # a node of another format, or an array above
                raise
            return found

    return body


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

    async def find(runtime: Runtime) -> GroupState | None:
        store = at.store
        if use_consolidated is False:
            metadata = await open_node(runtime, at.path, at.zarr_format)
        else:
            metadata, store = await open_consolidated(
                runtime, at.path, at.zarr_format, required=bool(use_consolidated)
            )
        if isinstance(metadata, ArrayMetadata):
            raise ContainsArrayError(f"there is an array, not a group, at {at.name}")
        state = None if metadata is None else replace(at, store=store).state(metadata)
        assert not isinstance(state, ArrayState)
        return state

    async def create(runtime: Runtime) -> GroupState:
        if mode != "a":
            raise GroupNotFoundError(f"no group at {at.name}")
        return await create_group(at, attributes).body(runtime)

    return Operation(at.store, found_or_created(find, create))


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
