"""User attributes of a node: a mutable mapping when blocking, methods when awaited.

Every change is applied to the attributes as they are in the store at that moment, so that writers
that change different keys at the same time all keep their change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from typing import Any

from azarr.engine import Operation, run, run_async
from azarr.errors import UsageError
from azarr.nodes._facade import NodeFacade
from azarr.nodes.operations._node import change_attributes, reload
from azarr.typing import JSON


class _Changes:
    """The changes that both shapes of attributes offer, as operations."""

    def __init__(self, node: NodeFacade[Any]) -> None:
        self._node = node

    def _set(self, key: str, value: JSON) -> Operation[Any]:
        return self._change(lambda old: {**old, key: value})

    def _delete(self, key: str) -> Operation[Any]:
        def without(old: dict[str, JSON]) -> dict[str, JSON]:
            if key not in old:
                raise KeyError(key)
            return {name: value for name, value in old.items() if name != key}

        return self._change(without)

    def _update(self, changes: Mapping[str, JSON]) -> Operation[Any]:
        return self._change(lambda old: {**old, **changes})

    def _put(self, attributes: Mapping[str, JSON]) -> Operation[Any]:
        if not isinstance(attributes, Mapping):
            raise UsageError(f"attributes {attributes!r}: a mapping of names to values is needed")
        return self._change(lambda _: attributes)

    def _change(self, change: Any) -> Operation[Any]:
        return change_attributes(self._node._held, change)

    @property
    def cache(self) -> bool:
        """Whether reading uses what was last read or written."""
        return bool(self._node._held.cache_attrs)

    @cache.setter
    def cache(self, cache: bool) -> None:
        self._node._held = replace(self._node._held, cache_attrs=cache)

    @property
    def _current(self) -> dict[str, JSON]:
        attributes: dict[str, JSON] = self._node._held.metadata.attributes
        return attributes


class Attributes(_Changes, MutableMapping[str, Any]):
    """The attributes of a node: JSON values by name.

    Reading uses what the node last read or wrote; `refresh()` reads them again. A node opened with
    `cache_attrs=False` does so by itself whenever an attribute is looked at.

    Example:
        >>> import azarr
        >>> array = azarr.zeros(10)
        >>> array.attrs["units"] = "K"
        >>> dict(array.attrs)
        {'units': 'K'}
    """

    @property
    def _current(self) -> dict[str, JSON]:
        if not self.cache:
            self.refresh()
        return super()._current

    def __getitem__(self, key: str) -> Any:
        return self._current[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._node._adopt(run(self._set(key, value)))

    def __delitem__(self, key: str) -> None:
        self._node._adopt(run(self._delete(key)))

    def __iter__(self) -> Iterator[str]:
        return iter(self._current)

    def __len__(self) -> int:
        return len(self._current)

    def asdict(self) -> dict[str, Any]:
        """All attributes as a new dict."""
        return dict(self._current)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several attributes at once: two round trips, whatever their number."""
        self._node._adopt(run(self._update(dict(*args, **kwargs))))

    def put(self, attributes: Mapping[str, Any]) -> None:
        """Replace all attributes."""
        self._node._adopt(run(self._put(attributes)))

    def refresh(self) -> None:
        """Read the attributes from the store again."""
        self._node._adopt(run(reload(self._node._held)))

    def __repr__(self) -> str:
        return f"<azarr.Attributes of {self._node.name!r}: {self._current!r}>"


class AsyncAttributes(_Changes):
    """The attributes of a node, for awaiting.

    `getitem`, `get`, `contains` and `keys` use what was last read or written, or read it again
    where the node was opened with `cache_attrs=False`. `asdict()` never does, `refresh()` always.
    """

    def asdict(self) -> dict[str, Any]:
        """All attributes, as last read or written, as a new dict; no I/O."""
        return dict(self._current)

    async def getitem(self, key: str) -> Any:
        """One attribute; KeyError if it does not exist."""
        return (await self._looked_at())[key]

    async def get(self, key: str, default: Any = None) -> Any:
        """One attribute, or `default` if it does not exist."""
        return (await self._looked_at()).get(key, default)

    async def contains(self, key: str) -> bool:
        """Whether there is such an attribute."""
        return key in await self._looked_at()

    async def keys(self) -> list[str]:
        """The names of the attributes."""
        return [*await self._looked_at()]

    async def _looked_at(self) -> dict[str, Any]:
        return self._current if self.cache else await self.refresh()

    async def set(self, key: str, value: Any) -> None:
        """Set one attribute."""
        self._node._adopt(await run_async(self._set(key, value)))

    async def delete(self, key: str) -> None:
        """Delete one attribute; KeyError if it does not exist."""
        self._node._adopt(await run_async(self._delete(key)))

    async def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several attributes at once."""
        self._node._adopt(await run_async(self._update(dict(*args, **kwargs))))

    async def put(self, attributes: Mapping[str, Any]) -> None:
        """Replace all attributes."""
        self._node._adopt(await run_async(self._put(attributes)))

    async def refresh(self) -> dict[str, Any]:
        """Read the attributes from the store again."""
        self._node._adopt(await run_async(reload(self._node._held)))
        return self.asdict()

    def __repr__(self) -> str:
        return f"<azarr.AsyncAttributes of {self._node.name!r}: {self._current!r}>"
