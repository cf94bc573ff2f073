"""What users hold: arrays, groups and attributes, blocking and awaitable.

Both facades are thin over the same immutable state. A module with operations says *what* is to be
done (an `Operation`), a facade only how: `run` it, or `await run_async` it. No I/O, no format and no
indexing rule lives here.
"""

from azarr.nodes import _creation as creation
from azarr.nodes import _consolidated as consolidated
from azarr.nodes import _migration as migration
from azarr.nodes import _group_creation as group_creation
from azarr.nodes import _store_operations as store_operations
from azarr.nodes._array import Array
from azarr.nodes._async_array import AsyncArray
from azarr.nodes._async_group import AsyncGroup, async_node
from azarr.nodes._attributes import AsyncAttributes, Attributes
from azarr.nodes._group import Group, blocking_node
from azarr.nodes._many_operations import ManyReads

__all__ = [
    "Array",
    "AsyncArray",
    "AsyncAttributes",
    "AsyncGroup",
    "Attributes",
    "Group",
    "ManyReads",
    "async_node",
    "blocking_node",
    "creation",
    "consolidated",
    "group_creation",
    "migration",
    "store_operations",
]
