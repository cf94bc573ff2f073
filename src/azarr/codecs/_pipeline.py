"""The codecs of one array as two functions: bytes -> chunk and chunk -> bytes.

`compile_parts` is the one place where codecs are put together. It takes parts rather than metadata,
so a codec that holds pipelines of its own (a shard: one for inner chunks, one for its index)
compiles them with the same call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from azarr.codecs._layout import memory_layout
from azarr.codecs._registry import find_codec
from azarr.codecs._stage import Chunk, Kind, Memory, Size, Stage, as_bytes, exportable, exports
from azarr.errors import MetadataError
from azarr.model import ArrayMetadata, CodecSpec, DataType, Recent, is_immutable
from azarr.typing import Buffer, NDArray, Order, Shape

_PICKLE: Final = "numcodecs.pickle"
# Below this, a codec is faster into memory of its own, which is then copied: numcodecs takes 1.5 us
# to look at a destination. Measured: 16 KiB 3.1 us against 3.7, 32 KiB 4.0 against 4.4.
_INTO_BYTES: Final = 64 * 1024


class Decode(Protocol):
    """Stored bytes to a chunk; see `Pipeline.decode`."""

    def __call__(self, data: Buffer, into: NDArray | None = None) -> NDArray: ...


class DecodeTogether(Protocol):
    """The bytes of several chunks to an array of them; see `Pipeline.decode_together`."""

    def __call__(
        self, buffers: Sequence[Buffer], sizes: Sequence[int], memory: NDArray
    ) -> NDArray | None: ...


class Encode(Protocol):
    """A chunk to the bytes to store; see `Pipeline.encode`."""

    def __call__(self, chunk: NDArray) -> Buffer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a pipeline is compiled from.

    Attributes:
        order: the layout of a Zarr v2 chunk; with a serializer always "C".
        serializer: None for Zarr v2, where the memory of the chunk is what filters are given.
        fill_value: what inner chunks that are absent from a shard read as.
    """

    data_type: DataType
    chunk_shape: Shape
    order: Order = "C"
    filters: Sequence[CodecSpec] = ()
    serializer: CodecSpec | None = None
    compressors: Sequence[CodecSpec] = ()
    fill_value: Any = None


class Pipeline:
    """A compiled codec pipeline, immutable and shared by all threads, and by equal arrays.

    Attributes:
        parts: what it was compiled from.
        nbytes: bytes of one decoded chunk in memory; of the references, for Python objects.
        layout: "C" or "F" where all that `encode` does to the elements is to lay them out so, which
            an array that it is given may be already; None where it does more.
        plain: whether the stored bytes are the memory of the chunk in that layout.
        decodes_into: whether `decode` writes into the array it is given.
        decode: `decode(data, into=None)` returns the chunk, of shape `chunk_shape` and dtype
            `data_type.dtype`, in any memory layout. `into` is a writable contiguous array of that
            shape and dtype (C order, or F where the order is "F") that may be used; look at the
            result, not at `into`. The result may be a read-only view of `data`. Raises
            `DecodeError` or `ChecksumError`, and takes little more memory than a chunk.
        decode_together: `decode_together(buffers, sizes, memory)` decodes several chunks faster
            than one by one, into an array of shape `(len(sizes), *chunk_shape)`. A buffer holds one
            of them, or several that lie one after the other; `sizes` are the bytes of each. The
            array may be a view of `memory`, an array of bytes with room for what is decoded and
            what is encoded. The result is None where they have to be decoded one by one, which
            tells what is wrong with one of them. None itself where there is no faster way: for
            chunks that are not small, and most codecs.
        encode: `encode(chunk)` returns the bytes to store. The result may be a view of the chunk.
        detail: what the serializer has to tell about itself (a shard its layout), or None.
        stored: how many bytes an encoded chunk can have.
        extent: not None where chunks at the edge of an array are stored without what lies outside
            of it: `encode` is to be given only the rest, and `decode` fills up with zeros.
            `extent(data)` is how much of the chunk is stored, in elements along each dimension.

    Example:
        >>> import numpy as np
        >>> from azarr.codecs import Parts, compile_parts
        >>> from azarr.model import CodecSpec, DataType
        >>> pipeline = compile_parts(
        ...     Parts(
        ...         data_type=DataType.of("<u2"),
        ...         chunk_shape=(2, 2),
        ...         serializer=CodecSpec("bytes", {"endian": "big"}),
        ...     )
        ... )
        >>> bytes(pipeline.encode(np.array([[1, 2], [3, 4]], "<u2")))
        b'\\x00\\x01\\x00\\x02\\x00\\x03\\x00\\x04'
    """

    __slots__ = (
        "parts",
        "nbytes",
        "layout",
        "plain",
        "decodes_into",
        "decode",
        "decode_together",
        "encode",
        "detail",
        "stored",
        "extent",
    )

    decode: Decode
    decode_together: DecodeTogether | None
    encode: Encode

    def __init__(
        self, parts: Parts, filters: Sequence[Stage], serializer: Stage, tail: Sequence[Stage]
    ) -> None:
        self.parts = parts
        self.nbytes = math.prod(parts.chunk_shape) * parts.data_type.itemsize
        self.detail = serializer.detail
        self.extent = serializer.extent
        last = (tail[-1] if tail else serializer).after
        assert isinstance(last, Memory)  # what ends a chain of codecs makes bytes
        self.stored: Size = last.size
        self.layout: Order | None = parts.order if serializer.is_view and not filters else None
        self.plain = self.layout is not None and not tail
        self.decodes_into = bool(
            self.layout and tail and tail[0].decode_into is not None and self.nbytes >= _INTO_BYTES
        )
        arrays = [*filters, serializer]
        self.decode = _decoder(arrays, tail, into=self.decodes_into)
        self.decode_together = _decoder_together(self, tail)
        self.encode = _encoder(arrays, tail)

    @property
    def chunk_shape(self) -> Shape:
        """The shape of a chunk."""
        return self.parts.chunk_shape

    @property
    def data_type(self) -> DataType:
        """The data type of a chunk."""
        return self.parts.data_type

    def __repr__(self) -> str:
        parts = self.parts
        specs = (*parts.filters, parts.serializer, *parts.compressors)
        names = ", ".join(spec.name for spec in specs if spec is not None)
        return f"<Pipeline {parts.chunk_shape} {parts.data_type.dtype}: {names or 'memory'}>"


