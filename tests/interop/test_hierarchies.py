"""Groups, attributes and dimension names, in both directions with zarr-python."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
import tensorstore
import zarr

import azarr
import azarr.aio

ATTRIBUTES = {
    "text": 'た ä 𝄞 "quoted" \\ \n',
    "": "empty name",
    "nested": {"b": [1, 2.5, None, True, {}], "a": "unsorted"},
    "large": 2**63,
    "small": 1e-300,
    "zarr_format": 7,
}
FORMATS = [2, 3]
HIERARCHY = {
    "": "group",
    "a": "group",
    "a/b": "group",
    "a/b/array": "array",
    "a/array": "array",
    "tä st": "group",
    "tä st/0.0": "array",
}


def attributes_of(path: str) -> dict[str, Any]:
    return {**ATTRIBUTES, "path": path} if path != "a/b" else {}


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():  # those of zarr-python about what v3 does not specify
        warnings.simplefilter("ignore")
        yield


def build(api: Any, root: Any) -> None:
    """The hierarchy under an open root group; azarr and zarr-python share these names."""
    root.attrs.update(attributes_of(""))
    for path, kind in list(HIERARCHY.items())[1:]:
        if kind == "group":
            root.create_group(path, attributes=attributes_of(path))
        else:
            array = root.create_array(path, shape=(4,), chunks=(3,), dtype="i4")
            array.attrs.update(attributes_of(path))
            array[...] = np.arange(4) + len(path)


def check(root: Any) -> None:
    for path, kind in HIERARCHY.items():
        node = root[path] if path else root
        assert dict(node.attrs) == attributes_of(path)
        assert hasattr(node, "shape") == (kind == "array")
        if kind == "array":
            assert np.asarray(node[...]).tolist() == (np.arange(4) + len(path)).tolist()
    assert sorted(name for name, _ in root.groups()) == ["a", "tä st"]
    assert sorted(name for name, _ in root["a"].arrays()) == ["array"]


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_zarr_python_reads_the_hierarchies_of_azarr(tmp_path: Path, zarr_format: Any) -> None:
    build(azarr, azarr.create_group(tmp_path, zarr_format=zarr_format))
    check(zarr.open_group(tmp_path, mode="r", use_consolidated=False))
    check(azarr.open_group(tmp_path, mode="r"))


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_azarr_reads_the_hierarchies_of_zarr_python(tmp_path: Path, zarr_format: Any) -> None:
    build(zarr, zarr.create_group(tmp_path, zarr_format=zarr_format))
    root = azarr.open_group(tmp_path, mode="r")
    assert root.zarr_format == zarr_format
    check(root)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_azarr_reads_hierarchies_with_consolidated_metadata(
    tmp_path: Path, zarr_format: Any
) -> None:
    build(zarr, zarr.create_group(tmp_path, zarr_format=zarr_format))
    zarr.consolidate_metadata(tmp_path)
    check(azarr.open_group(tmp_path, mode="r"))


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_awaiting_reads_the_hierarchies_of_zarr_python(tmp_path: Path, zarr_format: Any) -> None:
    build(zarr, zarr.create_group(tmp_path, zarr_format=zarr_format))

    async def main() -> None:
        root = await azarr.aio.open_group(tmp_path, mode="r")
        assert root.attrs.asdict() == attributes_of("")
        array = await root.getitem("a/b/array")
        assert array.attrs.asdict() == attributes_of("a/b/array")
        assert (await array.getitem(...)).tolist() == [9, 10, 11, 12]

    anyio.run(main)


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_changed_attributes_leave_the_array_as_zarr_python_wrote_it(
    tmp_path: Path, zarr_format: Any
) -> None:
    zarr.create_array(tmp_path, shape=(5,), dtype="M8[s]", zarr_format=zarr_format)[:3] = 4
    before = zarr.open_array(tmp_path, mode="r")
    azarr.open_array(tmp_path, mode="r+").attrs["new"] = [1]
    after = zarr.open_array(tmp_path, mode="r")
    assert dict(after.attrs) == {"new": [1]}
    assert after.metadata.to_dict() == {**before.metadata.to_dict(), "attributes": {"new": [1]}}


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_changed_attributes_keep_a_record_readable_by_the_program_that_wrote_it(
    tmp_path: Path, zarr_format: Any
) -> None:
    dtype = np.dtype([("a", "<i2"), ("b", "<f4")])
    written = zarr.create_array(tmp_path, shape=(5,), dtype=dtype, zarr_format=zarr_format)
    written[:3] = np.array((1, 2.5), dtype)
    array = azarr.open_array(tmp_path, mode="r+")
    array.attrs["new"] = 1
    array[3] = (4, 5.5)
    again = zarr.open_array(tmp_path, mode="r")
    assert again[...].tolist() == [(1, 2.5)] * 3 + [(4, 5.5), (0, 0.0)]


@pytest.mark.parametrize("names", [("y", "x"), ("y", None), (None, None), ("same", "same")])
def test_dimension_names_agree(tmp_path: Path, names: tuple[str | None, ...]) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    common = {"shape": (4, 3), "dtype": "i4", "dimension_names": names}
    azarr.create_array(ours, zarr_format=3, **common)
    zarr.create_array(theirs, zarr_format=3, **common)
    assert zarr.open_array(ours, mode="r").metadata.dimension_names == names
    assert azarr.open_array(theirs, mode="r").dimension_names == names
    if "same" in names:
        return  # tensorstore wants them unique
    kvstore = {"driver": "file", "path": f"{ours}/"}
    store = tensorstore.open({"driver": "zarr3", "kvstore": kvstore}, open=True).result()
    assert store.domain.labels == tuple(name or "" for name in names)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_attributes_that_are_not_finite_agree(
    tmp_path: Path, zarr_format: Any, number: str
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    value = float(number)
    azarr.create_group(ours, zarr_format=zarr_format, attributes={"x": value})
    zarr.create_group(theirs, zarr_format=zarr_format, attributes={"x": value})
    for group in (zarr.open_group(ours, mode="r"), azarr.open_group(theirs, mode="r")):
        assert json.dumps(dict(group.attrs)) == f'{{"x": {number}}}'


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_both_write_parts_of_one_array(tmp_path: Path, zarr_format: Any) -> None:
    ours = azarr.create_array(
        tmp_path, shape=(10, 10), chunks=(4, 4), dtype="f4", zarr_format=zarr_format
    )
    theirs = zarr.open_array(tmp_path, mode="r+")
    expected = np.zeros((10, 10), "f4")
    for step, array in enumerate([ours, theirs, ours, theirs]):
        part = (slice(step, step + 5), slice(2 * step, 2 * step + 3))
        array[part] = expected[part] = step + 1
    assert np.array_equal(ours[...], expected)
    assert np.array_equal(theirs[...], expected)
