"""What users hold: arrays, groups and attributes, blocking and awaitable.

Both facades are thin over the same immutable state. A module with operations says *what* is to be
done (an `Operation`), a facade only how: `run` it, or `await run_async` it. No I/O, no format and
no indexing rule lives here.
"""

from azarr.nodes import (
    _array_operations as array_operations,
    _change_operations as change_operations,
    _consolidated as consolidated,
    _creation as creation,
    _group_creation as group_creation,
    _group_operations as group_operations,
    _migration as migration,
    _node_operations as node_operations,
    _store_operations as store_operations,
)
from azarr.nodes._array import Array
from azarr.nodes._async_array import AsyncArray
from azarr.nodes._async_group import AsyncGroup, async_node
from azarr.nodes._attributes import AsyncAttributes, Attributes
from azarr.nodes._facade import state_of
from azarr.nodes._group import Group, blocking_node
from azarr.nodes._hierarchy_tree import Tree, tree_of
from azarr.nodes._likeness import likeness
from azarr.nodes._many_operations import ManyReads

__all__ = [
    "Array",
    "AsyncArray",
    "AsyncAttributes",
    "AsyncGroup",
    "Attributes",
    "Group",
    "ManyReads",
    "Tree",
    "array_operations",
    "async_node",
    "blocking_node",
    "change_operations",
    "creation",
    "consolidated",
    "group_creation",
    "group_operations",
    "likeness",
    "migration",
    "node_operations",
    "state_of",
    "store_operations",
    "tree_of",
]
