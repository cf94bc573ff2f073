"""Fill values: what users give, what documents hold, and that no bit is lost between them."""

from __future__ import annotations

import base64
import datetime
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as npst

from azarr.errors import MetadataError
from azarr.model import DataType, _spelling_v2 as v2, _spelling_v3 as v3
from azarr.model._show import show

FORMATS = [v2, v3]
NEW_YEAR = datetime.datetime(2020, 1, 1, 1, tzinfo=datetime.UTC)


def bits(value: Any) -> bytes:
    return value.tobytes() if isinstance(value, np.generic) else repr(value).encode()


def elements() -> st.SearchStrategy[tuple[DataType, Any]]:
    """A fixed-size data type and any element of it, all bit patterns alike."""
    scalars = npst.scalar_dtypes().filter(lambda dtype: dtype.itemsize > 0)
    records = npst.array_dtypes(scalars, min_size=1, max_size=3, allow_subarrays=False)

    def element(dtype: np.dtype[Any]) -> st.SearchStrategy[tuple[DataType, Any]]:
        data_type = DataType.of(dtype)
        raw = npst.arrays(np.uint8, data_type.itemsize)
        if dtype.names is not None or dtype.kind in "bUS":
            return npst.from_dtype(data_type.dtype).map(lambda value: (data_type, value))
        return raw.map(lambda octets: (data_type, octets.view(dtype)[0]))

    return (scalars | records).filter(_is_storable).flatmap(element)


def _is_storable(dtype: np.dtype[Any]) -> bool:
    try:
        DataType.of(dtype)
    except MetadataError:
        return False
    return True


@given(elements())
def test_an_element_survives_v3_json_with_all_its_bits(pair):
    data_type, value = pair
    fill = data_type.native.cast_fill(value)
    back = v3.read_fill(v3.spell_fill(fill, data_type.native), data_type.native)
    assert bits(back) == bits(fill)
    assert type(back) is type(fill)


@given(elements())
def test_an_element_survives_v2_json_but_for_the_payload_of_a_nan(pair):
    data_type, value = pair
    fill = data_type.cast_fill(value)
    back = v2.read_fill(v2.spell_fill(fill, data_type), data_type)
    assert bits(back) == bits(fill) or (data_type.dtype.kind in "fc" and np.isnan(fill))


@given(elements())
def test_casting_an_element_changes_nothing(pair):
    data_type, value = pair
    fill = data_type.cast_fill(value)
    assert bits(data_type.cast_fill(fill)) == bits(fill)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary())
def test_variable_length_elements_survive_both_formats(text, data):
    for spell in FORMATS:
        for dtype, value in ((str, text), (bytes, data)):
            data_type = DataType.of(dtype)
            assert spell.read_fill(spell.spell_fill(value, data_type), data_type) == value


