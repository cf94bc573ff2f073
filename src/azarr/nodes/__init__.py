"""What users hold: arrays, groups and attributes, blocking and awaitable.

Both facades are thin over the same immutable state. `operations` say *what* is to be done (an
`Operation`), the facades here only how: `run` it, or `await run_async` it. `arguments` check what
users give. No I/O, no format and no indexing rule lives here.
"""

from azarr.nodes._array import Array
from azarr.nodes._async_array import AsyncArray
from azarr.nodes._async_group import AsyncGroup, async_node
from azarr.nodes._attributes import AsyncAttributes, Attributes
from azarr.nodes._facade import state_of
from azarr.nodes._group import Group, blocking_node
from azarr.nodes._hierarchy_tree import Tree, tree_of
from azarr.nodes._many_operations import ManyReads
from azarr.nodes.arguments._likeness import likeness
from azarr.nodes.operations import (
    _array as array_operations,
    _change as change_operations,
    _consolidated as consolidated,
    _creation as creation,
    _group as group_operations,
    _group_creation as group_creation,
    _migration as migration,
    _node as node_operations,
    _store as store_operations,
)
from azarr.nodes.operations._place import child_place, normalize_path

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
    "child_place",
    "creation",
    "consolidated",
    "group_creation",
    "group_operations",
    "likeness",
    "migration",
    "node_operations",
    "normalize_path",
    "state_of",
    "store_operations",
    "tree_of",
]
