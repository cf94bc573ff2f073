"""Reading nodes: open them, list them. Requests that need no other's answer go out together.

Creating is in `_create`, changing in `_node_documents`, deleting in `_deletion`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from azarr.engine._failure import located_node
from azarr.engine.runtimes._runtime import Runtime, compute_if
from azarr.errors import ContainsArrayError, ContainsGroupError
from azarr.model import (
    ArrayMetadata,
    GroupMetadata,
    document_keys,
    is_container,
    is_settled,
    parse_node,
)
from azarr.typing import Buffer, ZarrFormat

T = TypeVar("T")
Metadata: TypeAlias = ArrayMetadata | GroupMetadata
Children: TypeAlias = tuple[Sequence[str], Sequence[str]]
"""The names of the keys and of the directories that lie directly under a path."""

DOCUMENT_BYTES = 4096
"""What a metadata document weighs for the scheduler; its real size is not known before."""


MANY_DOCUMENTS = 64
"""To parse so many, or to make them, takes 2 ms or more: too long for an event loop."""

USUAL_BYTES = 512
"""A document of a usual node. One with a thousand attributes is worth a hundred of them."""


def worth(texts: Iterable[Buffer | None]) -> int:
    """How many usual documents take as long as these."""
    return sum(len(text) for text in texts if text is not None) // USUAL_BYTES


async def computed(runtime: Runtime, documents: int, function: Callable[..., T], *args: Any) -> T:
    """What a function makes of so many documents, where it blocks nobody for long."""
    return await compute_if(runtime, documents >= MANY_DOCUMENTS, function, *args)


async def at_once(runtime: Runtime, *calls: Callable[[], Awaitable[None]]) -> None:
    """Await each of these; their requests go out at the same time."""

    async def work(steps: Iterator[Callable[[], Awaitable[None]]]) -> None:
        for call in steps:
            await call()

    await runtime.for_each(work, iter(calls), len(calls), DOCUMENT_BYTES)


async def get_many(
    runtime: Runtime, keys: Iterable[str], opened: bool = False
) -> dict[str, Buffer | None]:
    """The documents of several keys, None for those that do not exist. One round trip.

    Args:
        opened: changes may be based on them.
    """
    values: dict[str, Buffer | None] = dict.fromkeys(keys)

    async def work(steps: Iterator[str]) -> None:
        for key in steps:
            values[key] = await runtime.get_document(key, opened)

    await runtime.for_each(work, iter(list(values)), len(values), DOCUMENT_BYTES)
    return values


async def get_documents(
    runtime: Runtime, paths: Iterable[str], names: Sequence[str]
) -> dict[str, dict[str, Buffer | None]]:
    """The documents of nodes, by path and name, None for those that do not exist. One round trip.

    Where one request follows another, those that cannot change what a node is are not sent.
    """
    found: dict[str, dict[str, Buffer | None]] = {path: {} for path in paths}
    opened = len(found) == 1

    async def work(steps: Iterator[tuple[str, str]]) -> None:
        for path, name in steps:
            found[path][name] = await runtime.get_document(node_key(path, name), opened)

    steps = ((path, name) for path in found for name in names if not is_settled(found[path]))
    await runtime.for_each(work, steps, len(found) * len(names), DOCUMENT_BYTES)
    return found


async def set_many(runtime: Runtime, values: Mapping[str, Buffer | None]) -> None:
    """Store the values of several keys, deleting those that are None. One round trip."""

    async def work(steps: Iterator[tuple[str, Buffer | None]]) -> None:
        for key, value in steps:
            await (runtime.delete(key) if value is None else runtime.set(key, value))

    await runtime.for_each(work, iter(list(values.items())), len(values), DOCUMENT_BYTES)


async def open_nodes(
    runtime: Runtime,
    paths: Iterable[str],
    zarr_format: ZarrFormat | None = None,
    *,
    exist: bool = False,
    all_formats: bool = False,
    left: set[str] | None = None,
) -> dict[str, Metadata | None]:
    """The metadata of the nodes at several paths; None where there is no node. One round trip.

    In a format where every directory is a group (N5), the directories that hold the paths are
    listed in the same round trip, unless it is known that the paths `exist`; and the document of
    the root is read, which has the version of the format.

    Args:
        all_formats: see a node of any other format too.
        left: gets the keys of documents that are there without a node.
    """
    paths = list(paths)
    names = document_keys(zarr_format)
    if not is_container(zarr_format):
        documents = await get_documents(runtime, paths, names)
        nodes = await parse_nodes(runtime, documents)
    else:
        names = (*document_keys(), *names) if all_formats else names
        keys = _document_keys(dict.fromkeys(["", *paths]), names)
        parents = [] if exist else [path.rpartition("/")[0] for path in paths]
        found, listed = await get_and_list(runtime, keys, parents)
        parse_node({name: found[name] for name in names}, "")  # raises for an unknown version
        documents = {path: {name: found[node_key(path, name)] for name in names} for path in paths}
        nodes = {
            path: parse_node(texts, path, is_directory=exist or _is_directory(path, listed))
            for path, texts in documents.items()
        }
    if left is not None:
        left.update(
            node_key(path, name)
            for path, texts in documents.items()
            for name, text in texts.items()
            if text is not None and nodes[path] is None
        )
    return nodes


async def parse_nodes(
    runtime: Runtime, documents: Mapping[str, Mapping[str, Buffer | None]]
) -> dict[str, Metadata | None]:
    """The metadata of nodes, by path, from their documents, by name."""

    def parse() -> dict[str, Metadata | None]:
        return {path: parse_node(texts, path) for path, texts in documents.items()}

    texts = (text for texts in documents.values() for text in texts.values())
    return await computed(runtime, worth(texts), parse)


def _document_keys(paths: Iterable[str], names: Sequence[str]) -> list[str]:
    return [node_key(path, name) for path in paths for name in names]


def _is_directory(path: str, listed: Mapping[str, Children]) -> bool:
    """Whether a path is among the listed directories; of the root, whether anything is in it."""
    parent, _, name = path.rpartition("/")
    keys, directories = listed.get(parent, ((), ()))
    return name in directories if path else bool(keys or directories)


async def get_and_list(
    runtime: Runtime, keys: Iterable[str], directories: Iterable[str]
) -> tuple[dict[str, Buffer | None], dict[str, Children]]:
    """The values of keys, and what is directly under directories. One round trip."""
    listed: dict[str, Children] = dict.fromkeys(directories, ((), ()))
    if not listed:
        return await get_many(runtime, keys), listed
    values: dict[str, Buffer | None] = dict.fromkeys(keys)
    steps = [*((True, path) for path in listed), *((False, key) for key in values)]

    async def work(steps: Iterator[tuple[bool, str]]) -> None:
        for is_directory, key in steps:
            if is_directory:
                listed[key] = await runtime.list_children(key)
            else:
                values[key] = await runtime.get_document(key)

    await runtime.for_each(work, iter(steps), len(steps), DOCUMENT_BYTES)
    return values, listed


@located_node
async def open_node(
    runtime: Runtime, path: str, zarr_format: ZarrFormat | None = None
) -> Metadata | None:
    """The metadata of the node at a path; None if there is none. One round trip."""
    return (await open_nodes(runtime, [path], zarr_format))[path]


@located_node
async def members(
    runtime: Runtime, path: str, zarr_format: ZarrFormat | None = None
) -> dict[str, Metadata]:
    """The nodes directly under a group, by name, sorted. Two round trips: list, all documents."""
    _, names = await runtime.list_children(path)
    sought = zarr_format if is_container(zarr_format) else None
    nodes = await open_nodes(runtime, [node_key(path, name) for name in names], sought, exist=True)
    found = {name: nodes[node_key(path, name)] for name in names}
    return {name: node for name, node in found.items() if node is not None}


def node_key(path: str, name: str) -> str:
    """The key of a document of the node at a path, or the path of a node in it."""
    return f"{path}/{name}" if path else name


def occupied(path: str, node: Metadata) -> ContainsArrayError | ContainsGroupError:
    """The error where a node is to be created, and there is one."""
    kind = ContainsArrayError if isinstance(node, ArrayMetadata) else ContainsGroupError
    return kind(f"there is already a node at {'/' + path!r}; overwrite=True replaces it")


def paths_above(path: str) -> list[str]:
    """The paths of the groups that a node is in, the root "" first."""
    parts = path.split("/") if path else []
    return ["/".join(parts[:depth]) for depth in range(len(parts))]
