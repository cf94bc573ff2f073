"""The awaitable array: the names of `Array`, each to be awaited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azarr.engine import run_async
from azarr.errors import UsageError
from azarr.nodes._array import Array
from azarr.nodes._attributes import AsyncAttributes
from azarr.nodes._indexers import AsyncIndexer
from azarr.nodes._streams import AsyncStreams
from azarr.nodes._views import ArrayViews
from azarr.nodes.arguments._arguments import ArrayArguments
from azarr.nodes.operations import _array as operations
from azarr.nodes.operations._array import Fields, deferred
from azarr.nodes.operations._node import open_array
from azarr.nodes.operations._place import place
from azarr.typing import NDArray, ZarrFormat


class AsyncArray(AsyncStreams, ArrayViews):
    """An open array whose reads and writes are awaited, under asyncio and trio.

    The event loop is never blocked for long: work on blocking stores happens in a worker thread,
    one hop per operation. Cancelling stops before the next request and leaves no task behind.

    Example:
        >>> import anyio
        >>> import azarr.aio
        >>> async def main():
        ...     array = await azarr.aio.zeros((4, 6), chunks=(2, 3), dtype="i4")
        ...     await array.setitem((1, slice(2, 5)), 7)
        ...     return await array.getitem(1)
        >>> anyio.run(main)
        array([0, 0, 7, 7, 7, 0], dtype=int32)
    """

    @classmethod
    async def open(
        cls,
        store: Any,
        path: str | None = None,
        read_only: bool = False,
        chunk_store: Any = None,
        synchronizer: Any = None,
        cache_metadata: bool = True,
        cache_attrs: bool = True,
        partial_decompress: bool = False,
        write_empty_chunks: bool | None = None,
        meta_array: Any = None,
        *,
        zarr_format: ZarrFormat | None = None,
    ) -> AsyncArray:
        """Open an array that exists; the arguments are those of `Array`."""
        at = place(
            store,
            path,
            read_only=read_only,
            chunk_store=chunk_store,
            zarr_format=zarr_format,
            write_empty_chunks=write_empty_chunks,
            synchronizer=synchronizer,
            cache_metadata=cache_metadata,
            cache_attrs=cache_attrs,
            partial_decompress=partial_decompress,
            meta_array=meta_array,
        )
        arguments = ArrayArguments(shape=None)
        return cls._of(await run_async(open_array(at, "r", arguments)))  # type: ignore[no-any-return]

    @property
    def blocking(self) -> Array:
        """The blocking facade of the same array; no I/O."""
        return Array._of(self._held)  # type: ignore[no-any-return]

    def __array__(self, *args: Any, **kwargs: Any) -> NDArray:
        """Refused: NumPy would take the array for one element."""
        raise UsageError(
            "NumPy cannot await: use `await array.getitem(...)`, or `array.blocking` in its place"
        )

    @property
    def attrs(self) -> AsyncAttributes:
        """The user attributes."""
        return AsyncAttributes(self)

    async def update_attributes(self, new_attributes: Mapping[str, Any]) -> AsyncArray:
        """Await `Array.update_attributes`."""
        await self.attrs.update(new_attributes)
        return self

    @property
    def oindex(self) -> AsyncIndexer:
        """Orthogonal selections: `await array.oindex.getitem(...)`."""
        return AsyncIndexer(self, "orthogonal")

    @property
    def vindex(self) -> AsyncIndexer:
        """Coordinate and mask selections: `await array.vindex.getitem(...)`."""
        return AsyncIndexer(self, "coordinate")

    @property
    def blocks(self) -> AsyncIndexer:
        """Selections of whole chunks: `await array.blocks.getitem(...)`."""
        return AsyncIndexer(self, "block")

    async def getitem(self, selection: Any) -> Any:
        """Await what `Array.__getitem__` returns."""
        state = await self._current()
        return await run_async(deferred(operations.get_bracket, state, selection))

    async def setitem(self, selection: Any, value: Any) -> None:
        """Await what `Array.__setitem__` does."""
        state = await self._current()
        await run_async(deferred(operations.set_bracket, state, selection, value))

    async def get_basic_selection(
        self, selection: Any = Ellipsis, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Await `Array.get_basic_selection`."""
        return await self._get("basic", selection, out, fields)

    async def set_basic_selection(self, selection: Any, value: Any, fields: Fields = None) -> None:
        """Await `Array.set_basic_selection`."""
        await self._set("basic", selection, value, fields)

    async def get_orthogonal_selection(
        self, selection: Any, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Await `Array.get_orthogonal_selection`."""
        return await self._get("orthogonal", selection, out, fields)

    async def set_orthogonal_selection(
        self, selection: Any, value: Any, fields: Fields = None
    ) -> None:
        """Await `Array.set_orthogonal_selection`."""
        await self._set("orthogonal", selection, value, fields)

    async def get_coordinate_selection(
        self, selection: Any, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Await `Array.get_coordinate_selection`."""
        return await self._get("coordinate", selection, out, fields)

    async def set_coordinate_selection(
        self, selection: Any, value: Any, fields: Fields = None
    ) -> None:
        """Await `Array.set_coordinate_selection`."""
        await self._set("coordinate", selection, value, fields)

    async def get_mask_selection(
        self, selection: Any, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Await `Array.get_mask_selection`."""
        return await self._get("mask", selection, out, fields)

    async def set_mask_selection(self, selection: Any, value: Any, fields: Fields = None) -> None:
        """Await `Array.set_mask_selection`."""
        await self._set("mask", selection, value, fields)

    async def get_block_selection(
        self, selection: Any = Ellipsis, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Await `Array.get_block_selection`."""
        return await self._get("block", selection, out, fields)

    async def set_block_selection(self, selection: Any, value: Any, fields: Fields = None) -> None:
        """Await `Array.set_block_selection`."""
        await self._set("block", selection, value, fields)

    async def _get(self, kind: str, selection: Any, out: NDArray | None, fields: Fields) -> Any:
        state = await self._current()
        return await run_async(deferred(operations.get_kind, state, selection, kind, fields, out))

    async def _set(self, kind: str, selection: Any, value: Any, fields: Fields) -> None:
        state = await self._current()
        await run_async(deferred(operations.set_kind, state, selection, kind, value, fields))


Array._twin = AsyncArray
