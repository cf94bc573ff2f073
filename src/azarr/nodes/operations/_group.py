"""What can be done with a group beyond single nodes, as operations: not yet carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from azarr import config
from azarr.engine import (
    MANY_STEPS,
    ArrayState,
    GroupState,
    Metadata,
    Operation,
    Runtime,
    computed,
    copy_prefix,
    create_nodes,
    delete_node,
    open_node,
    walk,
)
from azarr.errors import ContainsArrayError, ContainsGroupError, NodeNotFoundError, UsageError
from azarr.model import ArrayMetadata, GroupMetadata, is_container, node_documents
from azarr.nodes.arguments._arguments import ArrayArguments, checked_attributes, normalize_shape
from azarr.nodes.arguments._values import check_writable
from azarr.nodes.operations import _creation as creation
from azarr.nodes.operations._node import found_or_created
from azarr.nodes.operations._place import Place, check_name, child_place
from azarr.typing import ZarrFormat

NodeState = ArrayState | GroupState


def members(group: GroupState, max_depth: int | None = 0) -> Operation[dict[str, NodeState]]:
    """The nodes under a group, opened, by relative path."""
    if max_depth is not None and max_depth < 0:
        raise UsageError(f"max_depth {max_depth!r}: 0 or more, or None for all levels")

    def states(found: Mapping[str, Metadata]) -> dict[str, NodeState]:
        return {path: child_place(group, path).state(node) for path, node in found.items()}

    async def body(runtime: Runtime) -> dict[str, NodeState]:
        found = await walk(runtime, group.path, group.metadata.zarr_format, max_depth)
        return await computed(runtime, len(found), states, found)

    return Operation(group.store, body, MANY_STEPS)


def create_in(
    group: GroupState,
    name: str,
    function: Callable[..., Operation[ArrayState]],
    *args: Any,
    **kwargs: Any,
) -> Operation[ArrayState]:
    """Carry out one of the creation functions at a path under a group."""
    check_writable(group.read_only, group.name, group.store)
    at = child_place(group, name)
    inherited = {
        "store": at.store,
        "path": at.path,
        "chunk_store": at.chunk_store,
        "zarr_format": at.zarr_format,
        "synchronizer": at.synchronizer,
        "cache_attrs": at.cache_attrs,
        "meta_array": at.meta_array,
    }
    return function(*args, **{**inherited, **kwargs})


def create_dataset(group: GroupState, name: str, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array, filled with `data` if that is among the arguments."""
    if kwargs.get("data") is not None:
        return create_in(group, name, creation.array, kwargs.pop("data"), **kwargs)
    return create_in(group, name, creation.create, kwargs.pop("shape", None), **kwargs)


def require_dataset(
    group: GroupState, name: str, shape: Any, dtype: Any, exact: bool, **kwargs: Any
) -> Operation[ArrayState]:
    """Open an array that must have this shape and a fitting data type, or create it."""
    wanted_shape = normalize_shape(shape)
    created = create_dataset(group, name, shape=shape, dtype=dtype, **kwargs)
    at = child_place(group, name)

    async def find(runtime: Runtime) -> ArrayState | None:
        found = await open_node(runtime, at.path, at.zarr_format)
        if found is None:
            return None
        if isinstance(found, GroupMetadata):
            raise ContainsGroupError(f"there is a group, not an array, at {at.name}")
        if found.shape != wanted_shape:
            raise UsageError(f"the array at {at.name} has shape {found.shape}, not {wanted_shape}")
        wanted = found.dtype if dtype is None else np.dtype(dtype)
        fits = found.dtype == wanted if exact else np.can_cast(found.dtype, wanted)
        if not fits:
            raise UsageError(f"the array at {at.name} has data type {found.dtype}, not {wanted}")
        state = at.state(found)
        assert isinstance(state, ArrayState)
        return state

    body = found_or_created(find, created.body)
    return Operation(at.store, body, created.steps, created.nbytes, beside=created.beside)


