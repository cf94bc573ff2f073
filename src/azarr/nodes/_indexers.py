"""`oindex`, `vindex` and `blocks`: one object per kind of selection, blocking and awaitable."""

from __future__ import annotations

from typing import Any

import numpy as np

from azarr.engine import ArrayState, Operation, run, run_async
from azarr.indexing import split_fields
from azarr.nodes.operations import _array as operations


class _Indexer:
    """One kind of selection on one array."""

    __slots__ = ("_array", "_kind")

    def __init__(self, array: Any, kind: str) -> None:
        self._array = array
        self._kind = kind

    def _get(self, state: ArrayState, selection: Any) -> Operation[Any]:
        fields, indices = split_fields(selection)
        return operations.get_kind(state, indices, self._kind_of(indices), fields)

    def _set(self, state: ArrayState, selection: Any, value: Any) -> Operation[None]:
        fields, indices = split_fields(selection)
        return operations.set_kind(state, indices, self._kind_of(indices), value, fields)

    def _kind_of(self, indices: Any) -> str:
        return "mask" if self._kind == "coordinate" and _is_mask(indices) else self._kind


class Indexer(_Indexer):
    """Reads and writes with square brackets."""

    __slots__ = ()

    def __getitem__(self, selection: Any) -> Any:
        return run(self._get(self._array._state, selection))

    def __setitem__(self, selection: Any, value: Any) -> None:
        run(self._set(self._array._state, selection, value))


class AsyncIndexer(_Indexer):
    """Reads and writes with `await indexer.getitem(...)` and `await indexer.setitem(...)`."""

    __slots__ = ()

    async def getitem(self, selection: Any) -> Any:
        """What `array.<kind>[selection]` reads."""
        state = await self._array._current()
        return await run_async(operations.deferred(self._get, state, selection))

    async def setitem(self, selection: Any, value: Any) -> None:
        """What `array.<kind>[selection] = value` writes."""
        state = await self._array._current()
        await run_async(operations.deferred(self._set, state, selection, value))


def _is_mask(indices: Any) -> bool:
    mask = indices[0] if isinstance(indices, tuple) and len(indices) == 1 else indices
    return not isinstance(mask, tuple) and np.asarray(mask).dtype == np.bool_
