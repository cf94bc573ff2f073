"""What can be done with an array, as operations: planned and checked, not yet carried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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
from azarr.nodes._values import check_writable, output_array, value_array
from azarr.plan import Plan, plan_selection
from azarr.typing import NDArray

Fields = str | Sequence[str] | None


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
        return block_selection(selection, metadata.shape, array.chunks)
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
    planned = plan_get(array, selection, fields, out)
    plan = planned.plan

    async def body(runtime: Runtime) -> Any:
        if plan.count:
            memory, names = planned.memory, planned.fields
            await reading(runtime, array, plan, memory, names).carry_out(runtime)
        return planned.result

    return Operation(array.chunk_store, body, plan.count, decoded_bytes(plan, array))


class PlannedGet(NamedTuple):
    """A read that is planned, and the memory it goes to."""

    array: ArrayState
    plan: Plan
    fields: FieldNames
    memory: NDArray
    given: bool

    @property
    def result(self) -> Any:
        """What the user gets: `out` if it was given, else an array, or a scalar."""
        memory, like = self.memory, self.array.meta_array
        if self.given:
            return memory
        if like is not None:
            memory = np.asarray(memory, like=like)
        return memory if self.plan.shape else memory[()]


def plan_get(
    array: ArrayState, selection: Selection, fields: Fields = None, out: Any = None
) -> PlannedGet:
    """Plan a read, check its arguments, and provide its memory."""
    metadata = array.metadata
    dtype = metadata.dtype
    names = checked_fields(fields, dtype)
    plan = plan_selection(selection, metadata.shape, metadata.chunk_grid)
    if names is not None:
        dtype = field_dtype(names, dtype)
    memory = output_array(out, plan.shape, dtype, metadata.order)
    return PlannedGet(array, plan, names, memory, out is not None)


def set_(
    array: ArrayState, selection: Selection, value: Any, fields: Fields = None
) -> Operation[None]:
    """Write a value, broadcast like NumPy, to a selection."""
    metadata = array.metadata
    check_writable(array.read_only, array.name)
    names = checked_fields(fields, metadata.dtype)
    plan = plan_selection(selection, metadata.shape, metadata.chunk_grid)
    dtype = metadata.dtype if names is None else field_dtype(names, metadata.dtype)
    values = value_array(value, dtype, plan.shape)

    async def body(runtime: Runtime) -> None:
        if plan.count:
            await write(runtime, array, plan, values, names)

    return Operation(array.chunk_store, body, plan.count, decoded_bytes(plan, array))
