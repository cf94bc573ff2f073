"""Documents that other implementations wrote: all parse, or are refused for a reason given here."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from azarr.errors import MetadataError
from azarr.model import ArrayMetadata, document_keys, node_documents, parse_node

pytestmark = pytest.mark.corpus

# zarrs' own data type, which is not registered: a value or its absence.
REFUSED = {
    "v3/array_optional.zarr/array": "data type 'optional' is unknown",
    "v3/array_optional_nested.zarr/array": "data type 'optional' is unknown",
}


def nodes(root: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Every folder below root with documents of one format, as (path, documents)."""
    for folder in sorted({path.parent for path in root.rglob("*")}):
        for zarr_format in (2, 3):
            names = document_keys(zarr_format)
            documents = {n: (folder / n).read_bytes() for n in names if (folder / n).is_file()}
            if documents:
                yield folder.relative_to(root).as_posix(), documents


def test_every_document_of_zarrs_and_zarr_python_parses_and_survives(corpora: Path):
    refused, arrays = {}, 0
    for path, documents in nodes(corpora / "zarrs"):
        try:
            metadata = parse_node(documents, path)
        except MetadataError as error:
            refused[path] = str(error)
            continue
        arrays += isinstance(metadata, ArrayMetadata)
        if metadata is not None:
            assert parse_node(node_documents(metadata), path) == metadata
    assert refused.keys() == REFUSED.keys()
    assert all(reason in refused[path] for path, reason in REFUSED.items())
    assert arrays > 50


def test_every_array_of_the_zarr_2_fixture_parses_and_survives(corpora: Path):
    arrays = 0
    with zipfile.ZipFile(corpora / "zarr2-fixture.zip") as archive:
        for name in archive.namelist():
            if not name.endswith(".zarray"):
                continue
            arrays += 1
            metadata = parse_node({".zarray": archive.read(name)}, name)
            assert isinstance(metadata, ArrayMetadata)
            assert metadata.fill_value == metadata.data_type.zero
            assert parse_node(node_documents(metadata), name) == metadata
    assert arrays > 100


def test_the_loose_documents_parse(corpora: Path):
    for name in ("array_metadata.json", "group_metadata.json"):
        document = (corpora / "zarrs" / name).read_bytes()
        metadata = parse_node({"zarr.json": document}, "")
        assert metadata is not None
        assert metadata.attributes == json.loads(document)["attributes"]
