"""What a read or a write of an array would take: planned, costed, not carried out."""

from __future__ import annotations

from math import prod
from typing import Any

from azarr.engine import ArrayState, explain
from azarr.errors import UsageError
from azarr.indexing import bracket_selection, checked_fields, field_dtype, split_fields
from azarr.nodes.operations._array import KINDS, Fields, select
from azarr.plan import Cost, plan_selection


def cost(
    array: ArrayState, selection: Any, kind: str | None, fields: Fields, *, write: bool
) -> Cost:
    """The cost of a selection; `kind` None is what square brackets mean."""
    metadata = array.metadata
    if kind is None:
        named, indices = split_fields(selection)
        chosen = bracket_selection(indices, metadata.shape)
        fields = named if fields is None else fields
    elif kind not in KINDS:
        raise UsageError(f"kind {kind!r}: {', '.join(map(repr, KINDS))} are allowed")
    else:
        chosen = select(array, kind, selection)
    names = checked_fields(fields, metadata.dtype)
    plan = plan_selection(chosen, metadata.shape, metadata.chunk_grid)
    dtype = metadata.dtype if names is None else field_dtype(names, metadata.dtype)
    wanted = prod(plan.shape) * dtype.itemsize
    return explain(array, plan, wanted, write=write, whole_fields=names is None)
