"""Documents that are alike are parsed once, and nobody notices."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from azarr.errors import MetadataError
from azarr.model import ArrayMetadata, Recent, parse_node, register_codec_kind

FIELDS: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [10],
    "data_type": "float64",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [5]}},
    "chunk_key_encoding": {"name": "default"},
    "fill_value": 0.0,
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
}


def parse(path: str = "a", **changes: Any) -> ArrayMetadata:
    text = json.dumps({**FIELDS, **changes}).encode()
    metadata = parse_node({"zarr.json": text}, path)
    assert isinstance(metadata, ArrayMetadata)
    return metadata


def parse_v2(separator: str = ".", **attributes: Any) -> ArrayMetadata:
    fields = {
        "zarr_format": 2,
        "shape": [10],
        "chunks": [5],
        "dtype": "<f8",
        "fill_value": 0.0,
        "order": "C",
        "filters": None,
        "compressor": None,
    }
    documents = {".zarray": json.dumps(fields).encode(), ".zattrs": json.dumps(attributes).encode()}
    metadata = parse_node(documents, "a", v2_separator=separator)  # type: ignore[arg-type]
    assert isinstance(metadata, ArrayMetadata)
    return metadata


def test_arrays_of_equal_documents_are_equal_and_have_attributes_of_their_own() -> None:
    first, second = (parse(attributes={"list": [1]}) for _ in range(2))
    assert first == second
    first.attributes["list"].append(2)  # type: ignore[union-attr]
    first.attributes["more"] = 3
    assert second.attributes == {"list": [1]}
    assert parse(attributes={"list": [1]}).attributes == {"list": [1]}
    assert parse().attributes == {}


def test_arrays_that_differ_in_attributes_differ_in_nothing_else() -> None:
    one, other = parse(attributes={"n": 1}), parse(attributes={"n": 2})
    assert (one.attributes, other.attributes) == ({"n": 1}, {"n": 2})
    assert one.with_attributes({"n": 2}) == other


def test_v2_attributes_and_the_separator_are_those_of_each_array() -> None:
    assert parse_v2(n=1).attributes == {"n": 1}
    assert parse_v2(n=2).attributes == {"n": 2}
    separators = [parse_v2(each).chunk_key_encoding.separator for each in "./."]
    assert separators == [".", "/", "."]


@pytest.mark.parametrize(("right", "wrong"), [([10], [10.0]), ([1], [True])])
def test_equal_json_of_another_type_is_still_refused(right: Any, wrong: Any) -> None:
    assert parse(shape=right).shape == tuple(right)
    with pytest.raises(MetadataError, match="shape"):
        parse(shape=wrong)


def test_zeros_of_both_signs_and_nan_stay_apart() -> None:
    values = [parse(fill_value=each).fill_value for each in (0.0, -0.0, "NaN", 0.0)]
    assert [str(each) for each in values] == ["0.0", "-0.0", "nan", "0.0"]


def test_an_error_names_the_path_of_each_node() -> None:
    for path in ("a", "b"):
        with pytest.raises(MetadataError, match=f"^{path}/zarr.json: "):
            parse(path, shape=[-1])


def test_a_fill_value_that_can_be_changed_in_place_is_not_shared() -> None:
    fields = {"fields": [["x", "int32"]]}
    data_type = {"name": "structured", "configuration": fields}
    first, second = (parse(data_type=data_type, fill_value={"x": 1}) for _ in range(2))
    first.fill_value["x"] = 2
    assert second.fill_value == np.array((1,), [("x", "i4")])[()]


def test_extensions_are_not_shared() -> None:
    first, second = (parse(other={"must_understand": False, "n": [1]}) for _ in range(2))
    assert first.extensions == second.extensions
    assert first.extensions["other"] is not second.extensions["other"]


def test_a_kind_that_is_registered_later_counts() -> None:
    codecs = [{"name": "example.alike"}, FIELDS["codecs"][0]]
    assert [spec.name for spec in parse(codecs=codecs).filters] == ["example.alike"]
    register_codec_kind("example.alike", "bytes->bytes")
    with pytest.raises(MetadataError, match="expected array->array codecs"):
        parse(codecs=codecs)


def test_what_is_kept_is_bounded() -> None:
    recent = Recent[int](10)
    for number in range(25):
        recent.put(number, number)
    assert [recent.get(number) for number in (9, 19, 20, 24)] == [None, None, 20, 24]
