"""Creating a node: its documents, those of the groups above it, and what was there before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from azarr.engine._failure import located_node
from azarr.engine.hierarchy._deletion import Below
from azarr.engine.hierarchy._hierarchy import (
    Metadata,
    at_once,
    node_key,
    occupied,
    open_nodes,
    paths_above,
    set_many,
)
from azarr.engine.runtimes._runtime import Runtime
from azarr.errors import ContainsArrayError
from azarr.model import (
    ArrayMetadata,
    GroupMetadata,
    as_root,
    attribute_key,
    is_container,
    node_documents,
)
from azarr.stores import Store
from azarr.typing import Buffer, ZarrFormat


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

    Two round trips; three where there is more than one document to write, and one more where
    something is overwritten. That is also deleted from `chunk_store`, and only when everything has
    been checked.

    `build` makes the metadata in the format that was asked for, else that of the nearest parent,
    else the default; it raises for bad arguments before anything has been changed.

    Raises:
        ContainsArrayError, ContainsGroupError: there is a node already, or a parent is an array.
    """
    runtime = runtime.uncached
    ancestors = paths_above(path)
    # A Zarr hierarchy may have nodes of both formats, and whatever is there must not be overlooked.
    sought = zarr_format if is_container(zarr_format) else None
    nodes: dict[str, Metadata | None] = {}
    there = Below(runtime, path, chunk_store if overwrite else None)

    async def look() -> None:
        nodes.update(await open_nodes(runtime, [*ancestors, path], sought, all_formats=True))

    await at_once(runtime, look, *(there.looks if overwrite else ()))
    for ancestor in ancestors:
        if isinstance(nodes[ancestor], ArrayMetadata):
            raise ContainsArrayError(f"the parent {'/' + ancestor!r} of {'/' + path!r} is an array")
    formats = [node.zarr_format for node in map(nodes.get, ancestors) if node is not None]
    chosen = zarr_format or (formats[-1] if formats else default_format)
    metadata = build(chosen)
    if not path:
        metadata = as_root(metadata)
    texts = node_documents(metadata)
    documents = {node_key(path, name): text for name, text in texts.items()}
    documents |= _group_documents([each for each in ancestors if nodes[each] is None], chosen)
    old = nodes[path]
    if old is not None and not overwrite:
        raise occupied(path, old)
    if overwrite:
        await there.make_room(old, metadata)
    # Its own document goes last: a node that can be seen has its parents and its attributes, and
    # not those that a failed deletion has left.
    last = node_key(path, next(iter(texts)))
    attributes = node_key(path, attribute_key(metadata.zarr_format))
    own: dict[str, Buffer | None] = {} if attributes in documents else {attributes: None}
    own[last] = documents.pop(last)
    await set_many(runtime, documents)
    await set_many(runtime, own)
    return metadata


def _group_documents(paths: Iterable[str], zarr_format: ZarrFormat) -> dict[str, bytes]:
    """The documents of empty groups at several paths."""
    group = GroupMetadata(zarr_format=zarr_format, attributes={})
    return {
        node_key(path, name): text
        for path in paths
        for name, text in node_documents(group if path else as_root(group)).items()
    }
