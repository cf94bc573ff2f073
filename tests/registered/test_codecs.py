"""The registered v3 codecs `reshape`, `scale_offset`, `cast_value` and `zfp`."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import azarr
from azarr.codecs import Parts, compile_parts
from azarr.codecs._rounding import ROUNDINGS, NotRepresentable, convert, real
from azarr.errors import DecodeError, MetadataError, UsageError
from azarr.model import CodecSpec, DataType
from azarr.storage import MemoryStore


def spec(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


def create(values: np.ndarray, *filters: Any, **arguments: Any) -> azarr.Array:
    return azarr.create_array(
        MemoryStore(), data=values, filters=list(filters), compressors=None, **arguments
    )


# reshape


@pytest.mark.parametrize(
    ("shape", "becomes"),
    [
        ([[0, 1], [2], 3], None),
        ([[0, 1], [2, 3]], (6, 12)),
        ([-1], (72,)),
        ([[0], -1, 3], (2, 12, 3)),
        ([[0, 1], 4, [3]], (6, 4, 3)),
        ([1, [0], 1, [1, 2, 3]], (1, 2, 1, 36)),
        ([8, 9], (8, 9)),
        ([[], [0, 1, 2, 3]], (1, 72)),
    ],
)
def test_reshape_makes_the_shape_it_says(shape: Any, becomes: Any) -> None:
    values = np.arange(72).reshape(2, 3, 4, 3)
    if becomes is None:
        becomes = (6, 4, 3)
    reverse = [*reversed(range(len(becomes)))]
    array = create(values, spec("reshape", shape=shape), spec("transpose", order=reverse))
    stored = np.frombuffer(array.store["c/0/0/0/0"], "<i8")
    np.testing.assert_array_equal(stored, values.reshape(becomes).transpose(reverse).ravel())
    assert (array[...] == values).all()


@pytest.mark.parametrize(
    "shape",
    [
        [[1], [0], [2]],
        [[1, 0], [2]],
        [[0, 1, 1], [2]],
        [[0], [1]],
        [[0], [1], [3]],
        [5, 5],
        [-1, -1],
        [-1, 5],
        [[0], [2], [1]],
        [[0], 6, [1], 2],
        [0, 24],
        [2.0, 12],
        "24",
        None,
    ],
)
def test_reshape_refuses_what_is_not_the_same_elements(shape: Any) -> None:
    with pytest.raises(MetadataError, match="reshape"):
        create(np.zeros((2, 3, 4)), spec("reshape", shape=shape))


def test_reshape_of_named_dimensions_goes_with_chunks_of_different_lengths() -> None:
    values = np.arange(42).reshape(7, 6)
    array = create(values, spec("reshape", shape=[[0, 1]]), chunks=[[2, 5], [4, 2]])
    assert (array[...] == values).all()
    with pytest.raises(MetadataError, match="reshape"):
        create(values, spec("reshape", shape=[8]), chunks=[[2, 5], [4, 2]])


# scale_offset


def test_scale_offset_as_in_its_examples() -> None:
    values = np.array([5.0, 15.0, -5.0], "f4")
    array = create(values, spec("scale_offset", offset=5, scale=0.1))
    np.testing.assert_array_equal(
        np.frombuffer(array.store["c/0"], "<f4"), (values - np.float32(5)) * np.float32(0.1)
    )
    np.testing.assert_allclose(array[...], values, rtol=1e-6)
    values = np.arange(1000, 1256, dtype="u2")
    array = create(
        values,
        spec("scale_offset", offset=1000),
        spec("cast_value", data_type="uint8"),
        fill_value=1000,
    )
    assert array.store["c/0"] == bytes(range(256))
    assert (array[...] == values).all()


def test_scale_offset_without_configuration_changes_nothing() -> None:
    array = create(np.arange(5, dtype="i2"), "scale_offset")
    assert array.store["c/0"] == np.arange(5, dtype="<i2").tobytes()
    assert array[...].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("dtype", "values", "offset", "scale"),
    [
        ("u1", [0], 1, 1),
        ("u1", [100], 0, 3),
        ("i1", [-100], 100, 1),
        ("i8", [2**62], 0, 2),
        ("u8", [2**63], 0, 2),
        ("f4", [3e38], 0, 10),
        ("f2", [60000], -60000, 1),
    ],
)
def test_scale_offset_refuses_to_write_what_is_out_of_range(
    dtype: str, values: Any, offset: Any, scale: Any
) -> None:
    # The fill value has to fit, too.
    array = azarr.create_array(
        MemoryStore(),
        shape=1,
        dtype=dtype,
        fill_value=offset if offset >= 0 else 0,
        filters=[spec("scale_offset", offset=offset, scale=scale)],
    )
    with pytest.raises(UsageError, match=r"scale_offset.*out of range"):
        array[...] = values
    assert array.nchunks_initialized == 0


def test_scale_offset_of_integers_is_exact_or_an_error() -> None:
    array = create(np.array([-3, 0, 9], "i4"), spec("scale_offset", offset=-1, scale=-7))
    assert array[...].tolist() == [-3, 0, 9]
    array.store["c/0"] = np.array([7, 8, 7], "<i4").tobytes()
    with pytest.raises(DecodeError, match="no multiple of -7"):
        array[...]
    array = create(np.array([1], "i8"), spec("scale_offset", scale=-1))
    array.store["c/0"] = np.array([-(2**63)], "<i8").tobytes()
    with pytest.raises(DecodeError, match="out of range"):
        array[...]


@pytest.mark.parametrize(
    ("dtype", "configuration"),
    [
        ("f4", {"scale": 0}),
        ("u1", {"offset": -1}),
        ("u1", {"scale": 0.5}),
        ("f4", {"factor": 2}),
        ("?", {}),
        ("M8[s]", {}),
        ("c8", {}),
    ],
)
def test_scale_offset_refuses_configurations_before_anything_is_written(
    dtype: str, configuration: Any
) -> None:
    store = MemoryStore()
    with pytest.raises(MetadataError):
        azarr.create_array(
            store, shape=3, dtype=dtype, filters=[spec("scale_offset", **configuration)]
        )
    assert not [*store.list()]


# cast_value


def test_cast_value_as_in_its_example() -> None:
    lost = [["NaN", 0], ["+Infinity", 0], ["-Infinity", 0]]
    codec = spec(
        "cast_value",
        data_type="uint8",
        rounding="towards-zero",
        out_of_range="wrap",
        scalar_map={"encode": lost},
    )
    values = np.array([1.9, -1.0, 256.0, 511.5, np.nan, np.inf, -np.inf])
    array = create(values, codec)
    assert [*array.store["c/0"]] == [1, 255, 0, 255, 0, 0, 0]
    assert array[...].tolist() == [1, 255, 0, 255, 0, 0, 0]


def test_scalar_maps_work_in_both_directions_and_the_first_entry_counts() -> None:
    codec = spec(
        "cast_value",
        data_type="int16",
        scalar_map={"encode": [["NaN", -1], ["NaN", 7], [3.0, 4]], "decode": [[-1, "NaN"]]},
    )
    array = create(np.array([1.0, np.nan, 3.0]), codec)
    assert np.frombuffer(array.store["c/0"], "<i2").tolist() == [1, -1, 4]
    np.testing.assert_array_equal(array[...], [1.0, np.nan, 4.0])


@pytest.mark.parametrize(
    ("beyond", "values", "stored"),
    [
        ("clamp", [128.0, -129.0, 1e300], [127, -128, 127]),
        ("wrap", [128.0, -129.0, 32768.0], [-128, 127, 0]),
    ],
)
def test_out_of_range_says_what_becomes_of_what_does_not_fit(
    beyond: str, values: Any, stored: Any
) -> None:
    array = create(np.array(values), spec("cast_value", data_type="int8", out_of_range=beyond))
    assert np.frombuffer(array.store["c/0"], "i1").tolist() == stored


@pytest.mark.parametrize(
    ("dtype", "target", "value"),
    [
        ("f8", "int8", 128.0),
        ("f8", "int8", np.nan),
        ("f8", "int64", 2.0**63),
        ("f8", "float32", 1e39),
        ("i8", "uint64", -1),
        ("u8", "int64", 2**63),
        ("f8", "uint8", np.inf),
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_stored(
    dtype: str, target: str, value: Any
) -> None:
    array = azarr.create_array(
        MemoryStore(), shape=2, dtype=dtype, filters=[spec("cast_value", data_type=target)]
    )
    with pytest.raises(UsageError, match="cast_value"):
        array[...] = np.array([0, value], dtype)
    assert array.nchunks_initialized == 0
    array = azarr.create_array(
        MemoryStore(),
        shape=1,
        dtype="u1",
        compressors=None,
        filters=[spec("cast_value", data_type="int16")],
    )
    array.store["c/0"] = np.array([300], "<i2").tobytes()
    with pytest.raises(DecodeError, match="300 is out of range in uint8"):
        array[...]


@pytest.mark.parametrize(
    ("dtype", "configuration", "problem"),
    [
        ("f8", {}, "data_type"),
        ("f8", {"data_type": "complex64"}, "real numbers"),
        ("f8", {"data_type": "no.such"}, "no.such"),
        ("?", {"data_type": "int8"}, "real numbers"),
        ("f8", {"data_type": "float32", "out_of_range": "wrap"}, "wrap"),
        ("f8", {"data_type": "int8", "rounding": "up"}, "rounding"),
        ("f8", {"data_type": "int8", "out_of_range": "drop"}, "out_of_range"),
        ("f8", {"data_type": "int8", "scalar_map": {"both": []}}, "scalar_map"),
        ("f8", {"data_type": "int8", "scalar_map": {"encode": [["NaN"]]}}, "scalar_map"),
        ("f8", {"data_type": "int8", "scalar_map": {"encode": [["NaN", 300]]}}, "300"),
        ("f8", {"data_type": "int8", "more": 1}, "more"),
    ],
)
def test_cast_value_refuses_configurations_before_anything_is_written(
    dtype: str, configuration: Any, problem: str
) -> None:
    store = MemoryStore()
    with pytest.raises(MetadataError, match=problem):
        azarr.create_array(
            store, shape=3, dtype=dtype, filters=[spec("cast_value", **configuration)]
        )
    assert not [*store.list()]


def test_the_fill_value_has_to_survive_and_is_what_inner_chunks_without_data_are() -> None:
    codec = spec("cast_value", data_type="int8")
    with pytest.raises(MetadataError, match="fill value"):
        azarr.create_array({}, shape=3, dtype="f8", fill_value=np.nan, filters=[codec])
    inner = spec("sharding_indexed", chunk_shape=[2], codecs=["bytes"])
    array = azarr.create_array(
        {},
        shape=4,
        dtype="f8",
        fill_value=7,
        filters=[codec],
        serializer=inner,
        compressors=None,
        write_empty_chunks=False,
    )
    array[0] = 1
    assert azarr.open_array(array.store)[...].tolist() == [1, 7, 7, 7]


NUMBERS = [
    *"i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split(),
    "bfloat16",
    "float8_e4m3",
    "float8_e5m2fnuz",
]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_every_cast_is_the_nearest_number_in_its_direction(
    rounding: str, data: st.DataObject
) -> None:
    """Against exact fractions, and a search among the numbers of the target."""
    pytest.importorskip("ml_dtypes")
    source, target = (
        real(DataType.of(data.draw(st.sampled_from(NUMBERS))).dtype) for _ in range(2)
    )
    assert source is not None
    assert target is not None
    if source.is_float:
        raw = data.draw(st.floats(float(source.low), float(source.high)))
    else:
        raw = data.draw(st.integers(source.low, source.high))
    value = np.array([raw]).astype(source.dtype)
    exact = Fraction(float(value[0]) if source.is_float else int(value[0]))
    try:
        result = convert(value, source, target, rounding, None)
    except NotRepresentable:
        assert exact > target.high or exact < target.low
        return
    assert result.dtype == target.dtype
    got = Fraction(float(result[0]) if target.is_float else int(result[0]))
    one = target.dtype.type
    if target.is_float:
        around = [np.nextafter(result[0], one(end)) for end in (target.low, target.high)]
        others = [Fraction(float(each)) for each in around]
    else:
        others = [got - 1, got + 1]
    if rounding == "towards-zero":
        assert abs(got) <= abs(exact)
    if rounding == "towards-positive":
        assert got >= exact or got == target.high
    if rounding == "towards-negative":
        assert got <= exact or got == target.low
    for other in others:
        if rounding.startswith("nearest"):
            assert abs(got - exact) <= abs(other - exact)
            if abs(got - exact) == abs(other - exact) and other != got:
                if rounding == "nearest-away":
                    assert abs(got) > abs(other) or got == target.high
                else:
                    assert got % 2 == 0 if not target.is_float else _is_even(result)
        elif got != exact and other != got:  # no other number lies between
            assert not min(got, exact) < other < max(got, exact)


def _is_even(number: np.ndarray) -> bool:
    return not int(number.view(f"u{number.dtype.itemsize}")[0]) & 1


@pytest.mark.parametrize(
    ("target", "value", "clamped"),
    [
        ("float4_e2m1fn", 7.5, 6.0),
        ("float8_e4m3fnuz", 1e9, 240.0),
        ("float8_e5m2", -1e9, -np.inf),
        ("bfloat16", 1e300, np.inf),
        ("float32", -1e300, -np.inf),
        ("float8_e8m0fnu", 0.0, 2.0**-127),
        ("float8_e8m0fnu", -3.0, 2.0**-127),
    ],
)
def test_floats_out_of_range_are_refused_or_clamped(
    target: str, value: float, clamped: float
) -> None:
    pytest.importorskip("ml_dtypes")
    source, into = real(np.dtype("f8")), real(DataType.of(target).dtype)
    assert source is not None
    assert into is not None
    with pytest.raises(NotRepresentable, match="out of range"):
        convert(np.array([value]), source, into, "nearest-even", None)
    result = convert(np.array([value]), source, into, "nearest-even", "clamp")
    assert float(result[0]) == clamped


def test_nan_infinity_and_the_sign_of_zero() -> None:
    pytest.importorskip("ml_dtypes")
    source, into = real(np.dtype("f8")), real(DataType.of("bfloat16").dtype)
    assert source is not None
    assert into is not None
    values = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0])
    result = convert(values, source, into, "towards-zero", None).astype("f8")
    np.testing.assert_array_equal(result, values)
    assert np.signbit(result).tolist()[2:] == [True, True, False]
    small = real(DataType.of("float6_e2m3fn").dtype)
    assert small is not None
    for value in (np.nan, np.inf):
        with pytest.raises(NotRepresentable, match="no number"):
            convert(np.array([value]), source, small, "nearest-even", "clamp")


# zfp

zfp = pytest.mark.skipif(
    pytest.importorskip("importlib.util").find_spec("zfpy") is None, reason="zfpy is missing"
)
MODES: dict[str, tuple[dict[str, Any], float]] = {
    "reversible": ({}, 0),
    "fixed_accuracy": ({"tolerance": 0.05}, 0.05),
    "fixed_rate": ({"rate": 24}, 0.01),
    "fixed_precision": ({"precision": 24}, 0.01),
}


@zfp
@pytest.mark.parametrize("mode", list(MODES))
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize("shape", [(), (9,), (5, 6), (3, 4, 5), (2, 3, 4, 5)], ids=str)
def test_zfp_keeps_floats_as_well_as_its_mode_says(mode: str, dtype: str, shape: Any) -> None:
    arguments, error = MODES[mode]
    values = np.cumsum(np.linspace(0, 1, int(np.prod(shape)))).reshape(shape).astype(dtype)
    codec = spec("zfp", mode=mode, **arguments)
    store = MemoryStore()
    array = azarr.create_array(store, data=values, serializer=codec, compressors=None)
    result = azarr.open_array(store)[...]
    assert array.dtype == values.dtype
    np.testing.assert_allclose(result, values, atol=error + (0.1 if dtype == "f2" else 0), rtol=0)


@zfp
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "i8"])
def test_zfp_keeps_integers_exactly_where_it_is_reversible(dtype: str) -> None:
    info = np.iinfo(dtype)
    values = np.linspace(info.min // 2, info.max // 2, 50).astype(dtype)
    if dtype in ("i1", "u1", "i2", "u2"):
        values[:2] = info.min, info.max
    codec = spec("zfp", mode="reversible")
    array = azarr.create_array({}, data=values, serializer=codec, compressors=None)
    np.testing.assert_array_equal(array[...], values)


@zfp
def test_zfp_writes_what_numcodecs_writes_without_its_header() -> None:
    import zfpy

    values = np.linspace(0, 1, 64, dtype="f4").reshape(8, 8)
    codec = spec("zfp", mode="fixed_accuracy", tolerance=0.01)
    store = MemoryStore()
    azarr.create_array(store, data=values, serializer=codec, compressors=None)
    assert store["c/0/0"] == zfpy.compress_numpy(values, tolerance=0.01, write_header=False)
    with_header = zfpy.compress_numpy(values, tolerance=0.01)
    assert len(with_header) > len(store["c/0/0"])


@zfp
@pytest.mark.parametrize(
    ("dtype", "ndim", "configuration", "problem"),
    [
        ("f4", 1, {"mode": "expert", "minbits": 1}, "expert"),
        ("f4", 1, {"mode": "fixed_rate"}, "rate"),
        ("f4", 1, {"mode": "fixed_accuracy", "tolerance": -1}, "tolerance"),
        ("f4", 1, {"mode": "fixed_precision", "precision": 0}, "precision"),
        ("f4", 1, {"mode": "reversible", "rate": 1}, "rate"),
        ("f4", 1, {"mode": "best"}, "mode"),
        ("f4", 1, {}, "mode"),
        ("f4", 5, {"mode": "reversible"}, "dimensions"),
        ("u4", 1, {"mode": "reversible"}, "uint32"),
        ("c8", 1, {"mode": "reversible"}, "complex64"),
    ],
)
def test_zfp_refuses_what_it_cannot_do_before_anything_is_written(
    dtype: str, ndim: int, configuration: Any, problem: str
) -> None:
    store = MemoryStore()
    codec = spec("zfp", **configuration)
    with pytest.raises(MetadataError, match=problem):
        azarr.create_array(store, shape=(2,) * ndim, dtype=dtype, serializer=codec)
    assert not [*store.list()]


@zfp
@pytest.mark.parametrize("data", [b"", b"abc", bytes(100_000)])
def test_a_stream_of_an_impossible_length_is_refused(data: bytes) -> None:
    store = MemoryStore()
    codec = spec("zfp", mode="fixed_rate", rate=8)
    array = azarr.create_array(store, shape=(8, 8), dtype="f4", serializer=codec, compressors=None)
    store["c/0/0"] = data
    with pytest.raises(DecodeError, match="zfp"):
        array[...]


def test_codecs_are_written_to_the_document_as_they_were_given() -> None:
    store = MemoryStore()
    codecs = [spec("scale_offset", scale=2), spec("cast_value", data_type="int16"), "bytes"]
    azarr.create_array(store, shape=3, dtype="i8", filters=codecs[:2], compressors=None)
    written = json.loads(store["zarr.json"])["codecs"]
    assert written[:2] == codecs[:2]
    pipeline = compile_parts(
        Parts(
            data_type=DataType.of("i8"),
            chunk_shape=(),
            filters=[CodecSpec.from_v3(codec) for codec in codecs[:2]],
            serializer=CodecSpec("bytes", {"endian": "big"}),
        )
    )
    assert bytes(pipeline.encode(np.array(5))) == b"\0\x0a"
    assert pipeline.decode(b"\0\x0a").shape == ()
