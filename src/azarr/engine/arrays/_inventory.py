"""What is stored of an array: which chunks, how many bytes, and their checksum."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from itertools import islice
from math import prod

from azarr.engine._state import ArrayState, NodeState
from azarr.engine.hierarchy._hierarchy import DOCUMENT_BYTES, get_many
from azarr.engine.runtimes._runtime import Runtime
from azarr.model import attribute_documents, node_documents
from azarr.plan import is_outside
from azarr.typing import Buffer, ChunkCoords

DIGEST_BYTES = 64 * 1024 * 1024
"""Decoded bytes of the chunks that a digest holds at a time; they are hashed in order."""


def at_chunks(runtime: Runtime, array: ArrayState) -> Runtime:
    """The runtime of the store that holds the array's chunks."""
    return runtime if array.chunk_store is array.store else runtime.beside(array.chunk_store)


async def stored_chunks(
    runtime: Runtime, array: ArrayState
) -> AsyncGenerator[list[tuple[str, ChunkCoords]], None]:
    """Keys and coordinates of the chunks (or shards) in the chunk store, some at a time.

    Also those outside of the array's shape. Requests: those of listing everything under the array.
    """
    metadata, skip = array.metadata, len(array.prefix)
    parse = metadata.chunk_key_encoding.parse
    async with aclosing(runtime.scan(array.path)) as batches:
        async for keys in batches:
            found = ((key, parse(key[skip:], metadata.ndim)) for key in keys)
            yield [(key, coords) for key, coords in found if coords is not None]


async def count_stored(runtime: Runtime, array: ArrayState) -> int:
    """How many of the array's chunks are stored; all inner chunks of a stored shard count."""
    metadata = array.metadata
    counts, inner = metadata.chunk_counts, array.chunks
    stored = 0
    async with aclosing(stored_chunks(at_chunks(runtime, array), array)) as batches:
        async for batch in batches:
            inside = [coords for _, coords in batch if not is_outside(coords, counts)]
            if array.shards is None:
                stored += len(inside)
                continue
            for coords in inside:
                lengths = metadata.chunk_grid.inside(coords, metadata.shape)
                stored += prod(-(-n // c) for n, c in zip(lengths, inner, strict=True))
    return stored


async def stored_bytes(runtime: Runtime, node: NodeState) -> int:
    """Bytes of all values of a node and of everything under it, metadata and chunks.

    Requests: a listing, and one per key.
    """
    stores = [runtime]
    if isinstance(node, ArrayState) and node.chunk_store is not node.store:
        stores.append(at_chunks(runtime, node))
    total = 0
    for each in stores:
        async with aclosing(each.scan(node.path)) as batches:
            async for keys in batches:
                total += await bytes_of(each, keys)
    return total


async def bytes_of(runtime: Runtime, keys: list[str]) -> int:
    """Bytes of the values of these keys. One request per key."""
    sizes: list[int] = []

    async def work(steps: Iterator[str]) -> None:
        for key in steps:
            sizes.append(await runtime.size(key) or 0)

    await runtime.for_each(work, iter(keys), len(keys), DOCUMENT_BYTES)
    return sum(sizes)


async def digest(runtime: Runtime, array: ArrayState, hashname: str) -> bytes:
    """A hash of the stored bytes: chunks in C order, the array's document, its attributes.

    What is missing adds nothing. So zarr 2 defines it. Requests: one per chunk of the grid.
    """
    import hashlib  # 4 ms, for OpenSSL

    hashing = hashlib.new(hashname)
    metadata = array.metadata
    keys = metadata.chunk_key_encoding.keys([range(n) for n in metadata.chunk_counts], array.prefix)
    window = max(1, DIGEST_BYTES // max(array.pipeline.nbytes, 1))
    chunks = at_chunks(runtime, array)
    while batch := list(islice(keys, min(window, 4096))):
        _feed(hashing.update, batch, await _values(chunks, batch, array.pipeline.nbytes))
    names = dict.fromkeys((*node_documents(metadata), *attribute_documents(metadata)))
    documents = [f"{array.prefix}{name}" for name in sorted(names)]
    # As they are stored: consolidated metadata have them in another spelling.
    _feed(hashing.update, documents, await get_many(runtime.uncached, documents))
    return hashing.digest()


async def _values(runtime: Runtime, keys: list[str], nbytes: int) -> dict[str, Buffer | None]:
    values: dict[str, Buffer | None] = {}

    async def work(steps: Iterator[str]) -> None:
        for key in steps:
            values[key] = await runtime.get(key)

    await runtime.for_each(work, iter(keys), len(keys), nbytes)
    return values


def _feed(update: Callable[..., None], keys: list[str], values: Mapping[str, object]) -> None:
    for key in keys:
        if values[key] is not None:
            update(values[key])
