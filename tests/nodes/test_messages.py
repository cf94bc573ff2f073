"""Every refusal names the value that is wrong, and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.errors import (
    MetadataError,
    ReadOnlyError,
    SelectionError,
    ShapeMismatchError,
    UnknownDataTypeError,
    UsageError,
)

STRUCT = [("foo", "i4"), ("bar", "f8")]


def grid() -> Any:
    return azarr.array(np.arange(100).reshape(10, 10), chunks=(3, 3))


def table() -> Any:
    return azarr.zeros(3, dtype=STRUCT)


CASES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    # out of bounds
    (lambda: grid()[10], SelectionError, "index 10 is out of bounds for axis 0 with size 10"),
    (lambda: grid()[0, -11], SelectionError, "index -11 is out of bounds for axis 1 with size 10"),
    (lambda: grid().oindex[[1, 20], :], SelectionError, "index 20 .* axis 0 with size 10"),
    (lambda: grid().vindex[[1], [-20]], SelectionError, "index -20 .* axis 1 with size 10"),
    (lambda: grid().blocks[4], SelectionError, "index 4 is out of bounds for axis 0 with 4 chunks"),
    # wrong number of indices
    (lambda: grid()[1, 2, 3], SelectionError, "too many indices.* 2 dimensions, 3 were indexed"),
    (lambda: grid().oindex[1, 2, 3], SelectionError, "2 dimensions, 3 were indexed"),
    (
        lambda: grid().vindex[[1, 2]],
        SelectionError,
        "one integer array per dimension.* 2 .* 1 were",
    ),
    (lambda: grid()[..., ...], SelectionError, "single ellipsis"),
    # Boolean arrays of the wrong length
    (lambda: grid().oindex[[True, False], :], SelectionError, "axis 0 has size 10.* 2 items"),
    (lambda: grid()[[True, False]], SelectionError, "axis 0 has size 10.* 2 items"),
    (lambda: grid()[np.zeros((3, 3), bool)], SelectionError, r"shape \(10, 10\), not .*\(3, 3\)"),
    (lambda: grid().vindex[np.zeros((3, 3), bool)], SelectionError, r"\(10, 10\).*\(3, 3\)"),
    (lambda: grid().get_mask_selection(np.ones((10, 10))), SelectionError, "Boolean.* not float64"),
    # steps
    (lambda: grid()[::-1], SelectionError, r"step >= 1 .* slice\(None, None, -1\) \(axis 0\)"),
    (lambda: grid().oindex[::-2, [1]], SelectionError, r"step >= 1 .* slice\(None, None, -2\)"),
    (lambda: grid()[::0], SelectionError, "step cannot be zero"),
    (lambda: grid().blocks[::2], SelectionError, r"a step of 1, not slice\(None, None, 2\)"),
    # fancy indices that could mean two things
    (lambda: grid()[[1, 2], slice(0, 2), 3], SelectionError, r"\(\[1, 2\], slice.*oindex.*vindex"),
    (lambda: azarr.zeros((3, 3, 3))[[0], :, [1]], SelectionError, "mixture.*oindex.*vindex"),
    # what is no index at all
    (lambda: grid()[1.5], SelectionError, r"index 1.5 \(axis 0\).* an integer, a slice"),
    (lambda: grid()[None], SelectionError, "index None .* an integer, a slice"),
    (lambda: grid()[True], SelectionError, "index True"),
    (lambda: grid()[1.5:3], SelectionError, r"slice\(1.5, 3, None\) is no slice of integers"),
    (
        lambda: grid().oindex[[1.5], :],
        SelectionError,
        r"integers, not float64 .*: (array\()?\[1.5\]",
    ),
    (lambda: grid().vindex[[1], :], SelectionError, r"integers, not .*: slice\(None, None, None\)"),
    (lambda: grid().vindex[[1, 2], [1, 2, 3]], SelectionError, r"\(2,\), \(3,\) do not broadcast"),
    # fields
    (lambda: table()["nope"], SelectionError, "no field 'nope'; the data type has 'foo', 'bar'"),
    (lambda: table()["foo", "zz"], SelectionError, "no field 'zz'.*'foo', 'bar'"),
    (lambda: grid()["foo"], SelectionError, "'foo'.*int64, which has no fields"),
    # writing
    (
        lambda: azarr.zeros(5).view(read_only=True).set_basic_selection(0, 1),
        ReadOnlyError,
        "^'/' in <MemoryStore .*> is read-only$",
    ),
    (
        lambda: grid().set_basic_selection(slice(2), np.zeros((3, 10))),
        ShapeMismatchError,
        r"shape \(3, 10\) .* shape \(2, 10\)",
    ),
    (lambda: grid().set_basic_selection(0, "abc"), UsageError, "'abc' .* int64"),
    # data types
    (lambda: azarr.zeros(3, dtype=object), UnknownDataTypeError, "object codec.*vlen-utf8"),
    (lambda: azarr.zeros(3, dtype="M8"), UnknownDataTypeError, "datetime64 has no unit.*M8"),
    (lambda: azarr.zeros(3, dtype="m8"), UnknownDataTypeError, "timedelta64 has no unit.*m8"),
    # arguments of creation
    (lambda: azarr.zeros(3, chunks="big"), UsageError, "chunks 'big': integers, 'auto', True"),
    (lambda: azarr.zeros(3, chunk=1), UsageError, "unknown argument 'chunk'; there are .*chunks"),
    (lambda: azarr.group().create_array("x", shape=3, chunk=1), UsageError, "argument 'chunk'"),
    (lambda: azarr.array([[1, 2], [3]]), UsageError, r"data \[\[1, 2\], \[3\]\] makes no array"),
    (lambda: azarr.zeros_like(5), UsageError, "array or a sequence is needed .*, not 5"),
    (lambda: azarr.zeros(3, synchronizer="x"), UsageError, "synchronizer 'x': .*ProcessSync"),
    (lambda: azarr.zeros(3, codecs=["bytes"], filters=[]), UsageError, "codecs, or filters"),
    (lambda: azarr.zeros(3, codecs=["bytes"], zarr_format=2), UsageError, "zarr_format=3, not 2"),
    (lambda: azarr.open("s3://b/x", storage_options="anon"), UsageError, "'anon': a dict"),
    (lambda: azarr.open("s3://"), UsageError, "'s3://' names no bucket"),
    # names
    (lambda: azarr.group()[0], UsageError, "a path is a str, not int: 0"),
    (lambda: azarr.group().create_group(0), UsageError, "a path is a str, not int: 0"),
    (lambda: azarr.group().create_group("a/zarr.json"), UsageError, "'zarr.json' is the name of"),
    (lambda: azarr.group().zeros(".zattrs", shape=1), UsageError, "'.zattrs' is the name of"),
    (lambda: azarr.group().create_groups("a", "zarr.json"), UsageError, "'zarr.json' is the name"),
    (lambda: azarr.group().attrs.update({3: 4}), UsageError, "attribute 3: a name is a str"),
    (lambda: azarr.group().attrs.put([1]), UsageError, r"attributes \[1\]: a mapping"),
    (lambda: azarr.create_group({}, attributes=[1]), UsageError, r"attributes \[1\]: a mapping"),
    (lambda: azarr.create_array({}, shape=1, attributes={3: 4}), UsageError, "attribute 3: a name"),
    # what is no read
    (
        lambda: azarr.read_many((grid(), 0)),
        UsageError,
        "pairs of an array and a selection, not <az",
    ),
    (lambda: np.asarray(grid().async_array), UsageError, "await array.getitem"),
    (
        lambda: azarr.empty(3, dtype=object, object_codec="zstd"),
        MetadataError,
        "'zstd' is no object codec.*vlen-utf8",
    ),
]


@pytest.mark.parametrize(("refused", "error", "message"), CASES)
def test_a_refusal_names_the_value_and_what_is_allowed(
    refused: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        refused()


def test_a_long_index_is_not_written_out_in_full() -> None:
    with pytest.raises(SelectionError) as caught:
        azarr.zeros((9999, 9, 9))[list(range(5000)), :, [1]]
    assert len(str(caught.value)) < 400


def test_an_error_is_also_what_numpy_users_catch() -> None:
    with pytest.raises(IndexError):
        grid()[99]
    with pytest.raises(PermissionError):
        grid().view(read_only=True)[0] = 1
    with pytest.raises(ValueError, match="fit"):
        grid()[:2] = np.zeros((3, 10))
