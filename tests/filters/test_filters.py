"""Every filter of numcodecs in Zarr v2 arrays: written, read, changed in part, and read by zarr."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from numcodecs.checksum32 import CRC32C, JenkinsLookup3
from numcodecs.fletcher32 import Fletcher32

import azarr
import azarr.storage

NUMBERS = np.random.default_rng(5).integers(0, 40, (7, 5))

# name -> (data type, filters, the largest difference between what is written and what is read).
FILTERS: dict[str, tuple[str, list[Any], float]] = {
    "delta": ("<i4", [numcodecs.Delta("<i4")], 0),
    "delta, narrower": ("<i8", [numcodecs.Delta("<i8", "<i2")], 0),
    "delta, big-endian": (">i4", [numcodecs.Delta(">i4")], 0),
    "fixedscaleoffset": (
        "<f8",
        [numcodecs.FixedScaleOffset(offset=0, scale=10, dtype="<f8", astype="<u2")],
        0.051,
    ),
    "quantize": ("<f8", [numcodecs.Quantize(1, "<f8", "<f4")], 0.051),
    "bitround": ("<f4", [numcodecs.BitRound(10)], 0.05),
    "astype": ("<f8", [numcodecs.AsType("<f4", "<f8")], 1e-5),
    "astype, big-endian": (">f8", [numcodecs.AsType(">i2", ">f8")], 0.99),
    "packbits": ("?", [numcodecs.PackBits()], 0),
    "shuffle": ("<i4", [numcodecs.Shuffle(4)], 0),
    "crc32": ("<i4", [numcodecs.CRC32()], 0),
    "crc32c": ("<i4", [CRC32C()], 0),
    "adler32": ("<i4", [numcodecs.Adler32()], 0),
    "fletcher32": ("<i4", [Fletcher32()], 0),
    "jenkins_lookup3": ("<i4", [JenkinsLookup3()], 0),
    "compressors as filters": ("<i4", [numcodecs.Zlib(1), numcodecs.Zstd(1)], 0),
    "scaled, delta, shuffled, checked": (
        "<f8",
        [
            numcodecs.FixedScaleOffset(offset=0, scale=10, dtype="<f8", astype="<u4"),
            numcodecs.Delta("<u4"),
            numcodecs.Shuffle(4),
            numcodecs.CRC32(),
        ],
        0.051,
    ),
}
FILTERS = {
    name: row
    for name, row in FILTERS.items()
    if all(each.codec_id in numcodecs.registry.codec_registry for each in row[1])
}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressor", [None, numcodecs.Blosc(), numcodecs.LZ4()])
@pytest.mark.parametrize("name", FILTERS)
def test_filters_of_v2_arrays(name: str, compressor: Any, order: str, tmp_path: Path) -> None:
    dtype, filters, error = FILTERS[name]
    values = (NUMBERS % 2 if dtype == "?" else NUMBERS + (0.25 if "f" in dtype else 0)).astype(
        dtype
    )
    array = azarr.create(
        (7, 5),
        chunks=(4, 3),
        dtype=dtype,
        store=tmp_path,
        compressor=compressor,
        filters=filters,
        order=order,
        zarr_format=2,
    )
    array[...] = values
    check(array[...], values, error)
    array[2:6, 1:4] = values[1:5, 2:5]
    expected = values.copy()
    expected[2:6, 1:4] = values[1:5, 2:5]
    array = azarr.open_array(tmp_path, mode="r")
    assert [each.get_config() for each in array.filters] == [each.get_config() for each in filters]
    check(array[...], expected, 2 * error)
    check(array[1:5, 2], expected[1:5, 2], 2 * error)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = zarr.open_array(tmp_path, mode="r", zarr_format=2)
        np.testing.assert_array_equal(np.asarray(theirs[...]), array[...])


def check(found: np.ndarray, expected: np.ndarray, error: float) -> None:
    assert found.dtype == expected.dtype
    if error:
        np.testing.assert_allclose(found, expected, rtol=0, atol=error)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("order", ["C", "F"])
def test_categories_are_stored_as_numbers(order: str, tmp_path: Path) -> None:
    words = np.array([["male", "female"], ["other", "female"], ["male", ""]], object)
    codec = numcodecs.Categorize(["male", "female", "other"], dtype=object, astype="u1")
    array = azarr.create(
        (3, 2),
        chunks=(2, 2),
        dtype=object,
        object_codec=codec,
        store=tmp_path,
        order=order,
        compressor=None,
        fill_value="",
        zarr_format=2,
    )
    array[...] = words
    assert array[...].tolist() == words.tolist()
    array[0, 0] = "other"
    assert array[0].tolist() == ["other", "female"]
    assert sorted((tmp_path / "0.0").read_bytes()) == [2, 2, 3, 3]


@pytest.mark.parametrize("name", ["crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3"])
def test_a_wrong_checksum_is_noticed(name: str) -> None:
    if name not in FILTERS:
        pytest.skip(f"numcodecs has no {name} here")
    store: dict[str, bytes] = {}
    array = azarr.create(
        (8,), dtype="<i4", store=store, compressor=None, filters=FILTERS[name][1], zarr_format=2
    )
    array[...] = np.arange(8)
    changed = bytearray(store["0"])
    changed[9] ^= 1
    store["0"] = bytes(changed)
    with pytest.raises(azarr.errors.ChunkDataError):
        array[...]


REGISTERED = """
    conditional squeeze optional no.such.codec
