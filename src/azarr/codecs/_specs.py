"""What users write for a codec, to a `CodecSpec` and back: numcodecs objects, dicts, names.

Where Zarr v3 has a codec of its own for what a numcodecs object does, that one is chosen; and what
a v3 document should say and users leave out is filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from azarr.codecs._layout import has_byte_order
from azarr.codecs._n5_compressions import N5_PREFIX, n5_spec, numcodecs_spec
from azarr.codecs._numcodecs import PREFIX, make_numcodec
from azarr.errors import UsageError
from azarr.model import CodecSpec, DataType
from azarr.typing import JSON, ZarrFormat

_Configuration: TypeAlias = Mapping[str, JSON]

_SHUFFLES: tuple[JSON, ...] = ("noshuffle", "shuffle", "bitshuffle")
_AUTOSHUFFLE = -1
# What a name without a dot is short for.
_PREFIXES: dict[ZarrFormat, str] = {2: PREFIX, "n5": N5_PREFIX}


def spec_of(codec: Any, zarr_format: ZarrFormat, data_type: DataType | None = None) -> CodecSpec:
    """The specification of a codec, as a format names it.

    Args:
        codec: a numcodecs object or configuration (`{"id": ...}`), a v3 object (`{"name": ...}`),
            zarr-python codec (anything with `to_dict`), a name, or a CodecSpec.
        zarr_format: 2 gives `numcodecs.<id>`; 3 the name that Zarr v3 has, if it has one; "n5"
            `n5.<type>`. For N5, its own form `{"type": ...}` is understood too.
        data_type: of the array, for what depends on it: blosc's type size and automatic shuffle,
            the byte order of `bytes`.

    Raises:
        UsageError: it is none of these.
        MetadataError: it is none that the format can name.

    Example:
        >>> import numcodecs
        >>> spec_of(numcodecs.Zstd(level=3), 3)
        CodecSpec(name='zstd', configuration={'level': 3, 'checksum': False})
    """
    spec = _parse(codec, zarr_format)
    if zarr_format == "n5":
        known = spec.name in _TO_NUMCODECS
        return n5_spec(_numcodecs_spec(spec) if known else spec, data_type)
    if spec.name.startswith(N5_PREFIX):
        spec = numcodecs_spec(spec)
    if zarr_format == 2:
        if spec.numcodecs_id is None:
            spec = _numcodecs_spec(spec)
        spec.to_v2()  # refuses a name that v2 cannot write
        return spec
    spec = native(spec)
    translate = _TO_V3.get(spec.name)
    if translate is not None:
        spec = translate(spec.configuration, data_type) or spec
    complete = _COMPLETE.get(spec.name)
    if complete is None or data_type is None:
        return spec
    return replace(spec, configuration={**complete(data_type), **spec.configuration})


# The codecs of numcodecs that take the memory of elements for their data type, which they name.
_ON_ELEMENTS = {PREFIX + name for name in ("delta", "fixedscaleoffset", "quantize", "astype")}
_DTYPES = ("dtype", "astype", "encode_dtype", "decode_dtype")


def native(spec: CodecSpec) -> CodecSpec:
    """The codec as Zarr v3 has it: the byte order is the serializer's affair, not a filter's."""
    if spec.name not in _ON_ELEMENTS:
        return spec
    changed = {
        field: np.dtype(str(named)).newbyteorder("=").str
        for field in _DTYPES
        if (named := spec.configuration.get(field)) is not None
    }
    return replace(spec, configuration={**spec.configuration, **changed})


def with_byte_order(spec: CodecSpec) -> CodecSpec:
    """The codec `bytes` with a byte order, also where its elements may need none; others as is."""
    if spec.name != "bytes":
        return spec
    return replace(spec, configuration={"endian": "little", **spec.configuration})


def numcodec_of(spec: CodecSpec) -> Any:
    """The numcodecs object that does the same, or the specification itself where none does.

    Example:
        >>> numcodec_of(CodecSpec("gzip", {"level": 5}))
        GZip(level=5)
    """
    numcodecs_spec = _numcodecs_spec(spec)
    return spec if numcodecs_spec.numcodecs_id is None else make_numcodec(numcodecs_spec)


def _parse(codec: Any, zarr_format: ZarrFormat) -> CodecSpec:
    if isinstance(codec, CodecSpec):
        return codec
    if isinstance(codec, str):
        prefix = "" if "." in codec else _PREFIXES.get(zarr_format, "")
        return CodecSpec(prefix + codec)
    for method in ("get_config", "to_dict"):  # numcodecs, zarr-python 3
        if callable(getattr(codec, method, None)):
            codec = getattr(codec, method)()
    if isinstance(codec, Mapping) and zarr_format == "n5" and isinstance(codec.get("type"), str):
        rest = {name: value for name, value in codec.items() if name != "type"}
        return CodecSpec(N5_PREFIX + codec["type"], rest)
    if isinstance(codec, Mapping):
        return CodecSpec.from_v2(codec) if "id" in codec else CodecSpec.from_v3(codec)
    raise UsageError(
        f"{codec!r} is no codec; a numcodecs object, a dict with 'id' or 'name', a name, or a "
        "CodecSpec is"
    )


def _numcodecs_spec(spec: CodecSpec) -> CodecSpec:
    if spec.name.startswith(N5_PREFIX):
        return numcodecs_spec(spec)
    translate = _TO_NUMCODECS.get(spec.name)
    return spec if translate is None else translate(spec.configuration)


def _blosc_to_v3(configuration: _Configuration, data_type: DataType | None) -> CodecSpec | None:
    shuffle = configuration.get("shuffle", 1)
    if shuffle == _AUTOSHUFFLE:
        if data_type is None:
            return None
        shuffle = 2 if data_type.itemsize == 1 else 1
    if shuffle not in (0, 1, 2):
        return None
    defaults: _Configuration = {"cname": "lz4", "clevel": 5, "blocksize": 0}
    changed = {"shuffle": _SHUFFLES[shuffle]}  # type: ignore[index]
    return CodecSpec("blosc", {**defaults, **configuration, **changed})


def _blosc_to_numcodecs(configuration: _Configuration) -> CodecSpec:
    # The type size is that of the elements anyway, and numcodecs before 0.16 has no such argument.
    rest = {key: value for key, value in configuration.items() if key != "typesize"}
    shuffle = rest.get("shuffle", "noshuffle")
    if shuffle in _SHUFFLES:
        rest["shuffle"] = _SHUFFLES.index(shuffle)
    return CodecSpec(PREFIX + "blosc", rest)


def _renamed_to_v3(
    name: str, **defaults: JSON
) -> Callable[[_Configuration, DataType | None], CodecSpec | None]:
    return lambda configuration, _: CodecSpec(name, {**defaults, **configuration})


def _renamed_to_numcodecs(name: str) -> Callable[[_Configuration], CodecSpec]:
    return lambda configuration: CodecSpec(PREFIX + name, configuration)


def _crc32c_to_v3(configuration: _Configuration, _: DataType | None) -> CodecSpec | None:
    return CodecSpec("crc32c") if configuration.get("location", "end") == "end" else None


def _endian(data_type: DataType) -> _Configuration:
    dtype = data_type.dtype
    # Structures may do without, but not every reader of them does.
    fields = dtype.fields is not None and dtype.newbyteorder("<") != dtype.newbyteorder(">")
    return {"endian": "little"} if fields or has_byte_order(dtype) else {}


_TO_V3: dict[str, Callable[[_Configuration, DataType | None], CodecSpec | None]] = {
    "numcodecs.blosc": _blosc_to_v3,
    "numcodecs.zstd": _renamed_to_v3("zstd", level=0, checksum=False),
    "numcodecs.gzip": _renamed_to_v3("gzip", level=1),
    "numcodecs.crc32c": _crc32c_to_v3,
    "numcodecs.vlen-utf8": _renamed_to_v3("vlen-utf8"),
    "numcodecs.vlen-bytes": _renamed_to_v3("vlen-bytes"),
}
_TO_NUMCODECS: dict[str, Callable[[_Configuration], CodecSpec]] = {
    "blosc": _blosc_to_numcodecs,
    **{
        name: _renamed_to_numcodecs(name)
        for name in ("zstd", "gzip", "crc32c", "vlen-utf8", "vlen-bytes", "bitround")
    },
}
_COMPLETE: dict[str, Callable[[DataType], _Configuration]] = {
    "bytes": _endian,
    # All of it: tensorstore opens no array whose metadata leave something out.
    "blosc": lambda data_type: {
        "typesize": 1 if data_type.is_object else data_type.itemsize,
        "cname": "lz4",
        "clevel": 5,
        "shuffle": "bitshuffle" if data_type.itemsize == 1 else "shuffle",
        "blocksize": 0,
    },
    "gzip": lambda _: {"level": 5},
    "zstd": lambda _: {"level": 0, "checksum": False},
    "numcodecs.shuffle": lambda data_type: {"elementsize": data_type.itemsize},
    "numcodecs.delta": lambda data_type: {"dtype": data_type.dtype.str},
    "numcodecs.fixedscaleoffset": lambda data_type: {"dtype": data_type.dtype.str},
    "numcodecs.quantize": lambda data_type: {"dtype": data_type.dtype.str},
    "numcodecs.astype": lambda data_type: {"decode_dtype": data_type.dtype.str},
}
