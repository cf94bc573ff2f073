"""Many nodes at once: list a hierarchy, create many nodes, copy and move what is under a path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial

from azarr.engine.hierarchy._deletion import Below
from azarr.engine.hierarchy._hierarchy import (
    DOCUMENT_BYTES,
    Metadata,
    at_once,
    computed,
    get_and_list,
    members,
    node_key,
    occupied,
    open_nodes,
    parse_nodes,
    paths_above,
)
from azarr.engine.hierarchy._new_nodes import NewNodes, creating
from azarr.engine.runtimes._runtime import Runtime
from azarr.errors import ContainsArrayError
from azarr.model import (
    ArrayMetadata,
    GroupMetadata,
    document_keys,
    is_container,
)
from azarr.stores import Store
from azarr.typing import ZarrFormat

LISTED_AT_ONCE: tuple[ZarrFormat, ...] = (3,)
"""Formats whose arrays have few names directly under them, so that listing one by mistake costs
little: a v3 array has its document and "c". A v2 array has all its chunks there."""

SAMPLE = 8
"""Values of a thousand that are asked for their size: neighbours are mostly alike."""


async def walk(
    runtime: Runtime, path: str, zarr_format: ZarrFormat, max_depth: int | None = 0
) -> dict[str, Metadata]:
    """The nodes under a group by their relative paths, parents before their children, sorted.

    Round trips: the listing of the group, then per level one (v3) or two (the documents, then the
    listings of the groups).

    Args:
        max_depth: how many levels below the group's own members; None: all.
    """
    found: dict[str, Metadata] = {}
    prefix = f"{path}/" if path else ""
    names = document_keys(zarr_format)
    _, listed = await get_and_list(runtime, (), [path])
    groups, depth = [path], 0
    while groups:
        level = [node_key(each, name) for each in groups for name in listed[each][1]]
        deeper = max_depth is None or depth < max_depth
        at_once = deeper and zarr_format in LISTED_AT_ONCE
        if at_once:
            keys = [f"{each}/{name}" for each in level for name in names]
            texts, listed = await get_and_list(runtime, keys, level)
            documents = {each: {name: texts[f"{each}/{name}"] for name in names} for each in level}
            nodes = await parse_nodes(runtime, documents)
        else:
            nodes = await open_nodes(runtime, level, zarr_format, exist=is_container(zarr_format))
        found |= {each[len(prefix) :]: node for each, node in nodes.items() if node is not None}
        if not deeper:
            break
        groups = [each for each, node in nodes.items() if isinstance(node, GroupMetadata)]
        if not at_once:
            _, listed = await get_and_list(runtime, (), groups)
        depth += 1
    return dict(sorted(found.items(), key=lambda item: item[0].split("/")))


async def descendants(runtime: Runtime, path: str) -> dict[str, Metadata]:
    """All nodes under a group, of any format, by path relative to it. Two round trips a level."""
    found: dict[str, Metadata] = {}
    level = [""]

    async def work(groups: Iterator[str]) -> None:
        for group in groups:
            below = await members(runtime, f"{path}/{group}".strip("/"))
            found.update({node_key(group, name): each for name, each in below.items()})

    while level:
        before = set(found)
        await runtime.for_each(work, iter(level), len(level), DOCUMENT_BYTES)
        new = [name for name in found if name not in before]
        level = [name for name in new if isinstance(found[name], GroupMetadata)]
    return found


async def create_nodes(
    runtime: Runtime,
    builds: Mapping[str, Callable[[ZarrFormat], Metadata]],
    *,
    zarr_format: ZarrFormat | None,
    default_format: ZarrFormat,
    overwrite: bool = False,
    keep: bool = False,
    chunk_store: Store | None = None,
) -> dict[str, Metadata]:
    """Write the documents of many nodes, and of groups above them that do not exist yet.

    One round trip to look, and one for each level of the hierarchy that is written, whatever the
    number of nodes: parents before their children, so that a failure leaves none without its
    parent. One more to delete what is overwritten (see `Below.delete`). All is checked before
    anything is written.

    Args:
        builds: makes the metadata of the node at each path, in a format.
        overwrite: replace what is there, in `chunk_store` too.
        keep: take groups that are there as they are.

    Raises:
        ContainsArrayError, ContainsGroupError: there is a node already, or a parent is an array.
    """
    parents = {parent for path in builds for parent in paths_above(path)}
    runtime = runtime.uncached
    sought = zarr_format if is_container(zarr_format) else None
    paths = sorted(parents | builds.keys())
    old_ones = {path: Below(runtime, path, chunk_store) for path in builds} if overwrite else {}

    async def attempt(new: NewNodes) -> dict[str, Metadata]:
        there: dict[str, Metadata | None] = {}

        async def look() -> None:
            there.update(await new.look(paths, sought))

        await at_once(runtime, look, *(each for old in old_ones.values() for each in old.looks))
        formats = [node.zarr_format for _, node in sorted(there.items()) if node is not None]
        chosen = zarr_format or (formats[0] if formats else default_format)
        stored = new.paths

        def make(path: str) -> Metadata:
            old = there[path]
            if keep and isinstance(old, GroupMetadata):
                return old
            if old is not None and not overwrite and path not in stored:
                raise occupied(path, old)
            return builds[path](chosen)

        made = await computed(runtime, len(builds), lambda: {path: make(path) for path in builds})
        groups = {
            path: GroupMetadata(zarr_format=chosen) for path in parents if there[path] is None
        }
        after: dict[str, Metadata | None] = {**there, **groups, **made}
        for parent in parents:
            if isinstance(after[parent], ArrayMetadata):
                raise ContainsArrayError(
                    f"{'/' + parent!r} is an array: there can be nothing under it"
                )
        nodes = {path: node for path, node in made.items() if node is not there[path]}
        if overwrite:
            replaced = [path for path in nodes if path not in stored]
            await at_once(
                runtime,
                *(partial(old_ones[path].make_room, there[path], made[path]) for path in replaced),
            )
        await new.store(*_levels(groups | nodes))
        return made

    return await creating(runtime, attempt)


def _levels(nodes: Mapping[str, Metadata]) -> list[dict[str, Metadata]]:
    """Nodes by how deep they are, parents before their children."""
    levels: dict[int, dict[str, Metadata]] = {}
    for path, node in nodes.items():
        levels.setdefault(path.count("/") + bool(path), {})[path] = node
    return [levels[depth] for depth in sorted(levels)]


async def copy_prefix(
    runtime: Runtime, source: str, destination: str, last: Iterable[str] = ()
) -> None:
    """Copy every value under one prefix to another; at the end the names in `last`, directly there.

    Requests: a listing, two per value, and some for each 1000 of them, to see how large they are.
    """
    start = len(source) + 1 if source else 0

    async def work(steps: Iterator[str]) -> None:
        for key in steps:
            value = await runtime.get(key)
            if value is not None:
                await runtime.set(node_key(destination, key[start:]), value)

    held_back: list[str] = []
    names = set(last)
    async with aclosing(runtime.scan(source)) as batches:
        async for keys in batches:
            held_back += [key for key in keys if key[start:] in names]
            copied = [key for key in keys if key[start:] not in names]
            nbytes = await _largest(runtime, copied[:: max(1, len(copied) // SAMPLE)])
            await runtime.for_each(work, iter(copied), len(copied), nbytes)
    await runtime.for_each(work, iter(held_back), len(held_back), DOCUMENT_BYTES)


async def _largest(runtime: Runtime, keys: Sequence[str]) -> int:
    """The bytes of the largest of some values. One round trip."""
    largest = DOCUMENT_BYTES

    async def work(steps: Iterator[str]) -> None:
        nonlocal largest
        for key in steps:
            largest = max(largest, await runtime.size(key) or 0)

    await runtime.for_each(work, iter(keys), len(keys), DOCUMENT_BYTES)
    return largest