_pipelines = Recent[Pipeline](256)


def compile_pipeline(metadata: ArrayMetadata, *, allow_pickle: bool = False) -> Pipeline:
    """Compile the codecs of an array, or find what was compiled for an equal one. Does no I/O.

    Do it once per array.

    Args:
        allow_pickle: let the codec `pickle` run. Reading pickled chunks runs whatever code their
            writer put there.

    Raises:
        UnknownCodecError: a codec is not known.
        MetadataError: a configuration, the order of the codecs, or the data type does not fit.
    """
    return compile_parts(
        Parts(
            data_type=metadata.data_type,
            chunk_shape=metadata.chunk_shape,
            order=metadata.order,
            filters=metadata.filters,
            serializer=metadata.serializer,
            compressors=metadata.compressors,
            fill_value=metadata.fill_value,
        ),
        allow_pickle=allow_pickle,
    )


def compile_parts(parts: Parts, *, allow_pickle: bool = False) -> Pipeline:
    """Compile a pipeline from its parts; see `compile_pipeline` for arguments and errors."""
    specs = [*parts.filters, *parts.compressors]
    if parts.serializer is not None:
        specs.append(parts.serializer)
    if not allow_pickle and any(spec.name == _PICKLE for spec in specs):
        raise MetadataError(
            f"codec {_PICKLE!r} runs whatever code is in the chunks, so it is refused unless asked "
            "for: pass allow_pickle=True if you trust everyone who can write them"
        )
    key = _key(parts)
    pipeline = None if key is None else _pipelines.get(key)
    if pipeline is None:
        pipeline = _compile(parts)
        if key is not None:
            _pipelines.put(key, pipeline)
    return pipeline


def _key(parts: Parts) -> Hashable | None:
    """What a pipeline that arrays may share was made from; None: it may not be shared."""
    codecs: list[Hashable] = []
    for specs in (parts.filters, (parts.serializer,), parts.compressors):
        codecs.append(None)  # where one kind ends and the next begins
        for spec in specs:
            if spec is not None:
                codec = find_codec(spec.name)
                if not codec.shared:
                    return None
                codecs += codec, spec.name, repr(spec.configuration)  # as text: 1 == 1.0 == True
    fill = parts.fill_value
    if not is_immutable(fill):
        return None
    if isinstance(fill, np.generic):
        fill = fill.tobytes()  # NaN is not equal to itself, and -0.0 is to 0.0
    data_type = parts.data_type
    return data_type, data_type.spelling, parts.chunk_shape, parts.order, fill, *codecs


def _compile(parts: Parts) -> Pipeline:
    chunk = Chunk(parts.data_type, parts.chunk_shape, parts.order, parts.fill_value)
    if parts.serializer is None:
        return _compile_v2(parts, chunk)
    filters, form = _chain(parts.filters, chunk, "array->array")
    if find_codec(parts.serializer.name).frames:
        configuration = {**parts.serializer.configuration, "codecs": tuple(parts.compressors)}
        framed = CodecSpec(parts.serializer.name, configuration)  # type: ignore[arg-type]
        (serializer,), _ = _chain([framed], form, "array->bytes")
        return Pipeline(parts, filters, serializer, ())
    (serializer,), form = _chain([parts.serializer], form, "array->bytes")
    tail, _ = _chain(parts.compressors, form, "bytes->bytes")
    return Pipeline(parts, filters, serializer, tail)


