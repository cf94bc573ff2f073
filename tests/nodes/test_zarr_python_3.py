"""What programs for zarr-python 3 call, beside what zarr 2 has too."""

from __future__ import annotations

from typing import Any

import anyio
import numpy as np
import pytest

import azarr
from azarr.errors import UsageError


def test_attributes_are_updated_by_the_node_itself() -> None:
    group = azarr.create_group({}, attributes={"a": 1})
    array = group.create_array("x", shape=3, dtype="i4")
    for node in (group, array):
        assert node.update_attributes({"b": 2}) is node
    assert dict(group.attrs) == {"a": 1, "b": 2}
    assert dict(array.attrs) == {"b": 2}


def test_attributes_are_updated_by_the_node_itself_when_awaited() -> None:
    async def main() -> None:
        group = azarr.create_group({}).async_group
        array = await group.create_array("x", shape=3, dtype="i4")
        for node in (group, array):
            assert await node.update_attributes({"b": 2}) is node
            assert node.attrs.asdict() == {"b": 2}

    anyio.run(main)


def test_require_array_is_require_dataset() -> None:
    group = azarr.group()
    made = group.require_array("x", shape=(4,), dtype="i4", chunks=2)
    made[:] = 3
    assert group.require_array("x", shape=4, dtype="i4")[3] == 3
    with pytest.raises(UsageError, match=r"has shape \(4,\), not \(5,\)"):
        group.require_array("x", shape=5)

    async def main() -> None:
        again = await group.async_group.require_array("x", shape=(4,))
        assert await again.getitem(0) == 3

    anyio.run(main)


def test_codecs_are_those_of_the_metadata_in_order() -> None:
    codecs: list[Any] = [
        {"name": "transpose", "configuration": {"order": [1, 0]}},
        {"name": "bytes", "configuration": {"endian": "big"}},
        "gzip",
    ]
    values = np.arange(12).reshape(3, 4)
    array = azarr.array(values, chunks=(2, 2), codecs=codecs)
    assert [spec.name for spec in array.metadata.codecs] == ["transpose", "bytes", "gzip"]
    np.testing.assert_array_equal(array[...], values)


def test_an_array_made_in_a_group_takes_every_argument_of_create_array() -> None:
    chunks: dict[str, bytes] = {}
    group = azarr.create_group({})
    array = group.create_array(
        "x", shape=4, dtype="i4", chunks=2, write_empty_chunks=False, chunk_store=chunks
    )
    array[:2] = 0
    assert chunks == {}
    array[2:] = 1
    assert list(chunks) == ["x/c/1"]
