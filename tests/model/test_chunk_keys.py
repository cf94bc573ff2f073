"""Chunk key encodings: the spellings of the specifications, products, and the way back."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, strategies as st

from azarr.errors import MetadataError
from azarr.model import ChunkKeyEncoding

ENCODINGS = [
    ChunkKeyEncoding(name, separator) for name in ("default", "v2", "n5") for separator in "/."
]


@pytest.mark.parametrize(
    ("name", "separator", "coords", "key"),
    [
        ("default", "/", (), "c"),
        ("default", ".", (), "c"),
        ("default", "/", (7,), "c/7"),
        ("default", "/", (0, 1, 23), "c/0/1/23"),
        ("default", ".", (0, 1), "c.0.1"),
        ("v2", ".", (), "0"),
        ("v2", ".", (7,), "7"),
        ("v2", ".", (0, 1), "0.1"),
        ("v2", "/", (0, 1), "0/1"),
        ("n5", "/", (7,), "7"),
        ("n5", "/", (0, 1, 2), "2/1/0"),
    ],
)
def test_a_key_is_spelled_as_the_specification_says(name, separator, coords, key):
    assert ChunkKeyEncoding(name, separator).key(coords) == key


@given(
    st.sampled_from(ENCODINGS),
    st.lists(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=4), max_size=4),
    st.sampled_from(["", "foo/", "foo/bar/"]),
)
def test_the_keys_of_a_product_are_the_keys_of_its_coordinates_in_c_order(encoding, axes, prefix):
    expected = [prefix + encoding.key(coords) for coords in product(*axes)]
    assert list(encoding.keys(axes, prefix)) == expected


@given(
    st.sampled_from(ENCODINGS),
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2**63 - 1)), min_size=1, max_size=4),
    st.sampled_from(["", "foo/"]),
)
def test_the_keys_of_columns_are_the_keys_of_their_rows(encoding, rows, prefix):
    columns = list(zip(*rows, strict=True))
    assert list(encoding.keys_at(columns, prefix)) == [prefix + encoding.key(row) for row in rows]


@given(st.sampled_from(ENCODINGS), st.lists(st.integers(0, 2**63 - 1), max_size=5))
def test_a_key_parses_to_its_coordinates(encoding, coords):
    assert encoding.parse(encoding.key(tuple(coords)), len(coords)) == tuple(coords)


@given(st.sampled_from(ENCODINGS), st.text("c0123./+- ²٣"), st.integers(0, 3))
def test_a_string_that_is_no_key_does_not_parse(encoding, text, ndim):
    coords = encoding.parse(text, ndim)
    assert coords is None or encoding.key(coords) == text


@pytest.mark.parametrize(
    ("key", "ndim"),
    [
        ("c/01", 1),
        ("c/-1", 1),
        ("c/1/", 1),
        ("c/", 1),
        ("c", 1),
        ("0/1", 2),
        ("c/0/1", 1),
        ("c/" + "9" * 5000, 1),
        ("zarr.json", 1),
        ("", 0),
    ],
)
def test_keys_of_another_spelling_are_not_chunk_keys(key, ndim):
    assert ChunkKeyEncoding("default", "/").parse(key, ndim) is None


@pytest.mark.parametrize(("name", "separator"), [("default", "/"), ("v2", "."), ("n5", "/")])
def test_an_encoding_has_its_own_default_separator(name, separator):
    assert ChunkKeyEncoding.named(name) == ChunkKeyEncoding(name, separator)
    assert ChunkKeyEncoding.named(name, ".").separator == "."


def test_ranges_and_numpy_integers_are_indices():
    import numpy as np

    keys = ChunkKeyEncoding("v2", ".").keys([range(2), np.arange(2)])
    assert list(keys) == ["0.0", "0.1", "1.0", "1.1"]


@pytest.mark.parametrize(("name", "separator"), [("fanout", "/"), ("default", "-"), ("v2", "")])
def test_an_unknown_encoding_or_separator_is_refused(name, separator):
    with pytest.raises(MetadataError, match=r"fanout|-|''"):
        ChunkKeyEncoding(name, separator)
