"""The public functions of consolidated metadata: the documents of a hierarchy in one document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from azarr.engine import (
    MANY_STEPS,
    GroupState,
    Operation,
    Runtime,
    consolidate,
    open_consolidated as open_by_copy,
)
from azarr.errors import ContainsArrayError, GroupNotFoundError, UsageError
from azarr.model import METADATA_KEY, GroupMetadata
from azarr.nodes.arguments._values import check_writable
from azarr.nodes.operations._place import Place, place
from azarr.typing import ZarrFormat


def consolidate_metadata(
    store: Any,
    metadata_key: str = METADATA_KEY,
    *,
    path: str = "",
    zarr_format: ZarrFormat | None = None,
    storage_options: dict[str, Any] | None = None,
) -> Operation[GroupState]:
    """Copy the metadata of all nodes under a group into one document; the group, opened by it.

    In Zarr v3 that is the group's `zarr.json`. Nodes that are changed later, other than through a
    group that was opened by the copy, are not in it: call this again.

    Two round trips for each level of the hierarchy, and one or two to write.

    Args:
        store: a store, a path, a URL, or a mapping.
        metadata_key: the name of the document in Zarr v2.
        path: the group's path in the store.
        zarr_format: 2 or 3, where there are nodes of both.
        storage_options: options for the client of a URL.

    Raises:
        GroupNotFoundError: there is no group.

    Example:
        >>> import azarr
        >>> store = {}
        >>> root = azarr.create_group(store)
        >>> array = root.create_array("a/b", shape=(3,), dtype="i2")
        >>> root = azarr.consolidate_metadata(store)
        >>> root["a/b"]  # without a request
        <azarr.Array '/a/b' (3,) int16>
    """
    at = place(store, path, zarr_format=zarr_format, storage_options=storage_options)
    check_writable(at.read_only or at.store.read_only, at.name)
    _check_key(metadata_key)

    async def body(runtime: Runtime) -> GroupState:
        await consolidate(runtime, at.path, metadata_key, at.zarr_format)
        return await _open(runtime, at, metadata_key)

    return Operation(at.store, body, MANY_STEPS)


def open_consolidated(
    store: Any,
    metadata_key: str = METADATA_KEY,
    mode: str = "r+",
    *,
    path: str = "",
    chunk_store: Any = None,
    storage_options: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Operation[GroupState]:
    """Open a group by its consolidated metadata: one round trip for the whole hierarchy.

    Data can be written. The first change of metadata (a new or deleted node, other attributes,
    another shape) deletes the copy; everything is read from the nodes' own documents from then on.

    Args:
        store: a store, a path, a URL, or a mapping.
        metadata_key: the name of the document in Zarr v2.
        mode: "r" or "r+".
        path: the group's path in the store.
        chunk_store: where the chunks of its arrays are, if not in `store`.
        storage_options: options for the client of a URL.
        **kwargs: further arguments of `open_group`.

    Raises:
        NotFoundError: there is no consolidated metadata. `open_group` opens with and without.
    """
    if mode not in ("r", "r+"):
        raise UsageError(f"mode {mode!r}: 'r' and 'r+' are allowed with consolidated metadata")
    _check_key(metadata_key)
    at = place(
        store, path, mode=mode, chunk_store=chunk_store, storage_options=storage_options, **kwargs
    )

    async def body(runtime: Runtime) -> GroupState:
        return await _open(runtime, at, metadata_key)

    return Operation(at.store, body)


async def _open(runtime: Runtime, at: Place, key: str) -> GroupState:
    metadata, store = await open_by_copy(runtime, at.path, at.zarr_format, key, required=True)
    if metadata is None:
        raise GroupNotFoundError(f"no group at {at.name}")
    if not isinstance(metadata, GroupMetadata):
        raise ContainsArrayError(f"there is an array, not a group, at {at.name}")
    state = replace(at, store=store).state(metadata)
    assert isinstance(state, GroupState)
    return state


def _check_key(key: str) -> None:
    if not key or "/" in key:
        raise UsageError(f"metadata_key {key!r}: a name without '/' is needed")
