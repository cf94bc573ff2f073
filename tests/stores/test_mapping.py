"""`MappingStore` beyond the conformance suite: the user's mapping, its values and its errors."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from azarr.errors import ConflictError, ReadOnlyError, StoreError, UsageError
from azarr.stores import MappingStore


class Failing(MutableMapping[str, Any]):
    """A mapping that raises `error` whatever it is asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getitem__(self, key: str) -> Any:
        raise self.error

    def __setitem__(self, key: str, value: Any) -> None:
        raise self.error

    def __delitem__(self, key: str) -> None:
        raise self.error

    def __iter__(self) -> Iterator[str]:
        raise self.error

    def __len__(self) -> int:
        raise self.error


def test_the_values_are_in_the_users_mapping_as_bytes() -> None:
    values: dict[str, Any] = {}
    store = MappingStore(values)
    store.set("a/b", memoryview(b"value"))
    assert values == {"a/b": b"value"}
    assert type(values["a/b"]) is bytes
    values["c"] = b"other"
    assert store["c"] == b"other"


@pytest.mark.parametrize(
    "value", [bytearray(b"abcd"), memoryview(b"abcd"), np.frombuffer(b"abcd", "<u2")]
)
def test_any_buffer_in_the_mapping_is_a_value(value: Any) -> None:
    store = MappingStore({"a": value})
    assert bytes(store.get("a")) == store["a"] == b"abcd"
    assert store.size("a") == 4
    ranges = store.get_ranges("a", [(1, 3)])
    assert ranges is not None
    assert bytes(ranges[0]) == b"bc"


@pytest.mark.parametrize("value", ["text", 5, None])
def test_another_kind_of_value_in_the_mapping_is_an_error(value: Any) -> None:
    with pytest.raises(StoreError, match=r"'a' must be bytes-like, not (str|int|NoneType)"):
        MappingStore({"a": value}).get("a")


def test_stores_over_one_mapping_are_the_same_place() -> None:
    values: dict[str, Any] = {}
    assert MappingStore(values) == MappingStore(values, read_only=True)
    assert MappingStore(values).origin == f"mapping://{id(values):x}"
    assert MappingStore(values) != MappingStore({})


def test_a_pickled_store_is_over_the_pickled_mapping() -> None:
    twin = pickle.loads(pickle.dumps(MappingStore({"a": b"value"}, read_only=True)))
    assert twin.mapping == {"a": b"value"}
    assert twin.origin == f"mapping://{id(twin.mapping):x}"
    assert twin.read_only


def test_what_is_no_mutable_mapping_is_refused() -> None:
    with pytest.raises(UsageError, match="MutableMapping is needed, not list"):
        MappingStore([])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "reading", "writing", "transient"),
    [
        (RuntimeError("broken"), StoreError, StoreError, False),
        (OSError(errno.EIO, "broken"), StoreError, StoreError, False),
        (TimeoutError("broken"), StoreError, StoreError, True),
        (ConnectionResetError("broken"), StoreError, StoreError, True),
        (PermissionError(errno.EACCES, "broken"), StoreError, ReadOnlyError, False),
        (ConflictError("broken"), ConflictError, ConflictError, False),
    ],
)
def test_an_error_of_the_mapping_is_an_error_of_the_store(
    error: Exception, reading: type[Exception], writing: type[Exception], transient: bool
) -> None:
    store = MappingStore(Failing(error))
    for expected, call in (
        (reading, lambda: store.get("a")),
        (reading, lambda: list(store.list("a"))),
        (reading, store.list_children),
        (writing, lambda: store.set("a", b"value")),
        (writing, lambda: store.delete("a")),
    ):
        with pytest.raises(expected, match="broken") as caught:
            call()
        assert getattr(caught.value, "transient", False) == transient
        assert caught.value is error or caught.value.__cause__ is error


def test_a_key_error_means_missing_except_in_a_write() -> None:
    store = MappingStore(Failing(KeyError("a")))
    assert store.get("a") is None
    store.delete("a")
    with pytest.raises(StoreError, match="cannot write 'a'"):
        store.set("a", b"value")


def test_an_fsspec_mapper_is_a_store(tmp_path: Path) -> None:
    import fsspec

    store = MappingStore(fsspec.get_mapper(str(tmp_path / "root"), create=True))
    assert store.get("a/b") is None
    store.set("a/b", memoryview(b"value"))
    store.set("c", b"")
    assert (store.get("a/b"), store.size("c")) == (b"value", 0)
    assert store.list_children() == (["c"], ["a"])
    store.delete("missing")
    store.delete_prefix("a")
    assert list(store) == ["c"]
