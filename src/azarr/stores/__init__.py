"""Stores: places that hold whole values under keys.

Here may live: the abstract stores, every backend, key rules, and the table that makes a store of
what a user names. A store knows keys, bytes, byte ranges and generations. It knows nothing of
arrays, formats or codecs, does not retry, and starts no threads or tasks of its own.
"""

from azarr.stores.base import AsyncStore, BlockingStore, Latency, Store
from azarr.stores.documented import (
    DirectoryStore,
    KVStore,
    NestedDirectoryStore,
    TempStore,
)
from azarr.stores.keys import check_key, check_prefix
from azarr.stores.local import LocalStore
from azarr.stores.make import StoreLike, make_store
from azarr.stores.mapping import MappingStore
from azarr.stores.memory import MemoryStore

__all__ = [
    "AsyncStore",
    "BlockingStore",
    "DirectoryStore",
    "KVStore",
    "Latency",
    "LocalStore",
    "MappingStore",
    "MemoryStore",
    "NestedDirectoryStore",
    "Store",
    "StoreLike",
    "TempStore",
    "check_key",
    "check_prefix",
    "make_store",
]
