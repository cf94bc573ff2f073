"""What every format says about an array or a group, in one neutral and validated form."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, fields
from math import prod
from typing import Any, NamedTuple

import numpy as np

from azarr.errors import MetadataError
from azarr.model._families import DType
from azarr.model._show import show
from azarr.model._spelling_n5 import spell_data_type as check_n5_data_type
from azarr.model.chunk_grids import LARGEST, RegularGrid, extents
from azarr.model.chunk_keys import ChunkKeyEncoding
from azarr.model.codec_specs import CodecSpec
from azarr.model.data_types import DataType
from azarr.model.rectilinear import ChunkGrid
from azarr.typing import JSON, Order, Shape, ZarrFormat

# NumPy's own limit (NPY_MAXDIMS), which it does not export.
_LARGEST_NDIM = 64 if np.__version__ >= "2" else 32


OF_VIEWS = "azarr."
"""How the names of codecs begin that only views have, and that are written to no document."""


class _FormatRules(NamedTuple):
    """One row: what a format can say about an array."""

    zarr_format: ZarrFormat
    encodings: tuple[str, ...]
    compressors: Container[int]
    orders: tuple[Order, ...] = ("C",)
    native: bool = True
    serializer: bool = True
    fill_value: tuple[bool, ...] = (True, False)
    dimension_names: bool = False
    smallest_ndim: int = 0
    filters: bool = True
    zero_only: bool = False
    rectilinear: bool = False
    check_data_type: Callable[[DataType], object] = lambda _: None

    @property
    def name(self) -> str:
        return "N5" if self.zarr_format == "n5" else f"Zarr format {self.zarr_format}"

    def check(self, what: str, value: object, allowed: Container[Any]) -> None:
        """Raise MetadataError unless the value is allowed in this format."""
        if value not in allowed:
            raise MetadataError(f"{what}: {show(value)}; {self.name} allows {show(allowed)}")


_FORMATS = (
    _FormatRules(
        zarr_format=2,
        orders=("C", "F"),
        encodings=("v2",),
        native=False,
        serializer=False,
        compressors=range(2),
    ),
    _FormatRules(
        zarr_format=3,
        encodings=("default", "v2"),
        fill_value=(True,),
        compressors=range(LARGEST),
        dimension_names=True,
        rectilinear=True,
    ),
    _FormatRules(
        zarr_format="n5",
        encodings=("n5",),
        fill_value=(True,),
        compressors=range(2),
        smallest_ndim=1,
        filters=False,
        zero_only=True,
        check_data_type=check_n5_data_type,
    ),
)


def _rules(zarr_format: ZarrFormat) -> _FormatRules:
    for rules in _FORMATS:
        if rules.zarr_format == zarr_format:
            return rules
    raise MetadataError(f"zarr_format is {show(zarr_format)}; expected 2, 3 or 'n5'")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayMetadata:
    """An array, whatever the format of its document. Contradictions raise MetadataError.

    Attributes:
        zarr_format: 2, 3 or "n5".
        shape: extents, in elements.
        data_type: outside v2 in the byte order of this machine; the stored one is the codecs'.
        chunk_grid: how the array is divided.
        chunk_key_encoding: chunk coordinates to keys.
        fill_value: an element of the data type; None (v2 only): undefined, reads as zeros.
        order: the memory layout inside a v2 chunk; "C" in v3, which has the transpose codec.
        filters: array->array codecs, first applied first when writing.
        serializer: the array->bytes codec; None in v2: the memory of the chunk as it is.
        compressors: bytes->bytes codecs.
        dimension_names: one name or None per dimension; None: unnamed. Only v3 documents hold them.
        attributes: the user's; JSON, treated as immutable.
        extensions: fields of a v3 document that need not be understood, kept for rewriting it.
    """

    zarr_format: ZarrFormat
    shape: Shape
    data_type: DataType
    chunk_grid: ChunkGrid
    chunk_key_encoding: ChunkKeyEncoding
    fill_value: Any = None
    order: Order = "C"
    filters: tuple[CodecSpec, ...] = ()
    serializer: CodecSpec | None = None
    compressors: tuple[CodecSpec, ...] = ()
    dimension_names: tuple[str | None, ...] | None = None
    attributes: dict[str, JSON] = field(default_factory=dict)
    extensions: Mapping[str, JSON] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rules = _rules(self.zarr_format)
        _set(self, "shape", extents(self.shape, "shape"))
        if rules.native:
            _set(self, "data_type", self.data_type.native)
        _set(self, "fill_value", self.data_type.cast_fill(self.fill_value))
        _set(self, "filters", tuple(self.filters))
        _set(self, "compressors", tuple(self.compressors))
        if len(self.shape) > _LARGEST_NDIM:
            raise MetadataError(
                f"shape is {show(self.shape)}; expected at most {_LARGEST_NDIM} dimensions"
            )
        if not rules.rectilinear and not isinstance(self.chunk_grid, RegularGrid):
            raise MetadataError(f"chunk_grid is rectilinear; {rules.name} has only regular ones")
        self.chunk_grid.check(self.shape)
        _check_size(self.shape, 1, "shape")
        _check_size(self.chunk_shape, self.data_type.itemsize, "chunk_shape")
        rules.check("order", self.order, rules.orders)
        rules.check("chunk key encoding", self.chunk_key_encoding.name, rules.encodings)
        rules.check("has a serializer", self.serializer is not None, (rules.serializer,))
        rules.check("has a fill value", self.fill_value is not None, rules.fill_value)
        rules.check("number of compressors", len(self.compressors), rules.compressors)
        if self.data_type.is_object and not rules.serializer and not self.filters:
            raise MetadataError("filters is (); object arrays need an object codec as the first")
        names = [spec.name for spec in self.filters if not spec.name.startswith(OF_VIEWS)]
        is_stored = len(names) == len(self.filters)  # else it is how a view shows what is
        if is_stored:
            rules.check_data_type(self.data_type)
        if self.ndim < rules.smallest_ndim:
            raise MetadataError(f"shape is (); {rules.name} has no arrays without dimensions")
        if names and not rules.filters:
            raise MetadataError(f"filters are {show(names)}; {rules.name} has none")
        if is_stored and rules.zero_only:
            zero = self.data_type.zero
            if not _same_element(self.fill_value, zero):
                raise MetadataError(
                    f"fill_value is {show(self.fill_value)}; {rules.name} allows only {show(zero)}"
                )
        self._check_dimension_names(rules)

    def _check_dimension_names(self, rules: _FormatRules) -> None:
        names = self.dimension_names
        if names is None:
            return
        if not all(isinstance(name, str | None) for name in names):
            raise MetadataError(f"dimension_names is {show(names)}; expected strings or None")
        _set(self, "dimension_names", tuple(names))
        if len(names) != self.ndim:
            raise MetadataError(
                f"dimension_names {show(names)} has {len(names)} entries; expected {self.ndim}"
            )
        rules.check("dimension_names", names, (None,) if not rules.dimension_names else (names,))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArrayMetadata):
            return NotImplemented
        names = (f.name for f in fields(self) if f.name != "fill_value")
        return _same_element(self.fill_value, other.fill_value) and all(
            getattr(self, name) == getattr(other, name) for name in names
        )

    __hash__ = None  # type: ignore[assignment]  # attributes are a dict

    def with_attributes(self, attributes: dict[str, JSON]) -> ArrayMetadata:
        """The same array with other attributes; nothing needs to be checked again."""
        array = object.__new__(ArrayMetadata)
        for name in ArrayMetadata.__slots__:
            _set(array, name, getattr(self, name))
        _set(array, "attributes", attributes)
        return array

    @property
    def dtype(self) -> DType:
        """The NumPy dtype of an element in memory."""
        return self.data_type.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def chunk_shape(self) -> Shape:
        """The shape of a whole chunk (in v3, of a whole shard), in elements; of the largest one."""
        return self.chunk_grid.chunk_shape

    @property
    def chunk_counts(self) -> tuple[int, ...]:
        """The number of chunks along each dimension."""
        return self.chunk_grid.counts(self.shape)

    @property
    def codecs(self) -> tuple[CodecSpec, ...]:
        """Every codec, in the order of writing."""
        serializer = () if self.serializer is None else (self.serializer,)
        return (*self.filters, *serializer, *self.compressors)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMetadata:
    """A group.

    Attributes:
        zarr_format: 2, 3 or "n5".
        attributes: the user's; JSON, treated as immutable.
        consolidated: `consolidated_metadata` of a v3 document as it was read; None: there is none.
        extensions: fields of a v3 document that need not be understood, kept for rewriting it.
    """

    zarr_format: ZarrFormat
    attributes: dict[str, JSON] = field(default_factory=dict)
    consolidated: Mapping[str, JSON] | None = None
    extensions: Mapping[str, JSON] = field(default_factory=dict)


def _set(metadata: ArrayMetadata, name: str, value: object) -> None:
    object.__setattr__(metadata, name, value)


def _check_size(shape: Shape, itemsize: int, name: str) -> None:
    # As NumPy does: an empty array may not have extents that could not be multiplied either.
    if prod(extent for extent in shape if extent) * itemsize > LARGEST:
        raise MetadataError(f"{name} is {show(shape)}: more than 2**63 - 1 elements or bytes")


def _same_element(one: Any, other: Any) -> bool:
    """Whether two fill values are the same bits (NaN is; 0.0 and -0.0 are not)."""
    if isinstance(one, np.generic | np.ndarray) and isinstance(other, np.generic | np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return type(one) is type(other) and bool(one == other)
