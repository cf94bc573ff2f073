"""Showing a hierarchy, also that of an HDF5 file."""

from __future__ import annotations

from typing import Any

from azarr.engine import GroupState, Way
from azarr.errors import UsageError
from azarr.nodes import Tree, group_operations, state_of, tree_of
from azarr.tools._hdf5 import hdf5_tree, is_hdf5
from azarr.tools._tool import Tool


def tree(grp: Any, expand: bool = False, level: int | None = None) -> Tool[Tree]:
    """The hierarchy under a group of azarr or h5py, to be printed or shown in a notebook.

    Args:
        grp: the group.
        expand: unfold all of it in a notebook.
        level: how many levels to show; None: all.

    Example:
        >>> import azarr
        >>> root = azarr.group()
        >>> array = root.create_array("foo/bar", shape=(10, 10), dtype="i4")
        >>> azarr.tree(root)
        /
        └── foo
            └── bar (10, 10) int32
    """
    state = None if is_hdf5(grp) else state_of(grp)
    if state is not None and not isinstance(state, GroupState):
        raise UsageError(f"a group is needed, not {grp!r}")

    async def show(way: Way) -> Tree:
        if state is None:
            return await way.call(hdf5_tree, grp, expand, level)
        depth = None if level is None else level - 1
        found = await way.do(group_operations.members(state, depth)) if level != 0 else {}
        return tree_of(state.path.rpartition("/")[2], found, expand)

    return show
