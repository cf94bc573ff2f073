"""Elements that are text or bytes of any length: what may be one, however it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.errors import UsageError

FORMATS = [2, 3]


class Name(str):
    """What some libraries return for text."""


WAYS: dict[str, Callable[[azarr.Array, Any], Any]] = {
    "brackets": lambda array, values: array.__setitem__(..., values),
    "element": lambda array, values: array.__setitem__(0, values[0]),
    "append": lambda array, values: array.append(values),
    "oindex": lambda array, values: array.oindex.__setitem__(([0, 1],), values),
}


def text_array(kind: type, zarr_format: Any) -> azarr.Array:
    return azarr.create_array({}, shape=2, chunks=1, dtype=kind, zarr_format=zarr_format)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_classes_made_from_text_are_text(way: str, zarr_format: Any) -> None:
    for kind, values in ((str, [np.str_("a"), Name("bü")]), (bytes, [np.bytes_(b"a"), b"b"])):
        array = text_array(kind, zarr_format)
        WAYS[way](array, np.array(values, object))
        first = -2 if way == "append" else 0
        found = array[:].tolist()[first]
        assert found == values[0]
        assert type(found) is kind


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize(
    ("kind", "values", "why"),
    [
        (str, [None, "x"], "None cannot be an element"),
        (str, [1, "x"], "1 cannot be an element"),
        (str, [b"x", "x"], "cannot be an element"),
        (str, ["\ud800", "x"], "cannot be stored as UTF-8"),
        (bytes, ["x", b"x"], "cannot be an element"),
    ],
)
def test_what_is_no_text_is_refused_before_anything_is_written(
    way: str, zarr_format: Any, kind: type, values: list[Any], why: str
) -> None:
    array = text_array(kind, zarr_format)
    before = array[:].tolist()
    with pytest.raises(UsageError, match=why):
        WAYS[way](array, np.array(values, object))
    assert array[:].tolist() == before


def test_text_that_cannot_be_stored_leaves_what_it_was_to_replace() -> None:
    store: dict[str, bytes] = {}
    azarr.create_array(store, data=np.arange(5))
    with pytest.raises(UsageError):
        azarr.create_array(store, data=["\ud800"], dtype=str, overwrite=True)
    assert azarr.open_array(store)[:].tolist() == [0, 1, 2, 3, 4]
