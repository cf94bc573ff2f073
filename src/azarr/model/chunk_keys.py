"""Chunk key encodings: chunk coordinates to store keys and back.

Keys are made for whole products of per-dimension indices at a time, by C loops (`itertools.product`
and `str.join`): a plan asks for thousands of them, and 0.1 us a key is the budget.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from typing import Literal, NamedTuple, cast

from azarr.errors import MetadataError
from azarr.model._show import show
from azarr.typing import ChunkCoords

EncodingName = Literal["default", "v2", "n5"]
Separator = Literal["/", "."]


class _Style(NamedTuple):
    """One row: what an encoding adds to the joined coordinates."""

    separator: Separator
    head: str
    scalar: str
    reverses: bool


_STYLES: dict[str, _Style] = {
    # https://zarr-specs.readthedocs.io/en/latest/v3/chunk-key-encodings/default/index.html
    "default": _Style(separator="/", head="c", scalar="c", reverses=False),
    # https://zarr-specs.readthedocs.io/en/latest/v3/chunk-key-encodings/v2/index.html
    "v2": _Style(separator=".", head="", scalar="0", reverses=False),
    # https://github.com/saalfeldlab/n5#filesystem-specification: x, the fastest axis, comes first
    "n5": _Style(separator="/", head="", scalar="0", reverses=True),
}

_reversed = itemgetter(slice(None, None, -1))


@dataclass(frozen=True, slots=True)
class ChunkKeyEncoding:
    """How chunk coordinates become a key below the array's own prefix.

    Example:
        >>> ChunkKeyEncoding("default", "/").key((0, 1))
        'c/0/1'
        >>> ChunkKeyEncoding("v2", ".").key((0, 1))
        '0.1'
        >>> ChunkKeyEncoding("n5", "/").key((0, 1))
        '1/0'
    """

    name: EncodingName
    separator: Separator

    def __post_init__(self) -> None:
        if self.name not in _STYLES:
            raise MetadataError(
                f"chunk key encoding {show(self.name)} is unknown; expected one of "
                f"{', '.join(_STYLES)}"
            )
        if self.separator not in ("/", "."):
            raise MetadataError(f"separator is {show(self.separator)}; expected '/' or '.'")

    @classmethod
    def named(cls, name: str, separator: Separator | None = None) -> ChunkKeyEncoding:
        """The encoding with its own default separator, unless another one is given."""
        if separator is None and name in _STYLES:
            separator = _STYLES[name].separator
        return cls(cast(EncodingName, name), separator or "/")

    def key(self, coords: ChunkCoords) -> str:
        """The key of one chunk."""
        return next(self.keys([(coord,) for coord in coords]))

    def keys(self, indices: Sequence[Sequence[int]], prefix: str = "") -> Iterator[str]:
        """The keys of the product of per-dimension chunk indices, in C order (the last fastest).

        `prefix`, e.g. "foo/bar/", is put before each key at no cost per key.

        Example:
            >>> list(ChunkKeyEncoding("v2", ".").keys([(0, 1), (5,)], "a/"))
            ['a/0.5', 'a/1.5']
        """
        style = _STYLES[self.name]
        if not indices:
            return iter((prefix + style.scalar,))
        tables = [list(map(str, axis)) for axis in indices]
        head = prefix + style.head + self.separator if style.head else prefix
        first = -1 if style.reverses else 0
        if head:
            tables[first] = [head + coord for coord in tables[first]]
        if len(tables) == 1:
            return iter(tables[0])
        coords = product(*tables)
        return map(self.separator.join, map(_reversed, coords) if style.reverses else coords)

    def keys_at(self, indices: Sequence[Sequence[int]], prefix: str = "") -> Iterator[str]:
        """The keys of single chunks, given one column of indices per dimension.

        Example:
            >>> list(ChunkKeyEncoding("default", "/").keys_at([(0, 1), (5, 2)], "a/"))
            ['a/c/0/5', 'a/c/1/2']
        """
        style = _STYLES[self.name]
        columns = [map(str, axis) for axis in indices]
        if style.reverses:
            columns.reverse()
        head = prefix + style.head + self.separator if style.head else prefix
        return map(head.__add__, map(self.separator.join, zip(*columns, strict=True)))

    def parse(self, key: str, ndim: int) -> ChunkCoords | None:
        """The coordinates that `key` stands for; None if it is no chunk key of an ndim-d array.

        Only the spelling that `key()` writes is accepted: "c/01" and "c/+1" are other keys.
        """
        style = _STYLES[self.name]
        if ndim == 0:
            return () if key == style.scalar else None
        parts = key.split(self.separator)
        if style.head and parts.pop(0) != style.head:
            return None
        if len(parts) != ndim or not all(map(_is_coordinate, parts)):
            return None
        return tuple(map(int, reversed(parts) if style.reverses else parts))


def _is_coordinate(text: str) -> bool:
    # 19 digits hold 2**63 - 1; longer ones are refused before int() would spend time on them.
    canonical = text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")
    return canonical and len(text) <= 19
