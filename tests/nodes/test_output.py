"""Where results go: `out=`, other array modules, NumPy's own protocol."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest

import azarr
from azarr.errors import ShapeMismatchError, UsageError

DATA = np.arange(12 * 10, dtype="i4").reshape(12, 10)
MASK = DATA % 7 == 3
READS: dict[str, tuple[Any, Any]] = {
    "basic": ((slice(1, 11, 2), slice(None)), DATA[1:11:2]),
    "orthogonal": (([11, 0, 3], slice(2, 9)), DATA[[11, 0, 3], 2:9]),
    "coordinate": (
        ([[11, 0], [3, 3]], [[2, 9], [0, 1]]),
        DATA[[[11, 0], [3, 3]], [[2, 9], [0, 1]]],
    ),
    "mask": (MASK, DATA[MASK]),
    "block": ((slice(0, 2), 1), DATA[:10, 4:8]),
}
FORMS: dict[str, Any] = {
    "C": np.zeros,
    "F": lambda shape, dtype: np.zeros(shape, dtype, order="F"),
    "strided": lambda shape, dtype: np.zeros([2 * n for n in shape], dtype)[
        tuple(slice(1, None, 2) for _ in shape)
    ],
    "reversed": lambda shape, dtype: np.zeros(shape, dtype)[
        tuple(slice(None, None, -1) for _ in shape)
    ],
    "subclass": lambda shape, dtype: np.zeros(shape, dtype).view(Units),
}


class Units(np.ndarray[Any, Any]):
    """Somebody's own kind of ndarray."""


@pytest.fixture(params=["chunks", "shards", "large chunks"])
def array(request: pytest.FixtureRequest) -> Any:
    if request.param == "large chunks":  # these are decoded into the output itself
        big = azarr.create_array({}, shape=(512, 256), chunks=(256, 128), dtype="i4")
        big[:12, :10] = DATA
        return big
    shards = {"shards": (10, 8)} if request.param == "shards" else {}
    return azarr.create_array({}, data=DATA, chunks=(5, 4), **shards)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["i4", "f8", "i8", "c16", ">i4"])
@pytest.mark.parametrize("kind", READS)
def test_every_kind_reads_into_any_array(kind: str, dtype: str, form: str) -> None:
    array = azarr.create_array({}, data=DATA, chunks=(5, 4))
    selection, expected = READS[kind]
    out = FORMS[form](expected.shape, dtype)
    result = getattr(array, f"get_{kind}_selection")(selection, out=out)
    assert result is out
    np.testing.assert_array_equal(np.asarray(out), expected)


@pytest.mark.parametrize("form", FORMS)
def test_chunks_of_every_size_are_read_into_it(array: Any, form: str) -> None:
    out = FORMS[form](array.shape, "f8")
    array.get_basic_selection(..., out=out)
    np.testing.assert_array_equal(np.asarray(out)[:12, :10], DATA)


def test_one_element_is_read_into_a_0d_array(array: Any) -> None:
    out = np.zeros((), "i4")
    assert array.get_basic_selection((2, 3), out=out) is out
    assert out == DATA[2, 3]


def test_the_async_array_reads_into_it_too(array: Any) -> None:
    out = np.zeros(10, "i4")

    async def main() -> Any:
        return await array.async_array.get_basic_selection((3, slice(10)), out=out)

    assert anyio.run(main) is out
    np.testing.assert_array_equal(out, DATA[3])


def test_fields_are_read_into_it() -> None:
    data = np.array([(1, 2.5), (3, 4.5)], [("a", "i4"), ("b", "f8")])
    out = np.zeros(2, "f8")
    azarr.array(data).get_basic_selection(slice(None), out=out, fields="b")
    np.testing.assert_array_equal(out, data["b"])


def test_missing_chunks_are_filled_in() -> None:
    array = azarr.full((4, 4), chunks=2, fill_value=9, dtype="i2")
    out = np.zeros((4, 4), "i4", order="F")
    array.get_basic_selection(..., out=out)
    assert (out == 9).all()


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.zeros(3, "i4"), ShapeMismatchError, r"shape \(3,\).*shape \(10,\)"),
        (np.zeros((1, 10), "i4"), ShapeMismatchError, r"shape \(1, 10\)"),
        (np.zeros(10, "i2").astype("S2"), UsageError, r"\|S2.*int32"),
        (np.zeros(10, "u1"), UsageError, "uint8.*int32"),
        ([0] * 10, UsageError, "list"),
        (np.broadcast_to(np.int32(0), 10), UsageError, "read-only"),
    ],
)
def test_an_output_that_does_not_fit_is_refused(
    out: Any, error: type[Exception], message: str
) -> None:
    array = azarr.create_array({}, data=DATA, chunks=(5, 4))
    with pytest.raises(error, match=message):
        array.get_basic_selection(0, out=out)


@pytest.mark.parametrize("dtype", [None, "f4", "S3", "i4"])
@pytest.mark.parametrize("copy", [None, True])
def test_numpy_makes_an_array_of_it(dtype: Any, copy: bool | None) -> None:
    array = azarr.create_array({}, data=DATA, chunks=(5, 4))
    result = array.__array__(dtype, copy=copy)
    assert result.dtype == np.dtype(dtype or "i4")
    np.testing.assert_array_equal(result, DATA.astype(dtype or "i4"))
    np.testing.assert_array_equal(np.asarray(array, dtype), DATA.astype(dtype or "i4"))
    np.testing.assert_array_equal(np.add(array, 1), DATA + 1)


def test_numpy_cannot_have_it_without_a_copy() -> None:
    with pytest.raises(ValueError, match="without a copy"):
        azarr.array(DATA).__array__(copy=False)
    if np.__version__ >= "2":
        with pytest.raises(ValueError, match="without a copy"):
            np.asarray(azarr.array(DATA), copy=False)


class Device:
    """An array module of our own: not an ndarray, and known to NumPy only by its protocol."""

    def __init__(self, host: Any) -> None:
        self.host = np.array(host)
        self.shape, self.dtype = self.host.shape, self.host.dtype

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in (np.asarray, np.array, np.empty, np.zeros):
            return NotImplemented
        kwargs.pop("like", None)
        return Device(function(*args, **kwargs))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self.host if dtype is None else self.host.astype(dtype)

    def __getitem__(self, selection: Any) -> Device:
        return Device(self.host[selection])


def test_results_are_of_the_kind_that_was_asked_for() -> None:
    store: dict[str, bytes] = {}
    azarr.create_array(store, data=DATA, chunks=(5, 4))
    array = azarr.open_array(store, mode="r+", meta_array=Device(0))
    for kind, (selection, expected) in READS.items():
        result = getattr(array, f"get_{kind}_selection")(selection)
        assert type(result) is Device
        np.testing.assert_array_equal(result.host, expected)
    assert type(array[3, 4]) is Device
    array[0] = Device(np.full(10, 7))
    assert (array[0].host == 7).all()
    assert type(array.meta_array) is Device
    assert type(array.view()[0]) is Device


def test_results_are_of_numpy_otherwise() -> None:
    assert type(azarr.array(DATA).meta_array) is np.ndarray
    assert type(azarr.array(DATA)[0]) is np.ndarray
    assert type(azarr.open_array({}, shape=3, meta_array=np.empty(()).view(Units))[:]) in (
        Units,
        np.ndarray,
    )
