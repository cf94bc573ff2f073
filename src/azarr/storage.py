"""The stores, under their public names, and the low-level functions of zarr 2 on them.

The functions take whatever names a store, and do nothing that arrays and groups do not offer too.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from azarr import config
from azarr.engine import run
from azarr.nodes import migration, store_operations as operations
from azarr.stores import *  # noqa: F403
from azarr.stores import __all__ as _stores

__all__ = [  # noqa: PLE0604 - all of them are strings
    *_stores,
    "contains_array",
    "contains_group",
    "default_compressor",  # noqa: F405 - a property of the module, see `_Storage`
    "getsize",
    "init_array",
    "init_group",
    "listdir",
    "migrate_1to2",
    "migrate_2to3",
    "rename",
    "rmdir",
]


def init_array(
    store: Any, shape: Any, chunks: Any = True, fill_value: Any = None, **kwargs: Any
) -> None:
    """Write the metadata of a new array; further arguments are those of `azarr.create`.

    Example:
        >>> from azarr.storage import MemoryStore, init_array
        >>> store = MemoryStore()
        >>> init_array(store, shape=100, chunks=10, dtype="i1", path="foo", zarr_format=2)
        >>> sorted(store.keys())
        ['.zgroup', 'foo/.zarray']
    """
    run(operations.init_array(store, shape, chunks, fill_value=fill_value, **kwargs))


def init_group(store: Any, overwrite: bool = False, path: str | None = None, **kwargs: Any) -> None:
    """Write the metadata of a new group; further arguments are those of `azarr.create_group`."""
    run(operations.init_group(store, overwrite, path, **kwargs))


def contains_array(store: Any, path: str | None = None) -> bool:
    """Whether there is an array at a path. One round trip."""
    return run(operations.contains_array(store, path))


def contains_group(store: Any, path: str | None = None) -> bool:
    """Whether there is a group at a path. One round trip."""
    return run(operations.contains_group(store, path))


def listdir(store: Any, path: str | None = None) -> list[str]:
    """The names directly under a path, of keys and of what further keys are under, sorted.

    Example:
        >>> from azarr.storage import listdir
        >>> listdir({"a/b": b"", "a/c/d": b""}, "a")
        ['b', 'c']
    """
    return run(operations.listdir(store, path))


def rmdir(store: Any, path: str | None = None) -> None:
    """Delete everything under a path; without one, everything."""
    run(operations.rmdir(store, path))


def rename(store: Any, src_path: str, dst_path: str) -> None:
    """Move every value under a path to another: copied, then deleted. Two requests per value.

    Raises:
        UsageError: the new path is under the old one.
    """
    run(operations.rename(store, src_path, dst_path))


def getsize(store: Any, path: str | None = None) -> int:
    """Bytes of the value at a path, or of all values directly under it. One request per value."""
    return run(operations.getsize(store, path))


def migrate_1to2(store: Any) -> None:
    """Rewrite the metadata of the Zarr v1 array in a store as those of a v2 array.

    The keys `meta` and `attrs` become `.zarray` and `.zattrs`; chunks stay as they are.

    Raises:
        ArrayNotFoundError: there is no key `meta`.
        MetadataError: it is none of Zarr v1. Nothing has been written.
    """
    run(migration.migrate_1to2(store))


def migrate_2to3(
    store: Any, path: str | None = None, *, remove_v2: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Write Zarr v3 metadata for every v2 node at and under a path; the new metadata, by path.

    Chunks are neither read nor moved: their keys are those of the v2 chunk key encoding. Without
    `remove_v2` the nodes can be opened as both; the v3 documents are preferred.

    Args:
        store: a store, a path, a URL, or a mapping.
        path: of an array or a group in it.
        remove_v2: delete the v2 documents when all v3 documents are written.
        dry_run: write nothing.

    Raises:
        NodeNotFoundError: there is nothing at the path.
        MetadataError: Zarr v3 cannot express a node; the message says which. Nothing has been
            written.

    Example:
        >>> import azarr
        >>> from azarr.storage import MemoryStore, migrate_2to3
        >>> store = MemoryStore()
        >>> azarr.create_array(store, shape=(4,), chunks=(2,), dtype=">i2", zarr_format=2)[:] = 7
        >>> list(migrate_2to3(store, remove_v2=True)), sorted(store)
        ([''], ['0', '1', 'zarr.json'])
        >>> azarr.open_array(store)[:]
        array([7, 7, 7, 7], dtype=int16)
    """
    return run(migration.migrate_2to3(store, path, remove_v2, dry_run))


class _Storage(ModuleType):
    """This module: its one attribute that can be set is a setting."""

    @property
    def default_compressor(self) -> Any:
        """What compresses new arrays that do not say, as in zarr 2: a numcodecs codec, or None.

        The same as `azarr.config.get().default_compressor`; setting it is for the whole process.
        """
        from numcodecs import Blosc

        codec = config.get().default_compressor
        return Blosc() if isinstance(codec, str) and codec == "default" else codec

    @default_compressor.setter
    def default_compressor(self, codec: Any) -> None:
        from numcodecs import Blosc

        # To set what is there without setting anything is to go back to it, in N5 too.
        config.set(default_compressor="default" if codec == Blosc() else codec)


sys.modules[__name__].__class__ = _Storage
