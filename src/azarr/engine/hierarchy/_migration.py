"""Metadata of older formats, rewritten in place. Chunks are neither read nor moved."""

from __future__ import annotations

from azarr.codecs import as_zarr_v3
from azarr.engine.hierarchy._hierarchy import Metadata, get_many, node_key, open_node, set_many
from azarr.engine.hierarchy._tree import descendants
from azarr.engine.runtimes._runtime import Runtime
from azarr.errors import ArrayNotFoundError, MetadataError, NodeNotFoundError
from azarr.model import METADATA_KEY, V1_DOCUMENTS, document_keys, node_documents, parse_v1


async def migrate_v1(runtime: Runtime) -> None:
    """The array of Zarr v1 in a store becomes one of v2. Three round trips."""
    found = await get_many(runtime, V1_DOCUMENTS)
    metadata = parse_v1(found)
    if metadata is None:
        raise ArrayNotFoundError(f"no Zarr v1 array in {runtime.store!r}: there is no key 'meta'")
    await set_many(runtime, node_documents(metadata))
    await set_many(runtime, dict.fromkeys(V1_DOCUMENTS))


async def migrate_v2(
    runtime: Runtime, path: str, *, remove_v2: bool = False, dry_run: bool = False
) -> dict[str, Metadata]:
    """Every v2 node at and under a path gets a v3 document; the new metadata, by path.

    Nothing is written unless all nodes can be expressed. Documents are written from the leaves to
    the root and v2 documents removed after that, so that whoever reads meanwhile, or after a crash,
    finds a hierarchy that is whole.

    Raises:
        NodeNotFoundError: there is no node.
        MetadataError: a node that Zarr v3 cannot express.
    """
    runtime = runtime.uncached
    root = await open_node(runtime, path)
    if root is None:
        raise NodeNotFoundError(f"no array or group at {'/' + path!r} in {runtime.store!r}")
    nodes = {"": root, **await descendants(runtime, path)}
    migrated: dict[str, Metadata] = {}
    for name, node in nodes.items():
        if node.zarr_format != 2:
            continue
        full = f"{path}/{name}".strip("/")
        try:
            migrated[full] = as_zarr_v3(node)
        except MetadataError as error:
            raise type(error)(f"{'/' + full}: {error}") from error
    if dry_run:
        return migrated
    for depth in sorted({*map(_depth, migrated)}, reverse=True):
        documents = {}
        for full, node in migrated.items():
            if _depth(full) == depth:
                for name, text in node_documents(node).items():
                    documents[node_key(full, name)] = text
        await set_many(runtime, documents)
    if remove_v2:
        names = (*document_keys(2), METADATA_KEY)
        paths = [full for full in migrated for _ in names]
        keys = zip(paths, [*names] * len(migrated), strict=True)
        await set_many(runtime, {node_key(full, name): None for full, name in keys})
    return migrated


def _depth(path: str) -> int:
    return path.count("/") + 1 if path else 0
