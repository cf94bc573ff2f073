"""What arrays and groups are, and how each format writes that down.

Here live data types, fill values, chunk grids, chunk keys, metadata and the documents of Zarr v2,
Zarr v3 and N5. No other layer knows a format's JSON or the names of its documents. Pure: no I/O, no
codecs.
"""

from azarr.model._recent import Recent, is_immutable
from azarr.model._show import show
from azarr.model._small_types import (
    SmallType,
    in_memory_order,
    number_range,
    part_of,
    small_type,
)
from azarr.model._spelling_n5 import (
    BLOCK as N5_BLOCK,
    COMPRESSIONS as N5_COMPRESSIONS,
    RAW as N5_RAW,
)
from azarr.model._spelling_v3 import (
    parse_data_type as parse_v3_data_type,
    read_fill as fill_of_v3,
    spelled,
)
from azarr.model.chunk_grids import RegularGrid
from azarr.model.chunk_keys import ChunkKeyEncoding
from azarr.model.codec_specs import CodecKind, CodecSpec, register_codec_kind, split_codecs
from azarr.model.consolidated import (
    METADATA_KEY,
    ConsolidatedDocuments,
    consolidated_document,
    consolidated_fields,
    parse_consolidated_v2,
    parse_consolidated_v3,
)
from azarr.model.data_types import OBJECT_CODECS, DataType
from azarr.model.documents import (
    as_root,
    attribute_documents,
    attribute_key,
    document_keys,
    entry_count,
    is_container,
    is_settled,
    node_documents,
    parse_node,
)
from azarr.model.metadata import ArrayMetadata, GroupMetadata
from azarr.model.rectilinear import ChunkGrid, RectilinearGrid
from azarr.model.zarr_v1 import DOCUMENTS as V1_DOCUMENTS, parse_v1

__all__ = [
    "METADATA_KEY",
    "N5_BLOCK",
    "N5_COMPRESSIONS",
    "N5_RAW",
    "OBJECT_CODECS",
    "V1_DOCUMENTS",
    "ArrayMetadata",
    "ChunkGrid",
    "ChunkKeyEncoding",
    "CodecKind",
    "CodecSpec",
    "ConsolidatedDocuments",
    "DataType",
    "GroupMetadata",
    "RectilinearGrid",
    "Recent",
    "RegularGrid",
    "SmallType",
    "as_root",
    "attribute_documents",
    "attribute_key",
    "consolidated_document",
    "consolidated_fields",
    "document_keys",
    "entry_count",
    "fill_of_v3",
    "in_memory_order",
    "is_container",
    "is_immutable",
    "is_settled",
    "node_documents",
    "parse_node",
    "parse_v1",
    "parse_v3_data_type",
    "part_of",
    "number_range",
    "parse_consolidated_v2",
    "parse_consolidated_v3",
    "register_codec_kind",
    "show",
    "small_type",
    "spelled",
    "split_codecs",
]
