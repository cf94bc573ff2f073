"""zarr-python as an oracle: it reads what azarr writes, and azarr what it writes, to the same."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from azarr.model import (
    ArrayMetadata,
    ChunkKeyEncoding,
    CodecSpec,
    DataType,
    RegularGrid,
    node_documents,
    parse_node,
    spelled,
)

zarr = pytest.importorskip("zarr")
# It warns of every data type that has no place in the v3 specification.
pytestmark = pytest.mark.filterwarnings("ignore")

CASES: list[tuple[Any, Any]] = [
    ("?", True),
    ("i1", -3),
    ("<i4", 2**31 - 1),
    (">i8", -(2**63)),
    ("<u8", 2**64 - 1),
    ("<f2", 0.1),
    ("<f4", np.nan),
    (">f8", -0.0),
    ("<f8", np.inf),
    ("<c8", complex(np.nan, -np.inf)),
    (">c16", 1 - 2j),
    ("<M8[ns]", "2020-01-01T00:00:00.000000001"),
    (">M8[10D]", "NaT"),
    ("<m8[us]", -5),
    ("S3", b"ab"),
    ("<U4", "añ"),
    (">U4", ""),
    ("V3", b"\0\1\2"),
    ([("a", "<i4"), ("b", "<f8"), ("c", [("d", "S3")])], (1, 2.5, (b"x",))),
    (str, "añ"),
    (bytes, b"\0\xff"),
]
OBJECT_CODECS = {"string": "vlen-utf8", "bytes": "vlen-bytes"}


def array(zarr_format: Any, dtype: Any, fill_value: Any) -> ArrayMetadata:
    data_type = DataType.of(dtype)
    codec = OBJECT_CODECS.get(data_type.element or "")
    common: dict[str, Any] = {
        "zarr_format": zarr_format,
        "shape": (10, 3),
        "data_type": data_type,
        "chunk_grid": RegularGrid((4, 3)),
        "fill_value": fill_value,
        "attributes": {"a": [1, float("nan")]},
    }
    if zarr_format == 2:
        return ArrayMetadata(
            chunk_key_encoding=ChunkKeyEncoding("v2", "/"),
            filters=(CodecSpec(f"numcodecs.{codec}"),) if codec else (),
            compressors=(CodecSpec("numcodecs.zlib", {"level": 1}),),
            order="F",
            **common,
        )
    if data_type.dtype.kind == "V":  # it cannot read the names of the specification
        name = "structured" if data_type.dtype.names else "raw_bytes"
        common["data_type"] = spelled(data_type, name)
    return ArrayMetadata(
        chunk_key_encoding=ChunkKeyEncoding("default", "."),
        filters=(CodecSpec("transpose", {"order": [1, 0]}),),
        serializer=CodecSpec(codec) if codec else CodecSpec("bytes", {"endian": "little"}),
        compressors=(CodecSpec("gzip", {"level": 5}), CodecSpec("numcodecs.adler32")),
        dimension_names=("x", None),
        **common,
    )


def bits(value: Any) -> Any:
    return value.tobytes() if isinstance(value, np.generic) else value


@pytest.mark.parametrize(("dtype", "fill_value"), CASES, ids=str)
def test_zarr_python_reads_a_v2_document_to_the_same(dtype, fill_value):
    from zarr.core.metadata.v2 import ArrayV2Metadata

    if isinstance(dtype, list):
        dtype, fill_value = dtype[:2], fill_value[:2]  # it cannot read nested ones
    ours = replace(array(2, dtype, fill_value), attributes={})
    document = json.loads(node_documents(ours)[".zarray"])
    theirs = ArrayV2Metadata.from_dict(document)
    if not ours.data_type.is_object:
        assert theirs.dtype.to_native_dtype() == ours.dtype
    fill_value = np.array(theirs.fill_value, ours.dtype)[()]  # S: without trailing NULs
    assert bits(fill_value) == bits(ours.fill_value) or _nan(ours)
    assert (theirs.shape, theirs.chunks, theirs.order) == (ours.shape, ours.chunk_shape, "F")
    assert theirs.dimension_separator == "/"
    assert parse_node(_written(theirs), "") == ours


@pytest.mark.parametrize(("dtype", "fill_value"), CASES, ids=str)
def test_zarr_python_reads_a_v3_document_to_the_same(dtype, fill_value):
    from zarr.core.metadata.v3 import ArrayV3Metadata

    ours = array(3, dtype, fill_value)
    document = json.loads(node_documents(ours)["zarr.json"])
    theirs = ArrayV3Metadata.from_dict(document)
    if not ours.data_type.is_object:
        assert theirs.data_type.to_native_dtype() == ours.dtype
    assert bits(theirs.fill_value) == bits(ours.fill_value)
    assert theirs.shape == ours.shape
    assert theirs.chunk_grid.chunk_shape == ours.chunk_shape
    assert theirs.dimension_names == ("x", None)
    for coords in [(0, 0), (2, 0)]:
        assert theirs.encode_chunk_key(coords) == ours.chunk_key_encoding.key(coords)
    back = parse_node(_written(theirs), "")
    assert isinstance(back, ArrayMetadata)
    assert back.data_type == ours.data_type
    assert bits(back.fill_value) == bits(ours.fill_value)
    assert [codec.name for codec in back.codecs] == [codec.name for codec in ours.codecs]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_hierarchy_of_zarr_python_parses(zarr_format, tmp_path):
    group = zarr.open_group(tmp_path, mode="w", zarr_format=zarr_format, attributes={"a": 1})
    group.create_array("x", shape=(9, 9), chunks=(4, 4), dtype="f4", fill_value=np.nan)
    if zarr_format == 3:
        group.create_array("s", shape=(8, 8), chunks=(2, 2), shards=(4, 4), dtype="u2")
    zarr.consolidate_metadata(tmp_path)
    for folder in [tmp_path, *(path for path in tmp_path.iterdir() if path.is_dir())]:
        documents = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        metadata = parse_node(documents, folder.name)
        assert metadata is not None
        assert parse_node(node_documents(metadata), "") == metadata


def _written(theirs: Any) -> dict[str, bytes]:
    from zarr.core.buffer import default_buffer_prototype

    documents = theirs.to_buffer_dict(default_buffer_prototype())
    return {name: buffer.to_bytes() for name, buffer in documents.items()}


def _nan(metadata: ArrayMetadata) -> bool:
    return metadata.dtype.kind in "fc" and bool(np.isnan(metadata.fill_value))
