"""azarr: chunked, compressed N-dimensional arrays, asynchronous at the core.

The blocking interface, as familiar as NumPy's and zarr's. `azarr.aio` has the same names to be
awaited, `azarr.storage` the stores, `azarr.config` the settings, `azarr.errors` the errors.
"""

from typing import Any

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
from azarr.engine import (
    LoggingObserver,
    Observer,
    ProcessSynchronizer,
    ThreadSynchronizer,
    observing,
    stats,
)
from azarr.nodes import Array, AsyncArray, AsyncGroup, Attributes, Group

__all__ = [
    "Array",
    "AsyncArray",
    "AsyncGroup",
    "Attributes",
    "Group",
    "LoggingObserver",
    "Observer",
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
    "observing",
    "ones",
    "ones_like",
    "open",
    "open_array",
    "open_consolidated",
    "open_group",
    "open_like",
    "read_many",
    "stats",
    "zeros",
    "zeros_like",
]


def __getattr__(name: str) -> Any:
    # Looked up when asked for: `importlib.metadata` reads files.
    if name == "__version__":
        from importlib.metadata import version

        return version("azarr")
    raise AttributeError(f"module 'azarr' has no attribute {name!r}")
