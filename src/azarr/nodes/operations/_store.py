"""The low-level functions of zarr 2 on a store and a path, as operations."""

from __future__ import annotations

from typing import Any

from azarr.engine import (
    MANY_STEPS,
    ArrayState,
    GroupState,
    Operation,
    Runtime,
    bytes_of,
    copy_prefix,
    open_node,
)
from azarr.errors import UsageError
from azarr.model import ArrayMetadata, GroupMetadata
from azarr.nodes.arguments._values import check_writable
from azarr.nodes.operations import _creation as creation, _group_creation as group_creation
from azarr.nodes.operations._place import normalize_path, place
from azarr.stores import make_store


def init_array(
    store: Any, shape: Any, chunks: Any = True, fill_value: Any = None, **kwargs: Any
) -> Operation[ArrayState]:
    """Write the metadata of a new array."""
    return creation.create(shape, chunks, fill_value=fill_value, store=store, **kwargs)


def init_group(
    store: Any, overwrite: bool = False, path: str | None = None, **kwargs: Any
) -> Operation[GroupState]:
    """Write the metadata of a new group."""
    return group_creation.create_group(store, path=path, overwrite=overwrite, **kwargs)


def contains(store: Any, path: str | None, kind: type) -> Operation[bool]:
    """Whether there is a node of a kind at a path. One round trip."""
    at = place(store, path)

    async def body(runtime: Runtime) -> bool:
        return isinstance(await open_node(runtime, at.path, at.zarr_format), kind)

    return Operation(at.store, body)


def contains_array(store: Any, path: str | None = None) -> Operation[bool]:
    """Whether there is an array at a path."""
    return contains(store, path, ArrayMetadata)


def contains_group(store: Any, path: str | None = None) -> Operation[bool]:
    """Whether there is a group at a path."""
    return contains(store, path, GroupMetadata)


def listdir(store: Any, path: str | None = None) -> Operation[list[str]]:
    """The names directly under a path: of keys, and of what further keys are under. Sorted."""
    prefix = normalize_path(path)

    async def body(runtime: Runtime) -> list[str]:
        names, prefixes = await runtime.list_children(prefix)
        return sorted({*names, *prefixes})

    return Operation(make_store(store), body)


def rmdir(store: Any, path: str | None = None) -> Operation[None]:
    """Delete everything under a path."""
    prefix = normalize_path(path)

    async def body(runtime: Runtime) -> None:
        await runtime.delete_prefix(prefix)

    made = make_store(store)
    check_writable(made.read_only, repr(made))
    return Operation(made, body, MANY_STEPS)


def rename(store: Any, src_path: str, dst_path: str) -> Operation[None]:
    """Move every value under a path to another: copied, then deleted. Two requests per value."""
    source, destination = normalize_path(src_path), normalize_path(dst_path)
    if not source or f"{destination}/".startswith(f"{source}/"):
        raise UsageError(f"{src_path!r} cannot be renamed to {dst_path!r}, which is under it")

    async def body(runtime: Runtime) -> None:
        await copy_prefix(runtime, source, destination)
        await runtime.delete_prefix(source)

    made = make_store(store)
    check_writable(made.read_only, repr(made))
    return Operation(made, body, MANY_STEPS)


def getsize(store: Any, path: str | None = None) -> Operation[int]:
    """Bytes of the value at a path, or of all values directly under it."""
    prefix = normalize_path(path)

    async def body(runtime: Runtime) -> int:
        own = await runtime.size(prefix) if prefix else None
        if own is not None:
            return own
        names, _ = await runtime.list_children(prefix)
        return await bytes_of(runtime, [f"{prefix}/{name}".lstrip("/") for name in names])

    return Operation(make_store(store), body, MANY_STEPS)
