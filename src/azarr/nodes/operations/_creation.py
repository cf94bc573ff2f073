"""The public creation and opening functions, once: each returns an operation.

The blocking and the awaitable module give them their two forms; signatures and docstrings stand
here. Examples are written in the blocking form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from azarr.engine import ArrayState, GroupState, Operation
from azarr.errors import UsageError
from azarr.nodes._facade import ArrayFacade, state_of
from azarr.nodes.arguments._arguments import AUTO, ArrayArguments
from azarr.nodes.arguments._likeness import likeness
from azarr.nodes.operations import _node as operations
from azarr.nodes.operations._place import Place, place
from azarr.stores import make_store
from azarr.typing import JSON, Shape, ZarrFormat


def create_array(
    store: Any = None,
    *,
    name: str | None = None,
    shape: int | Iterable[int] | None = None,
    dtype: Any = None,
    data: Any = None,
    chunks: Any = "auto",
    shards: Any = None,
    filters: Any = AUTO,
    compressors: Any = AUTO,
    serializer: Any = AUTO,
    fill_value: Any = AUTO,
    order: str | None = None,
    zarr_format: ZarrFormat | None = None,
    attributes: Mapping[str, JSON] | None = None,
    dimension_names: Iterable[str | None] | None = None,
    chunk_key_encoding: Any = None,
    overwrite: bool = False,
    write_empty_chunks: bool | None = None,
    object_codec: Any = None,
    storage_options: dict[str, Any] | None = None,
    chunk_store: Any = None,
    synchronizer: Any = None,
    meta_array: Any = None,
) -> Operation[ArrayState]:
    """Create an array.

    Two round trips: what is at its path and above it, then all documents together; and the chunks
    of `data`, if given.

    Args:
        store: a store, a path, a URL, or a mapping; None: memory.
        name: the array's path in the store.
        shape: its shape; taken from `data` if left out.
        dtype: a NumPy data type, `str`, `bytes`, or "array:T"; taken from `data` if left out.
        data: values to write.
        chunks: a chunk length per dimension; "auto": chosen from shape and data type.
        shards: a shard length per dimension (v3), multiples of those of the chunks; "auto": chosen,
            up to 64 MiB; a dict of `shape` and `index_location` ("start" or "end") says where in a
            shard its index is.
        filters: codecs from array to array. v2: numcodecs filters.
        compressors: codecs from bytes to bytes; None: none.
        serializer: the codec from array to bytes.
        fill_value: what elements hold that were never written; left out: the data type's zero.
        order: "C" or "F", the layout of elements inside a chunk.
        zarr_format: 2 or 3; left out: that of the parent group, else as configured.
        attributes: user attributes, JSON values by name.
        dimension_names: a name or None per dimension (v3).
        chunk_key_encoding: "default" or "v2", or a dict with a separator.
        overwrite: replace what is there. The arguments are checked before anything is deleted.
        write_empty_chunks: store chunks of nothing but the fill value; left out: as configured.
        object_codec: how elements of an object array become bytes (v2).
        storage_options: options for the client of a URL.
        chunk_store: where the chunks are, if not in `store`.
        synchronizer: locks that writes take beyond those they always take.
        meta_array: an instance of the kind of array that reads return.

    Raises:
        ContainsArrayError, ContainsGroupError: there is something already.
        UsageError, MetadataError: an argument is impossible. Nothing has been written.

    Example:
        >>> import azarr
        >>> azarr.create_array({}, name="t", shape=(365, 720), chunks=(1, 720), dtype="f4")
        <azarr.Array '/t' (365, 720) float32>
    """
    at = place(
        store,
        name,
        zarr_format=zarr_format,
        write_empty_chunks=write_empty_chunks,
        storage_options=storage_options,
        chunk_store=chunk_store,
        synchronizer=synchronizer,
        meta_array=meta_array,
    )
    arguments = ArrayArguments(
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        shards=shards,
        filters=filters,
        compressors=compressors,
        serializer=serializer,
        fill_value=fill_value,
        order=order,
        attributes=attributes,
        dimension_names=dimension_names,
        chunk_key_encoding=chunk_key_encoding,
        object_codec=object_codec,
    )
    return operations.create_array(at, arguments, data, overwrite)


def create(
    shape: Any,
    chunks: Any = True,
    dtype: Any = None,
    compressor: Any = "default",
    fill_value: Any = 0,
    order: str = "C",
    store: Any = None,
    synchronizer: Any = None,
    overwrite: bool = False,
    path: str | None = None,
    chunk_store: Any = None,
    filters: Any = None,
    cache_metadata: bool = True,
    cache_attrs: bool = True,
    read_only: bool = False,
    object_codec: Any = None,
    dimension_separator: str | None = None,
    write_empty_chunks: bool = True,
    *,
    zarr_format: ZarrFormat | None = None,
    zarr_version: ZarrFormat | None = None,
    meta_array: Any = None,
    attributes: Mapping[str, JSON] | None = None,
    data: Any = None,
    **kwargs: Any,
) -> Operation[ArrayState]:
    """Create an array, with the arguments of zarr 2.

    Args:
        shape: the length of each dimension.
        chunks: a length per dimension, one for all; True: chosen; False: one chunk.
        dtype: a NumPy data type; None: 64-bit floats.
        compressor: a numcodecs codec; "default": the format's; None: none.
        fill_value: what elements hold that were never written; None: undefined (v2).
        order: "C" or "F", the layout of elements inside a chunk.
        store: a store, a path, a URL, or a mapping; None: memory.
        synchronizer: locks that writes take beyond those they always take.
        overwrite: replace what is there.
        path: the array's path in the store.
        chunk_store: where the chunks are, if not in `store`.
        filters: numcodecs codecs applied before the compressor.
        cache_metadata: False: read the metadata again before everything that needs it.
        cache_attrs: False: read the attributes again whenever one is looked at.
        read_only: the array returned refuses writes.
        object_codec: how elements of an object array become bytes.
        dimension_separator: "." or "/", between the numbers of a chunk's key.
        write_empty_chunks: store chunks of nothing but the fill value.
        zarr_format: 2 or 3; left out: that of the parent group, else as configured.
        zarr_version: the same, as zarr 2 calls it.
        meta_array: an instance of the kind of array that reads return.
        attributes: user attributes, JSON values by name.
        data: values to write; shape and data type may then be left out.
        **kwargs: further arguments of `create_array`.

    Raises:
        ContainsArrayError, ContainsGroupError: there is something already.
        UsageError, MetadataError: an argument is impossible. Nothing has been written.

    Example:
        >>> import azarr
        >>> azarr.create((10000, 10000), chunks=(1000, 1000), dtype="i4")
        <azarr.Array (10000, 10000) int32>
    """
    at = place(
        store,
        path,
        chunk_store=chunk_store,
        zarr_format=one_format(zarr_format, zarr_version),
        write_empty_chunks=write_empty_chunks,
        synchronizer=synchronizer,
        cache_metadata=cache_metadata,
        cache_attrs=cache_attrs,
        meta_array=meta_array,
    )
    arguments = ArrayArguments(
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        compressor=AUTO if "compressors" in kwargs else compressor,
        fill_value=fill_value,
        order=order,
        filters=AUTO if filters is None else filters,
        object_codec=object_codec,
        dimension_separator=dimension_separator,
        attributes=attributes,
        **_known(kwargs),
    )
    created = operations.create_array(at, arguments, data, overwrite)
    return operations.read_only_after(created) if read_only else created


def array(data: Any, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array filled with `data`; further arguments are those of `create`.

    Example:
        >>> import azarr, numpy as np
        >>> azarr.array(np.arange(100).reshape(10, 10), chunks=(5, 5))[9, 9]
        np.int64(99)
    """
    kwargs.setdefault("chunks", getattr(data, "chunks", None) or True)
    return create(kwargs.pop("shape", None), data=data, **kwargs)


