"""Elements of variable length: the v3 codecs `vlen-utf8`, `vlen-bytes`, and v2's object codecs.

Every decoder checks the number of elements before it makes room for them. Pickle is compiled like
the others; `compile_pipeline` refuses it unless it is allowed by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Any, Final

import numpy as np

from azarr.codecs._numcodecs import PREFIX, guarded, make_numcodec
from azarr.codecs._stage import Chunk, Codec, Memory, Size, Stage, need_chunk
from azarr.errors import DecodeError, MetadataError, UsageError
from azarr.model import CodecSpec
from azarr.typing import Buffer, NDArray, Shape

# The metadata do not bound the length of strings. So much is allowed in all, for each element, and
# for each stored byte (which deflate can turn into 1032): ordinary chunks pass, bombs do not.
_ALLOWED_BYTES: Final = 64 * 1024 * 1024
_ALLOWED_BYTES_PER_ELEMENT: Final = 1024
_ALLOWED_BYTES_PER_STORED_BYTE: Final = 1032


def variable_size(count: int) -> Size:
    """The most bytes that `count` elements of unknown length may decode to."""
    nbytes = _ALLOWED_BYTES + _ALLOWED_BYTES_PER_ELEMENT * count
    return Size(nbytes, exact=False, per_byte=_ALLOWED_BYTES_PER_STORED_BYTE)


@dataclass(frozen=True, slots=True)
class _Elements:
    """A decoded sequence of elements, and the shape it was stored with (None: flat)."""

    values: Iterable[Any]
    shape: Shape | None = None


# Each takes (numcodecs object, stored bytes, number of elements).
_Decoder = Callable[[Any, Buffer, int], _Elements]


def _decode_vlen(codec: Any, data: Buffer, count: int) -> _Elements:
    # Source: zarr-extensions, codecs/vlen-utf8. u32le count, then u32le length and bytes of each.
    found = int.from_bytes(data[:4], "little")
    if len(data) < 4 or found != count:
        raise ValueError(f"it holds {found} elements, but a chunk has {count}")
    return _Elements(codec.decode(data))


def _decode_json(codec: Any, data: Buffer, count: int) -> _Elements:
    import json

    return _from_nested(json.loads(bytes(data).decode(codec.get_config()["encoding"])))


def _decode_msgpack(codec: Any, data: Buffer, count: int) -> _Elements:
    msgpack = import_module("msgpack")
    # msgpack bounds the length of every container by the number of bytes it was given.
    return _from_nested(msgpack.unpackb(data, raw=codec.raw, strict_map_key=False))


def _from_nested(items: Any) -> _Elements:
    """numcodecs' json2 and msgpack2: nested lists, then the dtype, then the shape."""
    *values, _, shape = items
    if not all(type(extent) is int for extent in shape):
        raise ValueError(f"its shape is {shape!r}")
    flat: Iterable[Any] = values
    for _ in shape[1:]:
        flat = chain.from_iterable(flat)
    return _Elements(flat, tuple(shape))


def _decode_pickle(codec: Any, data: Buffer, count: int) -> _Elements:
    import pickle

    array = pickle.loads(data)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"it holds a {type(array).__name__}, not an array")
    return _Elements(array.reshape(-1), array.shape)


def _decode_categories(codec: Any, data: Buffer, count: int) -> _Elements:
    expected = count * codec.astype.itemsize
    if len(data) != expected:
        raise ValueError(f"a chunk takes {expected} bytes")
    return _Elements(codec.decode(data))


_DECODERS: dict[str, _Decoder] = {
    "vlen-utf8": _decode_vlen,
    "vlen-bytes": _decode_vlen,
    "vlen-array": _decode_vlen,
    "json2": _decode_json,
    "msgpack2": _decode_msgpack,
    "pickle": _decode_pickle,
    "categorize": _decode_categories,
}
# These write the elements in memory order; the others write a nest of lists, with its shape.
_FLAT = frozenset({"vlen-utf8", "vlen-bytes", "vlen-array", "categorize"})


def _compile(spec: CodecSpec, before: Any) -> Stage:
    if isinstance(before, Memory):
        raise MetadataError(
            f"codec {spec.name!r} encodes Python objects, so it must be the first filter"
        )
    codec_id = spec.name.removeprefix(PREFIX)
    codec = make_numcodec(spec)
    size = variable_size(before.count)
    dtype = None
    if codec_id == "categorize":
        dtype = codec.astype
        size = Size(before.count * dtype.itemsize)
    return Stage(
        after=Memory(size, dtype),
        encode=guarded(spec.name, _encoder(codec, before, flat=codec_id in _FLAT), UsageError),
        decode=guarded(spec.name, _decoder(_DECODERS[codec_id], codec, before), DecodeError),
    )


def _encoder(codec: Any, chunk: Chunk, *, flat: bool) -> Callable[[NDArray], Any]:
    order = chunk.order
    # Categories may be strings of fixed size; everything else takes Python objects.
    kind = codec.dtype if codec.codec_id == "categorize" else np.dtype(object)

    def encode_flat(array: NDArray) -> Any:
        array = np.asarray(array, kind, order=order).reshape(-1, order=order)
        # numcodecs asks for memory that it could write to, though it does not.
        return codec.encode(array if array.flags.writeable else array.copy())

    def encode(array: NDArray) -> Any:
        if codec.codec_id == "msgpack2" and array.ndim == 0:
            array = array.reshape(1)  # numcodecs cannot write a list of no dimension
        return codec.encode(np.asarray(array, order=order))

    return encode_flat if flat else encode


def _decoder(decode_elements: _Decoder, codec: Any, chunk: Chunk) -> Callable[[Buffer], NDArray]:
    count, shape, order, dtype = chunk.count, chunk.shape, chunk.order, chunk.dtype

    def decode(data: Buffer) -> NDArray:
        elements = decode_elements(codec, data, count)
        if elements.shape is not None and math.prod(elements.shape) != count:
            raise ValueError(
                f"it holds an array of shape {elements.shape}, but a chunk has {shape}"
            )
        values = elements.values
        if not isinstance(values, np.ndarray):
            values = _exactly(values, count)
        if values.size != count:
            raise ValueError(f"it holds {values.size} elements, but a chunk has {count}")
        if values.dtype != dtype:
            values = values.astype(dtype)
        # A nest of lists has no memory order: its shape is the chunk's own.
        return values.reshape(shape, order="C" if elements.shape == shape else order)

    return decode


def _exactly(values: Iterable[Any], count: int) -> NDArray:
    listed = list(values)
    if len(listed) != count:
        raise ValueError(f"it holds {len(listed)} elements, but a chunk has {count}")
    # fromiter, because assigning a list of equally long lists would make them rows.
    return np.fromiter(listed, object, count)


def _compile_v3(element: str) -> Callable[[CodecSpec, Any], Stage]:
    def compile_(spec: CodecSpec, before: Any) -> Stage:
        chunk = need_chunk(spec, before)
        if chunk.data_type.element != element:
            raise MetadataError(
                f"codec {spec.name!r} encodes elements of data type {element!r}, not {chunk.dtype}"
            )
        return _compile(CodecSpec(PREFIX + spec.name, spec.configuration), chunk)

    return compile_


OBJECTS = Codec("array->bytes", _compile)
VLEN_UTF8 = Codec("array->bytes", _compile_v3("string"))
VLEN_BYTES = Codec("array->bytes", _compile_v3("bytes"))
