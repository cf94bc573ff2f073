"""What arrays and groups are, and how each format writes that down.

Here live data types, fill values, chunk grids, chunk keys, metadata and the documents of Zarr v2
and v3. No other layer knows a format's JSON or the names of its documents. Pure: no I/O, no codecs.
"""

from azarr.model._spelling_v3 import spelled
from azarr.model.chunk_grids import ChunkGrid, RegularGrid
from azarr.model.chunk_keys import ChunkKeyEncoding
from azarr.model.codec_specs import CodecKind, CodecSpec, register_codec_kind, split_codecs
from azarr.model.data_types import OBJECT_CODECS, DataType
from azarr.model.documents import attribute_documents, document_keys, node_documents, parse_node
from azarr.model.metadata import ArrayMetadata, GroupMetadata

__all__ = [
    "OBJECT_CODECS",
    "ArrayMetadata",
    "ChunkGrid",
    "ChunkKeyEncoding",
    "CodecKind",
    "CodecSpec",
    "DataType",
    "GroupMetadata",
    "RegularGrid",
    "attribute_documents",
    "document_keys",
    "node_documents",
    "parse_node",
    "register_codec_kind",
    "spelled",
    "split_codecs",
]
