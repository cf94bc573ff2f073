"""Regular grids: counts of chunks, and what cannot divide an array."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from azarr.errors import MetadataError
from azarr.model import RegularGrid


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1)), max_size=4))
def test_the_chunks_cover_the_extent_and_none_is_superfluous(axes):
    shape, chunk_shape = [n for n, _ in axes], [c for _, c in axes]
    counts = RegularGrid(tuple(chunk_shape)).counts(tuple(shape))
    for extent, chunk, count in zip(shape, chunk_shape, counts, strict=True):
        assert count * chunk >= extent
        assert (count - 1) * chunk < extent or count == 0


def test_a_dimension_of_extent_0_has_no_chunks_even_of_extent_0():
    grid = RegularGrid((0, 5))
    grid.check((0, 10))
    assert grid.counts((0, 10)) == (0, 2)


def test_a_chunk_of_extent_0_cannot_divide_anything():
    with pytest.raises(MetadataError, match=r"chunk_shape\[1\] is 0"):
        RegularGrid((5, 0)).check((0, 10))


def test_shape_and_chunk_shape_have_the_same_number_of_dimensions():
    with pytest.raises(MetadataError, match="has 1 dimensions"):
        RegularGrid((5,)).check((5, 5))


@pytest.mark.parametrize("bad", [-1, 1.0, True, "3", None, 2**63])
def test_a_chunk_extent_is_an_integer_that_numpy_can_index(bad):
    with pytest.raises(MetadataError, match=r"chunk_shape\[1\]"):
        RegularGrid((1, bad))


def test_numpy_integers_are_extents():
    grid = RegularGrid((np.int64(3), np.uint8(2)))
    assert grid == RegularGrid((3, 2))
    assert all(type(extent) is int for extent in grid.chunk_shape)
