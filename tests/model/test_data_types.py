"""Data types: what users may write, and every spelling of the formats."""

from __future__ import annotations

import numpy as np
import pytest

from azarr.errors import MetadataError, UnknownDataTypeError
from azarr.model import CodecSpec, DataType, _spelling_v2 as v2, _spelling_v3 as v3, spelled

UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]
SIMPLE = [
    *"? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16 S1 S7 U1 U5 V1 V9".split(),
    *(f"{kind}8[{unit}]" for kind in "Mm" for unit in UNITS),
    "M8[25s]",
]
RECORDS = [
    [("a", "i4")],
    [("a", "u1"), ("b", "f8"), ("c", "S3")],
    [("a", "i4"), ("b", [("c", "M8[ns]"), ("d", [("e", "V2")])]), ("f", "U2")],
]
FIXED = [np.dtype(spec) for spec in SIMPLE + RECORDS]
SUB_ARRAYS = [
    np.dtype([("a", "i4", (2, 3)), ("b", "?")]),
    np.dtype([("a", [("b", "f4", (4,))], (2,))]),
    np.dtype([("a", "i4", (1,))]),
]


@pytest.mark.parametrize("dtype", FIXED + SUB_ARRAYS, ids=str)
@pytest.mark.parametrize("order", "<>")
def test_every_fixed_size_dtype_survives_a_v2_document(dtype, order):
    data_type = DataType.of(dtype.newbyteorder(order))
    parsed = v2.parse_data_type(v2.spell_data_type(data_type), None)
    assert parsed == data_type
    assert parsed.dtype.descr == data_type.dtype.descr


@pytest.mark.parametrize("dtype", FIXED, ids=str)
def test_every_fixed_size_dtype_survives_a_v3_document(dtype):
    data_type = DataType.of(dtype)
    assert v3.parse_data_type(v3.spell_data_type(data_type)) == data_type


@pytest.mark.parametrize(
    ("dtype", "spelling"),
    [
        ("?", "bool"),
        ("<u2", "uint16"),
        (">f8", "float64"),
        ("c8", "complex64"),
        ("V4", "r32"),
        ("S10", {"name": "null_terminated_bytes", "configuration": {"length_bytes": 10}}),
        ("U12", {"name": "fixed_length_utf32", "configuration": {"length_bytes": 48}}),
        (
            "M8[10us]",
            {"name": "numpy.datetime64", "configuration": {"unit": "us", "scale_factor": 10}},
        ),
        (
            "m8[D]",
            {"name": "numpy.timedelta64", "configuration": {"unit": "D", "scale_factor": 1}},
        ),
        (str, "string"),
        (bytes, "bytes"),
        (
            [("x", "f4"), ("t", "M8[s]")],
            {
                "name": "struct",
                "configuration": {
                    "fields": [
                        {"name": "x", "data_type": "float32"},
                        {
                            "name": "t",
                            "data_type": {
                                "name": "numpy.datetime64",
                                "configuration": {"unit": "s", "scale_factor": 1},
                            },
                        },
                    ]
                },
            },
        ),
    ],
)
def test_v3_names_are_those_of_the_specification_and_the_registry(dtype, spelling):
    assert v3.spell_data_type(DataType.of(dtype)) == spelling


@pytest.mark.parametrize(
    ("spelling", "dtype"),
    [
        ("variable_length_bytes", bytes),
        ({"name": "raw_bytes", "configuration": {"length_bytes": 4}}, "V4"),
        (
            {
                "name": "structured",
                "configuration": {
                    "fields": [
                        ["a", "int32"],
                        ["b", {"name": "raw_bytes", "configuration": {"length_bytes": 2}}],
                        [
                            "c",
                            {"name": "structured", "configuration": {"fields": [["d", "bool"]]}},
                        ],
                    ]
                },
            },
            [("a", "i4"), ("b", "V2"), ("c", [("d", "?")])],
        ),
    ],
    ids=["bytes", "raw", "structured"],
)
def test_another_program_s_name_is_read_and_written_again_as_it_was(spelling, dtype):
    data_type = v3.parse_data_type(spelling)
    assert data_type == DataType.of(dtype)
    assert v3.spell_data_type(data_type) == spelling
    assert v3.spell_data_type(data_type.native) == spelling


