"""Nodes: open, create, list and delete them. Requests that need no other's answer go together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from azarr.engine._failure import located_node
from azarr.engine._runtime import CONFLICTS, Runtime
from azarr.engine._synchronizers import Synchronizer, exclusive
from azarr.errors import (
    ConflictError,
    ContainsArrayError,
    ContainsGroupError,
    NodeNotFoundError,
)
from azarr.model import (
    ArrayMetadata,
    GroupMetadata,
    as_root,
    attribute_documents,
    document_keys,
    is_container,
    node_documents,
    parse_node,
)
from azarr.stores import Store
from azarr.typing import Buffer, Generation, ZarrFormat

Metadata: TypeAlias = ArrayMetadata | GroupMetadata
Children: TypeAlias = tuple[Sequence[str], Sequence[str]]
"""The names of the keys and of the directories that lie directly under a path."""

DOCUMENT_BYTES = 4096
"""What a metadata document weighs for the scheduler; its real size is not known before."""


async def get_many(
    runtime: Runtime, keys: Iterable[str], nbytes: int = DOCUMENT_BYTES
) -> dict[str, Buffer | None]:
    """The values of several keys, None for those that do not exist. One round trip."""
    values: dict[str, Buffer | None] = dict.fromkeys(keys)

    get = runtime.get_document if nbytes == DOCUMENT_BYTES else runtime.get

    async def work(steps: Iterator[str]) -> None:
        for key in steps:
            values[key] = await get(key)

    await runtime.for_each(work, iter(list(values)), len(values), nbytes)
    return values


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
) -> dict[str, Metadata | None]:
    """The metadata of the nodes at several paths; None where there is no node. One round trip.

    In a format where every directory is a group (N5), the directories that hold the paths are
    listed in the same round trip, unless it is known that the paths `exist`; and the document of
    the root is read, which has the version of the format.

    Args:
        all_formats: see a node of any other format too.
    """
    paths = list(paths)
    names = document_keys(zarr_format)
    if not is_container(zarr_format):
        found, listed = await get_and_list(runtime, _document_keys(paths, names), ())
    else:
        names = (*document_keys(), *names) if all_formats else names
        keys = _document_keys(dict.fromkeys(["", *paths]), names)
        parents = [] if exist else [path.rpartition("/")[0] for path in paths]
        found, listed = await get_and_list(runtime, keys, parents)
        parse_node({name: found[name] for name in names}, "")  # raises for an unknown version
    return {
        path: parse_node(
            {name: found[_key(path, name)] for name in names},
            path,
            is_directory=exist or _is_directory(path, listed),
        )
        for path in paths
    }


def _document_keys(paths: Iterable[str], names: Sequence[str]) -> list[str]:
    return [_key(path, name) for path in paths for name in names]


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
async def create_node(
    runtime: Runtime,
    path: str,
    build: Callable[[ZarrFormat], Metadata],
    *,
    zarr_format: ZarrFormat | None,
    default_format: ZarrFormat,
    overwrite: bool = False,
    chunk_store: Store | None = None,
) -> Metadata:
    """Write the documents of a node, and of parent groups that do not exist yet.

    Two round trips; three where there is more than one document to write. What is overwritten is
    also deleted from `chunk_store`, when everything has been checked.

    `build` makes the metadata in the format that was asked for, else that of the nearest parent,
    else the default; it raises for bad arguments before anything has been changed.

    Raises:
        ContainsArrayError, ContainsGroupError: there is a node already, or a parent is an array.
    """
    runtime = runtime.uncached
    ancestors = _ancestors(path)
    # A Zarr hierarchy may have nodes of both formats, and whatever is there must not be overlooked.
    sought = zarr_format if is_container(zarr_format) else None
    nodes = await open_nodes(runtime, [*ancestors, path], sought, all_formats=True)
    for ancestor in ancestors:
        if isinstance(nodes[ancestor], ArrayMetadata):
            raise ContainsArrayError(f"the parent {'/' + ancestor!r} of {'/' + path!r} is an array")
    formats = [node.zarr_format for node in map(nodes.get, ancestors) if node is not None]
    chosen = zarr_format or (formats[-1] if formats else default_format)
    metadata = build(chosen)
    if not path:
        metadata = as_root(metadata)
    texts = node_documents(metadata)
    documents = {_key(path, name): text for name, text in texts.items()}
    documents |= _group_documents([each for each in ancestors if nodes[each] is None], chosen)
    old = nodes[path]
    if old is not None:
        if not overwrite:
            kind = ContainsArrayError if isinstance(old, ArrayMetadata) else ContainsGroupError
            raise kind(
                f"there is already a node at {'/' + path!r}; overwrite it or use another path"
            )
        await _delete_node(runtime, path, old)
        if chunk_store is not None:
            await runtime.beside(chunk_store).delete_prefix(path)
    elif overwrite:
        await _delete_remains(runtime, path, metadata)
        if chunk_store is not None:
            await _delete_remains(runtime.beside(chunk_store), path, metadata)
    # Its own document goes last: a node that can be seen has its parents and its attributes, and
    # not those that a failed deletion has left.
    last = _key(path, next(iter(texts)))
    attributes = [_key(path, name) for name in attribute_documents(metadata)]
    own: dict[str, Buffer | None] = {key: None for key in attributes if key not in documents}
    own[last] = documents.pop(last)
    await set_many(runtime, documents)
    await set_many(runtime, own)
    return metadata


def _group_documents(paths: Iterable[str], zarr_format: ZarrFormat) -> dict[str, bytes]:
    """The documents of empty groups at several paths."""
    group = GroupMetadata(zarr_format=zarr_format, attributes={})
    return {
        _key(path, name): text
        for path in paths
        for name, text in node_documents(group if path else as_root(group)).items()
    }


@located_node
async def delete_node(runtime: Runtime, path: str, zarr_format: ZarrFormat | None = None) -> bool:
    """Delete a node and everything under it; False if there was none. Two round trips."""
    runtime = runtime.uncached
    old = await open_node(runtime, path, zarr_format if is_container(zarr_format) else None)
    if old is None:
        return False
    await _delete_node(runtime, path, old)
    return True


async def _delete_node(runtime: Runtime, path: str, old: Metadata) -> None:
    """Its documents go first: an interrupted deletion leaves no node rather than half of one."""
    await set_many(runtime, dict.fromkeys(_key(path, name) for name in node_documents(old)))
    await runtime.delete_prefix(path)


async def _delete_remains(runtime: Runtime, path: str, metadata: Metadata) -> None:
    """What a failed deletion may have left at a path without a node, and a new one would show.

    At the root only what the new node would read is deleted: nothing says that the rest was Zarr's.
    """
    if path:
        await runtime.delete_prefix(path)
        return
    names = {**node_documents(metadata), **attribute_documents(metadata)}
    keys = [
        key
        for key in await runtime.list("")
        if key in names
        or (
            isinstance(metadata, ArrayMetadata)
            and metadata.chunk_key_encoding.parse(key, metadata.ndim) is not None
        )
    ]
    await set_many(runtime, dict.fromkeys(keys))


@located_node
async def members(
    runtime: Runtime, path: str, zarr_format: ZarrFormat | None = None
) -> dict[str, Metadata]:
    """The nodes directly under a group, by name, sorted. Two round trips: list, all documents."""
    _, names = await runtime.list_children(path)
    sought = zarr_format if is_container(zarr_format) else None
    nodes = await open_nodes(runtime, [_key(path, name) for name in names], sought, exist=True)
    found = {name: nodes[_key(path, name)] for name in names}
    return {name: node for name, node in found.items() if node is not None}


@located_node
async def update_node(
    runtime: Runtime,
    path: str,
    metadata: Metadata,
    change: Callable[[Metadata], Metadata],
    synchronizer: Synchronizer | None = None,
    prepare: Callable[[Metadata, Metadata], Awaitable[None]] | None = None,
) -> Metadata:
    """Change a node's metadata without losing anybody else's change. Two round trips.

    `change` is given the metadata as it is stored now, and is called again after a conflict; so is
    `prepare`, with the old and the new metadata, before these are stored.
    """
    documents = NodeDocuments(runtime, path, metadata)
    async with exclusive(runtime, synchronizer, documents.lock_key):
        conflicts = 0
        while True:
            current = await documents.read()
            changed = change(current)
            if prepare is not None:
                await prepare(current, changed)
            try:
                await documents.replace(changed)
            except ConflictError:
                conflicts += 1
                if conflicts > CONFLICTS:
                    raise
            else:
                return changed


class NodeDocuments:
    """The documents of one node, read with their generations and replaced on condition of them."""

    def __init__(self, runtime: Runtime, path: str, metadata: Metadata) -> None:
        names = {**node_documents(metadata), **attribute_documents(metadata)}
        self._runtime = runtime.uncached
        self._path = path
        self._keys = {name: _key(path, name) for name in names}
        self._stored: dict[str, tuple[Buffer | None, Generation | None]] = {}
        self._metadata = metadata

    @property
    def lock_key(self) -> str:
        """What everybody locks who changes the node: not the key of a chunk."""
        return self._keys[min(self._keys)]

    async def read(self) -> Metadata:
        """The node's metadata as it is stored now. One round trip."""
        self._stored = await _get_many_with_generations(self._runtime, self._keys.values())
        found = {name: self._stored[key][0] for name, key in self._keys.items()}
        # A group that has no document yet is given one.
        is_group = isinstance(self._metadata, GroupMetadata)
        current = parse_node(found, self._path, is_directory=is_group)
        if current is None:
            where = f"{'/' + self._path!r} is gone from {self._runtime.store!r}"
            raise NodeNotFoundError(f"the node {where}")
        self._metadata = current
        return current

    @property
    def text(self) -> bytes:
        """The document that says what the node is, as it was read or written last."""
        return bytes(self._stored[self._main][0] or b"")

    async def replace_text(self, text: bytes) -> None:
        """Store that document with another text that says the same.

        Raises:
            ConflictError: another version is there now.
        """
        generation = await self._runtime.set_if(self._main, text, self._stored[self._main][1])
        self._stored[self._main] = (text, generation)

    async def check_unchanged(self) -> None:
        """Raises ConflictError if another version of that document is there now."""
        _, generation = await self._runtime.get_with_generation(self._main)
        if generation != self._stored[self._main][1]:
            raise ConflictError(f"{self._main!r} in {self._runtime.store!r} has changed")

    @property
    def _main(self) -> str:
        return self._keys[next(iter(node_documents(self._metadata)))]

    async def replace(self, changed: Metadata) -> None:
        """Store what differs from what was read last.

        Raises:
            ConflictError: the store has generations, and another version is there now.
        """
        before = {**attribute_documents(self._metadata), **node_documents(self._metadata)}
        after = {**attribute_documents(changed), **node_documents(changed)}
        for name, text in after.items():
            if text != before.get(name):
                key = self._keys[name]
                await _replace(self._runtime, key, text, self._stored[key][1])


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
