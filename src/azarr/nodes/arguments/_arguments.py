"""The arguments of the creation functions -> `ArrayMetadata`. Pure; refuses contradictions."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from azarr import config
from azarr.codecs import default_codecs, sharding_spec, spec_of, with_byte_order
from azarr.errors import MetadataError, UsageError
from azarr.model import (
    N5_RAW,
    ArrayMetadata,
    ChunkGrid,
    ChunkKeyEncoding,
    CodecSpec,
    DataType,
    RegularGrid,
    split_codecs,
)
from azarr.nodes.arguments._grid_arguments import check_codecs, is_rectilinear, rectilinear_grid
from azarr.nodes.arguments._shard_arguments import shard_arguments
from azarr.typing import JSON, Shape, ZarrFormat


class Auto:
    """The default of an argument whose `None` means something else."""

    def __repr__(self) -> str:
        return "'auto'"


AUTO: Any = Auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayArguments:
    """What a user can say about a new array; what is left out is decided by `metadata()`.

    `compressor` and `object_codec` are the spelling of zarr 2 (one compressor, an object codec
    among the filters); `compressors` and `serializer` that of Zarr v3, and `codecs` all of them in
    order, as they stand in its metadata.
    """

    shape: int | Iterable[int] | None
    dtype: Any = None
    chunks: Any = True
    shards: Any = None
    compressor: Any = AUTO
    compressors: Any = AUTO
    filters: Any = AUTO
    serializer: Any = AUTO
    codecs: Any = None
    object_codec: Any = None
    fill_value: Any = 0
    order: str | None = None
    dimension_separator: str | None = None
    dimension_names: Iterable[str | None] | None = None
    chunk_key_encoding: Any = None
    attributes: Mapping[str, JSON] | None = None
    v2_separator: str = "."

    @property
    def data_type(self) -> DataType:
        """What an element is; the same in every format."""
        codec = None if self.object_codec is None else spec_of(self.object_codec, 2)
        return DataType.of(np.dtype("f8") if self.dtype is None else self.dtype, codec)

    def metadata(self, zarr_format: ZarrFormat) -> ArrayMetadata:
        """The metadata of the array in a format.

        Raises:
            MetadataError, UsageError: an argument is unknown, impossible, or contradicts another.
        """
        shape = normalize_shape(self.shape)
        data_type = self.data_type
        order = _order(self.order)
        grid = self._grid(shape, data_type.itemsize)
        filters, serializer, compressors = self._codecs(data_type, zarr_format)
        if order == "F" and zarr_format == 3 and len(shape) > 1:
            transpose = CodecSpec("transpose", {"order": [*reversed(range(len(shape)))]})
            filters = (transpose, *filters)
        if self.shards is not None:
            if zarr_format != 3:
                raise UsageError(f"shards need zarr_format=3, not {zarr_format!r}")
            if not isinstance(grid, RegularGrid):
                raise UsageError("the chunks of a shard have one shape; its shards need not")
            codecs = [each for each in (*filters, serializer, *compressors) if each is not None]
            inner = grid.chunk_shape
            grid, index_location = shard_arguments(self.shards, shape, inner, data_type.itemsize)
            serializer = sharding_spec(inner, codecs, index_location)
            filters, compressors = (), ()
        metadata = ArrayMetadata(
            zarr_format=zarr_format,
            shape=shape,
            data_type=data_type,
            chunk_grid=grid,
            chunk_key_encoding=self._key_encoding(zarr_format),
            fill_value=self._fill_value(data_type, zarr_format),
            order="C" if zarr_format == 3 else order,
            filters=filters,
            serializer=serializer,
            compressors=compressors,
            dimension_names=self._dimension_names(zarr_format),
            attributes=checked_attributes(self.attributes),
        )
        check_codecs(metadata, allow_pickle=self.names_pickle)
        return metadata

    def _grid(self, shape: Shape, itemsize: int) -> ChunkGrid:
        if is_rectilinear(self.chunks):
            return rectilinear_grid(self.chunks, shape)
        return RegularGrid(normalize_chunks(self.chunks, shape, itemsize))

    @property
    def names_pickle(self) -> bool:
        """Whether the user asked by name for the codec that runs code."""
        named = [
            self.object_codec,
            *(self.filters if isinstance(self.filters, (list, tuple)) else ()),
        ]
        return any(getattr(codec, "codec_id", codec) == "pickle" for codec in named)

    def _codecs(
        self, data_type: DataType, zarr_format: ZarrFormat
    ) -> tuple[tuple[CodecSpec, ...], CodecSpec | None, tuple[CodecSpec, ...]]:
        if self.codecs is not None:
            return self._all_codecs(data_type, zarr_format)
        object_codec = self.object_codec
        if object_codec is not None:
            object_codec = spec_of(object_codec, zarr_format, data_type)
        filters, serializer, compressors = default_codecs(data_type, zarr_format, object_codec)
        if self.compressor is not AUTO and self.compressors is not AUTO:
            raise UsageError("compressor and compressors contradict each other: give one of them")
        given = self.compressors if self.compressors is not AUTO else self.compressor
        if _is_default(given):
            given = config.get().default_compressor
        if not _is_default(given):
            compressors = _specs(given, zarr_format, data_type)
        if self.filters is not AUTO and self.filters != "auto":
            filters = _merged_filters(
                filters, _specs(self.filters, zarr_format, data_type), data_type
            )
        if self.serializer is not AUTO and self.serializer != "auto":
            serializer = spec_of(self.serializer, zarr_format, data_type)
        if any(spec.name == "cast_value" for spec in filters) and serializer is not None:
            serializer = with_byte_order(serializer)  # of elements that have other bytes than ours
        return filters, serializer, compressors

    def _all_codecs(
        self, data_type: DataType, zarr_format: ZarrFormat
    ) -> tuple[tuple[CodecSpec, ...], CodecSpec, tuple[CodecSpec, ...]]:
        if zarr_format != 3:
            raise UsageError(f"codecs need zarr_format=3, not {zarr_format!r}")
        parts = (self.filters, self.serializer, self.compressors, self.compressor)
        if self.object_codec is not None or not all(map(_is_default, parts)):
            raise UsageError("give codecs, or filters, serializer and compressors, not both")
        return split_codecs(_specs(self.codecs, zarr_format, data_type))

    def _fill_value(self, data_type: DataType, zarr_format: ZarrFormat) -> Any:
        value = self.fill_value
        if value is AUTO or _is_zero(value):
            return _zero(data_type)
        if value is None and zarr_format != 2:
            return _zero(data_type)
        return data_type.cast_fill(value)

    def _key_encoding(self, zarr_format: ZarrFormat) -> ChunkKeyEncoding:
        given = self.chunk_key_encoding
        if isinstance(given, ChunkKeyEncoding):
            return given
        names = _KEY_ENCODINGS[zarr_format]
        name: Any = names[0]
        separator: Any = self.dimension_separator
        if isinstance(given, Mapping):
            name = given.get("name", name)
            configuration = given.get("configuration", given)
            separator = configuration.get("separator", separator)
        elif given is not None:
            name = given
        if separator is None:
            separator = self.v2_separator if name == "v2" else "/"
        if separator not in (".", "/"):
            raise MetadataError(f"dimension_separator {separator!r}: '.' and '/' are allowed")
        if name not in names:
            allowed = " and ".join(map(repr, names))
            raise MetadataError(
                f"chunk_key_encoding {name!r}: format {zarr_format!r} has {allowed}"
            )
        if name == "n5" and separator != "/":
            raise MetadataError(f"dimension_separator {separator!r}: N5 has '/'")
        return ChunkKeyEncoding(name, separator)

    def _dimension_names(self, zarr_format: ZarrFormat) -> tuple[str | None, ...] | None:
        if self.dimension_names is None:
            return None
        if zarr_format != 3:
            raise UsageError(f"dimension_names need zarr_format=3, not {zarr_format!r}")
        return tuple(self.dimension_names)

    def with_data(self, data: Any) -> ArrayArguments:
        """The same, with shape and data type taken from `data` where they were not given."""
        return replace(
            self,
            shape=data.shape if self.shape is None else self.shape,
            dtype=_dtype_of(data) if self.dtype is None else self.dtype,
        )


def _dtype_of(data: Any) -> Any:
    """Of an array of azarr what its elements are too: strings and bytes have the dtype object."""
    metadata = getattr(data, "metadata", None)
    if isinstance(metadata, ArrayMetadata) and metadata.data_type.element in ("string", "bytes"):
        return metadata.data_type
    return data.dtype


# Of each format, the default first.
_KEY_ENCODINGS: dict[ZarrFormat, tuple[str, ...]] = {
    2: ("v2",),
    3: ("default", "v2"),
    "n5": ("n5",),
}


def _is_zero(value: Any) -> bool:
    """Whether it is the number 0; a timedelta64 is an np.integer, but no number."""
    number = isinstance(value, (int, np.integer)) and not isinstance(value, np.timedelta64)
    return bool(number and value == 0)


def _order(order: str | None) -> Any:
    if order is None:
        return "C"
    if order not in ("C", "F"):
        raise UsageError(f"order {order!r}: 'C' and 'F' are allowed")
    return order


def _is_default(compressor: Any) -> bool:
    return compressor is AUTO or (isinstance(compressor, str) and compressor in ("auto", "default"))


def _specs(codecs: Any, zarr_format: ZarrFormat, data_type: DataType) -> tuple[CodecSpec, ...]:
    if codecs is None:
        return ()
    many = codecs if isinstance(codecs, (list, tuple)) else (codecs,)
    specs = (spec_of(codec, zarr_format, data_type) for codec in many)
    return tuple(spec for spec in specs if spec.name != N5_RAW)


def _merged_filters(
    default: tuple[CodecSpec, ...], given: tuple[CodecSpec, ...], data_type: DataType
) -> tuple[CodecSpec, ...]:
    """Given filters replace the default ones, but an object array keeps its object codec first."""
    if (
        not data_type.is_object
        or not default
        or any(spec.name == default[0].name for spec in given)
    ):
        return given
    return (*default, *given)


def _zero(data_type: DataType) -> Any:
    if data_type.is_object:
        return {"string": "", "bytes": b""}.get(data_type.element or "")
    return np.zeros((), data_type.dtype)[()]


def checked_attributes(attributes: Any) -> dict[str, JSON]:
    """Attributes as a new dict; None: none. Whether JSON can hold the values is seen on writing.

    Raises:
        UsageError: they are no mapping, or a name is no string. JSON would turn 3 into "3", and two
            attributes into one.
    """
    if attributes is None:
        return {}
    if not isinstance(attributes, Mapping):
        raise UsageError(f"attributes {attributes!r}: a mapping of names to values is needed")
    for name in attributes:
        if not isinstance(name, str):
            raise UsageError(f"attribute {name!r}: a name is a str, not {type(name).__name__}")
    return dict(attributes)


def normalize_shape(shape: Any) -> Shape:
    """A tuple of non-negative integers.

    Raises:
        UsageError: missing, negative, or not integers.
    """
    if shape is None:
        raise UsageError("shape is missing: give shape, or data to take it from")
    lengths = shape if isinstance(shape, Iterable) and not isinstance(shape, bytes) else (shape,)
    try:
        result = tuple(operator.index(length) for length in lengths)
    except TypeError:
        raise UsageError(f"shape {shape!r}: integers are needed") from None
    if any(length < 0 for length in result):
        raise UsageError(f"shape {shape!r}: lengths must not be negative")
    return result


def normalize_chunks(chunks: Any, shape: Shape, itemsize: int) -> Shape:
    """A chunk length per dimension.

    True, None or "auto": guessed; False: one chunk; an integer: for every dimension; a tuple
    shorter than the shape, and entries -1 or None: the whole dimension.

    Raises:
        UsageError: more entries than dimensions, or an entry that is no positive integer.
    """
    if chunks is None or chunks is True or (isinstance(chunks, str) and chunks == "auto"):
        return guess_chunks(shape, itemsize)
    if chunks is False:
        return tuple(max(length, 1) for length in shape)
    if isinstance(chunks, (str, bytes)):
        raise UsageError(f"chunks {chunks!r}: integers, 'auto', True or False are needed")
    given = tuple(chunks) if isinstance(chunks, Iterable) else (chunks,) * len(shape)
    if len(given) > len(shape):
        raise UsageError(f"chunks {chunks!r}: the array has {len(shape)} dimensions")
    given += (None,) * (len(shape) - len(given))
    result = []
    for chunk, length in zip(given, shape, strict=True):
        if chunk is None or (isinstance(chunk, (int, np.integer)) and chunk == -1):
            result.append(max(length, 1))
            continue
        try:
            result.append(operator.index(chunk))
        except TypeError:
            raise UsageError(f"chunks {chunks!r}: integers are needed") from None
        if result[-1] < 1:
            raise UsageError(f"chunks {chunks!r}: chunk lengths must be at least 1")
    return tuple(result)


def guess_chunks(shape: Shape, itemsize: int) -> Shape:
    """A chunk shape of 128 KiB to 64 MiB, larger for larger arrays.

    The rule of h5py and zarr 2, so that the same call makes the same chunks: the target size
    doubles with every factor of ten in the array's size above 1 MiB, from 256 KiB; the axes are
    halved in turn until a chunk is within half of the target.
    """
    base, smallest, largest = 256 * 1024, 128 * 1024, 64 * 1024 * 1024
    typesize = max(itemsize, 1)
    chunks = [float(max(length, 1)) for length in shape]
    size = math.prod(chunks) * typesize
    target = min(max(base * 2 ** math.log10(size / 2**20), smallest), largest)
    axis = 0
    while True:
        nbytes = math.prod(chunks) * typesize
        close = nbytes < target or abs(nbytes - target) / target < 0.5
        if (close and nbytes < largest) or math.prod(chunks) == 1:
            return tuple(int(chunk) for chunk in chunks)
        chunks[axis % len(chunks)] = math.ceil(chunks[axis % len(chunks)] / 2)
        axis += 1
