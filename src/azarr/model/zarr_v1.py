"""Zarr v1 documents: `meta` and `attrs`, of one array, read so that it can become a v2 array.

The keys of chunks and their bytes are those of v2. https://zarr.readthedocs.io/en/v1.1.0/spec/v1.html
"""

from __future__ import annotations

from typing import Any

from azarr.model._json_document import Document
from azarr.model._node_format import Documents
from azarr.model.metadata import ArrayMetadata
from azarr.model.zarr_v2 import parse_array

META, ATTRIBUTES = "meta", "attrs"
DOCUMENTS = (META, ATTRIBUTES)


def parse_v1(documents: Documents, path: str = "") -> ArrayMetadata | None:
    """The array, as Zarr v2 has it; None where there is no `meta`. Raises MetadataError."""
    meta, attributes = map(documents.get, DOCUMENTS)
    if meta is None:
        return None
    document = Document(path, META, meta)
    document.require("zarr_format", "1", lambda value: type(value) is int and value == 1)
    document.fields["compressor"] = _compressor(document)
    document.fields["filters"] = None
    attrs = {} if attributes is None else Document(path, ATTRIBUTES, attributes).fields
    return parse_array(document, attrs, ".")


def _compressor(document: Document) -> dict[str, Any] | None:
    """The numcodecs configuration; options are keyword arguments, or a level."""
    name = document.require(
        "compression", "a name or null", lambda value: value is None or isinstance(value, str)
    )
    if name in (None, "none"):
        return None
    options = document.fields.get("compression_opts")
    if options is None:
        options = {}
    elif type(options) is int:
        options = {"level": options}
    elif not isinstance(options, dict):
        document.fail("compression_opts", "an object, an integer or null")
    return {**options, "id": name}
