"""`azarr.cast`: elements in memory of another data type than the stored ones, as in `astype`.

numcodecs' AsType does the same for data types that can be converted in both directions; a view is
only read, so this one asks no more than NumPy's `astype` does. It is written to no document.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from azarr.codecs._stage import Chunk, Codec, Memory, Size, Stage, as_bytes
from azarr.errors import DecodeError
from azarr.model import CodecSpec, DataType, small_type
from azarr.typing import NDArray

CAST_NAME = "azarr.cast"


def cast_spec(stored: np.dtype[Any], shown: np.dtype[Any]) -> CodecSpec:
    """The codec that shows elements stored as one data type as another."""
    return CodecSpec(CAST_NAME, {"stored": _name(stored), "shown": _name(shown)})


def _name(dtype: np.dtype[Any]) -> str:
    return dtype.str if small_type(dtype) is None else dtype.name


def _compile(spec: CodecSpec, before: Chunk | Memory) -> Stage:
    stored = DataType.of(str(spec.configuration["stored"])).dtype
    shown = DataType.of(str(spec.configuration["shown"])).dtype

    def cast(chunk: NDArray, dtype: np.dtype[Any]) -> NDArray:
        try:
            with np.errstate(invalid="ignore", over="ignore"):
                return chunk.astype(dtype)
        except (TypeError, ValueError) as error:
            raise DecodeError(
                f"elements of {chunk.dtype} cannot be shown as {dtype}: {error}"
            ) from error

    if isinstance(before, Chunk):
        return Stage(
            after=replace(before, data_type=DataType.of(stored)),
            encode=lambda chunk: cast(chunk, stored),
            decode=lambda chunk: cast(chunk, shown),
        )
    count = before.size.nbytes // shown.itemsize
    return Stage(
        after=Memory(Size(count * stored.itemsize), stored),
        encode=lambda memory: cast(np.asarray(memory).reshape(-1, order="A"), stored),
        decode=lambda data: as_bytes(cast(_elements(data, stored, count), shown).view("u1")),
    )


def _elements(data: Any, stored: np.dtype[Any], count: int) -> NDArray:
    if len(data) != count * stored.itemsize:
        raise DecodeError(f"{len(data)} bytes are not {count} elements of {stored}")
    return np.frombuffer(data, stored)


CAST = Codec("array->array", _compile)