def test_a_data_type_can_be_spelled_as_another_program_wants_it():
    data_type = spelled(DataType.of([("a", "V2")]), "structured")
    assert v3.spell_data_type(data_type) == {
        "name": "structured",
        "configuration": {
            "fields": [["a", {"name": "raw_bytes", "configuration": {"length_bytes": 2}}]]
        },
    }
    with pytest.raises(MetadataError, match="'structured' does not spell data type int32"):
        spelled(DataType.of("i4"), "structured")


@pytest.mark.parametrize("name", ["int32", "string", "r16"])
def test_a_name_may_be_an_object_with_an_empty_configuration(name):
    assert v3.parse_data_type({"name": name}) == v3.parse_data_type(name)
    assert v3.parse_data_type({"name": name, "configuration": {}}) == v3.parse_data_type(name)


def test_both_spellings_of_microseconds_are_the_same():
    for unit in ("us", "μs"):
        spelling = {"name": "numpy.datetime64", "configuration": {"unit": unit, "scale_factor": 1}}
        assert v3.parse_data_type(spelling).dtype == np.dtype("M8[us]")


def test_a_time_without_unit_is_read_but_not_made():
    spelling = {"name": "numpy.datetime64", "configuration": {"unit": "generic", "scale_factor": 1}}
    assert v3.parse_data_type(spelling).dtype == np.dtype("M8")
    assert v2.parse_data_type("<m8", None).dtype == np.dtype("m8")
    with pytest.raises(UnknownDataTypeError, match="no unit"):
        DataType.of("M8")


@pytest.mark.parametrize(
    ("codec_id", "element"),
    [
        ("vlen-utf8", "string"),
        ("vlen-bytes", "bytes"),
        ("categorize", "string"),
        ("json2", "object"),
        ("msgpack2", "object"),
        ("pickle", "object"),
    ],
)
def test_the_object_codec_says_what_elements_are(codec_id, element):
    codec = CodecSpec.from_v2({"id": codec_id})
    assert DataType.of(object, codec).element == element
    assert DataType.of("O", codec_id).element == element
    assert v2.parse_data_type("|O", codec) == DataType(np.dtype(object), element)


def test_ragged_arrays_know_the_dtype_of_their_items():
    data_type = DataType.of("array:<i4")
    assert (data_type.element, data_type.item, data_type.is_object) == ("array", "<i4", True)
    codec = CodecSpec("numcodecs.vlen-array", {"dtype": "<i4"})
    assert v2.parse_data_type("|O", codec) == data_type
    assert v2.spell_data_type(data_type) == "|O"


@pytest.mark.parametrize("alias", [str, "str", "string"])
def test_strings_are_of_variable_length(alias):
    assert DataType.of(alias) == DataType(np.dtype(object), "string")


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 2 has StringDType")
def test_numpy_s_own_variable_length_strings_are_strings():
    assert DataType.of(np.dtypes.StringDType()).element == "string"


def test_a_padded_dtype_is_packed():
    aligned = np.dtype([("a", "i1"), ("b", "i8")], align=True)
    assert DataType.of(aligned).dtype == np.dtype([("a", "i1"), ("b", "i8")])


def test_padding_in_a_v2_document_stays_where_it_is():
    aligned = np.dtype({"names": ["a", "b"], "formats": ["i1", "<i8"], "offsets": [2, 8]})
    spelling = [["", "|V2"], ["a", "|i1"], ["", "|V5"], ["b", "<i8"]]
    data_type = v2.parse_data_type(spelling, None)
    assert data_type.dtype.names == ("a", "b")
    assert data_type.dtype == aligned
    assert v2.spell_data_type(data_type) == spelling


def test_the_same_dtype_by_another_c_name_is_the_same_data_type():
    assert v3.spell_data_type(DataType.of(np.longlong)) == "int64"
    assert DataType.of(np.longlong) == DataType.of("i8")


