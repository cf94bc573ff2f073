"""Documents to metadata and back, in both formats; and documents that nobody should trust."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from azarr.errors import MetadataError, UnknownDataTypeError, UsageError
from azarr.model import (
    ArrayMetadata,
    ChunkKeyEncoding,
    CodecSpec,
    DataType,
    GroupMetadata,
    RegularGrid,
    attribute_documents,
    document_keys,
    node_documents,
    parse_node,
)

V3_ARRAY: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [10, 0, 7],
    "data_type": "float32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 0, 7]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
    "fill_value": "NaN",
    "codecs": [
        {"name": "transpose", "configuration": {"order": [1, 0, 2]}},
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [2, 1, 7],
                "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}],
                "index_codecs": ["bytes", "crc32c"],
            },
        },
        "crc32c",
    ],
    "attributes": {"units": "m", "valid": [1, None, {"deep": True}]},
    "dimension_names": ["x", None, "x"],
    "storage_transformers": [],
}
V2_ARRAY: dict[str, Any] = {
    "zarr_format": 2,
    "shape": [10, 7],
    "chunks": [4, 7],
    "dtype": ">f4",
    "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    "fill_value": "NaN",
    "order": "F",
    "filters": [{"id": "delta", "dtype": ">f4"}],
    "dimension_separator": "/",
}


def dumped(document: Any) -> bytes:
    return json.dumps(document).encode()


def parse_v3(**changes: Any) -> Any:
    return parse_node({"zarr.json": dumped({**V3_ARRAY, **changes})}, "a/b")


def parse_v2(attributes: Any = None, **changes: Any) -> Any:
    documents = {".zarray": dumped({**V2_ARRAY, **changes}), ".zattrs": None}
    if attributes is not None:
        documents[".zattrs"] = dumped(attributes)
    return parse_node(documents, "a/b")


def without(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def test_all_documents_of_all_formats_are_asked_for_at_once():
    assert document_keys() == ("zarr.json", ".zarray", ".zgroup", ".zattrs")
    assert document_keys(3) == ("zarr.json",)
    assert document_keys(2) == (".zarray", ".zgroup", ".zattrs")


def test_a_v3_array_says_everything_in_one_document():
    metadata = parse_v3()
    assert isinstance(metadata, ArrayMetadata)
    assert metadata.shape == (10, 0, 7)
    assert metadata.chunk_grid == RegularGrid((4, 0, 7))
    assert metadata.chunk_key_encoding == ChunkKeyEncoding("default", ".")
    assert metadata.data_type == DataType.of("f4")
    assert np.isnan(metadata.fill_value)
    assert metadata.filters == (CodecSpec("transpose", {"order": [1, 0, 2]}),)
    assert metadata.serializer is not None
    assert metadata.serializer.name == "sharding_indexed"
    assert metadata.serializer.configuration["index_codecs"] == ["bytes", "crc32c"]
    assert metadata.compressors == (CodecSpec("crc32c"),)
    assert metadata.dimension_names == ("x", None, "x")
    assert metadata.attributes == V3_ARRAY["attributes"]


def test_a_v2_array_is_two_documents():
    metadata = parse_v2({"units": "m"})
    assert isinstance(metadata, ArrayMetadata)
    assert (metadata.shape, metadata.chunk_shape, metadata.order) == ((10, 7), (4, 7), "F")
    assert metadata.dtype == np.dtype(">f4")
    assert metadata.chunk_key_encoding == ChunkKeyEncoding("v2", "/")
    assert metadata.filters == (CodecSpec("numcodecs.delta", {"dtype": ">f4"}),)
    assert metadata.serializer is None
    assert metadata.compressors[0].name == "numcodecs.blosc"
    assert metadata.attributes == {"units": "m"}
    assert parse_v2().attributes == {}


@pytest.mark.parametrize("metadata", [parse_v3(), parse_v2(), parse_v2({"a": [1]})])
def test_what_is_written_for_an_array_parses_to_the_same(metadata):
    assert parse_node(node_documents(metadata), "") == metadata


def test_v2_documents_look_as_zarr_2_wrote_them():
    documents = node_documents(parse_v2({"b": 1, "a": 2}))
    assert documents.keys() == {".zarray", ".zattrs"}
    assert json.loads(documents[".zarray"]) == V2_ARRAY
    assert documents[".zarray"].startswith(b'{\n    "chunks": [\n        4,\n        7\n    ],\n')
    assert documents[".zattrs"] == b'{\n    "a": 2,\n    "b": 1\n}'


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("attributes", [{}, {"a": float("inf"), "ä": "😀"}])
def test_a_group_survives_its_documents(zarr_format, attributes):
    group = GroupMetadata(zarr_format=zarr_format, attributes=attributes)
    assert parse_node(node_documents(group), "") == group


def test_attributes_are_written_alone_where_the_format_allows():
    v2 = parse_v2({"a": 1})
    assert attribute_documents(v2) == {".zattrs": b'{\n    "a": 1\n}'}
    assert attribute_documents(replace(v2, attributes={})) == {".zattrs": None}
    assert node_documents(replace(v2, attributes={})).keys() == {".zarray"}
    v3 = parse_v3()
    assert attribute_documents(v3) == node_documents(v3)


def test_no_documents_are_no_node():
    assert parse_node({}, "") is None
    assert parse_node(dict.fromkeys(document_keys()), "") is None
    assert parse_node({".zattrs": b"{}"}, "") is None


def test_v3_is_preferred_and_an_array_to_a_group():
    documents = {
        "zarr.json": dumped({"zarr_format": 3, "node_type": "group"}),
        ".zarray": dumped(V2_ARRAY),
        ".zgroup": dumped({"zarr_format": 2}),
    }
    assert parse_node(documents, "") == GroupMetadata(zarr_format=3)
    del documents["zarr.json"]
    assert isinstance(parse_node(documents, ""), ArrayMetadata)


def test_a_broken_v3_document_is_not_passed_over():
    with pytest.raises(MetadataError, match=r"zarr\.json"):
        parse_node({"zarr.json": b"{", ".zarray": dumped(V2_ARRAY)}, "")


def test_any_buffer_is_a_document():
    for buffer in (bytearray, memoryview):
        assert parse_node({"zarr.json": buffer(dumped(V3_ARRAY))}, "") == parse_v3()


def test_the_caller_says_the_separator_that_old_nested_stores_leave_out():
    documents = {".zarray": dumped(without(V2_ARRAY, "dimension_separator"))}
    for separator in "./":
        metadata = parse_node(documents, "", v2_separator=separator)
        assert metadata.chunk_key_encoding.separator == separator
    assert parse_node(documents, "").chunk_key_encoding.separator == "."


@pytest.mark.parametrize("filters", [None, []])
def test_v2_filters_null_and_empty_are_the_same(filters):
    assert parse_v2(filters=filters).filters == ()


def test_v2_fields_that_the_specification_does_not_know_are_ignored():
    assert parse_v2(node_type="array") == parse_v2()


@pytest.mark.parametrize("encoding", ["default", {"name": "default"}, {"name": "v2"}])
def test_the_separator_of_a_v3_encoding_has_a_default(encoding):
    parsed = parse_v3(chunk_key_encoding=encoding).chunk_key_encoding
    assert parsed.separator == ("." if parsed.name == "v2" else "/")


def test_a_v3_field_that_need_not_be_understood_is_kept():
    extension = {"must_understand": False, "name": "foo"}
    metadata = parse_v3(foo=extension)
    assert metadata.extensions == {"foo": extension}
    assert json.loads(node_documents(metadata)["zarr.json"])["foo"] == extension


@pytest.mark.parametrize("field", [{"must_understand": True}, {"a": 1}, None, False, 0, []])
def test_a_v3_field_that_must_be_understood_is_refused(field):
    with pytest.raises(MetadataError, match=r"a/b/zarr\.json: foo is"):
        parse_v3(foo=field)
    group = dumped({"zarr_format": 3, "node_type": "group", "foo": field})
    with pytest.raises(MetadataError, match=r"zarr\.json: foo is"):
        parse_node({"zarr.json": group}, "")


def test_consolidated_metadata_is_kept_with_its_group():
    group = {"zarr_format": 3, "node_type": "group", "consolidated_metadata": None}
    assert parse_node({"zarr.json": dumped(group)}, "").consolidated is None
    inline = {"kind": "inline", "must_understand": False, "metadata": {"a": V3_ARRAY}}
    metadata = parse_node({"zarr.json": dumped({**group, "consolidated_metadata": inline})}, "")
    assert metadata.consolidated == inline
    assert json.loads(node_documents(metadata)["zarr.json"])["consolidated_metadata"] == inline


@pytest.mark.parametrize("names", [None, [], ["x"], ["x", "y", 3], "xyz"])
def test_v3_dimension_names_are_one_per_dimension(names):
    if names is None:
        assert parse_v3(dimension_names=None).dimension_names is None
    else:
        with pytest.raises(MetadataError, match="dimension_names"):
            parse_v3(dimension_names=names)


def test_every_dtype_can_be_an_array_in_v2():
    for dtype, codec in [("O", {"id": "pickle"}), ("|O", {"id": "vlen-array", "dtype": "<f8"})]:
        metadata = parse_v2(dtype=dtype, filters=[codec], fill_value=0)
        assert parse_node(node_documents(metadata), "") == metadata


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"shape": [10, -1, 7]}, ["shape[1] is -1", "expected an integer"]),
        ({"shape": [10, True, 7]}, ["shape is [10, True, 7]"]),
        ({"shape": [10, 1.0, 7]}, ["shape is [10, 1.0, 7]"]),
        ({"shape": [10, 2**64, 7]}, ["shape[1] is 18446744073709551616"]),
        ({"shape": "10"}, ["shape is '10'"]),
        ({"shape": [10, 1]}, ["chunk_shape", "has 3 dimensions"]),
        ({"shape": [10, 1, 7]}, ["chunk_shape[1] is 0"]),
        ({"zarr_format": True}, ["zarr_format is True", "expected 3"]),
        ({"zarr_format": 3.0}, ["zarr_format is 3.0"]),
        ({"zarr_format": 2}, ["zarr_format is 2"]),
        ({"node_type": "dataset"}, ["node_type is 'dataset'", "'array' or 'group'"]),
        ({"node_type": []}, ["node_type is []"]),
        ({"data_type": "int128"}, ["data_type: data type 'int128' is unknown", "float64"]),
        ({"data_type": None}, ["data_type is None"]),
        ({"fill_value": None}, ["fill_value: fill value null"]),
        ({"fill_value": True}, ["fill_value: fill value True", "expected a number"]),
        ({"chunk_grid": "regular"}, ["chunk_grid: chunk_shape is None"]),
        ({"chunk_grid": {"name": "hexagonal"}}, ["chunk_grid is", "one of regular"]),
        ({"chunk_grid": {"name": "regular", "chunk_shape": [1]}}, ["chunk_grid is"]),
        ({"chunk_grid": 5}, ["chunk_grid is 5"]),
        (
            {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, True, 1]}}},
            ["chunk_grid: chunk_shape[1] is True"],
        ),
        ({"chunk_key_encoding": "fanout"}, ["chunk_key_encoding is 'fanout'", "'default'"]),
        ({"chunk_key_encoding": "n5"}, ["chunk_key_encoding is 'n5'"]),
        (
            {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "-"}}},
            ["a separator of '/' or '.'"],
        ),
        (
            {"chunk_key_encoding": {"name": "v2", "configuration": {"separator": None}}},
            ["a separator of '/' or '.'"],
        ),
        ({"codecs": []}, ["codecs: codecs []", "exactly one"]),
        ({"codecs": {}}, ["codecs is {}"]),
        ({"codecs": [3]}, ["codecs: codec 3"]),
        ({"attributes": []}, ["attributes is []", "an object"]),
        ({"storage_transformers": [{"name": "x"}]}, ["storage_transformers is"]),
        ({"storage_transformers": None}, ["storage_transformers is None"]),
    ],
)
def test_a_wrong_v3_field_is_named_with_path_document_value_and_what_was_allowed(changes, words):
    with pytest.raises(MetadataError) as info:
        parse_v3(**changes)
    for word in ["a/b/zarr.json: ", *words]:
        assert word in str(info.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zarr_format": 3}, ["zarr_format is 3", "expected 2"]),
        ({"shape": [-1, 7]}, ["shape[0] is -1"]),
        ({"shape": 10}, ["shape is 10"]),
        ({"chunks": [4]}, ["chunk_shape"]),
        ({"chunks": [0, 7]}, ["chunk_shape[0] is 0"]),
        ({"chunks": None}, ["chunks is None"]),
        ({"dtype": "<f3"}, ["dtype: data type '<f3' is unknown"]),
        ({"dtype": 4}, ["dtype is 4"]),
        ({"dtype": "|O", "filters": None}, ["dtype: object arrays need an object codec"]),
        ({"dtype": "|O"}, ["dtype: codec 'delta' is no object codec"]),
        ({"fill_value": "nan"}, ["fill_value: fill value 'nan'"]),
        ({"order": "K"}, ["order is 'K'"]),
        ({"order": ["C"]}, ["order is ['C']"]),
        ({"dimension_separator": None}, ["dimension_separator is None"]),
        ({"compressor": "blosc"}, ["compressor: codec 'blosc'"]),
        ({"filters": {}}, ["filters is {}"]),
        ({"filters": [{}]}, ["filters: codec {}"]),
    ],
)
def test_a_wrong_v2_field_is_named_with_path_document_value_and_what_was_allowed(changes, words):
    with pytest.raises(MetadataError) as info:
        parse_v2(**changes)
    for word in ["a/b/.zarray: ", *words]:
        assert word in str(info.value)


@pytest.mark.parametrize(
    "name", "zarr_format node_type shape data_type chunk_grid chunk_key_encoding codecs".split()
)
def test_a_missing_v3_field_is_named(name):
    with pytest.raises(MetadataError, match=f"zarr.json: {name} is missing"):
        parse_node({"zarr.json": dumped(without(V3_ARRAY, name))}, "")


@pytest.mark.parametrize("name", ["zarr_format", "shape", "chunks", "dtype", "order"])
def test_a_missing_v2_field_is_named(name):
    with pytest.raises(MetadataError, match=f".zarray: {name} is missing"):
        parse_node({".zarray": dumped(without(V2_ARRAY, name))}, "")


def test_a_missing_v3_fill_value_is_an_error_and_a_missing_v2_one_undefined():
    with pytest.raises(MetadataError, match="fill_value is missing"):
        parse_node({"zarr.json": dumped(without(V3_ARRAY, "fill_value"))}, "")
    v2 = parse_node({".zarray": dumped(without(V2_ARRAY, "fill_value", "compressor"))}, "")
    assert v2.fill_value is None


def test_an_unknown_data_type_has_its_own_class():
    with pytest.raises(UnknownDataTypeError):
        parse_v3(data_type="int128")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"3",
        b'"zarr"',
        b"{",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"a": 1, "a": 2}',
        b'{"zarr_format": 1' + b"0" * 5000 + b"}",
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"attributes":' + b"[" * 200 + b"]" * 200 + b"}",
        '{"zarr_format": 3}'.encode("utf-16"),
    ],
    ids=lambda data: repr(data[:20]),
)
@pytest.mark.parametrize("name", document_keys())
def test_what_is_no_json_object_is_refused_and_located(name, data):
    documents = {".zgroup": b'{"zarr_format": 2}', name: data}
    with pytest.raises(MetadataError, match=f"a/b/{name}: "):
        parse_node(documents, "/a/b/")


def test_a_value_that_json_cannot_hold_is_a_usage_error():
    group = GroupMetadata(zarr_format=3, attributes={"a": object()})  # type: ignore[dict-item]
    with pytest.raises(UsageError, match="object object"):
        node_documents(group)
    loop: dict[str, Any] = {}
    loop["self"] = loop
    with pytest.raises(UsageError, match="JSON"):
        node_documents(GroupMetadata(zarr_format=2, attributes=loop))


def test_numpy_numbers_in_attributes_are_numbers():
    attributes: Any = {"i": np.int16(3), "f": np.float32(0.5), "b": np.bool_(True)}
    written = node_documents(GroupMetadata(zarr_format=2, attributes=attributes))[".zattrs"]
    assert json.loads(written) == {"i": 3, "f": 0.5, "b": True}


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["NaN", "", "0x7fc00000", "|O", "regular", "r8", "string", "struct"])
    | st.text(max_size=4),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "configuration", "id", "a"]), values, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a document."""
    found = [here] if here else []
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(child, (*here, key))
    return found


