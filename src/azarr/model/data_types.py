"""Data types: what one element is, in memory. How each format spells them is `_spelling_v2/_v3`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from azarr.errors import UnknownDataTypeError
from azarr.model._families import DType, family_of
from azarr.model._show import show
from azarr.model._small_types import SMALL_TYPES, in_memory_order, small_dtype
from azarr.model.codec_specs import NUMCODECS, CodecSpec
from azarr.model.fill_values import cast_fill
from azarr.typing import DTypeLike

Element: TypeAlias = Literal["string", "bytes", "object", "array"]

OBJECT_CODECS: dict[str, Element] = {
    "vlen-utf8": "string",
    "vlen-bytes": "bytes",
    "vlen-array": "array",
    "categorize": "string",
    "json": "object",
    "json2": "object",
    "msgpack": "object",
    "msgpack2": "object",
    "pickle": "object",
}
"""What the elements of an object array are, by the numcodecs id of its object codec."""

_OBJECT = np.dtype(object)
_VARIABLE_LENGTH: dict[object, Element] = {
    str: "string",
    "str": "string",
    "string": "string",
    bytes: "bytes",
    "bytes": "bytes",
}
# No format limits the size of an element. Metadata from a store may ask for any, and a fill value
# is made when it is parsed; NumPy itself would go to 2**31 - 1.
LARGEST_ITEM = 64 * 2**20


@dataclass(frozen=True, slots=True)
class DataType:
    """What one element of an array is.

    Attributes:
        dtype: in memory, with its byte order; the object dtype for elements of variable length.
        element: what an element of an object array is; None for every other dtype.
        item: the dtype of the items where an element is a one-dimensional array ("array:T").
        spelling: the v3 name it was read under, where several names mean the same. It is kept so
            that changing attributes does not respell a data type for the program that wrote it.

    Example:
        >>> DataType.of("<i4").dtype
        dtype('int32')
        >>> DataType.of("array:i8").item
        dtype('int64')
    """

    dtype: DType
    element: Element | None = None
    item: DType | None = None
    spelling: str | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls, dtype: DTypeLike | DataType, object_codec: CodecSpec | str | None = None
    ) -> DataType:
        """The data type for what a user wrote as `dtype`.

        `str` and `bytes` (the types or their names) are of variable length, as are "array:T" for
        ragged arrays and `object` with an object codec (a CodecSpec or a numcodecs id). A padded
        structured dtype is packed: padding is not stored. Raises UnknownDataTypeError for what no
        format can hold.
        """
        if isinstance(dtype, DataType):
            return dtype
        if isinstance(dtype, str) and dtype.startswith("array:"):
            return cls(_OBJECT, "array", _numpy_dtype(dtype.removeprefix("array:")))
        if isinstance(dtype, str | type) and dtype in _VARIABLE_LENGTH:
            return cls(_OBJECT, _VARIABLE_LENGTH[dtype])
        result = np.dtype(dtype) if isinstance(dtype, np.dtype) else _convert(dtype)
        if result.kind == "T":  # numpy.dtypes.StringDType
            return cls(_OBJECT, "string")
        if result == _OBJECT:
            return cls.for_object_codec(object_codec)
        return cls(_storable(result))

    @classmethod
    def for_object_codec(cls, codec: CodecSpec | str | None) -> DataType:
        """The data type of an object array whose elements this codec encodes."""
        spec = CodecSpec(codec) if isinstance(codec, str) else codec
        if spec is None:
            raise UnknownDataTypeError(
                "object arrays need an object codec (filters[0] in Zarr v2); expected one of "
                f"{', '.join(OBJECT_CODECS)}"
            )
        codec_id = spec.name.removeprefix(NUMCODECS)
        if codec_id not in OBJECT_CODECS:
            raise UnknownDataTypeError(
                f"codec {show(codec_id)} is no object codec; expected one of "
                f"{', '.join(OBJECT_CODECS)}"
            )
        element = OBJECT_CODECS[codec_id]
        if element != "array":
            return cls(_OBJECT, element)
        return cls(_OBJECT, element, _numpy_dtype(spec.configuration.get("dtype")))

    @property
    def is_object(self) -> bool:
        """Whether elements are Python objects of variable length."""
        return self.element is not None

    @property
    def itemsize(self) -> int:
        """Bytes of one element in memory; of the reference, where elements are Python objects."""
        return self.dtype.itemsize

    @property
    def zero(self) -> Any:
        """The default fill value: 0, False, "", b"", the epoch, an empty array."""
        return self.cast_fill(0)

    @property
    def native(self) -> DataType:
        """The same in the byte order of this machine and without padding, as v3 knows it."""
        dtype = in_memory_order(packed(self.dtype))
        return self if dtype is self.dtype else replace(self, dtype=dtype)

    def cast_fill(self, value: Any) -> Any:
        """The validated fill value: a NumPy scalar of `dtype`, or a Python object; None stays None.

        Raises MetadataError naming the value where the data type cannot hold it exactly (rounding
        to a narrower float is fine). The number 0 is the zero of every data type.

        Example:
            >>> DataType.of("u1").cast_fill(7)
            np.uint8(7)
        """
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]
        if value is None:
            return None
        return cast_fill(value, self.dtype if self.item is None else self.item, self.element)


def _numpy_dtype(text: object) -> DType:
    if not isinstance(text, str):  # np.dtype(None) would be float64
        raise UnknownDataTypeError(f"data type of the items is {show(text)}; expected a string")
    return _storable(_convert(text))


def _convert(dtype: Any) -> DType:
    if isinstance(dtype, str) and dtype in SMALL_TYPES:
        return small_dtype(dtype)
    try:
        result: DType = np.dtype(dtype)
    except (TypeError, ValueError, OverflowError, SyntaxError) as error:
        raise UnknownDataTypeError(f"data type {show(dtype)} is unknown: {error}") from error
    return result


def _storable(dtype: DType) -> DType:
    """The dtype, packed, if arrays can have it; else UnknownDataTypeError."""
    if dtype.subdtype is not None:
        raise UnknownDataTypeError(
            f"data type {dtype} is a sub-array, which only fields of a structured type can be"
        )
    if dtype.kind in "mM" and np.datetime_data(dtype)[0] == "generic":
        raise UnknownDataTypeError(f"data type {dtype} has no unit; write e.g. '{dtype.str}[ns]'")
    check_fixed_size(dtype)
    return packed(dtype)


def check_fixed_size(dtype: DType) -> None:
    """Raise UnknownDataTypeError unless every element has the same, sensible number of bytes."""
    if dtype.subdtype is not None:
        check_fixed_size(dtype.subdtype[0])
    elif dtype.names is not None:
        for name in dtype.names:
            check_fixed_size(dtype[name])
    elif not family_of(dtype):
        raise UnknownDataTypeError(f"data type {show(dtype)} cannot be stored")
    if not 0 < dtype.itemsize <= LARGEST_ITEM:
        raise UnknownDataTypeError(
            f"data type {show(dtype)} has elements of {dtype.itemsize} bytes; expected 1 to "
            f"{LARGEST_ITEM}"
        )


def packed(dtype: DType) -> DType:
    """A structured dtype without padding, titles and alignment; any other dtype as it is."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((packed(base), shape))
    if dtype.names is None:
        return dtype
    return np.dtype([(name, packed(dtype[name])) for name in dtype.names])
