"""azarr: chunked, compressed N-dimensional arrays, asynchronous at the core.

The blocking interface, as familiar as NumPy's and zarr's. `azarr.aio` has the same names to be
awaited, `azarr.storage` the stores, `azarr.config` the settings, `azarr.errors` the errors.
"""

from azarr import config, errors
from azarr.blocking import (
    array,
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
    open_group,
    open_like,
    zeros,
    zeros_like,
)
from azarr.nodes import Array, AsyncArray, AsyncGroup, Attributes, Group

__all__ = [
    "Array",
    "AsyncArray",
    "AsyncGroup",
    "Attributes",
    "Group",
    "array",
    "config",
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
    "open_group",
    "open_like",
    "zeros",
    "zeros_like",
]
