"""How an array looks in a notebook: a table, and a drawing of its chunk grid. Pure text.

The drawing shows at most the last three axes: the last goes to the right, the one before it down,
the third last to the back. Lengths are drawn compressed, so that a long thin array can be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import prod
from typing import Any

from azarr.typing import Shape

LONGEST, SHORTEST = 180.0, 24.0
"""Pixels of the longest axis, and the fewest of any."""
MOST_LINES = 24
"""Chunk boundaries drawn along an axis; of more only every k-th, or they would be one blot."""
_DEPTH = 0.42
"""How far the third axis goes to the right and up, per pixel of its length."""
_MARGIN = 20.0
_LETTER = 6.5
"""Pixels of a digit of a label."""

Point = tuple[float, float]


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values as an HTML table."""
    from html import escape  # 1.5 ms, for its table of entities

    left = 'style="text-align:left;padding:1px 10px 1px 0;font-weight:'
    body = "".join(
        f'<tr><th {left}600">{escape(name)}</th><td {left}400">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<table style="border-collapse:collapse;margin:0;color:inherit">{body}</table>'


def beside(left: str, right: str) -> str:
    """Two pieces of HTML next to each other."""
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:24px;align-items:center">'
        f"<div>{left}</div><div>{right}</div></div>"
    )


def grid_drawing(shape: Shape, chunks: Any, shards: Any = None) -> str:
    """An SVG of an array's chunks, with thicker lines around its shards.

    Example:
        >>> grid_drawing((20, 10), (5, 5))[:4]
        '<svg'
    """
    drawn = min(len(shape), 3)
    others = len(shape) - drawn
    axes = [
        _Axis(length, chunk, shard, pixels)
        for length, chunk, shard, pixels in zip(
            shape[others:],
            chunks[others:],
            (shards or (None,) * len(shape))[others:],
            _pixels(shape[others:]),
            strict=True,
        )
    ]
    flat = _Axis(1, 1, None, SHORTEST if axes else 2 * SHORTEST)
    down, right = [flat, flat, *axes][-2:]
    labels = [str(axis.length) for axis in axes]
    drawing = _Drawing(axes[0] if drawn == 3 else None, down, right, labels)
    return drawing.svg(shape[:others])


class _Axis:
    """One axis in the drawing."""

    def __init__(self, length: int, chunk: Any, shard: Any, pixels: float) -> None:
        self.length = length
        self.pixels = pixels
        self.chunk_lines = self._lines(chunk)
        self.shard_lines = [] if shard is None else self._lines(shard)

    def _lines(self, piece: int | tuple[int, ...]) -> list[float]:
        if isinstance(piece, tuple):
            edges = [*accumulate(piece)][:-1]
            some = edges[:: max(1, -(-len(edges) // MOST_LINES))]
            return [at / self.length * self.pixels for at in some]
        count = -(-self.length // piece) if piece else 0
        every = max(1, -(-count // MOST_LINES))
        return [at * piece / self.length * self.pixels for at in range(every, count, every)]


class _Drawing:
    """A rectangle, or a box seen from the front, above and the right."""

    def __init__(
        self, depth: _Axis | None, down: _Axis, right: _Axis, labels: Sequence[str]
    ) -> None:
        self.depth, self.down, self.right, self.labels = depth, down, right, labels
        self.left = _MARGIN + _LETTER * max(map(len, labels[:-1]), default=0)
        self.back = 0.0 if depth is None else depth.pixels * _DEPTH

    def svg(self, others: Shape) -> str:
        width = self.left + self.right.pixels + self.back + _MARGIN
        height = self.down.pixels + self.back + 2 * _MARGIN + (14 if others else 0)
        parts = [*self._faces(), *self._lines("chunk", 0.7, 0.55), *self._lines("shard", 2, 0.9)]
        parts += self._labels()
        if others:
            note = " × ".join(map(str, others)) + " of these"
            parts.append(_text((self.left, height - 2), note, "start"))
        return (
            f'<svg width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" xmlns="http://www.w3.org/2000/svg" '
            f'role="img" style="color:inherit">{"".join(parts)}</svg>'
        )

    def _at(self, right: float, down: float, depth: float = 0.0) -> Point:
        back = depth * _DEPTH
        return self.left + right + back, _MARGIN + self.back + down - back

    def _faces(self) -> Iterator[str]:
        right, down = self.right.pixels, self.down.pixels
        at = self._at
        yield _polygon([at(0, 0), at(right, 0), at(right, down), at(0, down)], 0.30)
        if self.depth is not None:
            depth = self.depth.pixels
            top = [at(0, 0), at(right, 0), at(right, 0, depth), at(0, 0, depth)]
            side = [at(right, 0), at(right, down), at(right, down, depth), at(right, 0, depth)]
            yield _polygon(top, 0.18)
            yield _polygon(side, 0.45)

    def _lines(self, kind: str, width: float, opacity: float) -> Iterator[str]:
        right, down, at = self.right.pixels, self.down.pixels, self._at
        depth = 0.0 if self.depth is None else self.depth.pixels
        paths: list[list[Point]] = []
        for x in getattr(self.right, f"{kind}_lines"):
            paths.append([at(x, down), at(x, 0), at(x, 0, depth)])
        for y in getattr(self.down, f"{kind}_lines"):
            paths.append([at(0, y), at(right, y), at(right, y, depth)])
        for z in getattr(self.depth, f"{kind}_lines", ()):
            paths.append([at(0, 0, z), at(right, 0, z), at(right, down, z)])
        if paths:
            joined = " ".join(
                "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in path) for path in paths
            )
            yield (
                f'<path d="{joined}" fill="none" stroke="currentColor" '
                f'stroke-width="{width}" stroke-opacity="{opacity}"/>'
            )

    def _labels(self) -> Iterator[str]:
        right, down, at = self.right.pixels, self.down.pixels, self._at
        places = [
            (at(right / 2, down + 14), "middle"),
            (at(-6, down / 2 + 4), "end"),
            (at(-6, -4, 0 if self.depth is None else self.depth.pixels / 2), "end"),
        ]
        for label, (place, anchor) in zip(reversed(self.labels), places, strict=False):
            yield _text(place, label, anchor)


def _pixels(lengths: Shape) -> list[float]:
    longest = max(lengths, default=0)
    if not prod(lengths):
        return [SHORTEST if length == 0 else LONGEST / 2 for length in lengths]
    return [max(SHORTEST, LONGEST * (length / longest) ** 0.5) for length in lengths]


def _polygon(points: Sequence[Point], opacity: float) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polygon points="{joined}" fill="#4c8bc9" fill-opacity="{opacity}" '
        f'stroke="currentColor" stroke-width="1.5"/>'
    )


def _text(at: Point, text: str, anchor: str) -> str:
    from html import escape

    return (
        f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" fill="currentColor" '
        f'font-size="11" font-family="sans-serif">{escape(text)}</text>'
    )
