"""Chunks to stored bytes and back: synchronous, pure, compiled when an array is opened.

Here live codecs and the pipeline that puts them together. No I/O, no threads, no formats: metadata
documents belong to `azarr.model`, and which chunk is where to the layers above.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from azarr.codecs._blosc_parts import (
    has_blosc_parts as has_blosc_parts,
    head_nbytes as head_nbytes,
    parse_blosc as parse_blosc,
    touched_bytes as touched_bytes,
)
from azarr.codecs._cast import CAST_NAME as CAST_NAME, cast_spec as cast_spec
from azarr.codecs._defaults import default_codecs
from azarr.codecs._migration import as_zarr_v3 as as_zarr_v3
from azarr.codecs._pipeline import (
    Parts as Parts,
    Pipeline,
    compile_parts as compile_parts,
    compile_pipeline,
)
from azarr.codecs._registry import add_built_in, find_codec, register_codec
from azarr.codecs._shard_layout import (
    Entry as Entry,
    Index as Index,
    ShardLayout as ShardLayout,
    coalesce as coalesce,
    cut_entries as cut_entries,
)
from azarr.codecs._sharding import sharding_spec as sharding_spec
from azarr.codecs._specs import numcodec_of, spec_of, with_byte_order as with_byte_order
from azarr.codecs._stage import (
    Chunk,
    Codec,
    Memory,
    Size,
    Stage,
    as_bytes,
    exportable as exportable,
)

if TYPE_CHECKING:
    from azarr.codecs._n5 import N5Block, N5Blocks

_ELEMENT_CODECS = "delta bitround fixedscaleoffset quantize packbits astype"
_OBJECT_CODECS = "vlen-utf8 vlen-bytes vlen-array json2 msgpack2 pickle categorize"
# Where each codec is. The modules are imported when their codecs are used: together they take 5 ms.
_BUILT_IN = {
    "bytes": "_layout.BYTES",
    CAST_NAME: "_cast.CAST",
    "transpose": "_transpose.TRANSPOSE",
    "sharding_indexed": "_sharding.SHARDING_INDEXED",
    "n5_default": "_n5.N5_DEFAULT",
    "n5_block": "_n5.N5_BLOCK",
    "n5.*": "_n5_compressions.ANY",
    "n5.lz4": "_n5_compressions.LZ4",
    "packbits": "_bits.PACKBITS",
    "reshape": "_reshape.RESHAPE",
    "cast_value": "_cast_value.CAST_VALUE",
    "scale_offset": "_cast_value.SCALE_OFFSET",
    "zfp": "_zfp.ZFP",
    "bitround": "_bits.BITROUND",
    "vlen-utf8": "_objects.VLEN_UTF8",
    "vlen-bytes": "_objects.VLEN_BYTES",
    "blosc": "_blosc.BLOSC",
    "zstd": "_zstd.ZSTD",
    "gzip": "_streams.GZIP",
    "crc32c": "_checksums.CRC32C",
    "numcodecs.*": "_numcodecs.ANY",
    **{f"numcodecs.{name}": "_numcodecs.ELEMENTS" for name in _ELEMENT_CODECS.split()},
    **{f"numcodecs.{name}": "_objects.OBJECTS" for name in _OBJECT_CODECS.split()},
    "numcodecs.pcodec": "_numeric.PCODEC",
    "numcodecs.zfpy": "_numeric.ZFPY",
    "numcodecs.blosc": "_blosc.NUMCODECS_BLOSC",
    "numcodecs.zstd": "_zstd.ZSTD",
    "numcodecs.lz4": "_lz4.LZ4",
    "numcodecs.gzip": "_streams.NUMCODECS_GZIP",
    "numcodecs.zlib": "_streams.NUMCODECS_ZLIB",
    "numcodecs.bz2": "_streams.NUMCODECS_BZ2",
    "numcodecs.lzma": "_streams.NUMCODECS_LZMA",
    "numcodecs.shuffle": "_numcodecs.SHUFFLE",
    "numcodecs.crc32": "_checksums.NUMCODECS_CRC32",
    "numcodecs.crc32c": "_checksums.NUMCODECS_CRC32C",
    "numcodecs.adler32": "_checksums.NUMCODECS_ADLER32",
    "numcodecs.fletcher32": "_checksums.NUMCODECS_APPENDED",
    "numcodecs.jenkins_lookup3": "_checksums.NUMCODECS_APPENDED",
}
add_built_in(_BUILT_IN)


def __getattr__(name: str) -> Any:
    if name not in ("N5Block", "N5Blocks"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("azarr.codecs._n5"), name)
    globals()[name] = value
    return value


# What is public; the rest of the imports above serves the layers of azarr itself.
__all__ = [
    "Chunk",
    "Codec",
    "Memory",
    "N5Block",
    "N5Blocks",
    "Pipeline",
    "Size",
    "Stage",
    "as_bytes",
    "compile_pipeline",
    "default_codecs",
    "find_codec",
    "numcodec_of",
    "register_codec",
    "spec_of",
]
