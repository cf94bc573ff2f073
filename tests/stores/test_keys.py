"""Keys, prefixes, buffers and byte ranges: the rules that the stores share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from azarr.errors import ShortReadError, UsageError
from azarr.stores import check_key, check_prefix
from azarr.stores._values import byte_bounds, cut_ranges, flat_buffer
from azarr.stores.keys import children_under, keys_under

SEGMENTS = st.text(alphabet="ab./\\\0-", max_size=4)


@given(st.lists(SEGMENTS, max_size=4).map("/".join))
def test_a_key_is_what_has_only_good_segments(key: str) -> None:
    good = all(
        segment not in ("", ".", "..") and not set(segment) & set("\\\0")
        for segment in key.split("/")
    )
    if good:
        assert check_key(key) == check_prefix(key) == key
    else:
        with pytest.raises(UsageError, match="not a key"):
            check_key(key)


@pytest.mark.parametrize("key", [b"a", 5, None])
def test_a_key_is_a_str(key: Any) -> None:
    with pytest.raises(UsageError, match="a key is a str"):
        check_key(key)


def test_the_prefix_of_everything_is_empty() -> None:
    assert check_prefix("") == ""
    with pytest.raises(UsageError):
        check_key("")


@given(st.sets(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map("/".join)))
def test_keys_under_a_prefix_are_those_of_its_children(keys: set[str]) -> None:
    names, prefixes = children_under(keys, "")
    assert sorted(keys) == sorted(
        [*names, *(key for prefix in prefixes for key in keys_under(keys, prefix))]
    )


@given(st.binary(max_size=12), st.integers(-14, 14), st.none() | st.integers(-14, 14))
def test_a_byte_range_is_a_slice_that_is_all_there(
    value: bytes, start: int, stop: int | None
) -> None:
    size = len(value)
    first = start + size if start < 0 else start
    end = size if stop is None else stop + size if stop < 0 else stop
    if 0 <= first <= end <= size:
        assert bytes(cut_ranges(value, [(start, stop)], "a")[0]) == value[start:stop]
    else:
        with pytest.raises(ShortReadError, match=f"'a' has {size} bytes"):
            byte_bounds((start, stop), size, "a")


@given(st.binary(max_size=12))
def test_a_flat_buffer_has_the_bytes_of_any_buffer(value: bytes) -> None:
    for buffer in (value, bytearray(value), memoryview(value), memoryview(value)[::-1][::-1]):
        flat = flat_buffer(buffer, "a")
        assert bytes(flat) == value
        assert len(flat) == len(value)
