"""Consolidated metadata: the documents of a whole hierarchy in one document.

Zarr v2: the key `.zmetadata`, a convention of zarr-python. Zarr v3: the field
`consolidated_metadata` of a group's `zarr.json`, of the kind "inline". Both are copies: the
documents of the nodes are what counts, and a copy can be older than they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from azarr.errors import MetadataError
from azarr.model import zarr_v2, zarr_v3
from azarr.model._json_document import Document, dump
from azarr.model._node_format import Node
from azarr.model._show import show
from azarr.model.documents import node_documents
from azarr.model.metadata import GroupMetadata
from azarr.typing import JSON, Buffer

METADATA_KEY = ".zmetadata"

_INLINE = "inline"


class ConsolidatedDocuments(Mapping[str, bytes]):
    """The documents of the nodes at and under a group: key relative to the group -> text.

    Texts are made when they are asked for; a damaged entry harms nobody who does not open it.
    """

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self._documents = documents

    def __getitem__(self, key: str) -> bytes:
        return json.dumps(self._documents[key]).encode("ascii")

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)


def parse_consolidated_v2(
    data: Buffer, path: str, name: str = METADATA_KEY
) -> ConsolidatedDocuments:
    """What `.zmetadata` of the group at `path` holds. Raises MetadataError."""
    document = Document(path, name, data)
    document.require("zarr_consolidated_format", "1", lambda v: type(v) is int and v == 1)
    entries = document.require("metadata", "an object", lambda value: isinstance(value, dict))
    names = {zarr_v2.ARRAY, zarr_v2.GROUP, zarr_v2.ATTRIBUTES}
    with document.at("metadata"):
        for key in entries:
            _check_path(key)
    return ConsolidatedDocuments(
        {key: fields for key, fields in entries.items() if key.rpartition("/")[2] in names}
    )


def parse_consolidated_v3(metadata: GroupMetadata, path: str) -> ConsolidatedDocuments | None:
    """What the `consolidated_metadata` of a v3 group holds, not the group's own document.

    None where there is none.

    One of another kind than "inline" is none, if it says that it need not be understood.
    """
    fields = metadata.consolidated
    if fields is None:
        return None
    where = f"{path}/{zarr_v3.DOCUMENT}".lstrip("/") + ": consolidated_metadata"
    if fields.get("kind") != _INLINE:
        if fields.get("must_understand") is False:
            return None
        raise MetadataError(f"{where}: kind is {show(fields.get('kind'))}; expected 'inline'")
    entries = fields.get("metadata")
    if not isinstance(entries, dict):
        raise MetadataError(f"{where}: metadata is {show(entries)}; expected an object")
    documents: dict[str, Any] = {}
    for key, entry in entries.items():
        try:
            _check_path(key)
        except MetadataError as error:
            raise MetadataError(f"{where}: metadata: {error}") from None
        documents[f"{key}/{zarr_v3.DOCUMENT}"] = entry
    return ConsolidatedDocuments(documents)


def consolidated_document(root: Node, nodes: Mapping[str, Node]) -> bytes:
    """`.zmetadata` of a v2 group; `nodes`: all that is under it, by path relative to it."""
    documents: dict[str, Any] = {}
    for path, node in {"": root, **nodes}.items():
        for name, text in node_documents(node).items():
            documents[f"{path}/{name}".lstrip("/")] = json.loads(text)
    return dump({"zarr_consolidated_format": 1, "metadata": documents}, sort_keys=True)


def consolidated_fields(nodes: Mapping[str, Node]) -> dict[str, JSON]:
    """What a v3 group says of the nodes under it; `nodes`: all of them, by relative path."""
    entries: dict[str, JSON] = {}
    for path in sorted(nodes):
        node = nodes[path]
        if isinstance(node, GroupMetadata):
            node = replace(node, consolidated=None)  # what is under it is listed here already
        entries[path] = json.loads(node_documents(node)[zarr_v3.DOCUMENT])
    return {"kind": _INLINE, "must_understand": False, "metadata": entries}


def _check_path(key: str) -> None:
    if not key or any(segment in ("", ".", "..") for segment in key.split("/")):
        raise MetadataError(f"{show(key)} is no path under the group")
