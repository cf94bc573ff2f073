"""The registered v3 codec `reshape`: another shape for the same elements in C order.

Source: zarr-extensions, codecs/reshape.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any

from azarr.codecs._configuration import Field, read
from azarr.codecs._stage import Codec, Stage, need_chunk
from azarr.errors import MetadataError
from azarr.model import CodecSpec, show
from azarr.typing import Shape


def _is_shape(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_entry, value))


def _is_entry(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(type(axis) is int and axis >= 0 for axis in value)
    return type(value) is int and (value >= 1 or value == -1)


_FIELDS = {
    "shape": Field("a list of lengths, lists of input dimensions and at most one -1", _is_shape)
}


def _compile(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    shape = _output_shape(spec, chunk.shape)
    return Stage(
        after=replace(chunk, shape=shape),
        encode=lambda array: array.reshape(shape),
        decode=lambda array: array.reshape(chunk.shape),
    )


def _output_shape(spec: CodecSpec, given: Shape) -> Shape:
    entries = read(spec, _FIELDS)["shape"]
    named = [axis for entry in entries if isinstance(entry, list | tuple) for axis in entry]
    if any(a >= b for a, b in pairwise(named)) or named[-1:] >= [len(given)]:
        raise _refused(spec, given, "input dimensions must be in order, each at most once")
    shape = [
        prod(given[axis] for axis in entry) if isinstance(entry, list | tuple) else entry
        for entry in entries
    ]
    if shape.count(-1) > 1:
        raise _refused(spec, given, "-1 may occur once")
    if -1 in shape:
        rest = prod(length for length in shape if length != -1)
        shape[shape.index(-1)] = prod(given) // rest if rest else 0
    if prod(shape) != prod(given):
        raise _refused(spec, given, f"it makes {prod(shape)} elements of {prod(given)}")
    for number, entry in enumerate(entries):
        if isinstance(entry, list | tuple) and entry:
            before, after = prod(given[: entry[0]]), prod(given[entry[-1] + 1 :])
            if prod(shape[:number]) != before or prod(shape[number + 1 :]) != after:
                raise _refused(spec, given, f"{entry} would not be the dimensions that it names")
    return tuple(shape)


def _refused(spec: CodecSpec, given: Shape, problem: str) -> MetadataError:
    shape = show(spec.configuration["shape"])
    return MetadataError(f"codec {spec.name!r}: shape {shape} for a chunk of {given}: {problem}")


RESHAPE = Codec("array->array", _compile)
