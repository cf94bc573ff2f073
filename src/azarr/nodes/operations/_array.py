"""What can be done with an array, as operations: planned and checked, not yet carried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from azarr.engine import ArrayState, Operation, Runtime, decoded_bytes, reading, write
from azarr.indexing import (
    FieldNames,
    Selection,
    basic_selection,
    block_selection,
    bracket_selection,
    checked_fields,
    coordinate_selection,
    field_dtype,
    mask_selection,
    orthogonal_selection,
    split_fields,
)
from azarr.nodes.arguments._values import check_writable, output_array, value_array
from azarr.plan import Plan, plan_selection
from azarr.typing import NDArray, Shape

T = TypeVar("T")
Fields = str | Sequence[str] | None

MANY_POINTS = 50_000
"""Sorting so many points by chunk takes about 10 ms, too long for an event loop."""


def deferred(
    make: Callable[..., Operation[T]], array: ArrayState, selection: Any, *args: Any
) -> Operation[T]:
    """`make(array, selection, ...)`; of a selection by large arrays, made where it blocks nobody.

    To check 10 million indices, or to find what is true in a mask of 64 MiB, takes 50 to 200 ms.
    """
    axes = selection if isinstance(selection, tuple) else (selection,)
    elements = sum(np.size(axis) for axis in axes if isinstance(axis, (np.ndarray, list)))
    if elements <= MANY_POINTS:
        return make(array, selection, *args)

    async def body(runtime: Runtime) -> T:
        operation = await runtime.compute(make, array, selection, *args)
        return await operation.body(runtime)

    return Operation(array.chunk_store, body, elements)


def get_bracket(array: ArrayState, selection: Any) -> Operation[Any]:
    """What `array[selection]` reads."""
    fields, indices = split_fields(selection)
    return get(array, bracket_selection(indices, array.metadata.shape), fields)


def set_bracket(array: ArrayState, selection: Any, value: Any) -> Operation[None]:
    """What `array[selection] = value` writes."""
    fields, indices = split_fields(selection)
    return set_(array, bracket_selection(indices, array.metadata.shape), value, fields)


def select(array: ArrayState, kind: str, selection: Any) -> Selection:
    """A selection of one named kind, normalized."""
    metadata = array.metadata
    if kind == "block":
        chunks = array.chunks if array.shards else array.lengths
        return block_selection(selection, metadata.shape, chunks)
    normalize: Callable[..., Selection] = _NORMALIZERS[kind]
    return normalize(selection, metadata.shape)


_NORMALIZERS: dict[str, Any] = {
    "basic": basic_selection,
    "orthogonal": orthogonal_selection,
    "coordinate": coordinate_selection,
    "mask": mask_selection,
}
KINDS = (*_NORMALIZERS, "block")


def get(
    array: ArrayState, selection: Selection, fields: Fields = None, out: Any = None
) -> Operation[Any]:
    """Read a selection into `out` or into new memory; a selection of one element gives a scalar."""
    if (selection.indices or 0) > MANY_POINTS:
        return _get_many_points(array, selection, fields, out)
    planned = plan_get(array, selection, fields, out)
    plan = planned.plan

    async def body(runtime: Runtime) -> Any:
        if plan.count:
            memory, names = planned.memory, planned.fields
            await reading(runtime, array, plan, memory, names).carry_out(runtime)
        return planned.result

    nbytes = partial(decoded_bytes, plan, array)
    return Operation(array.chunk_store, body, plan.count, nbytes, reads=True)


def _get_many_points(
    array: ArrayState, selection: Selection, fields: Fields, out: Any
) -> Operation[Any]:
    """As `get`, but planned where it blocks nobody."""

    async def body(runtime: Runtime) -> Any:
        planned = await runtime.compute(plan_get, array, selection, fields, out)
        read = reading(runtime, array, planned.plan, planned.memory, planned.fields)
        await read.carry_out(runtime)
        return planned.result

    return Operation(array.chunk_store, body, selection.indices or 0)


@dataclass(slots=True)
class PlannedGet:
    """A read that is planned, and the memory it goes to.

    Attributes:
        given: whether the memory is the user's.
        part: the field of the memory that is the result; None: all of it.
    """

    array: ArrayState
    plan: Plan
    fields: FieldNames
    memory: NDArray
    given: bool
    part: str | None = None

    @property
    def result(self) -> Any:
        """What the user gets: `out` if it was given, else an array, or a scalar."""
        memory, like = self.memory, self.array.meta_array
        if self.given:
            return memory
        if self.part is not None:
            memory = memory[self.part]
        if like is not None:
            memory = np.asarray(memory, like=like)
        return memory if memory.shape else memory[()]


def plan_get(
    array: ArrayState, selection: Selection, fields: Fields = None, out: Any = None
) -> PlannedGet:
    """Plan a read, check its arguments, and provide its memory."""
    metadata = array.metadata
    dtype = metadata.dtype
    names = None if fields is None else checked_fields(fields, dtype)
    plan = plan_selection(selection, metadata.shape, metadata.chunk_grid)
    part = None
    if names is not None:
        names, part = _records_of(names, dtype)
        dtype = field_dtype(names, dtype)
    memory = output_array(out, plan.shape, dtype, metadata.order)
    return PlannedGet(array, plan, names, memory, out is not None, part)


def _records_of(names: FieldNames, dtype: np.dtype[Any]) -> tuple[FieldNames, str | None]:
    """A field of sub-arrays as records of it alone, which have the selection's shape; its name."""
    if isinstance(names, str) and dtype[names].subdtype is not None:
        return [names], names
    return names, None


def get_kind(
    array: ArrayState, selection: Any, kind: str, fields: Fields = None, out: Any = None
) -> Operation[Any]:
    """Read a selection of one named kind."""
    return get(array, select(array, kind, selection), fields, out)


def set_kind(
    array: ArrayState, selection: Any, kind: str, value: Any, fields: Fields = None
) -> Operation[None]:
    """Write to a selection of one named kind."""
    return set_(array, select(array, kind, selection), value, fields)


def set_(
    array: ArrayState, selection: Selection, value: Any, fields: Fields = None
) -> Operation[None]:
    """Write a value, broadcast like NumPy, to a selection."""
    metadata = array.metadata
    check_writable(array.read_only, array.name, array.store)
    names = checked_fields(fields, metadata.dtype)
    dtype = metadata.dtype
    if names is not None:
        names, part = _records_of(names, dtype)
        dtype = field_dtype(names, dtype)
        value = value if part is None else _as_records(value, part, dtype, selection.shape)
    values = value_array(value, dtype, selection.shape, metadata.data_type.element)
    points = selection.indices or 0
    plan = None if points > MANY_POINTS else plan_of(array, selection)

    async def body(runtime: Runtime) -> None:
        chosen = await runtime.compute(plan_of, array, selection) if plan is None else plan
        if chosen.count:
            await write(runtime, array, chosen, values, names)

    if plan is None:
        return Operation(array.chunk_store, body, points, values.nbytes)
    return Operation(array.chunk_store, body, plan.count, plan.count * array.pipeline.nbytes)


def _as_records(value: Any, name: str, dtype: np.dtype[Any], shape: Shape) -> NDArray:
    """A value for a field of sub-arrays, broadcast as NumPy does, as records of that field."""
    records: NDArray = np.empty(shape, dtype)
    field = records[name]
    field[...] = value_array(value, field.dtype, field.shape)
    return records


def plan_of(array: ArrayState, selection: Selection) -> Plan:
    """The plan of a selection of an array."""
    return plan_selection(selection, array.metadata.shape, array.metadata.chunk_grid)
