"""Reading and printing JSON documents: strict, bounded, and saying where a value was wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from types import TracebackType
from typing import Any, NoReturn

import numpy as np

from azarr.errors import MetadataError, UsageError
from azarr.model._show import show
from azarr.typing import JSON, Buffer

# Deep enough for any metadata, and far from Python's recursion limit of 1000 frames.
DEEPEST = 100

_OPENINGS = (b"{", b"[")


class Document:
    """One JSON object of a node, with checked access to its fields.

    Every MetadataError raised through it names the node's path, the document and the field.
    """

    __slots__ = ("fields", "name", "path")

    def __init__(self, path: str, name: str, data: Buffer) -> None:
        self.path = path
        self.name = name
        self.fields: dict[str, Any] = {}
        with self.at():
            self.fields = _read(data)

    @property
    def location(self) -> str:
        """Where the document is, e.g. "foo/bar/zarr.json"."""
        return f"{self.path.strip('/')}/{self.name}".lstrip("/")

    def at(self, field: str = "") -> _Field:
        """Prefix the MetadataErrors of a `with` block with the document and the field."""
        return _Field(self, field)

    def fail(self, field: str, expected: str) -> NoReturn:
        """Raise the MetadataError of a field that is missing or wrong."""
        found = f"is {show(self.fields[field])}" if field in self.fields else "is missing"
        raise MetadataError(f"{self.location}: {field} {found}; expected {expected}")

    def require(self, field: str, expected: str, holds: Callable[[Any], bool]) -> Any:
        """The value of a field that must be there and hold."""
        if field not in self.fields or not holds(self.fields[field]):
            self.fail(field, expected)
        return self.fields[field]

    def object(self, field: str) -> dict[str, Any]:
        """The value of a field that, if it is there, must be an object; else {}."""
        value = self.fields.get(field, {})
        if not isinstance(value, dict):
            self.fail(field, "an object")
        return value

    def shape(self, field: str) -> tuple[int, ...]:
        """The value of a field that must be a list of integers. Their range is checked later."""
        return tuple(
            self.require(
                field,
                "a list of integers",
                lambda value: isinstance(value, list) and all(type(n) is int for n in value),
            )
        )


def _read(data: Buffer) -> dict[str, Any]:
    try:
        data = bytes(data)
        value = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        if isinstance(error, MetadataError):
            raise
        raise MetadataError(f"not a JSON document: {show(data)}: {error}") from error
    if not isinstance(value, dict):
        raise MetadataError(f"the document is {show(value)}; expected a JSON object")
    # Looking takes as long as parsing did, and most documents have too few brackets to be so deep.
    if sum(map(data.count, _OPENINGS)) > DEEPEST and _is_deeper_than(value, DEEPEST):
        raise MetadataError(f"the document nests deeper than {DEEPEST} levels")
    return value


class _Field:
    """A field of a document, as a context that says so in errors. A generator would take twice
    as long, six times in each document."""

    __slots__ = ("_document", "_field")

    def __init__(self, document: Document, field: str) -> None:
        self._document = document
        self._field = field

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, MetadataError):
            field = f"{self._field}: " if self._field else ""
            where = f"{self._document.location}: {field}"
            raise type(error)(where + str(error)) from error.__cause__


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MetadataError(f"field {show(twice)} occurs twice in one object")
    return fields


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def _is_deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        if not layer:
            return False
        layer = [
            child
            for node in layer
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return bool(layer)


def dump(document: Mapping[str, Any], *, sort_keys: bool = False) -> bytes:
    """A document as the peers print it: indented by 4, ASCII, non-finite numbers by name.

    NumPy numbers print as numbers. UsageError names a value that JSON cannot hold.
    """
    try:
        return json.dumps(document, indent=4, sort_keys=sort_keys, default=_plain).encode("ascii")
    except RecursionError as error:
        raise UsageError("metadata nests too deeply to be written as JSON") from error
    except (TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"metadata cannot be written as JSON: {error}") from error


def _plain(value: object) -> JSON:
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, np.bool_):
        return bool(value)
    raise UsageError(f"metadata holds {show(value)}, which JSON cannot hold")
