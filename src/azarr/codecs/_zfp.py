"""The registered v3 codec `zfp`, by the package zfpy: without the header that numcodecs' zfpy has.

Source: zarr-extensions, codecs/zfp.
"""

from __future__ import annotations

from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from azarr.codecs._configuration import Field, integer, one_of, read
from azarr.codecs._numcodecs import guarded
from azarr.codecs._stage import Codec, Memory, Size, Stage, need_chunk
from azarr.errors import DecodeError, MetadataError, UnknownCodecError, UsageError
from azarr.model import CodecSpec, small_type
from azarr.typing import Buffer, NDArray, Shape

_POSITIVE = Field("a number greater than 0", lambda v: type(v) in (int, float) and v > 0)
# Of each mode the parameter, as zfp and zfpy call it. zfpy has no way to say "expert".
_MODES: dict[str, dict[str, Field]] = {
    "reversible": {},
    "fixed_accuracy": {"tolerance": _POSITIVE},
    "fixed_rate": {"rate": _POSITIVE},
    "fixed_precision": {"precision": integer(1, 64)},
}
_MOST_DIMENSIONS = 4


def _compile(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    mode = spec.configuration.get("mode")
    if mode == "expert":
        raise MetadataError(
            f"codec {spec.name!r}: mode 'expert' is none that zfpy can be asked for"
        )
    parameters = _MODES.get(mode, {}) if isinstance(mode, str) else {}
    fields = read(spec, {"mode": one_of(*_MODES), **parameters})
    arguments = {name: fields[name] for name in parameters}
    shape = chunk.shape or (1,)
    if len(shape) > _MOST_DIMENSIONS:
        raise MetadataError(
            f"codec {spec.name!r}: chunks of {len(shape)} dimensions; zfp has at most "
            f"{_MOST_DIMENSIONS}"
        )
    promoted = _promoted(spec, chunk.dtype)
    try:
        zfpy = import_module("zfpy")
    except ImportError as error:
        raise UnknownCodecError(
            f"codec {spec.name!r} needs the package zfpy: pip install 'azarr[zfp]'"
        ) from error
    most = _most(shape, promoted.itemsize)

    def encode(array: NDArray) -> Buffer:
        numbers = np.ascontiguousarray(_promote(array.reshape(shape), promoted))
        stream: bytes = zfpy.compress_numpy(numbers, write_header=False, **arguments)
        return stream

    exact = len(encode(np.zeros(shape, chunk.dtype))) if mode == "fixed_rate" else None

    def decode(data: Buffer) -> NDArray:
        nbytes = len(data)
        if not 0 < nbytes <= most or exact not in (None, nbytes):
            raise ValueError(f"{nbytes} bytes, where there are {exact or f'at most {most}'}")
        # zfp reads words until it has every block, not until the bytes end.
        padded = bytes(data) + bytes(most)
        kind = zfpy.dtype_to_ztype(promoted)
        numbers = zfpy._decompress(padded, kind, shape, **arguments)
        return _demote(np.asarray(numbers), chunk.dtype).reshape(chunk.shape)

    return Stage(
        after=Memory(Size(most, exact=False)),
        encode=guarded(spec.name, encode, UsageError),
        decode=guarded(spec.name, decode, DecodeError),
    )


def _most(shape: Shape, itemsize: int) -> int:
    """The largest stream: blocks of 4 elements per axis, each stored plainly, and a few words."""
    return 2 * prod(-(-extent // 4) * 4 for extent in shape) * itemsize + 4096


def _promoted(spec: CodecSpec, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of 32 or 64 bits that zfp is given."""
    small = small_type(dtype)
    if dtype.name in ("int32", "int64", "float32", "float64"):
        return dtype
    if dtype == np.float16 or (small is not None and small.family == "small float"):
        return np.dtype(np.float32)
    if dtype.name in ("int8", "int16", "uint8", "uint16"):
        return np.dtype(np.int32)
    raise MetadataError(
        f"codec {spec.name!r} cannot encode elements of data type {dtype}: int8 to int64, uint8, "
        "uint16 and floats it can"
    )


def _promote(array: NDArray, promoted: np.dtype[Any]) -> NDArray:
    """As `zfp_promote_*`: an integer of N bits goes to the top of 31, around zero."""
    if array.dtype == promoted or promoted.kind == "f":
        return array.astype(promoted)
    bits = 8 * array.dtype.itemsize
    half = 1 << (bits - 1) if array.dtype.kind == "u" else 0
    return (array.astype(promoted) - half) << (31 - bits)


def _demote(numbers: NDArray, dtype: np.dtype[Any]) -> NDArray:
    """As `zfp_demote_*`."""
    if numbers.dtype == dtype or numbers.dtype.kind == "f":
        return numbers.astype(dtype)
    bits = 8 * dtype.itemsize
    half = 1 << (bits - 1) if dtype.kind == "u" else 0
    limits = np.iinfo(dtype)
    shifted = (numbers >> (31 - bits)) + half
    demoted: NDArray = np.clip(shifted, limits.min, limits.max).astype(dtype)
    return demoted


ZFP = Codec("array->bytes", _compile)
