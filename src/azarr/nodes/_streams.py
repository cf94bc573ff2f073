"""Arrays by pieces: rows and regions, read while the next ones are on their way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from azarr.engine import AsyncStream, Operation, Stream, run, run_async
from azarr.nodes._array_changes import AsyncArrayChanges
from azarr.nodes._facade import ArrayFacade
from azarr.nodes.operations import _stream as operations
from azarr.typing import NDArray


class Streams(ArrayFacade):
    """Iteration, blocking."""

    def __iter__(self) -> Iterator[Any]:
        """The items along the first axis; every chunk is read once."""
        return self.islice()

    def islice(self, start: int | None = None, end: int | None = None) -> Iterator[Any]:
        """The items [start, end) along the first axis; every chunk is read once.

        Memory: one row of chunks.

        Example:
            >>> import azarr, numpy as np
            >>> [int(item) for item in azarr.array(np.arange(100)).islice(25, 28)]
            [25, 26, 27]
        """
        for block in operations.blocks(self._state, start, end):
            yield from run(block)

    def stream(
        self, selections: Iterable[Any] | None = None, *, prefetch: int = 2
    ) -> Stream[Any, NDArray]:
        """Pairs of a selection and its data, in order, with the next ones on their way.

        Args:
            selections: what to read, as in square brackets; None: `array.regions()`, which reads
                each chunk once.
            prefetch: on async stores, how many further selections are being read meanwhile; as
                many results, and two more, are in memory at most.

        Example:
            >>> import azarr, numpy as np
            >>> array = azarr.array(np.arange(6), chunks=4)
            >>> with array.stream() as regions:
            ...     for region, data in regions:
            ...         print(region, data.sum())
            (slice(0, 4, None),) 6
            (slice(4, 6, None),) 9
        """
        reads = operations.reads(self._state, selections)
        return Stream(reads, operations.check_ahead(prefetch))


class AsyncStreams(AsyncArrayChanges):
    """Iteration, awaited."""

    async def islice(self, start: int | None = None, end: int | None = None) -> AsyncIterator[Any]:
        """Iterate over `Array.islice` with `async for`."""
        for block in operations.blocks(await self._current(), start, end):
            for item in await run_async(block):
                yield item

    def __aiter__(self) -> AsyncIterator[Any]:
        return self.islice()

    def stream(
        self, selections: Iterable[Any] | None = None, *, prefetch: int = 2
    ) -> AsyncStream[Any, NDArray]:
        """Use `Array.stream` in `async with ... as regions: async for region, data in regions`.

        Leaving the block stops whatever is still on its way.
        """

        async def reads() -> Iterator[tuple[Any, Operation[NDArray]]]:
            return operations.reads(await self._current(), selections)

        return AsyncStream(reads, operations.check_ahead(prefetch))
