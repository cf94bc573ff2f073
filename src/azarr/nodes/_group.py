"""The blocking group: a mapping of names to arrays and groups."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, MutableMapping, ValuesView
from typing import Any

from azarr.engine import ArrayState, GroupState, run
from azarr.nodes._array import Array
from azarr.nodes._attributes import Attributes
from azarr.nodes._group_contents import GroupContents
from azarr.nodes.arguments._arguments import AUTO, ArrayArguments
from azarr.nodes.operations import _creation as creation, _node as operations
from azarr.nodes.operations._place import child_place, member_place, place
from azarr.typing import ZarrFormat


class Group(GroupContents, MutableMapping[str, Any]):
    """An open group.

    Args:
        store: a store, a path, a URL, or a mapping, that holds a group.
        path: the group's path in the store.
        read_only: refuse writes through this object and its members.
        chunk_store: where the chunks of its arrays are, if not in `store`.
        cache_attrs: False: read the attributes again whenever one is looked at.
        synchronizer: locks that writes take beyond those they always take.
        zarr_version: the older name of `zarr_format`.
        zarr_format: 2, 3 or "n5"; None: 2 or 3, whichever is there.
        meta_array: an instance of the kind of array that reads of its arrays return.

    Raises:
        GroupNotFoundError: there is no group.

    Example:
        >>> import azarr
        >>> root = azarr.create_group({})
        >>> array = root.create_array("a/b", shape=(3,), dtype="i2")
        >>> root["a"]
        <azarr.Group '/a'>
        >>> list(root["a"])
        ['b']
    """

    def __init__(
        self,
        store: Any,
        path: str | None = None,
        read_only: bool = False,
        chunk_store: Any = None,
        cache_attrs: bool = True,
        synchronizer: Any = None,
        zarr_version: ZarrFormat | None = None,
        *,
        meta_array: Any = None,
        zarr_format: ZarrFormat | None = None,
    ) -> None:
        at = place(
            store,
            path,
            read_only=read_only,
            chunk_store=chunk_store,
            cache_attrs=cache_attrs,
            synchronizer=synchronizer,
            zarr_format=zarr_version if zarr_format is None else zarr_format,
            meta_array=meta_array,
        )
        self._held = run(operations.open_group(at, "r"))

    @property
    def async_group(self) -> Any:
        """The same group as an `AsyncGroup`; no I/O."""
        return self._twin._of(self._held)

    @property
    def attrs(self) -> Attributes:
        """The user attributes, a mutable mapping."""
        return Attributes(self)

    def update_attributes(self, new_attributes: Mapping[str, Any]) -> Group:
        """Set several attributes at once, as `attrs.update` does; returns the group itself."""
        self.attrs.update(new_attributes)
        return self

    def __getitem__(self, path: str) -> Array | Group:
        """Open a member, or a node further down: `group["a/b"]`. One round trip."""
        return blocking_node(run(operations.get_child(self._state, path)))

    def __setitem__(self, path: str, value: Any) -> None:
        """Store an array-like as a new array, replacing what is there."""
        member_place(self._state, path)
        self.array(path, value, overwrite=True)

    def __delitem__(self, path: str) -> None:
        """Delete a member and everything under it. Two round trips and the deletion."""
        run(operations.delete_child(self._state, path))

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and run(operations.contains_child(self._state, path))

    def __iter__(self) -> Iterator[str]:
        return iter(run(operations.list_children(self._state)))

    def __len__(self) -> int:
        return len(run(operations.list_children(self._state)))

    def items(self) -> ItemsView[str, Any]:
        """Names and nodes of the direct members: all are opened together, see `members`."""
        return self.members().items()

    def values(self) -> ValuesView[Any]:
        """The direct members: all are opened together, see `members`."""
        return self.members().values()

    def create_array(
        self,
        name: str,
        *,
        shape: Any = None,
        dtype: Any = None,
        data: Any = None,
        chunks: Any = "auto",
        shards: Any = None,
        filters: Any = AUTO,
        compressors: Any = AUTO,
        serializer: Any = AUTO,
        fill_value: Any = AUTO,
        order: str | None = None,
        attributes: Any = None,
        dimension_names: Any = None,
        chunk_key_encoding: Any = None,
        overwrite: bool = False,
        **kwargs: Any,
    ) -> Array:
        """Create an array under the group; the arguments are those of `azarr.create_array`.

        Two round trips, whatever the depth of `name`.
        """
        at, kwargs = creation.opened_with(child_place(self._state, name), kwargs)
        arguments = ArrayArguments(
            shape=shape,
            dtype=dtype,
            chunks=chunks,
            shards=shards,
            filters=filters,
            compressors=compressors,
            serializer=serializer,
            fill_value=fill_value,
            order=order,
            attributes=attributes,
            dimension_names=dimension_names,
            chunk_key_encoding=chunk_key_encoding,
            **kwargs,
        )
        return Array._of(run(operations.create_array(at, arguments, data, overwrite)))  # type: ignore[no-any-return]

    def create_group(self, name: str, overwrite: bool = False, attributes: Any = None) -> Group:
        """Create a group under the group. Two round trips."""
        at = child_place(self._state, name)
        return Group._of(run(operations.create_group(at, attributes, overwrite)))  # type: ignore[no-any-return]

    def require_group(self, name: str, overwrite: bool = False) -> Group:
        """Open a group under the group, created if it does not exist."""
        at = child_place(self._state, name)
        mode = "w" if overwrite else "a"
        return Group._of(run(operations.open_group(at, mode)))  # type: ignore[no-any-return]

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *exc: object) -> None:
        run(operations.close(self._held))


def blocking_node(state: ArrayState | GroupState) -> Array | Group:
    """The blocking facade of an open node."""
    facade = Array if isinstance(state, ArrayState) else Group
    return facade._of(state)  # type: ignore[no-any-return, arg-type]
