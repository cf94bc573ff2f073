"""Nodes: open, create, list and delete them. Requests that do not depend on each other go together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from azarr.engine._runtime import Runtime
from azarr.errors import (
    ConflictError,
    ContainsArrayError,
    ContainsGroupError,
    NodeNotFoundError,
)
from azarr.model import (
    ArrayMetadata,
    GroupMetadata,
    attribute_documents,
    document_keys,
    node_documents,
    parse_node,
)
from azarr.typing import Buffer, Generation, ZarrFormat

Metadata: TypeAlias = ArrayMetadata | GroupMetadata

DOCUMENT_BYTES = 4096
"""What a metadata document weighs for the scheduler; its real size is not known before."""


async def get_many(runtime: Runtime, keys: Iterable[str]) -> dict[str, Buffer | None]:
    """The values of several keys, None for those that do not exist. One round trip."""
    values: dict[str, Buffer | None] = dict.fromkeys(keys)

    async def work(steps: Iterator[str]) -> None:
        for key in steps:
            values[key] = await runtime.get(key)

    await runtime.for_each(work, iter(list(values)), len(values), DOCUMENT_BYTES)
    return values


async def set_many(runtime: Runtime, values: Mapping[str, Buffer | None]) -> None:
    """Store the values of several keys, deleting those that are None. One round trip."""

    async def work(steps: Iterator[tuple[str, Buffer | None]]) -> None:
        for key, value in steps:
            await (runtime.delete(key) if value is None else runtime.set(key, value))

    await runtime.for_each(work, iter(list(values.items())), len(values), DOCUMENT_BYTES)


async def open_nodes(
    runtime: Runtime, paths: Iterable[str], zarr_format: ZarrFormat | None = None
) -> dict[str, Metadata | None]:
    """The metadata of the nodes at several paths; None where there is no node. One round trip."""
    names = document_keys(zarr_format)
    paths = list(paths)
    found = await get_many(runtime, [_key(path, name) for path in paths for name in names])
    return {
        path: parse_node({name: found[_key(path, name)] for name in names}, path) for path in paths
    }


async def open_node(
    runtime: Runtime, path: str, zarr_format: ZarrFormat | None = None
) -> Metadata | None:
    """The metadata of the node at a path; None if there is none. One round trip."""
    return (await open_nodes(runtime, [path], zarr_format))[path]


async def create_node(
    runtime: Runtime,
    path: str,
    build: Callable[[ZarrFormat], Metadata],
    *,
    zarr_format: ZarrFormat | None,
    default_format: ZarrFormat,
    overwrite: bool = False,
) -> Metadata:
    """Write the documents of a node, and of parent groups that do not exist yet. Two round trips.

    `build` makes the metadata in the format that was asked for, else that of the nearest parent,
    else the default; it raises for bad arguments before anything has been changed.

    Raises:
        ContainsArrayError, ContainsGroupError: there is a node already, or a parent is an array.
    """
    ancestors = _ancestors(path)
    nodes = await open_nodes(runtime, [*ancestors, path])
    for ancestor in ancestors:
        if isinstance(nodes[ancestor], ArrayMetadata):
            raise ContainsArrayError(f"the parent {'/' + ancestor!r} of {'/' + path!r} is an array")
    formats = [node.zarr_format for node in map(nodes.get, ancestors) if node is not None]
    chosen = zarr_format or (formats[-1] if formats else default_format)
    metadata = build(chosen)
    documents = {_key(path, name): text for name, text in node_documents(metadata).items()}
    for ancestor in ancestors:
        if nodes[ancestor] is None:
            group = node_documents(GroupMetadata(zarr_format=chosen, attributes={}))
            documents |= {_key(ancestor, name): text for name, text in group.items()}
    old = nodes[path]
    if old is not None:
        if not overwrite:
            kind = ContainsArrayError if isinstance(old, ArrayMetadata) else ContainsGroupError
            raise kind(
                f"there is already a node at {'/' + path!r}; overwrite it or use another path"
            )
        await _delete_node(runtime, path, old)
    await set_many(runtime, documents)
    return metadata


async def delete_node(runtime: Runtime, path: str) -> bool:
    """Delete a node and everything under it; False if there was none. Two round trips."""
    old = await open_node(runtime, path)
    if old is None:
        return False
    await _delete_node(runtime, path, old)
    return True


async def _delete_node(runtime: Runtime, path: str, old: Metadata) -> None:
    """Its documents go first: an interrupted deletion leaves no node rather than half of one."""
    await set_many(runtime, dict.fromkeys((_key(path, name) for name in node_documents(old))))
    await runtime.delete_prefix(path)


async def members(runtime: Runtime, path: str) -> dict[str, Metadata]:
    """The nodes directly under a group, by name, sorted. Two round trips: list, then all documents."""
    _, names = await runtime.list_children(path)
    nodes = await open_nodes(runtime, [_key(path, name) for name in names])
    found = {name: nodes[_key(path, name)] for name in names}
    return {name: node for name, node in found.items() if node is not None}


async def update_node(
    runtime: Runtime, path: str, metadata: Metadata, change: Callable[[Metadata], Metadata]
) -> Metadata:
    """Change a node's metadata without losing anybody else's change. Two round trips.

    `change` is given the metadata as it is stored now, and is called again after a conflict.
    """
    names = {**node_documents(metadata), **attribute_documents(metadata)}
    keys = {name: _key(path, name) for name in names}
    async with runtime.lock(keys[min(keys)]):
        while True:
            stored = await _get_many_with_generations(runtime, keys.values())
            current = parse_node({name: stored[key][0] for name, key in keys.items()}, path)
            if current is None:
                raise NodeNotFoundError(f"the node {'/' + path!r} is gone from {runtime.store!r}")
            changed = change(current)
            before = {**attribute_documents(current), **node_documents(current)}
            after = {**attribute_documents(changed), **node_documents(changed)}
            try:
                for name in after:
                    if after[name] != before.get(name):
                        key = keys[name]
                        await _replace(runtime, key, after[name], stored[key][1])
            except ConflictError:
                continue
            return changed


async def _get_many_with_generations(
    runtime: Runtime, keys: Iterable[str]
) -> dict[str, tuple[Buffer | None, Generation | None]]:
    if not runtime.store.conditional:
        return {key: (value, None) for key, value in (await get_many(runtime, keys)).items()}
    values: dict[str, tuple[Buffer | None, Generation | None]] = {}

    async def work(steps: Iterator[str]) -> None:
        for key in steps:
            values[key] = await runtime.get_with_generation(key)

    keys = list(keys)
    await runtime.for_each(work, iter(keys), len(keys), DOCUMENT_BYTES)
    return values


async def _replace(
    runtime: Runtime, key: str, value: Buffer | None, generation: Generation | None
) -> None:
    """Store or delete a value, on condition of its generation where the store has generations."""
    if not runtime.store.conditional:
        await (runtime.delete(key) if value is None else runtime.set(key, value))
    elif value is not None:
        await runtime.set_if(key, value, generation)
    elif generation is not None:
        await runtime.delete_if(key, generation)


def _key(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _ancestors(path: str) -> list[str]:
    """The paths above a path, the root "" first."""
    parts = path.split("/") if path else []
    return ["/".join(parts[:depth]) for depth in range(len(parts))]