def empty(shape: Any, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array whose fill value is undefined; arguments as `create`."""
    return create(shape, fill_value=None, **kwargs)


def zeros(shape: Any, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array of zeros, without writing a chunk; arguments as `create`.

    Example:
        >>> import azarr
        >>> azarr.zeros((4, 4), chunks=(2, 2))[:2, :2]
        array([[0., 0.],
               [0., 0.]])
    """
    return create(shape, fill_value=0, **kwargs)


def ones(shape: Any, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array of ones, without writing a chunk; arguments as `create`."""
    return create(shape, fill_value=1, **kwargs)


def full(shape: Any, fill_value: Any, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array of one value, without writing a chunk; arguments as `create`."""
    kwargs.setdefault("dtype", getattr(fill_value, "dtype", None))
    return create(shape, fill_value=fill_value, **kwargs)


def empty_like(a: Any, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array like `a` whose fill value is undefined."""
    return empty(**_like(a, kwargs))


def zeros_like(a: Any, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array of zeros like `a`."""
    return zeros(**_like(a, kwargs))


def ones_like(a: Any, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array of ones like `a`."""
    return ones(**_like(a, kwargs))


def full_like(a: Any, **kwargs: Any) -> Operation[ArrayState]:
    """Create an array of one value like `a`; the value is `fill_value`, or that of `a`."""
    if isinstance(a, ArrayFacade):
        kwargs.setdefault("fill_value", a.fill_value)
    if "fill_value" not in kwargs:
        raise UsageError("full_like needs a fill_value: the prototype has none")
    return full(**_like(a, kwargs))


def open_array(
    store: Any = None,
    mode: str = "a",
    shape: Any = None,
    chunks: Any = True,
    dtype: Any = None,
    compressor: Any = "default",
    fill_value: Any = 0,
    order: str = "C",
    synchronizer: Any = None,
    filters: Any = None,
    cache_metadata: bool = True,
    cache_attrs: bool = True,
    path: str | None = None,
    object_codec: Any = None,
    chunk_store: Any = None,
    storage_options: dict[str, Any] | None = None,
    partial_decompress: bool = False,
    write_empty_chunks: bool = True,
    *,
    zarr_format: ZarrFormat | None = None,
    zarr_version: ZarrFormat | None = None,
    dimension_separator: str | None = None,
    meta_array: Any = None,
    **kwargs: Any,
) -> Operation[ArrayState]:
    """Open an array, or create one where the mode allows it. One round trip to open.

    Args:
        store: a store, a path, a URL, or a mapping.
        mode: "r" read only, must exist; "r+" read and write, must exist; "a" read and write,
            created if it does not exist and `shape` is given; "w" created, replacing what is there;
            "w-" or "x" created, must not exist.
        path: the array's path in the store.
        storage_options: options for the client of a URL.
        partial_decompress: read only the blosc blocks that a selection needs, where that is less.
        **kwargs: as `create`; so are all parameters that are not explained here.

    Raises:
        ArrayNotFoundError: there is no array, and the mode or missing arguments do not let it be
            created. Nothing has been written.
        ContainsGroupError, ContainsArrayError: something else, or something at all, is there.

    Example:
        >>> import azarr
        >>> azarr.open_array("example.zarr", mode="w", shape=(100,), dtype="i4")[...] = 1
        >>> azarr.open_array("example.zarr", mode="r")[:3]
        array([1, 1, 1], dtype=int32)
    """
    at = place(
        store,
        path,
        mode=mode,
        chunk_store=chunk_store,
        zarr_format=one_format(zarr_format, zarr_version),
        write_empty_chunks=write_empty_chunks,
        storage_options=storage_options,
        synchronizer=synchronizer,
        cache_metadata=cache_metadata,
        cache_attrs=cache_attrs,
        partial_decompress=partial_decompress,
        meta_array=meta_array,
    )
    arguments = ArrayArguments(
        shape=shape,
        chunks=chunks,
        dtype=dtype,
        compressor=AUTO if "compressors" in kwargs else compressor,
        fill_value=fill_value,
        order=order,
        filters=AUTO if filters is None else filters,
        object_codec=object_codec,
        dimension_separator=dimension_separator,
        **_known(kwargs),
    )
    return operations.open_array(at, mode, arguments)


def open_like(a: Any, path: str, **kwargs: Any) -> Operation[ArrayState]:
    """Open the array at a path, created like `a` if it does not exist."""
    return open_array(path, **_like(a, kwargs))


def open(
    store: Any = None,
    mode: str = "a",
    *,
    path: str | None = None,
    zarr_format: ZarrFormat | None = None,
    zarr_version: ZarrFormat | None = None,
    storage_options: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Operation[ArrayState | GroupState]:
    """Open an array or a group, whichever is there. One round trip.

    With a `shape`, and the further arguments of `create`, an array is created where the mode allows
    it; mode "w" without a shape creates a group. The modes are those of `open_array`.

    Raises:
        NodeNotFoundError: there is nothing, and too few arguments to create an array. Nothing has
            been written.

    Example:
        >>> import azarr
        >>> azarr.open("example.zarr", mode="w", shape=(10,), dtype="i2")
        <azarr.Array (10,) int16>
        >>> azarr.open("example.zarr", mode="r")
        <azarr.Array (10,) int16 read-only>
    """
    at = place(
        store,
        path,
        mode=mode,
        zarr_format=one_format(zarr_format, zarr_version),
        storage_options=storage_options,
        **{name: kwargs.pop(name) for name in OPENING & kwargs.keys()},
    )
    known = _known(kwargs)
    return operations.open_any(at, mode, ArrayArguments(**{"shape": None, **known}))


OPENING = frozenset(
    "chunk_store write_empty_chunks synchronizer cache_metadata cache_attrs partial_decompress "
    "meta_array".split()
)
"""Arguments that say how a node is opened, and nothing about what it is."""


ARGUMENTS = frozenset(ArrayArguments.__dataclass_fields__) - {"v2_separator"}
"""Arguments that say what an array is; `v2_separator` comes from the store."""


def one_format(zarr_format: Any, zarr_version: Any) -> ZarrFormat | None:
    """The format of the argument and of the name it had in zarr 2, which may not differ."""
    if zarr_format is not None and zarr_version not in (None, zarr_format):
        raise UsageError(
            f"zarr_format={zarr_format!r} and zarr_version={zarr_version!r} contradict each other"
        )
    chosen: ZarrFormat | None = zarr_version if zarr_format is None else zarr_format
    return chosen


def opened_with(at: Place, kwargs: dict[str, Any]) -> tuple[Place, dict[str, Any]]:
    """A place opened as further arguments of `create_array` say, and the rest of them.

    Raises:
        UsageError: an argument that no creation function has.
    """
    opening = {name: value for name, value in kwargs.items() if name in OPENING}
    if opening.get("chunk_store") is not None:
        opening["chunk_store"] = make_store(opening["chunk_store"], read_only=at.read_only)
    rest = {name: value for name, value in kwargs.items() if name not in OPENING}
    return replace(at, **opening), _known(rest)


def _known(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of `ArrayArguments` by name; None for a filter is the default, as in zarr 2.

    Raises:
        UsageError: an argument that no creation function has.
    """
    unknown = kwargs.keys() - ARGUMENTS
    if unknown:
        known = ", ".join(sorted(ARGUMENTS | OPENING))
        raise UsageError(f"unknown argument {sorted(unknown)[0]!r}; there are {known}")
    return kwargs


def _like(a: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Creation arguments that make an array like `a`; `kwargs` win."""
    if not hasattr(a, "shape") and not hasattr(a, "__len__"):
        raise UsageError(f"an array or a sequence is needed to be like, not {a!r}")
    shape: Shape = a.shape if hasattr(a, "shape") else (len(a),)
    like: dict[str, Any] = {"shape": shape}
    if isinstance(a, ArrayFacade):
        given = one_format(kwargs.get("zarr_format"), kwargs.get("zarr_version"))
        zarr_format = a.zarr_format if given is None else given
        like |= likeness(state_of(a), zarr_format, kwargs.get("dtype"))
        like["zarr_format"] = zarr_format
        if "compressor" in kwargs:
            del like["compressors"]
        if "chunks" in kwargs:
            like.pop("shards", None)
        return like | {name: value for name, value in kwargs.items() if name != "zarr_version"}
    if hasattr(a, "dtype"):
        like["dtype"] = a.dtype
    if hasattr(a, "chunks") and a.chunks:
        like["chunks"] = a.chunks
    return like | kwargs
