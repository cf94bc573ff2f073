"""The public functions that create and open groups; see `_creation` for arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azarr.engine import GroupState, Operation
from azarr.nodes.operations import _node as operations
from azarr.nodes.operations._creation import one_format
from azarr.nodes.operations._place import place
from azarr.typing import JSON, ZarrFormat


def group(
    store: Any = None,
    overwrite: bool = False,
    chunk_store: Any = None,
    cache_attrs: bool = True,
    synchronizer: Any = None,
    path: str | None = None,
    *,
    zarr_format: ZarrFormat | None = None,
    zarr_version: ZarrFormat | None = None,
    meta_array: Any = None,
) -> Operation[GroupState]:
    """Open a group, created if it does not exist; `overwrite` replaces what is there.

    Args:
        store: a store, a path, a URL, or a mapping; None: memory.
        chunk_store: where the chunks of its arrays are, if not in `store`.
        cache_attrs: False: read the attributes again whenever one is looked at.
        synchronizer: locks that writes take beyond those they always take.
        path: the group's path in the store.
        zarr_format: 2 or 3 of a new group; left out: that of its parent, else as configured.
        zarr_version: the same, as zarr 2 calls it.
        meta_array: an instance of the kind of array that reads of its arrays return.

    Example:
        >>> import azarr
        >>> azarr.group()
        <azarr.Group '/'>
    """
    at = place(
        store,
        path,
        chunk_store=chunk_store,
        zarr_format=one_format(zarr_format, zarr_version),
        cache_attrs=cache_attrs,
        synchronizer=synchronizer,
        meta_array=meta_array,
    )
    return operations.open_group(at, "w" if overwrite else "a")


def create_group(
    store: Any = None,
    *,
    path: str | None = None,
    zarr_format: ZarrFormat | None = None,
    attributes: Mapping[str, JSON] | None = None,
    overwrite: bool = False,
    storage_options: dict[str, Any] | None = None,
) -> Operation[GroupState]:
    """Create a group, and the groups above it that do not exist. Two round trips.

    Raises:
        ContainsArrayError, ContainsGroupError: there is something already.
    """
    at = place(store, path, zarr_format=zarr_format, storage_options=storage_options)
    return operations.create_group(at, attributes, overwrite)


def open_group(
    store: Any = None,
    mode: str = "a",
    cache_attrs: bool = True,
    synchronizer: Any = None,
    path: str | None = None,
    chunk_store: Any = None,
    storage_options: dict[str, Any] | None = None,
    *,
    zarr_format: ZarrFormat | None = None,
    zarr_version: ZarrFormat | None = None,
    meta_array: Any = None,
    attributes: Mapping[str, JSON] | None = None,
    use_consolidated: bool | None = None,
) -> Operation[GroupState]:
    """Open a group; the modes are those of `open_array`. One round trip to open.

    The other arguments are those of `group`; `attributes` are those of a new group.

    Args:
        use_consolidated: open the whole hierarchy by its consolidated metadata, so that finding
            and opening what is in it costs no request. None: if there is any; True: raise if there
            is none; False: ignore it. The first change of metadata through the group deletes it:
            a copy that is missing harms nobody, one that is out of date does.

    Raises:
        GroupNotFoundError: there is no group, and the mode does not let it be created.
        ContainsArrayError: there is an array.
    """
    at = place(
        store,
        path,
        mode=mode,
        chunk_store=chunk_store,
        zarr_format=one_format(zarr_format, zarr_version),
        storage_options=storage_options,
        cache_attrs=cache_attrs,
        synchronizer=synchronizer,
        meta_array=meta_array,
    )
    return operations.open_group(at, mode, attributes, use_consolidated)