def changed(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    copy = json.loads(json.dumps(document))
    node = copy
    for key in place[:-1]:
        node = node[key]
    node[place[-1]] = value
    return copy


STRUCT = {
    **V3_ARRAY,
    "data_type": {
        "name": "struct",
        "configuration": {
            "fields": [
                {"name": "a", "data_type": "int8"},
                [
                    "b",
                    {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 1}},
                ],
            ]
        },
    },
    "fill_value": {"a": 1, "b": "NaT"},
}
RECORD = {
    **V2_ARRAY,
    "dtype": [["a", "<i4", [2]], ["b", [["c", "|S2"]]]],
    "fill_value": "AAAAAAAAAAAAAA==",
}
RAGGED = {
    **V2_ARRAY,
    "dtype": "|O",
    "filters": [{"id": "vlen-array", "dtype": "<i4"}],
    "fill_value": [1, 2],
}


DOCUMENTS = [
    ("zarr.json", V3_ARRAY),
    ("zarr.json", STRUCT),
    (".zarray", V2_ARRAY),
    (".zarray", RECORD),
    (".zarray", RAGGED),
]


def parsed_or_refused(name: str, data: bytes) -> Any:
    """The metadata, or the MetadataError, which says where; any other exception fails the test."""
    try:
        return parse_node({name: data}, "a")
    except MetadataError as error:
        return error


