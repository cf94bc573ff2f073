"""azarr: chunked, compressed N-dimensional arrays, asynchronous at the core.

The blocking interface, as familiar as NumPy's and zarr's. `azarr.aio` has the same names to be
awaited, `azarr.storage` the stores, `azarr.config` the settings, `azarr.errors` the errors.
"""

from azarr import config, errors
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
from azarr.engine import ProcessSynchronizer, ThreadSynchronizer
from azarr.nodes import Array, AsyncArray, AsyncGroup, Attributes, Group

__all__ = [
    "Array",
    "AsyncArray",
    "AsyncGroup",
    "Attributes",
    "Group",
    "ProcessSynchronizer",
    "ThreadSynchronizer",
    "array",
    "config",
    "consolidate_metadata",
    "create",
    "create_array",
    "create_group",
    "empty",
    "empty_like",
    "errors",
    "full",
    "full_like",
    "group",
    "ones",
    "ones_like",
    "open",
    "open_array",
    "open_consolidated",
    "open_group",
    "open_like",
    "read_many",
    "zeros",
    "zeros_like",
]
