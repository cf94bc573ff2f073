"""How N5 spells data types and compressions.

https://github.com/saalfeldlab/n5#file-system-specification. Tables only: documents are `n5`, what a
compression does is `azarr.codecs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azarr.errors import UnknownDataTypeError
from azarr.model._show import show
from azarr.model.codec_specs import CodecSpec
from azarr.model.data_types import DataType
from azarr.typing import JSON

PREFIX = "n5."
"""What goes before the `type` of an N5 compression in the name of its `CodecSpec`."""

BLOCK = CodecSpec("n5_block")
"""The serializer of every N5 array: block header and big-endian elements. No document names it."""

RAW = PREFIX + "raw"
"""What N5 calls no compression, which is no codec."""

_NUMBERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
_DATA_TYPES: dict[str, DataType] = {
    **{name: DataType.of(name) for name in (*_NUMBERS, "float32", "float64")},
    "string": DataType.of(str),
    # Java writes one serialized object per block, without saying what it is: bytes.
    "object": DataType.of(bytes),
}
_NAMES = {(data_type.dtype, data_type.element): name for name, data_type in _DATA_TYPES.items()}

COMPRESSIONS: dict[str, dict[str, JSON]] = {
    "raw": {},
    "gzip": {"level": -1, "useZlib": False},
    "bzip2": {"blockSize": 9},
    "xz": {"preset": 6},
    "lz4": {"blockSize": 65536},
    "zstd": {"level": 3},
    # n5-blosc has `typesize` and `nthreads` too. It does not need them, z5 no more, and tensorstore
    # refuses an array whose document has them. They are kept where they are, and never added.
    "blosc": {"cname": "blosclz", "clevel": 6, "shuffle": 0, "blocksize": 0},
}
"""The parameters of each compression, with the value that one that is missing has."""


def parse_data_type(name: object) -> DataType:
    """The data type of that name; UnknownDataTypeError lists those there are."""
    if not isinstance(name, str) or name not in _DATA_TYPES:
        raise UnknownDataTypeError(f"data type {show(name)} is not one of N5: {_known()}")
    return _DATA_TYPES[name]


def spell_data_type(data_type: DataType) -> str:
    """The name of a data type; UnknownDataTypeError for one that N5 cannot hold."""
    name = _NAMES.get((data_type.native.dtype, data_type.element))
    if name is None:
        spelled = data_type.dtype if data_type.element is None else repr(data_type.element)
        raise UnknownDataTypeError(
            f"data type {spelled} cannot be stored in N5, which has {_known()}"
        )
    return name


def _known() -> str:
    return ", ".join(_DATA_TYPES)


def parse_compression(fields: Mapping[str, Any]) -> tuple[CodecSpec, ...]:
    """The codec of a `compression` with a `type`; () for raw. Missing parameters are filled in."""
    kind = fields["type"]
    if kind == "raw":
        return ()
    rest = {name: value for name, value in fields.items() if name != "type"}
    # zarr-python 2 writes codecs that N5 does not have as their numcodecs configuration.
    defaults = {} if "id" in rest else COMPRESSIONS.get(kind, {})
    return (CodecSpec(PREFIX + kind, {**defaults, **rest}),)


def spell_compression(compressors: tuple[CodecSpec, ...]) -> dict[str, JSON]:
    """The `compression` of a document."""
    if not compressors:
        return {"type": "raw"}
    (spec,) = compressors
    return {"type": spec.name.removeprefix(PREFIX), **spec.configuration}
