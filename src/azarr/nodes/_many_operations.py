"""Reads of several arrays, in any number of stores, planned as one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from azarr.engine import (
    Operation,
    Reading,
    Runtime,
    compute_async,
    compute_if,
    decoded_bytes,
    read_together,
    reading,
)
from azarr.errors import UsageError
from azarr.indexing import bracket_selection, split_fields
from azarr.nodes._facade import ArrayFacade
from azarr.nodes.operations._array import PlannedGet, plan_get

Reads = Iterable[tuple[Any, Any]]
"""Pairs of an array (of either facade) and what would stand in its brackets."""

MANY_READS = 256
"""To plan so many takes 2 ms or more: too long for an event loop."""


class ManyReads:
    """Several reads: one operation per store, and the results in the order of the reads.

    All of them are planned, and refused if need be, before the first request.
    """

    def __init__(self, reads: Reads) -> None:
        self._planned = [_planned(read) for read in reads]
        # Not by equality: stores of one place may have different credentials, or retries.
        stores: dict[int, list[PlannedGet]] = {}
        for planned in self._planned:
            if planned.plan.count:
                stores.setdefault(id(planned.array.chunk_store), []).append(planned)
        self.operations = [_operation(group) for group in stores.values()]

    @classmethod
    async def planned(cls, reads: Reads) -> ManyReads:
        """The same, planned where it blocks nobody."""
        reads = list(reads)
        return await compute_async(len(reads) >= MANY_READS, cls, reads)

    @property
    def results(self) -> list[Any]:
        """What was read, once the operations are done."""
        return [planned.result for planned in self._planned]


def _planned(read: Any) -> PlannedGet:
    pair = isinstance(read, (tuple, list)) and len(read) == 2  # an array would be unpacked, read
    if not pair or not isinstance(read[0], ArrayFacade):
        raise UsageError(f"read_many needs pairs of an array and a selection, not {read!r}")
    array, selection = read
    state = array._state
    fields, indices = split_fields(selection)
    return plan_get(state, bracket_selection(indices, state.metadata.shape), fields)


def _operation(group: Sequence[PlannedGet]) -> Operation[None]:
    steps = sum(planned.plan.count for planned in group)

    def nbytes() -> int:
        return sum(decoded_bytes(planned.plan, planned.array) for planned in group)

    return Operation(group[0].array.chunk_store, _body(group), steps, nbytes)


def _body(group: Sequence[PlannedGet]) -> Callable[[Runtime], Coroutine[Any, Any, None]]:
    async def body(runtime: Runtime) -> None:
        def prepared() -> list[Reading]:
            return [
                reading(runtime, planned.array, planned.plan, planned.memory, planned.fields)
                for planned in group
            ]

        many = len(group) >= MANY_READS
        await read_together(runtime, await compute_if(runtime, many, prepared))

    return body