"""


@pytest.mark.parametrize("name", REGISTERED.split())
def test_codecs_that_are_not_there_are_refused_by_name_before_data_are_touched(name: str) -> None:
    store = azarr.storage.MemoryStore()
    azarr.create_array(store, shape=(4,), dtype="i4", compressors=None)
    text = bytes(store["zarr.json"]).replace(b'"name": "bytes"', b'"name": "%s"' % name.encode())
    store["zarr.json"] = text
    with pytest.raises(azarr.errors.MetadataError, match=re.escape(repr(name))):
        azarr.open_array(store)


UNKNOWN_TYPES = """
    int1 float8_e4m3fn complex_float8_e4m3 complex_float4_e2m1fn int128 no.such.type
"""


@pytest.mark.parametrize("name", UNKNOWN_TYPES.split())
def test_data_types_that_are_not_there_are_refused_by_name(name: str) -> None:
    store = azarr.storage.MemoryStore()
    azarr.create_array(store, shape=(4,), dtype="i4", compressors=None)
    store["zarr.json"] = bytes(store["zarr.json"]).replace(b'"int32"', b'"%s"' % name.encode())
    with pytest.raises(azarr.errors.UnknownDataTypeError, match=re.escape(repr(name))):
        azarr.open_array(store)


@pytest.mark.parametrize(("name", "dtype"), [("complex_float32", "c8"), ("complex_float64", "c16")])
def test_registered_names_of_complex_numbers_are_read_and_kept(name: str, dtype: str) -> None:
    store = azarr.storage.MemoryStore()
    array = azarr.create_array(store, shape=(4,), dtype=dtype, fill_value=1 + 2j)
    core = str(np.dtype(dtype)).encode()
    store["zarr.json"] = bytes(store["zarr.json"]).replace(core, name.encode())
    array = azarr.open_array(store)
    array[1] = 3j
    array.attrs["a"] = 1
    assert name.encode() in store["zarr.json"]
    assert array[:2].tolist() == [1 + 2j, 3j]


BIG = (np.arange(12) * 3).astype(">i4")
BIG_FLOATS = (np.arange(12) * 1.5).astype(">f8")
FILTERS_OF_BIG_ENDIANS: list[tuple[Any, Any]] = [
    (BIG, numcodecs.Delta(">i4")),
    (BIG, numcodecs.AsType(">i2", ">i4")),
    (BIG_FLOATS, numcodecs.Quantize(3, ">f8")),
    (BIG_FLOATS, numcodecs.FixedScaleOffset(0, 10, ">f8", ">i2")),
    (BIG_FLOATS, numcodecs.FixedScaleOffset(0, 10, ">f8", "<i2")),
]


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3")
@pytest.mark.parametrize(
    ("data", "codec"),
    FILTERS_OF_BIG_ENDIANS,
    ids=[str(codec) for _, codec in FILTERS_OF_BIG_ENDIANS],
)
def test_a_filter_of_big_endian_data_works_in_zarr_v3_too(
    data: Any, codec: Any, tmp_path: Path
) -> None:
    """There elements are the machine's in memory; a filter takes that memory as it is named."""
    old = azarr.create_array(tmp_path / "v2", data=data, filters=[codec], zarr_format=2)
    new = azarr.create_array(tmp_path / "v3", data=data, filters=[codec])
    azarr.copy(old, azarr.create_group(tmp_path / "copies"), name="copy")
    copied = azarr.open_array(tmp_path / "copies", path="copy")
    for array in (old, new, copied):
        np.testing.assert_array_equal(array[:], data)
    for place in (tmp_path / "v3", tmp_path / "copies" / "copy"):
        found = zarr.open_array(str(place), mode="r")
        np.testing.assert_array_equal(found[:], data)
