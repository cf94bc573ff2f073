"""Creating a node: its documents, those of the groups above it, and what was there before it."""

from __future__ import annotations

from collections.abc import Callable

from azarr.engine._failure import located_node
from azarr.engine.hierarchy._deletion import Below
from azarr.engine.hierarchy._hierarchy import (
    Metadata,
    at_once,
    occupied,
    paths_above,
)
from azarr.engine.hierarchy._new_nodes import NewNodes, creating
from azarr.engine.runtimes._runtime import Runtime
from azarr.errors import ContainsArrayError
from azarr.model import (
    ArrayMetadata,
    GroupMetadata,
    as_root,
    is_container,
    node_documents,
)
from azarr.stores import Store
from azarr.typing import ZarrFormat


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
    else the default; it raises for bad arguments before anything has been changed. It is called
    again where others have created one of the nodes since the look.

    Raises:
        ContainsArrayError, ContainsGroupError: there is a node already, or a parent is an array.
        ConflictError: others kept coming in between.
    """
    runtime = runtime.uncached
    ancestors = paths_above(path)
    # A Zarr hierarchy may have nodes of both formats, and whatever is there must not be overlooked.
    sought = zarr_format if is_container(zarr_format) else None
    there = Below(runtime, path, chunk_store if overwrite else None)

    async def attempt(new: NewNodes) -> Metadata:
        nodes: dict[str, Metadata | None] = {}

        async def look() -> None:
            nodes.update(await new.look([*ancestors, path], sought))

        await at_once(runtime, look, *(there.looks if overwrite else ()))
        for ancestor in ancestors:
            if isinstance(nodes[ancestor], ArrayMetadata):
                above = f"the parent {'/' + ancestor!r} of {'/' + path!r}"
                raise ContainsArrayError(f"{above} is an array")
        formats = [node.zarr_format for node in map(nodes.get, ancestors) if node is not None]
        chosen = zarr_format or (formats[-1] if formats else default_format)
        metadata = build(chosen)
        if not path:
            metadata = as_root(metadata)
        node_documents(metadata)  # raises for what cannot be stored
        old = nodes[path]
        if old is not None and not overwrite:
            raise occupied(path, old)
        if overwrite:
            await there.make_room(old, metadata)
        group = GroupMetadata(zarr_format=chosen)
        missing = {each: group for each in ancestors if nodes[each] is None}
        await new.store(missing, {path: metadata})
        return metadata

    return await creating(runtime, attempt)
