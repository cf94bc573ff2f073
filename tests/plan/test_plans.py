"""The plan alone, without a store: every chunk once, every element of the result once."""

from __future__ import annotations

import tracemalloc
from collections import deque
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as npst

from azarr.indexing import (
    basic_selection,
    block_selection,
    coordinate_selection,
    mask_selection,
    orthogonal_selection,
)
from azarr.model import ChunkKeyEncoding, RegularGrid
from azarr.plan import plan_selection

ENCODING = ChunkKeyEncoding("v2", ".")
SHAPES = st.lists(st.integers(0, 9), max_size=4).map(tuple)


def positive(index: Any) -> bool:
    items = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(item, slice) or (item.step or 1) > 0 for item in items)


@st.composite
def selections(draw: Any) -> Any:
    """(selection, shape, chunk shape) of any kind."""
    shape = draw(SHAPES)
    chunks = tuple(draw(st.integers(1, max(length, 1) + 2)) for length in shape)
    kind = draw(st.sampled_from(["basic", "orthogonal", "coordinate", "mask", "block"]))
    if kind == "basic":
        index = draw(npst.basic_indices(shape, allow_newaxis=False).filter(positive))
        return basic_selection(index, shape), shape, chunks
    if kind == "mask":
        return mask_selection(draw(npst.arrays(bool, shape)), shape), shape, chunks
    if kind == "coordinate" and shape and all(shape):
        points = draw(st.integers(0, 20))
        arrays = tuple(
            draw(npst.arrays(np.int64, points, elements=st.integers(-length, length - 1)))
            for length in shape
        )
        return coordinate_selection(arrays, shape), shape, chunks
    if kind == "block":
        items = tuple(draw(st.slices(-(-n // c))) for n, c in zip(shape, chunks, strict=True))
        items = tuple(slice(item.start, item.stop) for item in items)
        return block_selection(items, shape, chunks), shape, chunks
    items = []
    for length in shape:
        kinds = [st.slices(length).filter(positive), npst.arrays(bool, length)]
        if length:
            kinds.append(st.lists(st.integers(-length, length - 1), max_size=12))
            kinds.append(st.integers(-length, length - 1))
        items.append(draw(st.one_of(kinds)))
    return orthogonal_selection(tuple(items), shape), shape, chunks


def chunk_of(array: Any, coords: tuple[int, ...], chunks: tuple[int, ...], flat: bool) -> Any:
    """A chunk of full size, -1 where it reaches over the edge of the array."""
    chunk = np.full(chunks, -1)
    part = array[tuple(slice(i * c, i * c + c) for i, c in zip(coords, chunks, strict=True))]
    chunk[tuple(map(slice, part.shape))] = part
    return chunk.reshape(-1) if flat else chunk


@given(selections())
def test_a_plan_covers_the_output_exactly_once(case: Any) -> None:
    selection, shape, chunks = case
    plan = plan_selection(selection, shape, RegularGrid(chunks))
    out = np.zeros(plan.shape, int)
    target = plan.target(out)
    target[...] = 0
    keys = []
    for key, _, out_selection, _ in plan.steps(ENCODING, ""):
        keys.append(key)
        np.add.at(target, out_selection, 1)
    plan.finish(target, out)
    np.testing.assert_array_equal(out, np.ones(plan.shape))
    assert len(keys) == len(set(keys)) == plan.count


@given(selections())
def test_a_plan_gathers_what_the_selection_says(case: Any) -> None:
    selection, shape, chunks = case
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    plan = plan_selection(selection, shape, RegularGrid(chunks))
    out = np.full(plan.shape, -7)
    target = plan.target(out)
    for key, chunk_selection, out_selection, whole in plan.steps(ENCODING, "p/"):
        coords = ENCODING.parse(key.removeprefix("p/"), len(shape))
        chunk = chunk_of(array, coords, chunks, plan.flat)
        target[out_selection] = chunk[chunk_selection]
        if whole:
            grid = zip(coords, chunks, shape, strict=True)
            inside = np.prod([min(c, n - i * c) for i, c, n in grid])
            chosen = chunk[chunk_selection]
            assert np.size(chosen) == len(np.unique(chosen)) == inside
    plan.finish(target, out)
    if hasattr(selection, "axes"):
        expected = array
        for axis in reversed(range(array.ndim)):
            item = selection.axes[axis]
            full = (slice(None),) * axis
            expected = expected[(*full, item)]
    elif selection.coordinates:
        expected = array[selection.coordinates].reshape(selection.shape)
    else:
        expected = np.full(selection.shape, array[()] if array.ndim == 0 else 0)
    np.testing.assert_array_equal(out, expected)


@given(selections())
def test_a_plan_writes_what_numpy_writes(case: Any) -> None:
    """Also of repeated elements: the last value stays."""
    selection, shape, chunks = case
    plan = plan_selection(selection, shape, RegularGrid(chunks))
    value = np.arange(1, np.prod(plan.shape, dtype=int) + 1).reshape(plan.shape)
    source = plan.source(value)
    written: dict[Any, int] = {}
    size = tuple(max(1, -(-n // c)) * c for n, c in zip(shape, chunks, strict=True))
    positions = np.arange(np.prod(size, dtype=int)).reshape(size)
    for key, chunk_selection, out_selection, _ in plan.steps(ENCODING, ""):
        coords = ENCODING.parse(key, len(shape))
        places = chunk_of(positions, coords, chunks, plan.flat)
        marks = np.zeros_like(places)
        marks[chunk_selection] = source[out_selection]
        for place, mark in zip(places[marks > 0].flat, marks[marks > 0].flat, strict=True):
            written[int(place)] = int(mark)
    expected = np.zeros(size, int)
    region = expected[(*map(slice, shape), ...)]
    if hasattr(selection, "axes"):
        axes = [np.atleast_1d(np.arange(n)[a]) for n, a in zip(shape, selection.axes, strict=True)]
        grid = np.ix_(*axes) if axes else ()
        region[grid] = value.reshape(tuple(map(len, axes)))
    elif selection.coordinates:
        region[selection.coordinates] = value.reshape(-1)
    elif value.size:
        region[...] = value.reshape(-1)[-1]
    got = np.zeros(expected.size, int)
    for place, mark in written.items():
        got[place] = mark
    np.testing.assert_array_equal(got.reshape(size), expected)


@pytest.mark.parametrize("steps", [1, 3, 7, 5000, 100_000])
def test_a_plan_made_in_blocks_is_the_plan_made_at_once(steps: int) -> None:
    length, chunk = 30_000, 3
    selection = basic_selection(slice(2, length - 1, steps), (length,))
    plan = plan_selection(selection, (length,), RegularGrid((chunk,)))
    out = np.full(plan.shape, -1)
    rows = list(plan.steps(ENCODING, ""))
    for key, (inside,), where, _ in rows:
        base = int(key) * chunk
        out[where] = np.arange(base, base + chunk)[inside]
    np.testing.assert_array_equal(out, np.arange(2, length - 1, steps))
    assert len(rows) == plan.count


def million(shape: tuple[int, ...]) -> Any:
    selection = basic_selection(..., shape)
    return plan_selection(selection, shape, RegularGrid((1,) * len(shape)))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(10**6,), (2, 500_000)], ids=str)
def test_a_plan_over_a_million_chunks_holds_little_memory(shape: tuple[int, ...]) -> None:
    tracemalloc.start()
    try:
        deque(million(shape).steps(ENCODING, "a/"), maxlen=0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5 * 2**20


@pytest.mark.slow
def test_a_plan_costs_at_most_two_microseconds_per_chunk() -> None:
    """The best of three, so that a busy machine does not fail it."""
    best = min(_seconds(million((1000, 1000))) for _ in range(3))
    assert best / 10**6 < 2e-6


def _seconds(plan: Any) -> float:
    start = perf_counter()
    deque(plan.steps(ENCODING, "a/"), maxlen=0)
    return perf_counter() - start


def test_making_a_plan_does_no_work_per_chunk() -> None:
    """Its cost is known before: a plan over 10^12 chunks is made at once."""
    plan = million((10**6, 10**6))
    assert plan.count == 10**12
    assert next(iter(plan.steps(ENCODING, "")))[0] == "0.0"