def _compile_v2(parts: Parts, chunk: Chunk) -> Pipeline:
    """Zarr v2 knows no kinds: every codec makes one piece of memory from another.

    Only an object codec is given the chunk itself, so it must be the first.
    """
    specs = [*parts.filters, *parts.compressors]
    if specs and find_codec(specs[0].name).kind == "array->bytes":
        (serializer,), form = _chain(specs[:1], chunk, None)
        tail, _ = _chain(specs[1:], form, None)
    elif parts.data_type.is_object:
        raise MetadataError(
            f"an array of Python objects needs an object codec as its first filter, not "
            f"{[spec.name for spec in specs]}: vlen-utf8, vlen-bytes, vlen-array, json2, msgpack2 "
            "or categorize"
        )
    else:
        serializer = memory_layout(chunk)
        tail, _ = _chain(specs, serializer.after, None)
    return Pipeline(parts, (), serializer, tail)


def _chain(
    specs: Sequence[CodecSpec], form: Chunk | Memory, kind: Kind | None
) -> tuple[list[Stage], Chunk | Memory]:
    """Compile one codec after the other, each for the form that the one before makes."""
    stages = []
    for spec in specs:
        codec = find_codec(spec.name)
        if kind is not None and codec.kind != kind:
            raise MetadataError(
                f"codec {spec.name!r} is {codec.kind} and cannot stand where {kind} is needed; the "
                "order is array->array codecs, one array->bytes codec, bytes->bytes codecs"
            )
        stage = codec.compile(spec, form)
        stages.append(stage)
        form = stage.after
    return stages, form


def _decoder(arrays: Sequence[Stage], tail: Sequence[Stage], *, into: bool) -> Decode:
    """The decoding function with no more steps than this pipeline has."""
    steps = [stage.decode for stage in reversed([*arrays, *tail])]
    if into:
        return _decoder_into(steps, tail[0].decode_into, arrays[-1].after)
    match steps:
        case [only]:
            return lambda data, into=None: only(data)
        case [first, second]:
            return lambda data, into=None: second(first(data))

    def decode(data: Any, into: NDArray | None = None) -> NDArray:
        for step in steps:
            data = step(data)
        return data  # type: ignore[no-any-return]

    return decode


def _decoder_into(
    steps: Sequence[Callable[[Any], Any]], decode_into: Any, form: Chunk | Memory
) -> Decode:
    *first_steps, last, view = steps
    is_buffer = form.dtype is not None and exports(form.dtype)

    def decode(data: Any, into: NDArray | None = None) -> NDArray:
        for step in first_steps:
            data = step(data)
        if into is None:
            return view(last(data))  # type: ignore[no-any-return]
        decode_into(data, into if is_buffer else exportable(into))
        return into

    return decode


def _decoder_together(pipeline: Pipeline, tail: Sequence[Stage]) -> DecodeTogether | None:
    order, nbytes, dtype = pipeline.layout, pipeline.nbytes, pipeline.data_type.dtype
    if order is None or not 0 < nbytes < _INTO_BYTES:
        return None
    shape = pipeline.chunk_shape if order == "C" else pipeline.chunk_shape[::-1]
    axes = range(1, len(shape) + 1)

    def view(memory: Buffer | NDArray, count: int) -> NDArray:
        chunks: NDArray = np.ndarray((count, *shape), dtype, memory)
        return chunks if order == "C" else chunks.transpose(0, *reversed(axes))

    def join(buffers: Sequence[Buffer], sizes: Sequence[int], memory: NDArray) -> NDArray | None:
        if {*sizes} != {nbytes}:
            return None
        return view(b"".join(buffers), len(sizes))

    if pipeline.plain:
        return join
    decode_together = tail[0].decode_together if len(tail) == 1 else None
    if decode_together is None:
        return None

    def decode(buffers: Sequence[Buffer], sizes: Sequence[int], memory: NDArray) -> NDArray | None:
        stop = len(sizes) * nbytes
        done = decode_together(buffers, sizes, memory[:stop], memory[stop:])
        return view(memory, len(sizes)) if done else None

    return decode


def _encoder(arrays: Sequence[Stage], tail: Sequence[Stage]) -> Encode:
    stages = [*arrays, *tail]
    steps = [stage.encode for stage in stages]
    if stages[-1].after.dtype is not None:
        # The last codec makes elements, an ndarray.
        steps.append(as_bytes)
    if len(steps) == 2:
        first, second = steps
        return lambda chunk: second(first(chunk))

    def encode(chunk: Any) -> Buffer:
        for step in steps:
            chunk = step(chunk)
        return chunk  # type: ignore[no-any-return]

    return encode
