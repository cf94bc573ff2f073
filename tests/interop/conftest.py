"""Other implementations, behind one interface: what they write and read for a case of the grid."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numcodecs
import numpy as np
import pytest
import tensorstore
import zarr


class Peer(Protocol):
    """Another implementation. A case has the attributes of `Case` in test_agreement.py."""

    def write(self, path: Path, case: Any, values: np.ndarray, region: Any) -> None:
        """Create the array of a case and write `values` to `region`, no other elements."""

    def read(self, path: Path, case: Any) -> np.ndarray:
        """All elements of the array at a path."""


class ZarrPython:
    def write(self, path: Path, case: Any, values: np.ndarray, region: Any) -> None:
        codecs: dict[str, Any] = {"compressors": list(case.compressors) or None}
        filters = [*case.filters]
        if case.zarr_format == 3:
            filters = [*_transpose(case), *filters]
            codecs |= {"serializer": dict(case.serializer)} if case.serializer else {}
            codecs["chunk_key_encoding"] = {"name": case.keys[0], "separator": case.keys[1]}
        else:
            filters = [numcodecs.get_codec(config) for config in filters]
            codecs["order"] = case.order
            codecs["chunk_key_encoding"] = {"name": "v2", "separator": case.keys[1]}
        if filters:
            codecs["filters"] = filters
        dtype = case.dtype
        if dtype is bytes:
            dtype = zarr.core.dtype.VariableLengthBytes()
        elif dtype is not str:
            dtype = np.dtype(dtype)
        with warnings.catch_warnings():  # it warns of every data type that v3 does not specify
            warnings.simplefilter("ignore")
            array = zarr.create_array(
                path,
                zarr_format=case.zarr_format,
                shape=case.shape,
                chunks=case.chunks,
                dtype=dtype,
                fill_value=case.fill_value,
                **codecs,
            )
            if values.size:
                array[region] = values

    def read(self, path: Path, case: Any) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = zarr.open_array(path, mode="r", zarr_format=case.zarr_format)
            return np.asarray(array[...])


class TensorStore:
    """Records are written and read field by field."""

    def write(self, path: Path, case: Any, values: np.ndarray, region: Any) -> None:
        document = self._v2(case) if case.zarr_format == 2 else self._v3(case)
        for name in values.dtype.names or [None]:
            spec = {**_driver(path, case, name), "metadata": document}
            store = tensorstore.open(spec, create=True, open=True).result()
            part = values if name is None else values[name]
            if part.size:
                store[region].write(part.astype(part.dtype.newbyteorder("="))).result()

    def read(self, path: Path, case: Any) -> np.ndarray:
        names = case.memory.names
        if names is None:
            return self._read(path, case, None)
        result = np.empty(case.shape, case.memory)
        for name in names:
            result[name] = self._read(path, case, name)
        return result

    def _read(self, path: Path, case: Any, field: str | None) -> np.ndarray:
        store = tensorstore.open(_driver(path, case, field), open=True, read=True).result()
        return np.asarray(store.read().result())

    def _v2(self, case: Any) -> dict[str, Any]:
        memory = case.memory
        return {
            "zarr_format": 2,
            "shape": case.shape,
            "chunks": case.chunks,
            "dtype": memory.str if memory.names is None else memory.descr,
            "order": case.order,
            "compressor": [*case.compressors, None][0],
            "filters": list(case.filters) or None,
            "fill_value": _json_v2(case),
            "dimension_separator": case.keys[1],
        }

    def _v3(self, case: Any) -> dict[str, Any]:
        endian = {"name": "bytes", "configuration": {"endian": "little"}}
        serializer = case.serializer or endian
        name, separator = case.keys
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": case.shape,
            "data_type": _data_type(case.memory),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": case.chunks}},
            "chunk_key_encoding": {"name": name, "configuration": {"separator": separator}},
            "fill_value": _json(case.fill_value, case.memory),
            "codecs": [*_transpose(case), *case.filters, serializer, *case.compressors],
        }


def _driver(path: Path, case: Any, field: str | None) -> dict[str, Any]:
    spec = {
        "driver": {2: "zarr", 3: "zarr3"}[case.zarr_format],
        "kvstore": {"driver": "file", "path": f"{path}/"},
    }
    return spec if field is None else {**spec, "field": field}


def _transpose(case: Any) -> list[dict[str, Any]]:
    """What "F" is in Zarr v3."""
    if case.order == "C" or len(case.shape) < 2:
        return []
    order = [*reversed(range(len(case.shape)))]
    return [{"name": "transpose", "configuration": {"order": order}}]


def _data_type(memory: np.dtype[Any]) -> Any:
    if memory.names is None:
        return memory.name
    fields = [{"name": name, "data_type": memory[name].name} for name in memory.names]
    return {"name": "struct", "configuration": {"fields": fields}}


def _json_v2(case: Any) -> Any:
    if case.fill_value is None or case.memory.kind not in "SV":
        return case.fill_value if case.fill_value is None else _json(case.fill_value, case.memory)
    return base64.b64encode(np.array(case.fill_value, case.memory).tobytes()).decode()


def _json(fill_value: Any, memory: np.dtype[Any]) -> Any:
    """The v3 fill value, of a number or a record."""
    if memory.names is not None:
        return {name: _json(fill_value[name], memory[name]) for name in memory.names}
    value = np.array(fill_value, memory)[()]
    if memory.kind == "c":
        return [_json(value.real, value.real.dtype), _json(value.imag, value.imag.dtype)]
    if memory.kind != "f" or np.isfinite(value):
        return value.item()
    for name in ("NaN", "Infinity", "-Infinity"):
        if value.tobytes() == memory.type(name).tobytes():
            return name
    return "0x" + np.array(value, memory.newbyteorder(">")).tobytes().hex()


PEERS: dict[str, Peer] = {"zarr-python": ZarrPython(), "tensorstore": TensorStore()}


@pytest.fixture
def peers() -> dict[str, Peer]:
    return PEERS


@pytest.fixture
def assert_equal() -> Callable[[np.ndarray, np.ndarray], None]:
    """Equal bit for bit, so that NaN is NaN and -0.0 is not 0.0; objects equal one by one."""

    def check(actual: np.ndarray, expected: np.ndarray) -> None:
        assert actual.shape == expected.shape
        if expected.dtype.hasobject:
            assert actual.tolist() == expected.tolist()
        elif actual.dtype.newbyteorder("=") == expected.dtype.newbyteorder("="):
            bits = np.ascontiguousarray(actual.astype(expected.dtype)).tobytes()
            assert bits == np.ascontiguousarray(expected).tobytes(), (actual, expected)
        else:
            pytest.fail(f"data type {actual.dtype}, expected {expected.dtype}")

    return check
