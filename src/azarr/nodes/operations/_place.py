"""Where a node is, or is to be: its stores, its path, and how it is opened there. No requests."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any

from azarr import config
from azarr.engine import (
    ArrayState,
    GroupState,
    Metadata,
    Synchronizer,
)
from azarr.errors import UsageError
from azarr.model import GroupMetadata, document_keys
from azarr.stores import Store, check_key, make_store
from azarr.typing import ZarrFormat

MODES = ("r", "r+", "a", "w", "w-", "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node is or will be, and how it is opened.

    Attributes:
        zarr_format: the format asked for; None: as the parent group, else as configured.
        write_empty_chunks: None: as configured.
        allow_pickle: whether the codec that runs code may be used; it may if so configured.
        synchronizer, cache_metadata, cache_attrs, partial_decompress, meta_array: see `ArrayState`.
    """

    store: Store
    path: str = ""
    chunk_store: Store | None = None
    zarr_format: ZarrFormat | None = None
    read_only: bool = False
    write_empty_chunks: bool | None = None
    allow_pickle: bool = False
    synchronizer: Synchronizer | None = None
    cache_metadata: bool = True
    cache_attrs: bool = True
    partial_decompress: bool = False
    meta_array: Any = None

    @property
    def name(self) -> str:
        return f"'/{self.path}' in {self.store!r}"

    def state(self, metadata: Metadata) -> ArrayState | GroupState:
        """The state of the open node."""
        read_only = self.read_only or self.store.read_only
        if isinstance(metadata, GroupMetadata):
            return GroupState(
                store=self.store,
                path=self.path,
                metadata=metadata,
                read_only=read_only,
                chunk_store=self.chunk_store,
                synchronizer=self.synchronizer,
                cache_attrs=self.cache_attrs,
                meta_array=self.meta_array,
            )
        write_empty = self.write_empty_chunks
        return ArrayState(
            store=self.store,
            path=self.path,
            metadata=metadata,
            read_only=read_only,
            chunk_store=self.store if self.chunk_store is None else self.chunk_store,
            synchronizer=self.synchronizer,
            cache_metadata=self.cache_metadata,
            cache_attrs=self.cache_attrs,
            partial_decompress=self.partial_decompress,
            meta_array=self.meta_array,
            allow_pickle=self.allow_pickle or config.get().allow_pickle,
            write_empty_chunks=config.get().write_empty_chunks
            if write_empty is None
            else write_empty,
        )


def place(
    store: Any,
    path: str | None = None,
    *,
    mode: str = "a",
    chunk_store: Any = None,
    zarr_format: ZarrFormat | None = None,
    read_only: bool = False,
    write_empty_chunks: bool | None = None,
    storage_options: dict[str, Any] | None = None,
    **opening: Any,
) -> Place:
    """A `Place` from what users write: a store, path, URL or mapping, and a mode.

    `opening`: further fields of `Place`, as they are.

    Raises:
        UsageError: an unknown mode or format, or something that is no store.
    """
    if mode not in MODES:
        raise UsageError(f"mode {mode!r}: {', '.join(map(repr, MODES))} are allowed")
    if zarr_format not in (None, 2, 3, "n5"):
        raise UsageError(f"zarr_format {zarr_format!r}: 2, 3 and 'n5' are allowed")
    synchronizer = opening.get("synchronizer")
    if isinstance(synchronizer, (str, PathLike)) or not hasattr(synchronizer or {}, "__getitem__"):
        raise UsageError(
            f"synchronizer {synchronizer!r}: a ThreadSynchronizer, a ProcessSynchronizer(path) or "
            "another object with a lock for every key is needed"
        )
    read_only = read_only or mode == "r"
    made = make_store(store, read_only=read_only, storage_options=storage_options)
    chunks = None if chunk_store is None else make_store(chunk_store, read_only=read_only)
    return Place(
        store=made,
        path=normalize_path(path),
        chunk_store=chunks,
        zarr_format=zarr_format or made.default_format,
        read_only=read_only,
        write_empty_chunks=write_empty_chunks,
        **opening,
    )


def normalize_path(path: str | None) -> str:
    """A node's path without slashes at its ends or doubled inside.

    Raises:
        UsageError: it is no string, or a segment is "." or "..", which could climb out of the root.
    """
    if path is not None and not isinstance(path, str):
        raise UsageError(f"a path is a str, not {type(path).__name__}: {path!r}")
    parts = [part for part in (path or "").replace("\\", "/").split("/") if part]
    if "." in parts or ".." in parts:
        raise UsageError(f"path {path!r}: '.' and '..' are not allowed")
    if parts:
        check_key("/".join(parts))
    return "/".join(parts)


def check_name(at: Place) -> None:
    """Refuses a node in the place of a document, which a folder or a bucket would mix up."""
    taken = {*document_keys(), *document_keys(at.zarr_format)}.intersection(at.path.split("/"))
    if taken:
        raise UsageError(f"path '/{at.path}': {min(taken)!r} is the name of a metadata document")


def child_place(group: GroupState, path: str) -> Place:
    """The place of a node under a group; an absolute path counts from the root of the store."""
    relative = normalize_path(path)
    under = relative if path.startswith("/") else f"{group.prefix}{relative}"
    return Place(
        store=group.store,
        path=under.strip("/"),
        chunk_store=group.chunk_store,
        zarr_format=group.metadata.zarr_format,
        read_only=group.read_only,
        synchronizer=group.synchronizer,
        cache_attrs=group.cache_attrs,
        meta_array=group.meta_array,
    )


def member_place(group: GroupState, path: str) -> Place:
    """As `child_place`, for what is deleted or replaced unasked: never the group itself.

    Raises:
        UsageError: the path, "" or "/", is that of the group or of the root of the store.
    """
    at = child_place(group, path)
    if at.path in ("", group.path):
        raise UsageError(f"path {path!r} is '/{at.path}' itself, no member of {group.name!r}")
    return at
