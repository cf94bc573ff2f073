"""Parts of a Blosc buffer: which of its blocks hold some bytes of a chunk, and decoding only those.

A Blosc buffer is a header, a table of where its blocks start, and the blocks, each compressed on
its own. A selection of the blocks, with a header and a table of its own, is a Blosc buffer again:
the one that would have been written for these blocks alone. So partial decoding needs no more than
decoding, which is as well, for current releases of numcodecs have no other function.

Source: https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np

from azarr.codecs._blosc_format import HEADER, STORED
from azarr.codecs._pipeline import Pipeline
from azarr.errors import DecodeError
from azarr.typing import Buffer, ByteRange, NDArray

_BLOCK_BYTES: Final = 64 * 1024
"""What a block is taken to hold before the header is read; Blosc chooses 16 KiB to 1 MiB."""
_ENTRIES: Final = 512
"""Entries of the table that are read with the header: 2 KiB, for 32 MiB at 64 KiB a block."""


def has_blosc_parts(pipeline: Pipeline) -> bool:
    """Whether stored chunks are nothing but Blosc over the memory of the chunk."""
    parts = pipeline.parts
    names = [spec.name for spec in parts.compressors]
    return (
        pipeline.decodes_into
        and not parts.filters
        and names in (["blosc"], ["numcodecs.blosc"])
        and not parts.data_type.is_object
    )


def head_nbytes(pipeline: Pipeline) -> int:
    """Bytes to read first: the header, and the table unless it is unusually long."""
    return HEADER.size + 4 * min(_ENTRIES, max(1, pipeline.nbytes // _BLOCK_BYTES))


@dataclass(frozen=True, slots=True)
class BloscParts:
    """Some blocks of a Blosc buffer.

    Attributes:
        ranges: the byte ranges `(start, stop)` to read, one for each block.
        nbytes: how many bytes that is.
        whole: bytes of the whole buffer.
    """

    ranges: list[ByteRange]
    whole: int
    _header: tuple[int, int, int, int, int, int, int]
    _blocks: list[int]

    @property
    def nbytes(self) -> int:
        return sum((stop or 0) - start for start, stop in self.ranges)

    def decode(self, blocks: Sequence[Buffer], pipeline: Pipeline) -> NDArray:
        """A chunk of which only the elements in these blocks are right."""
        from numcodecs import blosc

        version, inner, flags, typesize, nbytes, size, _ = self._header
        chunk = np.empty(pipeline.chunk_shape, pipeline.data_type.dtype, pipeline.parts.order)
        memory = chunk.reshape(-1, order="A").view(np.uint8)
        decoded = b"".join(blocks)
        if not flags & STORED:
            table = HEADER.size + 4 * len(blocks)
            starts = [table]
            for block in blocks:
                starts.append(starts[-1] + len(block))
            some = sum(min(size, nbytes - number * size) for number in self._blocks)
            header = HEADER.pack(version, inner, flags, typesize, some, size, starts.pop())
            buffer = header + struct.pack(f"<{len(starts)}I", *starts) + decoded
            try:
                decoded = blosc.decompress(buffer)
            except RuntimeError as error:
                raise DecodeError(f"codec 'blosc': {error} (blocks {self._blocks})") from error
        at = 0
        for number in self._blocks:
            start = number * size
            stop = min(start + size, nbytes)
            memory[start:stop] = np.frombuffer(decoded, np.uint8, stop - start, at)
            at += stop - start
        return chunk


def parse_blosc(head: Buffer, touched: NDArray, pipeline: Pipeline) -> BloscParts | None:
    """The blocks that hold the touched bytes; None: `head` does not hold the whole table.

    Raises:
        DecodeError: the header cannot be that of a chunk.
    """
    header = HEADER.unpack_from(head)
    _, _, flags, _, nbytes, size, whole = header
    most = nbytes + nbytes // 8 + 4096
    if nbytes != pipeline.nbytes or not 0 < size <= nbytes or not HEADER.size <= whole <= most:
        raise DecodeError(
            f"codec 'blosc': the header says {nbytes} bytes in {whole} and blocks of {size}, but "
            f"a chunk has {pipeline.nbytes}"
        )
    count = -(-nbytes // size)
    blocks = np.unique(touched // size).tolist()
    if blocks == [count - 1] and count > 1:
        blocks = [count - 2, count - 1]  # a buffer has no blocks longer than itself
    if flags & STORED:
        ranges: list[ByteRange] = [
            (HEADER.size + block * size, HEADER.size + min((block + 1) * size, nbytes))
            for block in blocks
        ]
        return BloscParts(ranges, whole, header, blocks)
    table = HEADER.size + 4 * count
    if table > len(head):
        return None
    starts = np.frombuffer(head, "<u4", count, HEADER.size)
    # Several threads may have put blocks in any order, so a block ends where some other starts.
    edges = np.append(np.sort(starts), whole)
    if starts.min() < table or starts.max() >= whole:
        raise DecodeError(f"codec 'blosc': a block starts outside of the {whole} bytes")
    stops = edges[np.searchsorted(edges, starts, side="right")]
    return BloscParts(
        [(int(starts[block]), int(stops[block])) for block in blocks], whole, header, blocks
    )


def touched_bytes(pipeline: Pipeline, selection: Any, flat: bool) -> NDArray | None:
    """Where the selected elements begin and end in the memory of a chunk, sorted.

    None: reading parts is not worthwhile, for these bytes are in half of the blocks or more.

    Args:
        selection, flat: the chunk selection of a step of a plan.
    """
    shape, itemsize = pipeline.chunk_shape, pipeline.data_type.itemsize
    if flat:
        axes: Any = np.unravel_index(selection, shape)
    else:
        axes = [_indices(item) for item in selection]
        if 2 * prod(map(len, axes)) >= prod(shape):
            return None
        axes = np.ix_(*axes)
    fortran = pipeline.parts.order == "F"
    offsets = np.zeros((), np.int64)
    for axis, indices in enumerate(axes):
        stride = prod(shape[:axis] if fortran else shape[axis + 1 :])
        offsets = offsets + np.asarray(indices, np.int64) * stride
    begins = np.unique(offsets) * itemsize
    touched = np.union1d(begins, begins + itemsize - 1)
    blocks = -(-pipeline.nbytes // _BLOCK_BYTES)
    return touched if 2 * len(np.unique(touched // _BLOCK_BYTES)) < blocks else None


def _indices(item: Any) -> NDArray:
    if isinstance(item, slice):
        return np.arange(item.start, item.stop, item.step)
    return np.atleast_1d(item).reshape(-1)
