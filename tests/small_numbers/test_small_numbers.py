"""Arrays of the numbers of ml_dtypes: bits in memory, in documents and in chunks; tensorstore."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import azarr
from azarr.errors import MetadataError, UnknownDataTypeError
from azarr.model import DataType, _spelling_v3 as v3
from azarr.model._small_types import NOT_IN_NUMPY, SMALL_TYPES, small_dtype
from azarr.storage import MemoryStore

ml_dtypes = pytest.importorskip("ml_dtypes")

NAMES = [name for name, row in SMALL_TYPES.items() if hasattr(ml_dtypes, row.attribute or name)]
FLOATS = [name for name in NAMES if SMALL_TYPES[name].family == "small float"]
INTEGERS = [name for name in NAMES if SMALL_TYPES[name].family == "small integer"]
WIDE = [name for name in NAMES if SMALL_TYPES[name].bits > 8]


def every_value(name: str, shape: tuple[int, ...] = (16, 16)) -> np.ndarray:
    """Numbers of every bit pattern, NaNs too, so far as there is room for them."""
    row, dtype = SMALL_TYPES[name], small_dtype(name)
    unsigned = np.uint16 if row.bits > 8 else np.uint8
    parts = 2 if row.family == "small complex" else 1
    count = parts * int(np.prod(shape))
    step = max(1, (1 << row.bits) // count)
    bits = np.arange(count, dtype=np.int64) * step % (1 << row.bits)
    return bits.astype(unsigned).view(dtype).reshape(shape)


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_a_scalar_type_and_a_dtype_mean_the_same(name: str) -> None:
    dtype = small_dtype(name)
    for given in (dtype, dtype.type, dtype.newbyteorder(">")):
        assert DataType.of(given).native.dtype == dtype
    assert DataType.of(name).dtype == dtype
    assert v3.parse_data_type(name) == DataType.of(name)
    assert v3.spell_data_type(DataType.of(dtype)) == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shards", [None, (16, 16)])
def test_every_bit_pattern_comes_back(name: str, shards: Any) -> None:
    values = every_value(name)
    array = azarr.create_array({}, data=values, chunks=(8, 16), shards=shards)
    assert array.dtype == values.dtype
    assert same_bits(array[...], values)
    array[3:9, 2] = values[0, 0]
    values[3:9, 2] = values[0, 0]
    again = azarr.open_array(array.store)
    assert same_bits(again[...], values)
    assert same_bits(again.oindex[[3, 1, 8], ::5], values[[3, 1, 8], ::5])
    assert same_bits(again.vindex[[3, 1], [2, 3]], values[[3, 1], [2, 3]])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("endian", ["little", "big"])
def test_bytes_have_the_byte_order_they_say(name: str, endian: str) -> None:
    values = every_value(name, (8,))
    store = MemoryStore()
    codec = {"name": "bytes", "configuration": {"endian": endian}}
    array = azarr.create_array(store, data=values, serializer=codec, compressors=None)
    unsigned = np.dtype("u2" if name in WIDE else "u1")
    stored = np.frombuffer(store["c/0"], unsigned.newbyteorder("<" if endian == "little" else ">"))
    np.testing.assert_array_equal(stored, values.view(unsigned))
    assert same_bits(array[...], values)


@pytest.mark.parametrize("name", NAMES)
def test_endian_is_written_where_there_is_more_than_one_byte(name: str) -> None:
    store = MemoryStore()
    azarr.create_array(store, shape=3, dtype=name, compressors=None)
    (codec,) = json.loads(store["zarr.json"])["codecs"]
    assert ("configuration" in codec) == (name in WIDE)


@pytest.mark.parametrize("name", NAMES)
def test_bits_that_do_not_count_are_ignored(name: str) -> None:
    if SMALL_TYPES[name].bits in (8, 16):
        pytest.skip("every bit counts")
    store = MemoryStore()
    values = every_value(name, (1 << SMALL_TYPES[name].bits,))
    array = azarr.create_array(store, data=values, compressors=None)
    noisy = np.frombuffer(store["c/0"], np.uint8) | (0xFF << SMALL_TYPES[name].bits & 0xFF)
    store["c/0"] = noisy.astype(np.uint8).tobytes()
    assert same_bits(array[...], values)


@pytest.mark.parametrize("name", NAMES)
def test_packbits_takes_as_many_bits_as_count(name: str) -> None:
    row = SMALL_TYPES[name]
    store = MemoryStore()
    values = every_value(name, (40,))
    array = azarr.create_array(store, data=values, serializer="packbits", compressors=None)
    parts = 2 if row.family == "small complex" else 1
    assert len(store["c/0"]) == 40 * parts * row.bits // 8
    assert same_bits(array[...], values)


@pytest.mark.parametrize("name", INTEGERS)
def test_packbits_of_the_lower_bits_extends_the_sign(name: str) -> None:
    codec = {"name": "packbits", "configuration": {"first_bit": 0, "last_bit": 0}}
    values = np.array([0, 1, 0, 1]).astype(small_dtype(name))
    array = azarr.create_array({}, data=values, serializer=codec, compressors=None)
    expected = values if name.startswith("u") else np.array([0, -1, 0, -1]).astype(values.dtype)
    assert same_bits(array[...], expected)


@pytest.mark.parametrize("name", NAMES)
def test_every_fill_value_survives_its_document(name: str) -> None:
    data_type = DataType.of(name)
    for value in every_value(name, (256,)):
        spelled = v3.spell_fill(value, data_type)
        again = v3.read_fill(json.loads(json.dumps(spelled)), data_type)
        assert type(again) is type(value)
        assert again.tobytes() == value.tobytes(), spelled


@pytest.mark.parametrize(
    ("name", "bits"),
    [(name, row.nan) for name, row in SMALL_TYPES.items() if name in FLOATS and row.nan],
)
def test_nan_means_the_bits_of_the_registry(name: str, bits: str) -> None:
    value = v3.read_fill("NaN", DataType.of(name))
    assert value.tobytes()[::-1].hex() == bits
    assert v3.spell_fill(value, DataType.of(name)) == "NaN"
    assert v3.read_fill("0x" + bits, DataType.of(name)).tobytes() == value.tobytes()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("float4_e2m1fn", "NaN"),
        ("float6_e2m3fn", "Infinity"),
        ("float8_e4m3fnuz", "-Infinity"),
        ("float8_e8m0fnu", -1.0),
        ("float4_e2m1fn", 6.5),
        ("float8_e4m3", 1e9),
        ("bfloat16", 1e39),
        ("bfloat16", "0x7fc0ff"),
        ("int2", 2),
        ("uint4", -1),
        ("int4", 1.5),
        ("int4", "1"),
        ("complex_bfloat16", 1.0),
        ("complex_bfloat16", [1.0, "x"]),
        ("float8_e5m2", None),
    ],
)
def test_a_fill_value_that_does_not_fit_is_refused(name: str, value: Any) -> None:
    if name not in NAMES:
        pytest.skip("not in this release of ml_dtypes")
    with pytest.raises(MetadataError, match="fill value"):
        v3.read_fill(value, DataType.of(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_chunk_is_the_fill_value(name: str) -> None:
    value = every_value(name, (4,))[1]
    store = MemoryStore()
    array = azarr.create_array(store, shape=5, dtype=name, fill_value=value)
    assert same_bits(azarr.open_array(store)[...], np.full(5, value, array.dtype))
    azarr.create_array(store, shape=5, dtype=name, overwrite=True)
    assert not any(azarr.open_array(store)[...].tobytes())


@pytest.mark.parametrize("name", sorted(NOT_IN_NUMPY))
def test_what_numpy_has_no_dtype_for_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownDataTypeError, match=f"{name}.*NumPy"):
        v3.parse_data_type(name)


@pytest.mark.parametrize(
    "name", [name for name in ("float8_e4m3fn", "int1", "uint1") if hasattr(ml_dtypes, name)]
)
def test_what_the_registry_does_not_have_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownDataTypeError, match=name):
        azarr.create_array({}, shape=3, dtype=getattr(ml_dtypes, name))


@pytest.mark.parametrize("zarr_format", [2, "n5"])
def test_other_formats_refuse_them_before_anything_is_written(zarr_format: Any) -> None:
    store: dict[str, Any] = {}
    with pytest.raises(UnknownDataTypeError, match="bfloat16"):
        azarr.create_array(store, shape=3, dtype="bfloat16", zarr_format=zarr_format)
    assert not store


def test_they_can_be_fields_of_a_structure() -> None:
    dtype = np.dtype([("a", ml_dtypes.bfloat16), ("b", "i4"), ("c", ml_dtypes.int4)])
    values = np.array([(1.5, 2, -3), (-0.25, 7, 7)], dtype)
    array = azarr.create_array({}, data=values)
    again = azarr.open_array(array.store)
    assert again.dtype == dtype
    assert again[...].tobytes() == values.tobytes()


@pytest.mark.parametrize("name", [name for name in WIDE if name != "bfloat16"] + ["bfloat16"])
def test_bitround_rounds_the_sixteen_bit_floats(name: str) -> None:
    values = np.array([1.0, 1.2, -3.3, np.inf, np.nan]).astype(small_dtype(name))
    codec = {"name": "bitround", "configuration": {"keepbits": 2}}
    array = azarr.create_array({}, data=values, filters=[codec])
    rounded = array[...].astype(np.complex64)
    np.testing.assert_array_equal(rounded.real, [1.0, 1.25, -3.5, np.inf, np.nan])


def test_a_view_shows_them_as_other_numbers_and_the_reverse() -> None:
    values = np.arange(6).astype(ml_dtypes.bfloat16)
    array = azarr.create_array({}, data=values)
    np.testing.assert_array_equal(array.astype("f4")[...], np.arange(6, dtype="f4"))
    other = azarr.create_array({}, data=np.arange(6, dtype="f4"))
    assert same_bits(other.astype("bfloat16")[...], values)


def test_without_the_package_the_name_is_refused_with_what_to_install() -> None:
    code = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "from azarr.model import _spelling_v3 as v3\n"
        "try: v3.parse_data_type('bfloat16')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("UnknownDataTypeError data type 'bfloat16'")
    assert "pip install -U 'azarr[ml_dtypes]'" in done.stdout


def test_importing_azarr_does_not_import_the_package() -> None:
    code = "import sys, azarr; azarr.create_array({}, shape=3); print('ml_dtypes' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"


TENSORSTORE = (
    "bfloat16 float8_e3m4 float8_e4m3b11fnuz float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz "
    "float8_e8m0fnu float4_e2m1fn int2 int4"
).split()


@pytest.mark.parametrize("name", [name for name in TENSORSTORE if name in NAMES])
@pytest.mark.parametrize("shards", [None, (8, 16)])
def test_tensorstore_reads_and_writes_the_same(name: str, shards: Any, tmp_path: Any) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    values = every_value(name)
    if name == "float8_e8m0fnu":
        values[values.view("u1") == 0] = values[0, 1]  # 0.0 is not one, and neither agrees how
    azarr.create_array(tmp_path / "azarr", data=values, chunks=(4, 16), shards=shards)
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(tmp_path / "azarr")}}
    theirs = tensorstore.open(spec).result()
    assert theirs.dtype.numpy_dtype == values.dtype
    assert same_bits(np.ascontiguousarray(theirs.read().result()), values)
    spec["kvstore"]["path"] = str(tmp_path / "other")
    document = {
        "shape": values.shape,
        "data_type": name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [5, 7]}},
    }
    other = tensorstore.open({**spec, "metadata": document}, create=True).result()
    other.write(values).result()
    assert same_bits(azarr.open_array(tmp_path / "other")[...], values)
