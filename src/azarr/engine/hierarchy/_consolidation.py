"""Consolidated metadata: opening a hierarchy by it, writing it, and making it go away.

A group opened by it has a store that answers for its documents (`azarr.stores.consolidated`), so
nothing else in the engine knows of it. A change through such a store first deletes the copy.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from azarr.engine._failure import located_node
from azarr.engine.hierarchy._hierarchy import (
    Metadata,
    computed,
    get_many,
    node_key,
    open_node,
    worth,
)
from azarr.engine.hierarchy._node_documents import update_node
from azarr.engine.hierarchy._tree import walk
from azarr.engine.runtimes._adapters import unadapted
from azarr.engine.runtimes._blocking import BlockingRuntime, drive
from azarr.engine.runtimes._runtime import CONFLICTS, Runtime
from azarr.errors import ConflictError, GroupNotFoundError, NotFoundError, UsageError
from azarr.model import (
    METADATA_KEY,
    ConsolidatedDocuments,
    GroupMetadata,
    consolidated_document,
    consolidated_fields,
    document_keys,
    is_container,
    node_documents,
    parse_consolidated_v2,
    parse_consolidated_v3,
    parse_node,
)
from azarr.stores import BlockingStore, Store
from azarr.typing import ZarrFormat


@located_node
async def open_consolidated(
    runtime: Runtime,
    path: str,
    zarr_format: ZarrFormat | None = None,
    key: str | None = METADATA_KEY,
    *,
    required: bool = False,
) -> tuple[Metadata | None, Store]:
    """The metadata of the node at a path, and the store to use for it. One round trip.

    The store answers for the documents of the whole hierarchy where that is consolidated.

    Args:
        key: the name of consolidated metadata of Zarr v2; None: do not ask for it.
        required: raise if there is a group, and it has none.

    Raises:
        NotFoundError: see `required`.
    """
    prefix, store = f"{path}/" if path else "", unadapted(runtime.store)
    if is_container(zarr_format):
        return await open_node(runtime, path, zarr_format), store
    names = document_keys(zarr_format)
    if key is not None and zarr_format in (None, 2):
        names = (*names, key)
    found = await get_many(runtime, [prefix + name for name in names], opened=True)
    texts = {name: found[prefix + name] for name in names}

    def parse() -> tuple[Metadata | None, ConsolidatedDocuments | None]:
        metadata = parse_node(texts, path)
        if isinstance(metadata, GroupMetadata):
            if metadata.zarr_format == 3:
                return metadata, parse_consolidated_v3(metadata, path)
            if key is not None and (text := texts[key]) is not None:
                return metadata, parse_consolidated_v2(text, path, key)
        return metadata, None

    metadata, documents = await computed(runtime, worth(texts.values()), parse)
    if documents is not None:
        assert isinstance(metadata, GroupMetadata)
        return metadata, _knowing(store, path, metadata, documents, key)
    if required and isinstance(metadata, GroupMetadata):
        name = "/" + path
        raise NotFoundError(f"there is no consolidated metadata at {name!r} in {store!r}")
    return metadata, store


def _knowing(
    store: Store,
    path: str,
    metadata: GroupMetadata,
    documents: ConsolidatedDocuments,
    key: str | None,
) -> Store:
    from azarr.stores import AsyncConsolidatedStore, BlockingConsolidatedStore, Known

    prefix, zarr_format = f"{path}/" if path else "", metadata.zarr_format
    # The copy in a v3 document has nothing of the group that the document is of.
    own = f"{prefix}{document_keys(3)[0]}" if zarr_format == 3 else None
    known = Known(prefix, documents, document_keys(), except_for=own)
    if isinstance(store, BlockingStore):
        forget_now = partial(_forget_now, path=path, zarr_format=zarr_format, key=key)
        return BlockingConsolidatedStore(store, known, forget_now)
    forget_soon = partial(_forget_soon, path=path, zarr_format=zarr_format, key=key)
    return AsyncConsolidatedStore(store, known, forget_soon)  # type: ignore[arg-type]


def _forget_now(store: BlockingStore, **where: Any) -> None:
    drive(_forget(BlockingRuntime(store), **where))


async def _forget_soon(store: Any, **where: Any) -> None:
    from azarr.engine.runtimes._anyio import AnyioRuntime

    await _forget(AnyioRuntime(store), **where)


async def _forget(runtime: Runtime, path: str, zarr_format: ZarrFormat, key: str | None) -> None:
    """Delete the copy of the metadata that is in the store. At most two round trips."""
    prefix = f"{path}/" if path else ""
    if zarr_format != 3:
        assert key is not None
        await runtime.delete(prefix + key)
        return
    (name,) = document_keys(3)
    # No lock: whoever changes a document may hold it, and waits for this.
    for _ in range(CONFLICTS):
        conditional = runtime.store.conditional
        text, generation = (
            await runtime.get_with_generation(prefix + name)
            if conditional
            else (await runtime.get(prefix + name), None)
        )
        group = parse_node({name: text}, path)
        if not isinstance(group, GroupMetadata) or group.consolidated is None:
            return
        changed = node_documents(replace(group, consolidated=None))[name]
        try:
            if conditional:
                await runtime.set_if(prefix + name, changed, generation)
            else:
                await runtime.set(prefix + name, changed)
        except ConflictError:
            continue
        return
    raise ConflictError(f"{prefix + name!r} is another document each time that it is read")


async def consolidate(
    runtime: Runtime, path: str, key: str = METADATA_KEY, zarr_format: ZarrFormat | None = None
) -> None:
    """Write the consolidated metadata of a group.

    Round trips: one, those of listing the hierarchy (`walk`), and two, or in Zarr v2 one. Nodes
    that others create or change at the same time may be missed.

    Raises:
        GroupNotFoundError: there is no group.
        UsageError: the format has no consolidated metadata.
    """
    runtime = runtime.uncached
    root = await open_node(runtime, path, zarr_format)
    if not isinstance(root, GroupMetadata):
        raise GroupNotFoundError(f"no group at {'/' + path!r} in {runtime.store!r}")
    if root.zarr_format not in (2, 3):
        raise UsageError(f"format {root.zarr_format!r} has no consolidated metadata")
    nodes = await walk(runtime, path, root.zarr_format, None)
    if root.zarr_format == 2:
        text = await computed(runtime, len(nodes), consolidated_document, root, nodes)
        await runtime.set(node_key(path, key), text)
        return

    consolidated = await computed(runtime, len(nodes), consolidated_fields, nodes)

    def change(now: Metadata) -> Metadata:
        assert isinstance(now, GroupMetadata)
        return replace(now, consolidated=consolidated)

    await update_node(runtime, path, root, change)
