"""Settings: only those that exist, with values that they can have."""

from __future__ import annotations

from typing import Any

import pytest

import azarr
from azarr.errors import UsageError

BAD = [
    ("zarr_format", 4),
    ("requests", 0),
    ("requests", 1.5),
    ("requests", True),
    ("threads", "x"),
    ("threads", 0),
    ("cache_bytes", -1),
    ("cache_max_age", -0.5),
    ("retry", 3),
    ("coalesce_gap", "1K"),
    ("allow_pickle", 1),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_setting_refuses_what_it_cannot_be(name: str, value: Any) -> None:
    before = azarr.config.get()
    with pytest.raises(UsageError, match=f"setting {name} is {value!r}; .* is needed"):
        azarr.config.set(**{name: value})
    with pytest.raises(UsageError, match=f"setting {name} is"), azarr.config.using(**{name: value}):
        pass
    assert azarr.config.get() == before


def test_every_default_is_allowed() -> None:
    default = azarr.config.Config()
    with azarr.config.using(**{name: getattr(default, name) for name in default.__slots__}):
        assert azarr.config.get() == default


def test_a_setting_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match=r"unknown setting 'zarr_fromat'; .* zarr_format"):
        azarr.config.set(zarr_fromat=2)


def test_a_setting_of_zarr_python_3_is_refused_with_its_name_here() -> None:
    with pytest.raises(UsageError, match=r"'async.concurrency'; it is 'requests' here"):
        azarr.config.set({"async.concurrency": 64})


def test_settings_may_be_given_as_a_dict() -> None:
    before = azarr.config.get()
    try:
        azarr.config.set({"zarr_format": 2}, requests=3)
        assert (azarr.config.get().zarr_format, azarr.config.get().requests) == (2, 3)
    finally:
        azarr.config.set(zarr_format=before.zarr_format, requests=before.requests)


@pytest.mark.parametrize("args", [("x",), ({}, {}), (None,)])
def test_other_arguments_of_set_are_refused(args: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError, match="settings by name are needed, or one dict"):
        azarr.config.set(*args)
