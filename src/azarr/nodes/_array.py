"""The blocking array: as familiar as NumPy's and zarr 2's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from azarr.engine import run
from azarr.errors import UsageError
from azarr.nodes._array_changes import ArrayChanges
from azarr.nodes._attributes import Attributes
from azarr.nodes._indexers import Indexer
from azarr.nodes._streams import Streams
from azarr.nodes._views import ArrayViews
from azarr.nodes.arguments._arguments import ArrayArguments
from azarr.nodes.operations import _array as operations
from azarr.nodes.operations._array import Fields
from azarr.nodes.operations._node import open_array
from azarr.nodes.operations._place import place
from azarr.typing import NDArray, ZarrFormat


class Array(ArrayChanges, ArrayViews, Streams):
    """An open array: reads and writes block until they are done.

    Safe to use from several threads at once, inside a running event loop, and after a fork.

    Args:
        store: a store, a path, a URL, or a mapping, that holds an array.
        path: the array's path in the store.
        read_only: refuse writes through this object.
        chunk_store: where the chunks are, if not in `store`.
        synchronizer: locks that writes take beyond those they always take.
        cache_metadata: False: read the metadata again before everything that needs it.
        cache_attrs: False: read the attributes again whenever one is looked at.
        partial_decompress: read only the blosc blocks that a selection needs, where that is less.
        write_empty_chunks: store chunks of nothing but the fill value; None: as configured.
        zarr_version: the older name of `zarr_format`.
        zarr_format: 2, 3 or "n5"; None: 2 or 3, whichever is there.
        meta_array: an instance of the kind of array that reads return.

    Raises:
        ArrayNotFoundError: there is no array.

    Example:
        >>> import azarr
        >>> array = azarr.zeros((4, 6), chunks=(2, 3), dtype="i4")
        >>> array[1, 2:5] = 7
        >>> array[1]
        array([0, 0, 7, 7, 7, 0], dtype=int32)
    """

    def __init__(
        self,
        store: Any,
        path: str | None = None,
        read_only: bool = False,
        chunk_store: Any = None,
        synchronizer: Any = None,
        cache_metadata: bool = True,
        cache_attrs: bool = True,
        partial_decompress: bool = False,
        write_empty_chunks: bool | None = None,
        zarr_version: ZarrFormat | None = None,
        meta_array: Any = None,
        *,
        zarr_format: ZarrFormat | None = None,
    ) -> None:
        at = place(
            store,
            path,
            read_only=read_only,
            chunk_store=chunk_store,
            zarr_format=zarr_version if zarr_format is None else zarr_format,
            write_empty_chunks=write_empty_chunks,
            synchronizer=synchronizer,
            cache_metadata=cache_metadata,
            cache_attrs=cache_attrs,
            partial_decompress=partial_decompress,
            meta_array=meta_array,
        )
        self._held = run(open_array(at, "r", ArrayArguments(shape=None)))

    @property
    def async_array(self) -> Any:
        """The same array as an `AsyncArray`; no I/O."""
        return self._twin._of(self._held)

    @property
    def attrs(self) -> Attributes:
        """The user attributes, a mutable mapping."""
        return Attributes(self)

    def update_attributes(self, new_attributes: Mapping[str, Any]) -> Array:
        """Set several attributes at once, as `attrs.update` does; returns the array itself."""
        self.attrs.update(new_attributes)
        return self

    @property
    def oindex(self) -> Indexer:
        """Orthogonal selections in brackets, see `get_orthogonal_selection`."""
        return Indexer(self, "orthogonal")

    @property
    def vindex(self) -> Indexer:
        """Coordinate and mask selections in brackets, see `get_coordinate_selection`."""
        return Indexer(self, "coordinate")

    @property
    def blocks(self) -> Indexer:
        """Selections of whole chunks in brackets, see `get_block_selection`."""
        return Indexer(self, "block")

    def __getitem__(self, selection: Any) -> Any:
        """Read a selection: integers, slices with positive steps, Ellipsis, field names.

        Also a mask, one index array per dimension, or one index array among slices. One request per
        chunk touched, all in one round trip. The result is new memory; one element is a scalar.

        Raises:
            SelectionError: the selection does not fit the array.
            ChunkDataError: stored bytes are not what was written.
            StoreError: the store failed; a chunk reads as fill value only if it does not exist.
        """
        return run(operations.get_bracket(self._state, selection))

    def __setitem__(self, selection: Any, value: Any) -> None:
        """Write a value, broadcast like NumPy's, to a selection.

        One request per chunk written whole, two per chunk written in part.

        Raises:
            SelectionError: the selection does not fit the array.
            ShapeMismatchError: the value does not fit the selection; nothing has been written.
            ReadOnlyError: the array or its store is read-only.
        """
        run(operations.set_bracket(self._state, selection, value))

    def get_basic_selection(
        self, selection: Any = Ellipsis, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Read integers and slices, as in brackets.

        Args:
            selection: integers, slices with positive steps, at most one Ellipsis.
            out: memory of the selection's shape to read into; it is then what is returned.
            fields: one field or several of a structured data type.
        """
        return self._get("basic", selection, out, fields)

    def set_basic_selection(self, selection: Any, value: Any, fields: Fields = None) -> None:
        """Write to integers and slices; see `get_basic_selection`."""
        self._set("basic", selection, value, fields)

    def get_orthogonal_selection(
        self, selection: Any, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Read the outer product of one integer, slice, integer or Boolean array per dimension.

        Example:
            >>> import azarr, numpy as np
            >>> array = azarr.array(np.arange(100).reshape(10, 10))
            >>> array.oindex[[4, 1], 2:4]
            array([[42, 43],
                   [12, 13]])
        """
        return self._get("orthogonal", selection, out, fields)

    def set_orthogonal_selection(self, selection: Any, value: Any, fields: Fields = None) -> None:
        """Write to an outer product; see `get_orthogonal_selection`."""
        self._set("orthogonal", selection, value, fields)

    def get_coordinate_selection(
        self, selection: Any, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Read single elements: one integer array per dimension, broadcast against each other.

        Example:
            >>> import azarr, numpy as np
            >>> array = azarr.array(np.arange(100).reshape(10, 10))
            >>> array.vindex[[1, 4], [1, 4]]
            array([11, 44])
        """
        return self._get("coordinate", selection, out, fields)

    def set_coordinate_selection(self, selection: Any, value: Any, fields: Fields = None) -> None:
        """Write to single elements; of a repeated one the last value stays."""
        self._set("coordinate", selection, value, fields)

    def get_mask_selection(
        self, selection: Any, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Read the elements where a Boolean array of the array's shape is True; 1-D."""
        return self._get("mask", selection, out, fields)

    def set_mask_selection(self, selection: Any, value: Any, fields: Fields = None) -> None:
        """Write to the elements where a Boolean array of the array's shape is True."""
        self._set("mask", selection, value, fields)

    def get_block_selection(
        self, selection: Any = Ellipsis, out: NDArray | None = None, fields: Fields = None
    ) -> Any:
        """Read whole chunks, counted by integers and slices along each dimension."""
        return self._get("block", selection, out, fields)

    def set_block_selection(self, selection: Any, value: Any, fields: Fields = None) -> None:
        """Write whole chunks; see `get_block_selection`."""
        self._set("block", selection, value, fields)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        if copy is False:
            raise UsageError("an array in a store cannot become a NumPy array without a copy")
        result = np.asarray(self[...])
        return result if dtype is None else result.astype(dtype, copy=False)

    def _get(self, kind: str, selection: Any, out: NDArray | None, fields: Fields) -> Any:
        state = self._state
        return run(operations.get_kind(state, selection, kind, fields, out))

    def _set(self, kind: str, selection: Any, value: Any, fields: Fields) -> None:
        state = self._state
        run(operations.set_kind(state, selection, kind, value, fields))