Build = Callable[[ZarrFormat], Metadata]


def create_hierarchy(
    group: GroupState, nodes: Mapping[str, Any], overwrite: bool = False, keep: bool = False
) -> Operation[dict[str, NodeState]]:
    """Create many nodes under a group; the result has them opened, by the names given."""
    check_writable(group.read_only, group.name, group.store)
    places = {name: child_place(group, name) for name in nodes}
    for at in places.values():
        check_name(at)
    builds = {places[name].path: _build(name, node) for name, node in nodes.items()}
    for build in builds.values():
        build(group.metadata.zarr_format)

    def states(made: Mapping[str, Metadata]) -> dict[str, NodeState]:
        return {name: at.state(made[at.path]) for name, at in places.items()}

    async def body(runtime: Runtime) -> dict[str, NodeState]:
        made = await create_nodes(
            runtime,
            builds,
            zarr_format=group.metadata.zarr_format,
            default_format=config.get().zarr_format,
            overwrite=overwrite,
            keep=keep,
            chunk_store=group.chunk_store,
        )
        return await computed(runtime, len(places), states, made)

    return Operation(group.store, body, MANY_STEPS, beside=group.chunk_store)


def _build(name: str, node: Any) -> Build:
    """What makes the metadata of a node: the arguments of `create_array`, or other metadata."""
    if isinstance(node, ArrayMetadata | GroupMetadata):
        return lambda zarr_format: node
    if node is None or (isinstance(node, Mapping) and node.keys() <= {"attributes"}):
        attributes = checked_attributes((node or {}).get("attributes"))
        return lambda zarr_format: GroupMetadata(zarr_format=zarr_format, attributes=attributes)
    if not isinstance(node, Mapping) or "shape" not in node:
        raise UsageError(
            f"node {name!r}: None or attributes for a group, the arguments of create_array (with a "
            f"shape) or metadata for an array; not {node!r}"
        )
    unknown = node.keys() - creation.ARGUMENTS
    if unknown:
        raise UsageError(f"node {name!r}: unknown argument {sorted(unknown)[0]!r}")
    return ArrayArguments(**node).metadata


def move(group: GroupState, source: str, destination: str) -> Operation[None]:
    """Move a node with everything under it to another path."""
    check_writable(group.read_only, group.name, group.store)
    old, new = child_place(group, source), child_place(group, destination)
    if not old.path or not new.path:
        raise UsageError("the root of a store cannot be moved, nor anything moved onto it")
    if f"{new.path}/".startswith(f"{old.path}/"):
        raise UsageError(f"{old.path!r} cannot be moved to {new.path!r}, which is under it")

    async def body(runtime: Runtime) -> None:
        found = await open_node(runtime, old.path, old.zarr_format)
        if found is None:
            raise NodeNotFoundError(f"no array or group at {old.name}")
        await _require_free(runtime, new)
        chunks = None if group.chunk_store is None else runtime.beside(group.chunk_store)
        if chunks is not None:
            await copy_prefix(chunks, old.path, new.path)
        await copy_prefix(runtime, old.path, new.path, last=node_documents(found))
        await delete_node(runtime, old.path, old.zarr_format, group.chunk_store)

    return Operation(group.store, body, MANY_STEPS, beside=group.chunk_store)


async def _require_free(runtime: Runtime, at: Place) -> None:
    """Make the groups above a path, which must not be a node."""
    sought = at.zarr_format if is_container(at.zarr_format) else None
    there = await open_node(runtime, at.path, sought)
    if there is not None:
        kind = ContainsArrayError if isinstance(there, ArrayMetadata) else ContainsGroupError
        raise kind(f"there is already a node at {at.name}")
    parent = at.path.rpartition("/")[0]
    await create_nodes(
        runtime,
        {parent: lambda zarr_format: GroupMetadata(zarr_format=zarr_format)},
        zarr_format=at.zarr_format,
        default_format=config.get().zarr_format,
        keep=True,
    )
