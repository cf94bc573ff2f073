"""Tools over whole arrays and hierarchies: save and load, copy, show.

Here may live what combines the operations of arrays, groups and stores, and does nothing that they
do not do. A tool is a function that checks its arguments and returns a coroutine function of a
`Way`, so that it is written once and offered blocking and awaited. No format, no codec and no
indexing rule lives here. Other libraries' files and objects are told apart in one module each.
"""

from azarr.tools._copy import copy, copy_all
from azarr.tools._copy_store import copy_store
from azarr.tools._save import AsyncLazyLoader, LazyLoader, load, save, save_array, save_group
from azarr.tools._tool import Tool
from azarr.tools._tree import tree

__all__ = [
    "AsyncLazyLoader",
    "LazyLoader",
    "Tool",
    "copy",
    "copy_all",
    "copy_store",
    "load",
    "save",
    "save_array",
    "save_group",
    "tree",
]
