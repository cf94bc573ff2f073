"""What every format's module offers to `documents`: the columns of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from azarr.model.chunk_keys import Separator
from azarr.model.metadata import ArrayMetadata, GroupMetadata
from azarr.typing import JSON, Buffer

Node: TypeAlias = ArrayMetadata | GroupMetadata
Documents: TypeAlias = Mapping[str, Buffer | None]


class NodeFormat(NamedTuple):
    """One format.

    Attributes:
        names: the documents that a node may have.
        parse: documents, path and the separator of chunk keys where none is named, to metadata.
        node_documents: everything to write for a node.
        attribute_documents: what to write when only attributes changed; None: delete it.
        attributes: the document that holds attributes.
        container: every directory is a group, also without documents.
        root_fields: what the document of the root says beside what it says of its node: the
            extensions of its metadata.
    """

    names: tuple[str, ...]
    parse: Callable[[Documents, str, Separator], Node | None]
    node_documents: Callable[[Node], dict[str, bytes]]
    attribute_documents: Callable[[Node], dict[str, bytes | None]]
    attributes: str
    container: bool = False
    root_fields: Mapping[str, JSON] = MappingProxyType({})
