"""What flows between two codecs (`Chunk`, `Memory`) and what a compiled codec is (`Stage`).

Only vocabulary lives here: no codec, no registry, no pipeline. A codec is compiled once per array
against the exact form of its input, so that encoding and decoding a chunk asks no questions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from azarr.errors import MetadataError
from azarr.model import CodecSpec, DataType
from azarr.typing import Buffer, NDArray, Order, Shape

# A view takes 0.8 us, as long as copying this much.
_COPIED_BYTES: Final = 16 * 1024

Kind: TypeAlias = Literal["array->array", "array->bytes", "bytes->bytes"]


@dataclass(frozen=True, slots=True)
class Size:
    """How many bytes a codec was given to encode, so how many decoding may return.

    Attributes:
        nbytes: the number, or when not `exact` the most that is allowed before looking at the data.
        exact: whether nothing but `nbytes` can be right.
        per_byte: bytes allowed on top of `nbytes` for each encoded byte, where the metadata does
            not say how large the elements are (strings, ragged arrays).
    """

    nbytes: int
    exact: bool = True
    per_byte: int = 0

    def most(self, encoded: int) -> int:
        """The most bytes that `encoded` bytes may decode to."""
        return self.nbytes + self.per_byte * encoded

    def allows(self, nbytes: int, encoded: int) -> bool:
        """Whether `nbytes` decoded from `encoded` bytes can be right."""
        return nbytes == self.nbytes if self.exact else nbytes <= self.most(encoded)

    def plus(self, nbytes: int) -> Size:
        """The size when a codec adds exactly `nbytes`, like a checksum."""
        return Size(self.nbytes + nbytes, self.exact, self.per_byte)

    def compressed(self) -> Size:
        """The most bytes that any compressor makes of this many.

        The worst of the compressors in use is a stored LZ4 block: n + n/255 + 16. An eighth and a
        page leave room for container headers.
        """
        return Size(self.nbytes + self.nbytes // 8 + 4096, exact=False, per_byte=self.per_byte)

    def __str__(self) -> str:
        return str(self.nbytes) if self.exact else f"at most {self.nbytes}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """The array form: what array->array and array->bytes codecs are given to encode.

    Attributes:
        order: the layout that a Zarr v2 codec finds in memory; "C" in v3.
        fill_value: what an inner chunk that is absent from a shard reads as.
    """

    data_type: DataType
    shape: Shape
    order: Order = "C"
    fill_value: Any = None

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data_type.dtype

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.count * self.dtype.itemsize


@dataclass(frozen=True, slots=True)
class Memory:
    """The bytes form: contiguous memory, between the array->bytes codec and the store.

    Attributes:
        dtype: of the elements in that memory where they still are elements. Zarr v2 codecs and
            blosc look at it; what they are given to encode is then an ndarray of this dtype.
    """

    size: Size
    dtype: np.dtype[Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One codec, compiled for one array.

    Attributes:
        after: the form of what `encode` makes.
        encode: takes the form before, makes the form `after`. In bytes form it takes a contiguous
            ndarray or bytes-like, and returns bytes-like.
        decode: the reverse; checks all that its input can be checked for, and raises
            `ChunkDataError`. In bytes form it takes and returns bytes-like of one byte an item.
        decode_into: like `decode`, into the given contiguous array of exactly the right size.
        decode_together: `decode_together(buffers, sizes, out, memory)` decodes several into one
            contiguous array, and returns whether it did: not where they are not alike, one of them
            is damaged, or the memory to work in is too small. A buffer holds one of them, or
            several that lie one after the other; `sizes` are the bytes of each.
        is_view: decoding neither copies nor computes: the memory of the chunk is the bytes.
        detail: what a serializer wants to tell the layers above (a shard its layout).
        extent: of a serializer that is to be given only what of a chunk lies inside the array: how
            much of it some encoded bytes hold, in elements along each dimension.
    """

    after: Chunk | Memory
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    decode_into: Callable[[Buffer, NDArray], Any] | None = None
    decode_together: Callable[[Sequence[Buffer], Sequence[int], NDArray, NDArray], bool] | None = (
        None
    )
    is_view: bool = False
    detail: Any = None
    extent: Callable[[Buffer], Shape] | None = None


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec as it is registered.

    Attributes:
        kind: what it turns into what; the order of the kinds in a pipeline is fixed.
        compile: makes the stage for a specification and the form of its input; raises
            `MetadataError` naming the value and what is allowed.
        frames: a serializer whose own header goes before what the compressors make: it is given
            their specifications as `codecs` in its configuration, and compiles them itself.
        shared: what `compile` makes depends on nothing but its arguments, so that equal arrays
            share it. False for codecs whose implementation a program may exchange.
    """

    kind: Kind
    compile: Callable[[CodecSpec, Any], Stage]
    frames: bool = False
    shared: bool = False


def as_bytes(memory: Any) -> Buffer:
    """A contiguous ndarray (in memory order) or anything bytes-like, one byte an item.

    A copy only where making a view would take longer.
    """
    if isinstance(memory, bytes | bytearray):
        return memory
    if isinstance(memory, np.ndarray):
        if memory.nbytes < _COPIED_BYTES:
            return memory.tobytes("A")
        return memory.reshape(-1, order="A").view(np.uint8).data
    return memoryview(memory).cast("B")


def exports(dtype: np.dtype[Any]) -> bool:
    """Whether arrays of the dtype are buffers; datetimes are not, also not inside a structure."""
    try:
        memoryview(np.empty(0, dtype))  # type: ignore[arg-type]
    except (ValueError, TypeError, BufferError):
        return False
    return True


def exportable(array: NDArray) -> NDArray:
    """The same memory as an array that is a buffer: blosc needs no more than the item size."""
    return array.view(f"V{array.dtype.itemsize}")


def need_chunk(spec: CodecSpec, before: Chunk | Memory) -> Chunk:
    """`before`, for a codec that works on arrays only."""
    if isinstance(before, Memory):
        raise MetadataError(
            f"codec {spec.name!r} works on an array, but stands after a codec that makes bytes"
        )
    return before
