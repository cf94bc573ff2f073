"""Stores: places that hold whole values under keys.

Here may live: the abstract stores, every backend, key rules, and the table that makes a store of
what a user names. A store knows keys, bytes, byte ranges and generations. It knows nothing of
arrays, formats or codecs, does not retry, and starts no threads or tasks of its own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from azarr.stores._values import copy_into as copy_into
from azarr.stores.base import AsyncStore, BlockingStore, EventLoop, Latency, Store
from azarr.stores.keys import absolute as absolute, check_key, check_prefix
from azarr.stores.local import LocalStore
from azarr.stores.make import StoreLike, make_store
from azarr.stores.mapping import MappingStore
from azarr.stores.memory import MemoryStore

if TYPE_CHECKING:
    from azarr.stores.abs import ABSStore
    from azarr.stores.consolidated import (
        AsyncConsolidatedStore as AsyncConsolidatedStore,
        BlockingConsolidatedStore as BlockingConsolidatedStore,
        ConsolidatedMetadataStore,
        Known as Known,
    )
    from azarr.stores.dbm import DBMStore
    from azarr.stores.documented import DirectoryStore, KVStore, NestedDirectoryStore, TempStore
    from azarr.stores.fsspec import FsspecStore
    from azarr.stores.fsstore import FSStore
    from azarr.stores.lmdb import LMDBStore
    from azarr.stores.lru import LRUStoreCache
    from azarr.stores.mongodb import MongoDBStore
    from azarr.stores.n5 import N5FSStore, N5Store
    from azarr.stores.obstore import ObstoreStore
    from azarr.stores.redis import RedisStore
    from azarr.stores.sqlite import SQLiteStore
    from azarr.stores.zip import ZipStore

# Imported when they are used: together they take 15 ms.
_MODULES = {
    "ABSStore": "abs",
    "AsyncConsolidatedStore": "consolidated",
    "BlockingConsolidatedStore": "consolidated",
    "ConsolidatedMetadataStore": "consolidated",
    "Known": "consolidated",
    "DBMStore": "dbm",
    "DirectoryStore": "documented",
    "KVStore": "documented",
    "NestedDirectoryStore": "documented",
    "TempStore": "documented",
    "FsspecStore": "fsspec",
    "FSStore": "fsstore",
    "LMDBStore": "lmdb",
    "LRUStoreCache": "lru",
    "MongoDBStore": "mongodb",
    "N5FSStore": "n5",
    "N5Store": "n5",
    "ObstoreStore": "obstore",
    "RedisStore": "redis",
    "SQLiteStore": "sqlite",
    "ZipStore": "zip",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


__all__ = [
    "ABSStore",
    "AsyncStore",
    "BlockingStore",
    "ConsolidatedMetadataStore",
    "DBMStore",
    "DirectoryStore",
    "EventLoop",
    "FSStore",
    "FsspecStore",
    "KVStore",
    "LMDBStore",
    "LRUStoreCache",
    "Latency",
    "LocalStore",
    "MappingStore",
    "MemoryStore",
    "MongoDBStore",
    "N5FSStore",
    "N5Store",
    "NestedDirectoryStore",
    "ObstoreStore",
    "RedisStore",
    "SQLiteStore",
    "Store",
    "StoreLike",
    "TempStore",
    "ZipStore",
    "check_key",
    "check_prefix",
    "make_store",
]
