"""Every kind of selection, for reading and writing, in every way azarr can be called, is NumPy's.

`test_like_numpy.py` varies arrays and data types; here the formats, the stores and the runtimes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import given, strategies as st
from tests.conftest import EVENT_LOOPS

import azarr
from azarr.storage import MemoryStore
from azarr.testing import LatencyStore

SHAPE, CHUNKS = (9, 7), (4, 3)
DTYPE = np.dtype([("a", "i4"), ("b", "f8")])
LAYOUTS: dict[str, dict[str, Any]] = {
    "v2": {"zarr_format": 2},
    "v2 of records": {"zarr_format": 2, "dtype": DTYPE},
    "v3": {"zarr_format": 3},
    "v3 of records": {"zarr_format": 3, "dtype": DTYPE},
    "shards": {"zarr_format": 3, "shards": (8, 6)},
    "n5": {"zarr_format": "n5"},
}
STORES: dict[str, Callable[[], Any]] = {
    "memory": MemoryStore,
    "dict": dict,
    "remote": lambda: LatencyStore(MemoryStore(), 0),
}

Call = Callable[..., Any]


def blocking(array: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(array, method)(*args, **kwargs)


def in_pool(array: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    with azarr.config.using(threads=2, threaded_chunk_bytes=1):
        return blocking(array, method, *args, **kwargs)


def awaited(event_loop: str) -> Call:
    backend, options = EVENT_LOOPS[event_loop]

    def call(array: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        async def main() -> Any:
            return await getattr(array.async_array, method)(*args, **kwargs)

        return anyio.run(main, backend=backend, backend_options=options)

    return call


RUNTIMES = {
    "blocking": blocking,
    "pool": in_pool,
    **{event_loop: awaited(event_loop) for event_loop in EVENT_LOOPS},
}


def indices(length: int, *, slices: bool) -> st.SearchStrategy[Any]:
    """What stands for one axis."""
    single = st.integers(-length, length - 1)
    if not slices:
        return single
    bound = st.none() | st.integers(-length - 2, length + 2)
    return single | st.builds(slice, bound, bound, st.none() | st.integers(1, 4))


def along(length: int) -> st.SearchStrategy[Any]:
    """What stands for one axis of an orthogonal selection."""
    integers = st.lists(st.integers(-length, length - 1), min_size=1, max_size=6).map(np.array)
    masks = st.lists(st.booleans(), min_size=length, max_size=length).map(np.array)
    return indices(length, slices=True) | integers | masks


@st.composite
def basic(draw: Any) -> tuple[Any, Any]:
    given = draw(st.tuples(*(indices(length, slices=True) for length in SHAPE)))
    cut = draw(st.integers(0, len(given)))
    selection = draw(st.sampled_from([given, given[:cut], (..., *given[cut:])]))
    return selection, selection


@st.composite
def orthogonal(draw: Any) -> tuple[Any, Any]:
    given = draw(st.tuples(*(along(length) for length in SHAPE)))
    # NumPy's `ix_` keeps the axes of integers, which are dropped at the end.
    axes = []
    for item, length in zip(given, SHAPE, strict=True):
        axes.append(np.atleast_1d(np.arange(length)[item]))
    dropped = tuple(axis for axis, item in enumerate(given) if isinstance(item, int))
    return given, (axes, dropped)


@st.composite
def coordinates(draw: Any) -> tuple[Any, Any]:
    count = draw(st.integers(1, 8))
    lists = (st.lists(st.integers(-n, n - 1), min_size=count, max_size=count) for n in SHAPE)
    arrays = [np.array(each) for each in draw(st.tuples(*lists))]
    if draw(st.booleans()):  # broadcast against each other
        arrays = [arrays[0][:, None], arrays[1]]
    return tuple(arrays), tuple(arrays)


@st.composite
def masks(draw: Any) -> tuple[Any, Any]:
    mask = np.random.default_rng(draw(st.integers(0, 99))).random(SHAPE) < draw(st.floats(0, 1))
    return mask, mask


@st.composite
def blocks(draw: Any) -> tuple[Any, Any]:
    counts = [-(-length // chunk) for length, chunk in zip(SHAPE, CHUNKS, strict=True)]
    given, region = [], []
    for count, chunk in zip(counts, CHUNKS, strict=True):
        first = draw(st.integers(0, count - 1))
        last = draw(st.integers(first + 1, count))
        single = draw(st.booleans())
        given.append(first - draw(st.sampled_from([0, count])) if single else slice(first, last))
        region.append(slice(first * chunk, (first + 1 if single else last) * chunk))
    return tuple(given), tuple(region)


KINDS = {
    "basic": basic(),
    "orthogonal": orthogonal(),
    "coordinate": coordinates(),
    "mask": masks(),
    "block": blocks(),
}


def taken(data: Any, kind: str, wanted: Any) -> Any:
    if kind != "orthogonal":
        return data[wanted]
    axes, dropped = wanted
    return data[np.ix_(*axes)].squeeze(dropped)


def assign(data: Any, kind: str, wanted: Any, values: Any) -> None:
    if kind != "orthogonal":
        data[wanted] = values
        return
    axes, dropped = wanted
    data[np.ix_(*axes)] = np.expand_dims(values, dropped)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_selection_reads_and_writes_what_numpys_does(runtime: str, kind: str, data: Any) -> None:
    layout = LAYOUTS[data.draw(st.sampled_from([*LAYOUTS]))]
    store = STORES[data.draw(st.sampled_from([*STORES]))]()
    array = azarr.create_array(store, shape=SHAPE, chunks=CHUNKS, **{"dtype": "i4", **layout})
    expected = np.zeros(SHAPE, array.dtype)
    numbers = np.arange(expected.size).reshape(SHAPE)
    for field in array.dtype.names or (...,):
        expected[field] = numbers
    array[...] = expected
    call = RUNTIMES[runtime]
    given, wanted = data.draw(KINDS[kind])
    fields = data.draw(st.sampled_from([None, *(array.dtype.names or ())]))

    part = np.asarray(taken(expected, kind, wanted))
    part = part if fields is None else part[fields]
    got = call(array, f"get_{kind}_selection", given, fields=fields)
    assert np.array_equal(got, part)
    out = np.empty(part.shape, part.dtype)
    assert call(array, f"get_{kind}_selection", given, out=out, fields=fields) is out
    assert np.array_equal(out, part)

    # NumPy too keeps the last of several values for one element.
    values = np.random.default_rng(0).integers(100, 999, part.shape).astype(part.dtype)
    if part.dtype.names:
        values = np.zeros(part.shape, part.dtype)
        values["a"] = 5
    call(array, f"set_{kind}_selection", given, values, fields=fields)
    assign(expected if fields is None else expected[fields], kind, wanted, values)
    assert np.array_equal(array[...], expected)
