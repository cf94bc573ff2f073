"""How arrays look in a terminal and in a notebook."""

from __future__ import annotations

from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest

import azarr

SHAPES: list[dict[str, Any]] = [
    {"shape": (), "chunks": ()},
    {"shape": (1000,), "chunks": (100,)},
    {"shape": (0,), "chunks": (10,)},
    {"shape": (30, 1000), "chunks": (7, 11)},
    {"shape": (0, 5), "chunks": (2, 2)},
    {"shape": (50, 30, 100), "chunks": (10, 10, 10)},
    {"shape": (4, 5, 50, 30, 100), "chunks": (1, 1, 10, 10, 10)},
    {"shape": (40, 40), "chunks": (5, 5), "shards": (20, 10)},
    {"shape": (8, 40, 40), "chunks": (2, 5, 5), "shards": (8, 20, 10)},
    {"shape": (10**6, 10**6, 10**6), "chunks": (10, 10, 10)},
    {"shape": (10**9, 1), "chunks": (10, 1)},
]


def drawing(html: str) -> ElementTree.Element:
    return ElementTree.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])


@pytest.mark.parametrize("arguments", SHAPES, ids=str)
def test_every_array_has_a_small_drawing_inside_its_frame(arguments: dict[str, Any]) -> None:
    array = azarr.create_array({}, dtype="u1", **arguments)
    html = array._repr_html_()
    svg = drawing(html)
    width, height = float(svg.attrib["width"]), float(svg.attrib["height"])
    assert width < 500
    assert height < 500
    for polygon in svg.iterfind("{*}polygon"):
        for point in polygon.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height
    assert len(html) < 20_000


@pytest.mark.parametrize(
    ("dtype", "shown"), [("V4", "\\x00"), ([("a", "i4"), ("b", "S2")], "(0, b'')"), ("U3", "''")]
)
def test_fill_values_of_every_kind_are_shown(dtype: Any, shown: str) -> None:
    html = azarr.create_array({}, shape=3, dtype=dtype)._repr_html_()
    assert shown in unescape(html)


def test_the_drawing_has_a_line_for_each_chunk_boundary() -> None:
    array = azarr.create_array({}, shape=(40, 60), chunks=(10, 20), dtype="u1")
    (path,) = drawing(array._repr_html_()).iterfind("{*}path")
    assert path.attrib["d"].count("M") == 3 + 2


def test_shards_are_drawn_with_thicker_lines() -> None:
    array = azarr.create_array({}, shape=(40, 60), chunks=(10, 20), shards=(20, 20), dtype="u1")
    chunks, shards = drawing(array._repr_html_()).iterfind("{*}path")
    assert shards.attrib["d"].count("M") == 1 + 2
    assert float(shards.attrib["stroke-width"]) > float(chunks.attrib["stroke-width"])


def test_the_lengths_of_the_drawn_axes_and_the_number_of_drawings_are_written() -> None:
    array = azarr.create_array({}, shape=(4, 5, 64, 20, 30), chunks=(1, 1, 8, 10, 10), dtype="u1")
    texts = [text.text for text in drawing(array._repr_html_()).iterfind("{*}text")]
    assert texts == ["30", "20", "64", "4 × 5 of these"]


def test_the_table_says_what_the_array_is() -> None:
    group = azarr.create_group({})
    array = group.create_array(
        "a<b",
        shape=(40, 60),
        chunks=(10, 20),
        shards=(20, 20),
        dtype="u2",
        dimension_names=["y", "x"],
    )
    html = array._repr_html_()
    for text in ("azarr.Array", "/a&lt;b", "uint16", "(40, 60)", "12 of 400 B", "(20, 20)", "y, x"):
        assert text in html
    assert "a<b" not in html


def test_no_request_is_made_to_show_an_array() -> None:
    from azarr.storage import MemoryStore
    from azarr.testing import CountingStore

    store = CountingStore(MemoryStore())
    array = azarr.create_array(store, shape=(4, 4), dtype="u1", chunks=2)
    store.log.clear()
    repr(array)
    array._repr_html_()
    assert not store.log.requests


def test_the_repr_names_path_shape_and_data_type() -> None:
    store: dict[str, bytes] = {}
    azarr.create_group(store).create_array("a/b", shape=(3, 4), dtype="i2")
    assert repr(azarr.open(store, path="a/b")) == "<azarr.Array '/a/b' (3, 4) int16>"
    read_only = azarr.open(store, path="a/b", mode="r")
    assert repr(read_only) == "<azarr.Array '/a/b' (3, 4) int16 read-only>"
    assert repr(read_only.async_array).startswith("<azarr.AsyncArray '/a/b'")
    assert repr(azarr.zeros(3)) == "<azarr.Array (3,) float64>"