@given(st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_a_ragged_fill_value_survives_v2(items):
    data_type = DataType.of("array:<i4")
    fill = data_type.cast_fill(items)
    back = v2.read_fill(v2.spell_fill(fill, data_type), data_type)
    assert back.dtype == np.dtype("<i4")
    assert back.tolist() == items


@pytest.mark.parametrize(
    ("dtype", "hexadecimal", "json"),
    [
        ("f2", "7e00", "NaN"),
        ("f4", "7fc00000", "NaN"),
        ("f8", "7ff8000000000000", "NaN"),
        ("f4", "7fc00001", "0x7fc00001"),
        ("f4", "ffc00000", "0xffc00000"),
        ("f4", "7f800001", "0x7f800001"),
        ("f2", "fe00", "0xfe00"),
        ("f8", "fff8000000000001", "0xfff8000000000001"),
        ("f8", "7ff0000000000000", "Infinity"),
        ("f2", "fc00", "-Infinity"),
    ],
)
def test_v3_names_the_canonical_nan_and_writes_another_in_hex(dtype, hexadecimal, json):
    data_type = DataType.of(dtype)
    value = np.frombuffer(bytes.fromhex(hexadecimal)[::-1], data_type.dtype)[0]
    assert v3.spell_fill(value, data_type) == json
    assert bits(v3.read_fill(json, data_type)) == bits(value)


@pytest.mark.parametrize("spell", FORMATS)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16"])
def test_negative_zero_stays_negative(spell, dtype):
    data_type = DataType.of(dtype)
    fill = data_type.cast_fill(complex(-0.0, -0.0) if dtype[0] == "c" else -0.0)
    json = spell.spell_fill(fill, data_type)
    parts = json if isinstance(json, list) else [json]
    assert all(math.copysign(1, part) == -1 for part in parts)
    assert bits(spell.read_fill(json, data_type)) == bits(fill)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
def test_v3_reads_any_float_from_the_hex_of_its_bits(dtype):
    data_type = DataType.of(dtype)
    text = "0x" + np.array(1.5, data_type.dtype.newbyteorder(">")).tobytes().hex()
    assert v3.read_fill(text, data_type) == 1.5
    assert v3.read_fill("0x" + text[2:].upper(), data_type) == 1.5


@pytest.mark.parametrize(
    ("dtype", "json", "value"),
    [
        ("?", True, True),
        ("i1", -128, -128),
        ("u8", 2**64 - 1, 2**64 - 1),
        ("f4", 0.1, np.float32(0.1)),
        ("f4", 3, 3.0),
        ("f8", "-Infinity", -math.inf),
        ("c8", [1.0, "Infinity"], complex(1, math.inf)),
        ("M8[D]", 1, np.datetime64("1970-01-02")),
        ("m8[s]", -5, np.timedelta64(-5, "s")),
        ("S4", base64.b64encode(b"ab").decode(), b"ab"),
        ("S4", "", b""),
        ("U4", "añ", "añ"),
        (str, "añ", "añ"),
        (bytes, "YWI=", b"ab"),
    ],
)
@pytest.mark.parametrize("spell", FORMATS)
def test_json_that_means_the_same_in_both_formats(spell, dtype, json, value):
    data_type = DataType.of(dtype)
    fill = spell.read_fill(json, data_type)
    assert fill == value
    assert spell.read_fill(spell.spell_fill(fill, data_type), data_type) == fill


@pytest.mark.parametrize("spell", FORMATS)
@pytest.mark.parametrize("json", ["NaT", -(2**63)])
@pytest.mark.parametrize("dtype", ["M8[ns]", "m8[s]"])
def test_not_a_time_has_two_spellings(spell, json, dtype):
    data_type = DataType.of(dtype)
    fill = spell.read_fill(json, data_type)
    assert np.isnat(fill)
    assert spell.spell_fill(fill, data_type) == -(2**63)


def test_raw_bits_are_an_array_of_integers_in_v3_and_base64_in_v2():
    data_type = DataType.of("V3")
    fill = data_type.cast_fill(b"\0\1\xff")
    assert v3.spell_fill(fill, data_type) == [0, 1, 255]
    assert v2.spell_fill(fill, data_type) == "AAH/"
    assert bits(v3.read_fill("AAH/", data_type)) == bits(fill)


def test_v3_bytes_are_read_from_an_array_of_integers_too():
    assert v3.read_fill([97, 98], DataType.of(bytes)) == b"ab"


def test_a_record_is_an_object_in_v3_and_base64_in_v2():
    data_type = DataType.of([("a", "<i2"), ("b", "<f4"), ("c", [("d", "S1")])])
    fill = data_type.cast_fill((1, math.nan, (b"x",)))
    assert v3.spell_fill(fill, data_type) == {"a": 1, "b": "NaN", "c": {"d": "eA=="}}
    raw = base64.b64encode(b"\x01\x00\x00\x00\xc0\x7fx").decode()
    assert v2.spell_fill(fill, data_type) == raw
    for back in (v2.read_fill(raw, data_type), v3.read_fill(raw, data_type)):
        assert bits(back) == bits(fill)


def test_zarr_python_s_record_is_written_in_base64_again():
    spelling = {"name": "structured", "configuration": {"fields": [["a", "int16"]]}}
    data_type = v3.parse_data_type(spelling)
    assert v3.spell_fill(v3.read_fill("AQA=", data_type), data_type) == "AQA="


@pytest.mark.parametrize("dtype", ["?", "i4", "f8", "c8", "M8[s]", "S3", "U3", "V3", str, bytes])
def test_zarr_2_wrote_the_number_0_for_every_data_type(dtype):
    data_type = DataType.of(dtype)
    assert v2.read_fill(0, data_type) == data_type.zero
    record = DataType.of([("a", "i4")])
    assert v2.read_fill(0, record) == record.zero


def test_null_is_undefined_in_v2_and_an_error_in_v3():
    assert v2.read_fill(None, DataType.of("i4")) is None
    assert v2.spell_fill(None, DataType.of("i4")) is None
    with pytest.raises(MetadataError, match="null"):
        v3.read_fill(None, DataType.of("i4"))


BAD_IN_BOTH = [
    ("?", 2),
    ("?", "true"),
    ("?", 0.0),
    ("i4", True),
    ("i4", 1.5),
    ("i4", "1"),
    ("i4", 2**31),
    ("i4", [1]),
    ("u1", -1),
    ("i8", 10**5000),
    ("i4", math.nan),
    ("f4", True),
    ("f4", "nan"),
    ("f4", "1.0"),
    ("f4", 1e39),
    ("f8", 10**400),
    ("f4", {}),
    ("f4", []),
    ("c8", [1.0]),
    ("c8", [1.0, 2.0, 3.0]),
    ("c8", [True, 0.0]),
    ("c8", {"real": 1}),
    ("M8[s]", 1.0),
    ("M8[s]", 2**63),
    ("M8[s]", "2020-01-01"),
    ("M8[s]", True),
    ("S2", "YWJj"),
    ("S2", "not base64!"),
    ("S2", "YQ"),
    ("S2", "ä"),
    ("S2", 1),
    ("U2", "abc"),
    ("U2", 5),
    ("U2", False),
    ("V2", "YQ=="),
    ("V2", "YWJj"),
    (str, 1),
    (str, []),
    (str, "\ud800"),
    (bytes, "abc"),
    (bytes, 1),
    ([("a", "i4")], "AA=="),
    ([("a", "i4")], 1),
    ([("a", "i4")], []),
]


@pytest.mark.parametrize("spell", FORMATS)
@pytest.mark.parametrize(("dtype", "json"), BAD_IN_BOTH, ids=show)
def test_json_that_the_data_type_cannot_hold_is_refused(spell, dtype, json):
    with pytest.raises(MetadataError, match="fill value"):
        spell.read_fill(json, DataType.of(dtype))


@pytest.mark.parametrize(
    ("dtype", "json"),
    [
        ("?", 0),
        ("?", 1),
        ("i4", 0.0),
        ("c8", 1.0),
        ("S3", 0),
        ("U3", 0),
        ("V3", 0),
        (str, 0),
        ("f4", "0x7fc0"),
        ("f4", "0x7fc000000"),
        ("f4", "0x7fc0000g"),
        ("f4", "0X7fc00000"),
        ("f8", "0x7fc00000"),
        ("V2", [1]),
        ("V2", [1, 256]),
        ("V2", [1, True]),
        ("V2", [1, -1]),
        (bytes, [1.0]),
        ([("a", "i4")], {}),
        ([("a", "i4")], {"b": 1}),
        ([("a", "i4")], {"a": 1, "b": 2}),
        ([("a", "i4")], {"a": None}),
        ([("a", "i4")], {"a": True}),
    ],
    ids=str,
)
def test_v3_is_strict(dtype, json):
    with pytest.raises(MetadataError, match="fill value"):
        v3.read_fill(json, DataType.of(dtype))


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("?", 1, True),
        ("?", np.bool_(True), True),
        ("i4", 3.0, 3),
        ("i4", True, 1),
        ("i4", np.array(5), 5),
        ("u8", np.uint64(2**64 - 1), 2**64 - 1),
        ("f4", Fraction(1, 2), 0.5),
        ("f8", "Infinity", math.inf),
        ("f2", np.float64(0.1), np.float16(0.1)),
        ("c8", 1, 1 + 0j),
        ("c16", (1, -2.0), 1 - 2j),
        ("M8[D]", "2020-02-03", np.datetime64("2020-02-03")),
        (
            "M8[s]",
            datetime.datetime(2020, 1, 1, 1, tzinfo=datetime.UTC),
            np.datetime64("2020-01-01T01"),
        ),
        ("M8[D]", datetime.date(2020, 1, 1), np.datetime64("2020-01-01")),
        ("m8[s]", datetime.timedelta(minutes=1), np.timedelta64(60, "s")),
        ("m8[s]", 5, np.timedelta64(5, "s")),
        ("S3", "ab", b"ab"),
        ("S3", b"abc\0\0", b"abc"),
        ("U3", np.str_("ab"), "ab"),
        (str, np.str_("ab"), "ab"),
        (bytes, bytearray(b"ab"), b"ab"),
    ],
    ids=str,
)
def test_users_may_give_what_the_data_type_holds_exactly(dtype, value, expected):
    assert DataType.of(dtype).cast_fill(value) == expected


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("?", 2),
        ("?", "x"),
        ("i4", 1.5),
        ("i4", math.nan),
        ("i4", math.inf),
        ("i4", "1"),
        ("i4", 2**31),
        ("u8", np.float64(2**64)),
        ("i4", np.timedelta64(3, "s")),
        ("i4", 10**5000),
        ("i4", [1]),
        ("i4", np.arange(2)),
        ("f4", 1e39),
        ("f8", 10**400),
        ("f8", 1j),
        ("f8", Decimal("1.5")),
        ("c8", 1e39),
        ("c8", (1, 2, 3)),
        ("M8[D]", np.datetime64("2020-01-01T12")),
        ("M8[D]", "2020-01-01T12"),
        ("M8[s]", np.timedelta64(3, "s")),
        ("m8[s]", np.datetime64("2020")),
        ("M8[s]", "garbage"),
        ("M8[s]", True),
        ("S2", "abc"),
        ("S2", "ä"),
        ("S2", 5),
        ("U2", "abc"),
        ("U2", b"a"),
        ("V2", b"a"),
        ("V2", b"abc"),
        (str, 3),
        (str, b"a"),
        (bytes, "a"),
        ("array:i4", 3),
        ("array:i4", [[1]]),
        ("array:i4", [1.5]),
        ([("a", "i4")], 5),
        ([("a", "i4")], (1, 2)),
        ([("a", "i4")], {"b": 1}),
        ([("a", "i4")], (1.5,)),
        ([("a", "i4", (2,))], ((1, 2, 3),)),
        ([("a", "i4", (2,))], ((1, 2.5),)),
        ([("a", "u1", (2,))], ((1, 256),)),
        ([("a", "S1", (2,))], ((b"a", b"ab"),)),
    ],
    ids=show,
)
def test_a_fill_value_that_does_not_fit_is_refused_and_named(dtype, value):
    with pytest.raises(MetadataError, match="fill value"):
        DataType.of(dtype).cast_fill(value)


def test_none_stays_none():
    assert DataType.of("i4").cast_fill(None) is None


def test_a_record_takes_fields_in_order_by_name_or_as_bytes():
    data_type = DataType.of([("a", "i4"), ("b", "S2", (2,))])
    fill = data_type.cast_fill((7, b"xy"))
    assert fill["a"] == 7
    assert fill["b"].tolist() == [b"xy", b"xy"]
    assert data_type.cast_fill({"b": [b"xy", b"xy"], "a": 7}) == fill
    assert data_type.cast_fill(fill.tobytes()) == fill
    assert data_type.cast_fill(fill) == fill


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_the_fill_value_of_an_object_array_is_any_json(value):
    data_type = DataType.of(object, "json2")
    assert v2.read_fill(v2.spell_fill(data_type.cast_fill(value), data_type), data_type) is value


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes"], ids=["object", "set", "bytes"])
def test_the_fill_value_of_an_object_array_must_be_json(value):
    with pytest.raises(MetadataError, match="JSON"):
        DataType.of(object, "pickle").cast_fill(value)
