"""Saving NumPy arrays, and loading them again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from azarr import config
from azarr.engine import ArrayState, GroupState, Way, run, run_async
from azarr.errors import UsageError
from azarr.nodes import Array, array_operations, creation, group_creation, node_operations
from azarr.tools._tool import Tool
from azarr.typing import NDArray, ZarrFormat


def save(
    store: Any,
    *args: Any,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    path: str | None = None,
    **kwargs: Any,
) -> Tool[None]:
    """Save one array, or several as a group, replacing what is there.

    One array without a name is saved as `save_array` does, anything else as `save_group` does.

    Args:
        store: a store, a path, a URL, or a mapping.
        args: arrays; several are named "arr_0", "arr_1", ...
        zarr_format: 2 or 3; left out: that of the parent group, else as configured.
        zarr_version: the same, as zarr 2 calls it.
        path: where in the store.
        kwargs: arrays by name.

    Raises:
        UsageError: there is no array.

    Example:
        >>> import azarr, numpy as np
        >>> azarr.save("example.zarr", foo=np.arange(5), bar=np.ones(2))
        >>> loader = azarr.load("example.zarr")
        >>> loader
        <LazyLoader: bar, foo>
        >>> loader["foo"]
        array([0, 1, 2, 3, 4])
    """
    opening: Any = {"zarr_format": creation.one_format(zarr_format, zarr_version), "path": path}
    if len(args) == 1 and not kwargs:
        return save_array(store, args[0], **opening)
    return save_group(store, *args, **opening, **kwargs)


def save_array(
    store: Any,
    arr: Any,
    *,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    path: str | None = None,
    **kwargs: Any,
) -> Tool[None]:
    """Save an array, replacing what is there; further arguments are those of `create`.

    Example:
        >>> import azarr, numpy as np
        >>> azarr.save_array("example.zarr", np.arange(5))
        >>> azarr.load("example.zarr")
        array([0, 1, 2, 3, 4])
    """
    saved = creation.array(
        arr,
        store=store,
        path=path,
        overwrite=True,
        zarr_format=creation.one_format(zarr_format, zarr_version),
        **kwargs,
    )

    async def save_it(way: Way) -> None:
        await way.do(saved)

    return save_it


def save_group(
    store: Any,
    *args: Any,
    zarr_version: ZarrFormat | None = None,
    zarr_format: ZarrFormat | None = None,
    path: str | None = None,
    **kwargs: Any,
) -> Tool[None]:
    """Save several arrays as a group, replacing what is there; see `save`.

    Raises:
        UsageError: there is no array, or two have one name. Nothing has been written.
    """
    numbered = {f"arr_{number}": array for number, array in enumerate(args)}
    if not numbered and not kwargs:
        raise UsageError("at least one array must be given")
    if twice := sorted(numbered.keys() & kwargs.keys()):
        raise UsageError(f"two arrays are named {twice[0]!r}")
    arrays = {
        name: array if isinstance(array, Array) else np.asanyarray(array)
        for name, array in (numbered | kwargs).items()
    }
    chosen = creation.one_format(zarr_format, zarr_version)
    created = group_creation.group(store, overwrite=True, path=path, zarr_format=chosen)

    async def save_them(way: Way) -> None:
        for array in arrays.values():  # what cannot be stored is refused before anything goes
            creation.array(array, zarr_format=chosen or config.get().zarr_format)
        group = await way.do(created)
        opening: Any = {"store": group.store, "zarr_format": group.metadata.zarr_format}
        paths = {name: f"{group.prefix}{name}" for name in arrays}
        await way.do_all(
            [
                creation.array(array, path=paths[name], overwrite=True, **opening)
                for name, array in arrays.items()
            ]
        )

    return save_them


def load(
    store: Any,
    zarr_version: ZarrFormat | None = None,
    path: str | None = None,
    *,
    zarr_format: ZarrFormat | None = None,
) -> Tool[Any]:
    """Load an array into memory; of a group, a mapping that loads its arrays when asked for them.

    Example:
        >>> import azarr, numpy as np
        >>> azarr.save("example.zarr", np.arange(3), np.arange(2))
        >>> loader = azarr.load("example.zarr")
        >>> loader
        <LazyLoader: arr_0, arr_1>
        >>> loader["arr_1"]
        array([0, 1])
    """
    chosen = creation.one_format(zarr_format, zarr_version)
    opened = creation.open(store, mode="r", path=path, zarr_format=chosen)

    async def load_it(way: Way) -> Any:
        state = await way.do(opened)
        if isinstance(state, ArrayState):
            return await way.do(array_operations.get_bracket(state, ...))
        members = await way.do(node_operations.list_children(state))
        return (AsyncLazyLoader if way.is_async else LazyLoader)(state, members)

    return load_it


class _Loaded:
    """A group whose arrays are read when they are asked for, and then kept."""

    def __init__(self, group: GroupState, members: Mapping[str, Any]) -> None:
        self._group = group
        self._names = [name for name, node in members.items() if isinstance(node, ArrayState)]
        self._known: dict[str, Any] = dict(members)
        self._data: dict[str, NDArray] = {}

    def _reads(self, name: str) -> Callable[[Any], Any]:
        """What reads an open node; KeyError if it is a group."""

        def read(state: Any) -> Any:
            if not isinstance(state, ArrayState):
                raise KeyError(name)
            return array_operations.get_bracket(state, ...)

        return read

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self._names)}>"


class LazyLoader(_Loaded, Mapping[str, Any]):
    """The arrays of a group, by name, each read when it is first asked for; see `load`."""

    def __getitem__(self, name: str) -> Any:
        if name not in self._data:
            state = self._known.get(name)
            if state is None:
                state = run(node_operations.get_child(self._group, name))
            self._data[name] = run(self._reads(name)(state))
        return self._data[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class AsyncLazyLoader(_Loaded):
    """The arrays of a group, each read when it is first awaited: `await loader.getitem(name)`."""

    async def getitem(self, name: str) -> Any:
        """Await what `LazyLoader.__getitem__` returns."""
        if name not in self._data:
            state = self._known.get(name)
            if state is None:
                state = await run_async(node_operations.get_child(self._group, name))
            self._data[name] = await run_async(self._reads(name)(state))
        return self._data[name]

    def keys(self) -> list[str]:
        """The names of the arrays; no I/O."""
        return [*self._names]
