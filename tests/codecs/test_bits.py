"""The registered codecs on bits agree with the examples of their specifications."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from azarr.errors import DecodeError

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}


def packbits(**configuration: Any) -> dict[str, Any]:
    return {"name": "packbits", "configuration": configuration}


def test_booleans_are_packed_least_significant_bit_first(v3: Any) -> None:
    chunk = np.array([1, 0, 1, 1, 0, 0, 0, 0, 1, 1], bool)
    assert v3("bool", (10,), packbits()).encode(chunk) == b"\x0d\x03"
    assert v3("bool", (10,), packbits(padding_encoding="first_byte")).encode(chunk) == (
        b"\x06\x0d\x03"
    )
    assert v3("bool", (10,), packbits(padding_encoding="last_byte")).encode(chunk) == (
        b"\x0d\x03\x06"
    )


@pytest.mark.parametrize("dtype", ["bool", "i1", "u1", "i2", "u4", "i8", "f4", "f8", "c8"])
@pytest.mark.parametrize("padding", ["none", "first_byte", "last_byte"])
def test_all_bits_come_back(v3: Any, measurements: Any, dtype: str, padding: str) -> None:
    chunk = measurements("i2", (3, 5)).astype("i1").astype(dtype)
    pipeline = v3(dtype, (3, 5), packbits(padding_encoding=padding))
    assert np.array_equal(pipeline.decode(pipeline.encode(chunk)), chunk)


@given(first=st.integers(0, 15), width=st.integers(1, 16), seed=st.integers(0, 99))
@pytest.mark.parametrize("dtype", ["u2", "i2"])
def test_a_range_of_bits_comes_back_and_signs_are_extended(
    v3: Any, dtype: str, first: int, width: int, seed: int
) -> None:
    last = min(first + width - 1, 15)
    bits = last - first + 1
    low = -(2 ** (bits - 1)) if dtype == "i2" else 0
    values = np.random.default_rng(seed).integers(low, low + 2**bits, 20)
    chunk = (values * 2**first).astype(dtype)
    pipeline = v3(dtype, (20,), packbits(first_bit=first, last_bit=last))
    encoded = pipeline.encode(chunk)
    assert len(encoded) == -(-20 * bits // 8)
    assert np.array_equal(pipeline.decode(encoded), chunk)


def test_packed_bits_of_the_wrong_length_or_padding_are_refused(v3: Any) -> None:
    pipeline = v3("bool", (10,), packbits(padding_encoding="first_byte"))
    for data in (b"", b"\x06\x0d", b"\x06\x0d\x03\x00", b"\x05\x0d\x03"):
        with pytest.raises(DecodeError, match="packbits"):
            pipeline.decode(data)


def rounded(v3: Any, values: Any, keep: int) -> Any:
    codec = {"name": "bitround", "configuration": {"keepbits": keep}}
    pipeline = v3(values.dtype, values.shape, codec, LITTLE)
    return pipeline.decode(pipeline.encode(values))


def test_integers_are_rounded_as_in_the_sample_data(v3: Any) -> None:
    # zarr-extensions, codecs/bitround/sample_data
    values = np.array([0, 1, 10, 11, 100, 123, 200, 208, 209, 255], "u1")
    expected = [0, 1, 10, 12, 96, 128, 192, 192, 224, 224]
    assert rounded(v3, values, 3).tolist() == expected


def test_floats_are_rounded_as_in_the_sample_data(v3: Any) -> None:
    values = np.array([0, 0.1, 1.2, 12.3, 123.4, 1234.5, np.nan, np.inf, -np.inf], "f4")
    expected = np.array([0, 0.1015625, 1.25, 12, 120, 1280, np.nan, np.inf, -np.inf], "f4")
    assert rounded(v3, values, 3).tobytes() == expected.tobytes()


def test_signed_integers_are_rounded_by_their_magnitude(v3: Any) -> None:
    values = np.array([-128, -127, -11, -1, 0, 11, 126, 127], "i1")
    assert rounded(v3, values, 3).tolist() == [-128, -112, -12, -1, 0, 12, 112, 112]
    times = np.array([1234567, -1234567], "M8[s]")
    assert rounded(v3, times, 3).astype("i8").tolist() == [1310720, -1310720]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "c16", "i4", "u8"])
def test_keeping_every_bit_changes_nothing(v3: Any, measurements: Any, dtype: str) -> None:
    values = (measurements("i4", (50,)) / 3 + 20).astype(dtype)
    assert np.array_equal(rounded(v3, values, 64), values)
    assert np.allclose(rounded(v3, values, 6), values, rtol=2**-6)
