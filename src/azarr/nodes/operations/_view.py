"""Views: the state of an array, looked at with other metadata. Pure; nothing is read or written."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from azarr.codecs import cast_spec, spec_of
from azarr.engine import ArrayState
from azarr.errors import UsageError
from azarr.model import ArrayMetadata, CodecSpec, DataType, RegularGrid
from azarr.nodes.arguments._arguments import normalize_chunks, normalize_shape
from azarr.nodes.arguments._grid_arguments import is_rectilinear, rectilinear_grid


def view_of(
    array: ArrayState,
    *,
    shape: Any = None,
    chunks: Any = None,
    dtype: Any = None,
    fill_value: Any = None,
    filters: Any = None,
    read_only: bool | None = None,
    synchronizer: Any = None,
) -> ArrayState:
    """The state of a view; what is None stays as it is.

    Raises:
        UsageError: chunks or filters of a sharded array, or a fill value that has to be given.
        MetadataError: the arguments do not fit each other, or the codecs.
    """
    metadata = array.metadata
    if array.shards is not None and (chunks is not None or filters is not None):
        raise UsageError("a view of a sharded array keeps its chunks and filters")
    data_type = metadata.data_type if dtype is None else DataType.of(dtype)
    lengths = metadata.shape if shape is None else normalize_shape(shape)
    grid = metadata.chunk_grid
    if chunks is not None:
        if is_rectilinear(chunks):
            grid = rectilinear_grid(chunks, lengths)
        else:
            grid = RegularGrid(normalize_chunks(chunks, lengths, data_type.itemsize))
    zarr_format = metadata.zarr_format
    specs = metadata.filters
    if filters is not None:
        specs = tuple(spec_of(codec, zarr_format, data_type) for codec in filters)
    serializer = metadata.serializer
    if serializer is not None and serializer.name == "bytes":
        serializer = spec_of(serializer, zarr_format, data_type)
    if not specs and not metadata.filters:
        _check_same_bytes(metadata, grid, data_type)
    names = metadata.dimension_names
    return replace(
        array,
        is_view=True,
        synchronizer=array.synchronizer if synchronizer is None else synchronizer,
        read_only=array.read_only if read_only is None else read_only or array.store.read_only,
        metadata=replace(
            metadata,
            shape=lengths,
            chunk_grid=grid,
            data_type=data_type,
            fill_value=_reinterpreted_fill(metadata, data_type)
            if fill_value is None
            else data_type.cast_fill(fill_value),
            filters=specs,
            serializer=serializer,
            dimension_names=names if len(lengths) == metadata.ndim else None,
        ),
    )


def _check_same_bytes(metadata: ArrayMetadata, grid: Any, data_type: DataType) -> None:
    """Raises UsageError where a chunk, which is what it is, would have another number of bytes."""
    stored = metadata.chunk_grid
    if not (isinstance(grid, RegularGrid) and isinstance(stored, RegularGrid)):
        return
    if metadata.data_type.is_object or data_type.is_object:
        return
    nbytes = math.prod(grid.chunk_shape) * data_type.itemsize
    expected = math.prod(stored.chunk_shape) * metadata.data_type.itemsize
    if nbytes != expected:
        raise UsageError(
            f"chunks {grid.chunk_shape} of {data_type.dtype} have {nbytes} bytes, those stored "
            f"have {expected}: give shape and chunks that fit"
        )


def astype_of(array: ArrayState, dtype: Any) -> ArrayState:
    """The state of a read-only view that converts elements as they are read.

    The conversion is one more filter, the first; inside the shards, if there are any.

    Raises:
        UsageError: either data type is structured, or has elements of variable length.
    """
    metadata = array.metadata
    stored, data_type = metadata.data_type, DataType.of(dtype)
    if any(each.is_object or each.dtype.names for each in (stored, data_type)):
        raise UsageError(
            f"astype converts plain elements of fixed size, not {stored.dtype} to {data_type.dtype}"
        )
    if stored.dtype == data_type.dtype:
        return view_of(array, read_only=True)
    spec = cast_spec(stored.dtype, data_type.dtype)
    filters, serializer = (spec, *metadata.filters), metadata.serializer
    if array.shards is not None and serializer is not None:
        filters, serializer = metadata.filters, _inside_shards(spec, serializer)
    return replace(
        array,
        is_view=True,
        read_only=True,
        metadata=replace(
            metadata,
            data_type=data_type,
            fill_value=_converted_fill(metadata.fill_value, data_type.dtype),
            filters=filters,
            serializer=serializer,
        ),
    )


def _inside_shards(spec: CodecSpec, serializer: CodecSpec) -> CodecSpec:
    inner: Any = serializer.configuration["codecs"]
    return replace(
        serializer, configuration={**serializer.configuration, "codecs": [spec.to_v3(), *inner]}
    )


def _converted_fill(fill: Any, dtype: np.dtype[Any]) -> Any:
    if fill is None:
        return None
    with np.errstate(invalid="ignore", over="ignore"):  # as the elements that are stored
        return np.asarray(fill).astype(dtype)[()]


def _reinterpreted_fill(metadata: ArrayMetadata, data_type: DataType) -> Any:
    """What a missing chunk holds, looked at as the other data type."""
    fill, stored = metadata.fill_value, metadata.data_type
    if fill is None or data_type == stored:
        return fill
    if not stored.is_object and not data_type.is_object:
        memory = np.asarray(fill, stored.dtype).tobytes()
        if len(memory) == data_type.itemsize:
            return np.frombuffer(memory, data_type.dtype)[0]
        if not any(memory):
            return np.zeros((), data_type.dtype)[()]
    raise UsageError(
        f"the fill value {fill!r} of {stored.dtype} has no meaning as {data_type.dtype}: "
        f"give fill_value"
    )
