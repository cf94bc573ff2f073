"""azarr: chunked, compressed N-dimensional arrays, asynchronous at the core.

The blocking interface, as familiar as NumPy's and zarr's. `azarr.aio` has the same names to be
awaited, `azarr.storage` the stores, `azarr.config` the settings, `azarr.errors` the errors.

Names are loaded when they are first used (Scientific Python SPEC 1), so that a program that only
imports azarr pays next to nothing beyond NumPy: the rest takes about 50 ms.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from azarr import config, errors

if TYPE_CHECKING:
    from azarr.blocking import (
        array,
        consolidate_metadata,
        create,
        create_array,
        create_group,
        empty,
        empty_like,
        full,
        full_like,
        group,
        ones,
        ones_like,
        open,
        open_array,
        open_consolidated,
        open_group,
        open_like,
        read_many,
        zeros,
        zeros_like,
    )
    from azarr.blocking_tools import (
        copy,
        copy_all,
        copy_store,
        load,
        save,
        save_array,
        save_group,
        tree,
    )
    from azarr.engine import (
        LoggingObserver,
        Observer,
        ProcessSynchronizer,
        ThreadSynchronizer,
        observing,
        stats,
    )
    from azarr.errors import CopyError
    from azarr.nodes import Array, AsyncArray, AsyncGroup, Attributes, Group

__all__ = [
    "Array",
    "AsyncArray",
    "AsyncGroup",
    "Attributes",
    "CopyError",
    "Group",
    "LoggingObserver",
    "Observer",
    "ProcessSynchronizer",
    "ThreadSynchronizer",
    "array",
    "config",
    "consolidate_metadata",
    "copy",
    "copy_all",
    "copy_store",
    "create",
    "create_array",
    "create_group",
    "empty",
    "empty_like",
    "errors",
    "full",
    "full_like",
    "group",
    "load",
    "observing",
    "ones",
    "ones_like",
    "open",
    "open_array",
    "open_consolidated",
    "open_group",
    "open_like",
    "read_many",
    "save",
    "save_array",
    "save_group",
    "stats",
    "tree",
    "zeros",
    "zeros_like",
]


_SUBMODULES = ("aio", "codecs", "storage")
_SOURCES = ("azarr.blocking", "azarr.engine", "azarr.nodes", "azarr.errors", "azarr.blocking_tools")


_STORES = frozenset(
    "MemoryStore KVStore DirectoryStore NestedDirectoryStore TempStore ZipStore DBMStore LMDBStore "
    "SQLiteStore MongoDBStore RedisStore LRUStoreCache ABSStore FSStore ConsolidatedMetadataStore "
    "N5Store N5FSStore".split()
)
"""Names of `azarr.storage` that zarr 2 has at the top, for programs that come from it."""


def __getattr__(name: str) -> Any:
    if name == "__version__":  # `importlib.metadata` reads files
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("azarr")
        except PackageNotFoundError:  # on the path only; `help(azarr)` asks for it
            return "0+unknown"
    if name in _SUBMODULES:
        return import_module(f"azarr.{name}")
    if name in __all__:
        for source in _SOURCES:
            found = getattr(import_module(source), name, None)
            if found is not None:
                globals()[name] = found
                return found
    if name in _STORES:
        return getattr(import_module("azarr.storage"), name)
    raise AttributeError(f"module 'azarr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *_SUBMODULES, "__version__"]
