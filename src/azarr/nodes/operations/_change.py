"""Changing an array as a whole, and asking what of it is stored, as operations."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from azarr.engine import (
    MANY_STEPS,
    ArrayState,
    Operation,
    Runtime,
    append,
    change_array,
    count_stored,
    digest,
    stored_bytes,
)
from azarr.errors import ReadOnlyError, SelectionError, ShapeMismatchError, UsageError
from azarr.model import ArrayMetadata
from azarr.nodes.arguments._values import array_of, check_writable, value_array
from azarr.typing import Shape


def resize(array: ArrayState, args: tuple[Any, ...]) -> Operation[ArrayMetadata]:
    """Change the shape; the result is the new metadata."""
    _check_changeable(array)
    wanted = _wanted(args, array.metadata.ndim)

    def change(metadata: ArrayMetadata) -> ArrayMetadata:
        if metadata.ndim != len(wanted):  # replaced since it was opened
            raise UsageError(f"shape {wanted}: the array has {metadata.ndim} dimensions now")
        lengths = zip(wanted, metadata.shape, strict=True)
        return replace(metadata, shape=tuple(old if new is None else new for new, old in lengths))

    change(array.metadata)  # what is impossible is refused before anything is removed
    return _change(array, change)


def set_fill_value(array: ArrayState, value: Any) -> Operation[ArrayMetadata]:
    """Change the fill value; the result is the new metadata."""
    _check_changeable(array)

    def change(metadata: ArrayMetadata) -> ArrayMetadata:
        return replace(metadata, fill_value=value)

    change(array.metadata)
    return _change(array, change)


def append_data(
    array: ArrayState, data: Any, axis: int, sole_writer: bool
) -> Operation[ArrayMetadata]:
    """Make the array longer along an axis by `data`; the result is the new metadata."""
    _check_changeable(array)
    metadata = array.metadata
    if not -metadata.ndim <= axis < metadata.ndim:
        raise SelectionError(f"axis {axis}: {array.name!r} has {metadata.ndim} dimensions")
    axis %= metadata.ndim
    given = array_of(data)
    values = value_array(given, metadata.dtype, given.shape, metadata.data_type.element)

    def check(shape: Shape) -> None:
        fits = len(shape) == values.ndim and all(
            own == other or i == axis
            for i, (own, other) in enumerate(zip(shape, values.shape, strict=True))
        )
        if not fits:
            raise ShapeMismatchError(
                f"data of shape {values.shape} cannot be appended to an array of shape {shape} "
                f"along axis {axis}: all other dimensions must be equal"
            )

    check(metadata.shape)

    async def body(runtime: Runtime) -> ArrayMetadata:
        return await append(runtime, array, values, axis, check, sole_writer)

    steps = 4 + values.size * metadata.dtype.itemsize // max(array.pipeline.nbytes, 1)
    return Operation(array.store, body, steps, values.nbytes, beside=array.chunk_store)


def stored_size(array: ArrayState) -> Operation[int]:
    """Bytes of everything that is stored of the array."""

    async def body(runtime: Runtime) -> int:
        return await stored_bytes(runtime, array)

    return Operation(array.store, body, MANY_STEPS, beside=array.chunk_store)


def stored_count(array: ArrayState) -> Operation[int]:
    """The number of stored chunks."""

    async def body(runtime: Runtime) -> int:
        return await count_stored(runtime, array)

    return Operation(array.store, body, MANY_STEPS, beside=array.chunk_store)


def stored(array: ArrayState) -> Operation[tuple[int, int]]:
    """Bytes and number of chunks that are stored."""

    async def body(runtime: Runtime) -> tuple[int, int]:
        return await stored_bytes(runtime, array), await count_stored(runtime, array)

    return Operation(array.store, body, MANY_STEPS, beside=array.chunk_store)


def checksum(array: ArrayState, hashname: str) -> Operation[bytes]:
    """A hash of what is stored.

    Raises:
        UsageError: `hashlib` has no such hash of a fixed length.
    """
    import hashlib  # 3 ms, for OpenSSL

    try:
        hashlib.new(hashname).digest()
    except (TypeError, ValueError):
        names = ", ".join(sorted(hashlib.algorithms_guaranteed))
        raise UsageError(f"hashname {hashname!r}: one of hashlib's is needed, as {names}") from None

    async def body(runtime: Runtime) -> bytes:
        return await digest(runtime, array, hashname)

    return Operation(array.store, body, MANY_STEPS, beside=array.chunk_store)


def _change(
    array: ArrayState, change: Callable[[ArrayMetadata], ArrayMetadata]
) -> Operation[ArrayMetadata]:
    async def body(runtime: Runtime) -> ArrayMetadata:
        return await change_array(runtime, array, change)

    return Operation(array.store, body, MANY_STEPS, beside=array.chunk_store)


def _check_changeable(array: ArrayState) -> None:
    if array.is_view:
        raise ReadOnlyError("operation not permitted for views")
    check_writable(array.read_only, array.name, array.store)


def _wanted(args: tuple[Any, ...], ndim: int) -> tuple[int | None, ...]:
    """A length or None (as it is) per dimension, given as arguments or as one sequence."""
    given = args[0] if len(args) == 1 and not _is_length(args[0]) else args
    try:
        lengths = tuple(None if length is None else operator.index(length) for length in given)
    except TypeError:
        raise UsageError(
            f"shape {given!r}: integers are needed, or None to keep a length"
        ) from None
    if len(lengths) != ndim:
        raise UsageError(f"shape {given!r}: the array has {ndim} dimensions")
    if any(length is not None and length < 0 for length in lengths):
        raise UsageError(f"shape {given!r}: lengths must not be negative")
    return lengths


def _is_length(argument: Any) -> bool:
    return argument is None or hasattr(argument, "__index__")