@pytest.mark.parametrize(
    "bad",
    [
        "foo",
        "S0",
        "U",
        np.void,
        np.longdouble,
        object,
        [("a", "O")],
        ("i4", (2,)),
        "array:O",
        "array:foo",
        "array:",
        "V100000000",
        {"a": 1},
        3,
    ],
    ids=str,
)
def test_what_no_format_can_hold_is_refused_by_name(bad):
    with pytest.raises(UnknownDataTypeError, match=r"data type|object arrays"):
        DataType.of(bad)


@pytest.mark.parametrize(
    "bad",
    [
        "i4",
        "int32",
        "=i4",
        "<i3",
        "<f16",
        "|i4",
        "<M8[foo]",
        "<M8[0s]",
        "<M8[99999999999s]",
        "|S0",
        "|S9999999999",
        "<U999999999",
        "i4,f8",
        "(1000,)i4",
        "a5",
        "|O",
        "",
        [],
        [[]],
        [["a"]],
        [["a", "<i4", []], ["a", "<i4"]],
        [["a", "<i4", [0]]],
        [["a", "<i4", [True]]],
        [["a", "<i4", [2**40, 2**40]]],
        [["a", "<i4", [1] * 100]],
        [["a", "|O"]],
        [["", "|V4"]],
        [[["title", "a"], "<i4"]],
        [["a", "|V60000000"], ["b", "|V60000000"]],
        {"a": "<i4"},
        None,
        4,
    ],
    ids=repr,
)
def test_a_v2_dtype_of_another_form_is_refused(bad):
    with pytest.raises(MetadataError):
        v2.parse_data_type(bad, None)


@pytest.mark.parametrize("item", [None, 3, "a5", "|O", "i4,i4", "<M8[foo]", []])
def test_the_items_of_a_ragged_array_in_a_document_are_of_fixed_size(item):
    with pytest.raises(MetadataError):
        v2.parse_data_type("|O", CodecSpec("numcodecs.vlen-array", {"dtype": item}))


@pytest.mark.parametrize(
    "bad",
    [
        "int128",
        "r7",
        "r0",
        "r",
        "r<N>",
        "r99999999999",
        "r4294967296",
        "raw_bytes",
        "<i4",
        "numpy.datetime64",
        {"name": "int32", "configuration": {"a": 1}},
        {"name": "int32", "extra": 1},
        {"name": "int32", "configuration": []},
        {"name": "r<N>", "configuration": {"bits": 8}},
        {"name": 3},
        {},
        {"name": "raw_bytes", "configuration": {"length_bytes": 0}},
        {"name": "raw_bytes", "configuration": {"length_bytes": True}},
        {"name": "raw_bytes", "configuration": {"length_bytes": 2**40}},
        {"name": "raw_bytes", "configuration": {"length_bytes": 2**30}},
        {"name": "fixed_length_utf32", "configuration": {"length_bytes": 7}},
        {"name": "numpy.datetime64", "configuration": {"unit": "s"}},
        {"name": "numpy.datetime64", "configuration": {"unit": [], "scale_factor": 1}},
        {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 0}},
        {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 1.0}},
        {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 2**31}},
        {"name": "struct", "configuration": {"fields": []}},
        {"name": "struct", "configuration": {"fields": [["a", "string"]]}},
        {"name": "struct", "configuration": {"fields": [["", "int8"]]}},
        {"name": "struct", "configuration": {"fields": [["a", "int8"], ["a", "int8"]]}},
        {"name": "struct", "configuration": {"fields": [{"name": "a"}]}},
        {"name": "struct", "configuration": {"fields": [{"name": 1, "data_type": "int8"}]}},
    ],
    ids=repr,
)
def test_a_v3_data_type_of_another_form_is_refused(bad):
    with pytest.raises(MetadataError):
        v3.parse_data_type(bad)


@pytest.mark.parametrize("dtype", [*SUB_ARRAYS, "array:i4"], ids=str)
def test_what_v3_has_no_name_for_is_refused_by_name(dtype):
    with pytest.raises(UnknownDataTypeError, match="Zarr v3 has no data type"):
        v3.spell_data_type(DataType.of(dtype))
    with pytest.raises(UnknownDataTypeError, match="object"):
        v3.spell_data_type(DataType.of(object, "pickle"))
