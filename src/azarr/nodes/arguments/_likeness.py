"""The creation arguments that make an array like another one. Pure."""

from __future__ import annotations

from typing import Any

from azarr.codecs import CAST_NAME, numcodec_of
from azarr.engine import ArrayState
from azarr.model import DataType
from azarr.typing import ZarrFormat


def likeness(array: ArrayState, zarr_format: ZarrFormat, dtype: Any = None) -> dict[str, Any]:
    """Chunks, shards, data type, memory layout and codecs of an array, for one in another format.

    Args:
        zarr_format: that of the new array; codecs that it has no name for are refused by creation.
        dtype: another data type; what goes with the old one is left out.
    """
    metadata = array.metadata
    parts = (array.pipeline if array.shards is None else array.shards.inner).parts
    data_type = metadata.data_type if dtype is None else DataType.of(dtype)
    filters = [spec for spec in parts.filters if spec.name != CAST_NAME]
    order = parts.order
    reverse = [*reversed(range(metadata.ndim))]
    transposed = filters and filters[0].name == "transpose" and metadata.ndim > 1
    if transposed and filters[0].configuration.get("order") in (reverse, "F"):
        filters, order = filters[1:], "F"
    like: dict[str, Any] = {
        "chunks": array.chunks if array.shards or zarr_format != 3 else array.lengths,
        "dtype": data_type,
        "order": order,
        "compressors": [numcodec_of(spec) for spec in parts.compressors],
    }
    if array.shards is not None and zarr_format == 3:
        like["shards"] = array.lengths
    if "n5" in (zarr_format, metadata.zarr_format) and zarr_format != metadata.zarr_format:
        # N5 has one order, no filters, and compressions of its own.
        return like | {"compressors": "auto", "order": "C"}
    if data_type != metadata.data_type:
        return like
    if zarr_format == metadata.zarr_format == 3:
        like["serializer"] = parts.serializer
    elif metadata.zarr_format == 2 and data_type.is_object and filters:
        # The first filter says how objects are stored, which is for the other format to say.
        first, *rest = filters
        if zarr_format == 2:
            like["object_codec"] = first
        filters = rest
    return like | ({"filters": filters} if filters else {})