@given(st.data())
def test_a_changed_document_parses_or_raises_a_metadata_error(data):
    name, document = data.draw(st.sampled_from(DOCUMENTS))
    for place in data.draw(st.lists(st.sampled_from(places(document)), min_size=1, max_size=2)):
        with contextlib.suppress(KeyError, IndexError, TypeError):  # the first took it away
            document = changed(document, place, data.draw(JSON_VALUES))
    result = parsed_or_refused(name, dumped(document))
    if isinstance(result, MetadataError):
        assert str(result).startswith(f"a/{name}: ")
    else:
        assert parse_node(node_documents(result), "") == result


@given(st.data())
def test_fields_that_are_missing_or_unknown_are_no_other_error_either(data):
    name, document = data.draw(st.sampled_from(DOCUMENTS))
    document = without(document, *data.draw(st.sets(st.sampled_from(list(document)), max_size=2)))
    document.update(data.draw(st.dictionaries(st.text(max_size=3), JSON_VALUES, max_size=2)))
    parsed_or_refused(name, dumped(document))


@given(
    st.binary() | st.text().map(str.encode) | JSON_VALUES.map(dumped),
    st.sampled_from(document_keys()),
)
def test_any_bytes_parse_or_raise_a_metadata_error(data, name):
    parsed_or_refused(name, data)
