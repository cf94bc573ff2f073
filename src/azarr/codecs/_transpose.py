"""The v3 codec `transpose`: another order of the axes, as a view in both directions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from azarr.codecs._configuration import Field, read
from azarr.codecs._stage import Chunk, Codec, Stage, need_chunk
from azarr.errors import MetadataError
from azarr.model import CodecSpec, show
from azarr.typing import NDArray

_FIELDS = {"order": Field('a permutation of the axes, "C" or "F"', lambda _: True)}


def _compile(spec: CodecSpec, before: Any) -> Stage:
    chunk = need_chunk(spec, before)
    order = _permutation(spec, len(chunk.shape))
    inverse = tuple(int(axis) for axis in np.argsort(order))
    # The specification: encoded.shape[i] = decoded.shape[order[i]], as numpy.transpose has it.
    after: Chunk = replace(chunk, shape=tuple(chunk.shape[axis] for axis in order))

    def encode(array: NDArray) -> NDArray:
        return array.transpose(order)

    def decode(array: NDArray) -> NDArray:
        return array.transpose(inverse)

    return Stage(after=after, encode=encode, decode=decode)


def _permutation(spec: CodecSpec, ndim: int) -> tuple[int, ...]:
    order = read(spec, _FIELDS)["order"]
    axes = tuple(range(ndim))
    # "C" and "F" are of drafts of Zarr v3, and were written until 2023.
    legacy = {"C": axes, "F": axes[::-1]}
    if isinstance(order, str) and order in legacy:
        return legacy[order]
    if isinstance(order, list | tuple) and all(type(axis) is int for axis in order):
        permutation = tuple(order)
        if tuple(sorted(permutation)) == axes:
            return permutation
    raise MetadataError(
        f"codec {spec.name!r}: order is {show(order)}, but it must be a permutation of "
        f"{list(axes)} "
        '(or "C" or "F", of early drafts)'
    )


TRANSPOSE = Codec("array->array", _compile, shared=True)
