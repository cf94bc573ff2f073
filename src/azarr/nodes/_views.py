"""What both facades of an array offer without I/O: views of it, its regions, costs and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np

from azarr.nodes import _html
from azarr.nodes._facade import ArrayFacade
from azarr.nodes.operations import (
    _explain as _explain_operations,
    _stream as _stream_operations,
    _view as _view_operations,
)
from azarr.nodes.operations._array import Fields
from azarr.plan import Cost, human_bytes
from azarr.typing import DTypeLike


class ArrayViews(ArrayFacade):
    """Views, regions, costs and pictures of an array."""

    @property
    def is_view(self) -> bool:
        """Whether this is a view on another array, see `view` and `astype`."""
        return self._held.is_view

    @property
    def meta_array(self) -> Any:
        """An instance of the kind of array that reads return: NumPy's, unless another was given."""
        like = self._held.meta_array
        return np.empty(()) if like is None else like

    def view(
        self,
        shape: int | tuple[int, ...] | None = None,
        chunks: int | tuple[int, ...] | None = None,
        dtype: DTypeLike | None = None,
        fill_value: Any = None,
        filters: Any = None,
        read_only: bool | None = None,
        synchronizer: Any = None,
    ) -> Self:
        """An array over the same stored chunks, looked at with other metadata. No I/O.

        What is not given stays as it is. The bytes of a chunk are reinterpreted: with a data type
        of another item size, shape and chunks have to be given too. Writing through a view changes
        the array; resizing and appending are not permitted. Its metadata is stored nowhere.

        Args:
            filters: instead of the array's own filters; `[]` shows what they make.

        Raises:
            MetadataError, UsageError: the arguments fit neither each other nor the codecs.

        Example:
            >>> import azarr, numpy as np
            >>> array = azarr.array(np.arange(3, dtype="u2"))
            >>> array.view(dtype="u1", shape=6, chunks=6)[:]
            array([0, 0, 1, 0, 2, 0], dtype=uint8)
        """
        state = _view_operations.view_of(
            self._held,
            shape=shape,
            chunks=chunks,
            dtype=dtype,
            fill_value=fill_value,
            filters=filters,
            read_only=read_only,
            synchronizer=synchronizer,
        )
        return type(self)._of(state)  # type: ignore[no-any-return]

    def astype(self, dtype: DTypeLike) -> Self:
        """A read-only view whose elements are converted as they are read. No I/O.

        Example:
            >>> import azarr, numpy as np
            >>> azarr.array(np.arange(3)).astype("f4")[:]
            array([0., 1., 2.], dtype=float32)
        """
        return type(self)._of(_view_operations.astype_of(self._held, dtype))  # type: ignore[no-any-return]

    def regions(self, shape: Any = None) -> Iterator[tuple[slice, ...]]:
        """The regions that the array divides into: tuples of slices, in C order. No I/O.

        Args:
            shape: of a region; None: that of the stored values, which are shards or else chunks.

        Example:
            >>> import azarr
            >>> [*azarr.zeros((4, 6), chunks=(3, 6)).regions()]
            [(slice(0, 3, None), slice(0, 6, None)), (slice(3, 4, None), slice(0, 6, None))]
        """
        return _stream_operations.regions(self._held, shape)

    def explain(
        self,
        selection: Any = ...,
        *,
        kind: str | None = None,
        fields: Fields = None,
        write: bool = False,
    ) -> Cost:
        """What reading or writing a selection would take. Nothing is read or written.

        Args:
            kind: "basic", "orthogonal", "coordinate", "mask" or "block", as in `get_*_selection`;
                None: what `array[selection]` means.
            fields: one field or several of a structured data type.
            write: the cost of writing to the selection.

        Raises:
            SelectionError: the selection does not fit the array.

        Example:
            >>> import azarr
            >>> array = azarr.create_array({}, shape=(100, 100), chunks=(10, 10), dtype="u1")
            >>> print(array.explain((slice(15), 3)))
            read
              chunks        2 of 100
              requests      2, 1 at a time
              round trips   2
              bytes wanted  15 B
              bytes read    at most 200 B (13.3 x wanted)
              peak memory   about 215 B
        """
        return _explain_operations.cost(self._held, selection, kind, fields, write=write)

    def __eq__(self, other: object) -> bool:
        equal = super().__eq__(other)
        if equal is not True:
            return equal
        mine, theirs = self._held, other._held  # type: ignore[attr-defined]
        views = mine.is_view or theirs.is_view
        return not views or bool(
            mine.is_view == theirs.is_view and mine.metadata == theirs.metadata
        )

    __hash__ = None  # type: ignore[assignment]  # equal arrays may change

    def _adopt(self, metadata: Any) -> None:
        state = self._held
        if state.is_view:  # its own metadata is not stored
            metadata = replace(state.metadata, attributes=metadata.attributes)
        super()._adopt(metadata)

    def _repr_html_(self) -> str:
        drawing = _html.grid_drawing(self.shape, self.chunks, self.shards)
        return _html.beside(_html.table(self._html_rows()), drawing)

    def _html_rows(self) -> Iterator[tuple[str, str]]:
        kind = f"azarr.{type(self).__name__}"
        modes = ("view",) * self.is_view + ("read-only",) * self.read_only
        yield kind, " ".join((self.name, *(f"({mode})" for mode in modes)))
        yield "Data type", str(self.dtype)
        yield "Shape", str(self.shape)
        if self.dimension_names is not None:
            yield "Dimensions", ", ".join(str(name) for name in self.dimension_names)
        yield "Chunks", f"{self.chunks}: {self.nchunks:,} of {_chunk_bytes(self)}"
        if self.shards is not None:
            yield "Shards", str(self.shards)
        yield "Size", human_bytes(self.nbytes)
        yield "Fill value", str(self.fill_value) or "''"
        codecs = self._codecs
        specs = (*codecs.filters, codecs.serializer, *codecs.compressors)
        yield "Codecs", ", ".join(spec.name for spec in specs if spec is not None) or "none"
        yield "Format", f"Zarr v{self.zarr_format}" if self.zarr_format in (2, 3) else "N5"
        yield "Store", repr(self.store)


def _chunk_bytes(array: ArrayViews) -> str:
    pipeline = array._held.pipeline if array._held.shards is None else array._held.shards.inner
    most = "up to " if array._held.varied and array._held.shards is None else ""
    return most + human_bytes(pipeline.nbytes)
