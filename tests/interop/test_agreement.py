"""What azarr writes is read equal by other implementations, and the reverse, over a grid.

Only a part of each array is written, so every case also shows the fill value and a partial chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore

import azarr

JSONObject = dict[str, Any]
RECORD = [("a", "<i2"), ("b", "<f4")]
NESTED = [("a", "<i2"), ("n", [("x", ">f8"), ("y", "S3")])]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One array. Codecs are objects as in the format's own documents."""

    id: str
    zarr_format: int
    dtype: Any = "<i4"
    shape: tuple[int, ...] = (7, 5)
    chunks: tuple[int, ...] = (3, 2)
    order: str = "C"
    keys: tuple[str, str] = ("", "")
    fill_value: Any = 7
    filters: tuple[JSONObject, ...] = ()
    serializer: JSONObject | None = None
    compressors: tuple[JSONObject, ...] = ()

    def __post_init__(self) -> None:
        if not self.keys[0]:
            keys = ("v2", ".") if self.zarr_format == 2 else ("default", "/")
            object.__setattr__(self, "keys", keys)

    @property
    def region(self) -> Any:
        """Two thirds of the first axis, which is no multiple of the chunks."""
        return (slice(0, -(-2 * self.shape[0] // 3)),) if self.shape else ()

    @property
    def memory(self) -> np.dtype[Any]:
        """The data type in memory; v3 does not know byte orders."""
        if self.dtype in (str, bytes):
            return np.dtype(object)
        dtype = np.dtype(self.dtype)
        return dtype if self.zarr_format == 2 else dtype.newbyteorder("=")

    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """The values to be written to `region`, and all elements of the array then."""
        memory = self.memory
        expected = np.empty(self.shape, memory)
        filling = np.zeros((), memory) if self.fill_value is None else self.fill_value
        expected[...] = np.asarray(filling, memory)
        expected[self.region] = values(memory, expected[self.region].shape, self.dtype)
        return expected[self.region].copy(), expected


def values(memory: np.dtype[Any], shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Elements that are easily spoilt first, then arbitrary ones."""
    count = prod(shape)
    if memory.names is not None:
        result = np.empty(count, memory)
        for name in memory.names:
            inner, more = memory[name].subdtype or (memory[name], ())
            result[name] = values(inner, (count, *more), inner)
        return result.reshape(shape)
    random = np.random.default_rng(count)
    arbitrary = np.frombuffer(random.bytes(count * memory.itemsize), f"V{memory.itemsize}")
    match memory.kind:
        case "O" | "S" | "U":
            text = np.array(["", "a", "ä€𝄞", "longer than that", "0"], object)
            encode = dtype is bytes or memory.kind == "S"
            several = [word.encode() if encode else word for word in text]
            result = np.resize(np.array(several, object), count).astype(memory)
        case "b":
            result = np.arange(count) % 3 == 0
        case "f" | "c":
            special = [np.nan, -0.0, 0.0, np.inf, -np.inf, 1.5, np.finfo(memory).smallest_subnormal]
            if memory.kind == "c":
                special = [complex(1, np.nan), complex(-0.0, np.inf), *special]
            several = [*special, *random.normal(size=count)]
            result = np.array(several[:count], memory)
        case "m" | "M":
            result = np.array(["NaT", *range(-2, count)][:count], memory.str)
        case _:
            result = arbitrary.view(memory)
    return result.reshape(shape)


def data_type_cases() -> Iterator[Case]:
    small = {"shape": (11,), "chunks": (4,)}
    for name in "b1 i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 c8 c16".split():
        for version, order in ((2, "<"), (2, ">"), (3, "<")):
            if name[1:] == "1" and order == ">":
                continue
            fill = {"b": True, "f": 1.5, "c": 1.5 - 2j}.get(name[0], 100)
            yield Case(
                id=f"{order}{name}",
                zarr_format=version,
                dtype=order + name,
                fill_value=fill,
                **small,
            )
    others = {
        "M8[s]": ("<M8[s]", np.datetime64("2001-02-03T04:05:06")),
        "M8[10ms]": ("<M8[10ms]", np.datetime64("NaT", "ms")),
        "m8[D]": ("<m8[D]", np.timedelta64(-3, "D")),
        "S4": ("S4", b"fill"),
        "S4 padded": ("S4", b"f"),
        "U5": ("<U5", "fill"),
        "V3": ("V3", np.void(b"abc")),
        "str": (str, "fill"),
        "bytes": (bytes, b"fill"),
        "record": (RECORD, np.array((7, 1.5), RECORD)[()]),
        "nested record": (NESTED, np.array((7, (1.5, b"abc")), NESTED)[()]),
    }
    for (name, (dtype, fill)), version in product(others.items(), (2, 3)):
        if isinstance(dtype, list) and version == 3:  # zarr-python writes the other byte order
            dtype = np.dtype(dtype).newbyteorder("=")
            fill = fill.astype(dtype)
        yield Case(id=name, zarr_format=version, dtype=dtype, fill_value=fill, **small)
    for name, fill in {">M8[ns]": np.datetime64(5, "ns"), ">U5": "fill"}.items():
        yield Case(id=name, zarr_format=2, dtype=name, fill_value=fill, **small)
    subarray = [("a", "u1"), ("b", "<f4", (2, 3))]
    zeros = np.zeros((), subarray)[()]
    yield Case(id="sub-array", zarr_format=2, dtype=subarray, fill_value=zeros, **small)


def fill_value_cases() -> Iterator[Case]:
    nan = float("nan")
    odd = {
        "f2": (nan, -0.0, float("inf"), 6e-8),
        "f4": (nan, -0.0, float("inf"), float("-inf"), 0.1),
        "f8": (nan, -0.0, float("inf"), float("-inf"), 0.1, 5e-324),
        "c8": (complex(nan, -0.0), complex(float("-inf"), nan)),
        "c16": (complex(nan, -0.0), complex(float("inf"), 0.1)),
        "i8": (-(2**63), 2**63 - 1),
        "u8": (2**64 - 1,),
    }
    for (name, fills), version in product(odd.items(), (2, 3)):
        for fill in fills:
            yield Case(
                id=f"{name} {fill}",
                zarr_format=version,
                dtype=f"<{name}",
                fill_value=np.dtype(name).type(fill) if name == "f2" else fill,
            )
    payload = np.array([0x7FC00123], "u4").view("f4")[0]
    yield Case(id="NaN with a payload", zarr_format=3, dtype="<f4", fill_value=payload)
    for name in ("b1", "i4", "f8"):
        yield Case(id=f"{name} undefined", zarr_format=2, dtype=f"<{name}", fill_value=None)


def layout_cases() -> Iterator[Case]:
    shapes = {
        "0-d": ((), ()),
        "empty": ((0,), (2,)),
        "empty axis": ((3, 0, 2), (2, 1, 2)),
        "one element": ((1,), (1,)),
        "one element in larger chunk": ((1, 1), (4, 3)),
        "chunk larger": ((5, 4), (9, 9)),
        "chunks that divide": ((6, 4), (3, 2)),
        "chunks that do not": ((4, 3, 5), (3, 3, 2)),
    }
    keys = {
        2: [("v2", "."), ("v2", "/")],
        3: [("default", "/"), ("default", "."), ("v2", "."), ("v2", "/")],
    }
    for version, (name, (shape, chunks)), order in product((2, 3), shapes.items(), "CF"):
        for encoding in keys[version]:
            yield Case(
                id=f"{name} {order} {''.join(encoding)}",
                zarr_format=version,
                shape=shape,
                chunks=chunks,
                order=order,
                keys=encoding,
            )


def codec_cases_v2() -> Iterator[Case]:
    compressors: list[JSONObject] = [
        *(
            {"id": "blosc", "cname": cname, "clevel": 5, "shuffle": shuffle, "blocksize": 0}
            for cname in ("lz4", "lz4hc", "zstd", "zlib", "blosclz")
            for shuffle in (0, 1, 2)
        ),
        {"id": "zlib", "level": 1},
        {"id": "gzip", "level": 5},
        {"id": "bz2", "level": 1},
        {"id": "zstd", "level": 3},
        {"id": "lz4", "acceleration": 1},
        {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": None},
    ]
    for config in compressors:
        name = " ".join(str(config[key]) for key in ("id", "cname", "shuffle") if key in config)
        yield Case(id=name, zarr_format=2, compressors=(config,))
    shuffle = {"id": "shuffle", "elementsize": 4}
    delta = {"id": "delta", "dtype": "<i4", "astype": "<i4"}
    filters: dict[str, tuple[JSONObject, ...]] = {
        "delta": (delta,),
        "delta, shuffle": (delta, shuffle),
        "astype": ({"id": "astype", "encode_dtype": "<i8", "decode_dtype": "<i4"},),
        **{name: ({"id": name},) for name in ("crc32", "crc32c", "adler32", "fletcher32")},
        "jenkins_lookup3": ({"id": "jenkins_lookup3", "initval": 0, "prefix": None},),
    }
    for (name, chain), compressor in product(filters.items(), ((), ({"id": "zlib", "level": 1},))):
        suffix = ", zlib" if compressor else ""
        yield Case(id=name + suffix, zarr_format=2, filters=chain, compressors=compressor)
    yield Case(
        id="packbits", zarr_format=2, dtype="|b1", fill_value=True, filters=({"id": "packbits"},)
    )
    for name in ("str", "bytes"):
        dtype, fill = {"str": (str, "fill"), "bytes": (bytes, b"fill")}[name]
        yield Case(
            id=f"{name} zstd",
            zarr_format=2,
            dtype=dtype,
            fill_value=fill,
            compressors=({"id": "zstd", "level": 0},),
        )


def codec_cases_v3() -> Iterator[Case]:
    def codec(name: str, **configuration: Any) -> JSONObject:
        return {"name": name, "configuration": configuration}

    crc32c, zstd = {"name": "crc32c"}, codec("zstd", level=3, checksum=False)
    chains: dict[str, tuple[JSONObject, ...]] = {
        f"blosc {cname} {shuffle}": (
            codec("blosc", cname=cname, clevel=5, shuffle=shuffle, typesize=4, blocksize=0),
        )
        for cname in ("lz4", "lz4hc", "zstd", "zlib", "blosclz")
        for shuffle in ("noshuffle", "shuffle", "bitshuffle")
    }
    chains |= {
        "gzip": (codec("gzip", level=5),),
        "zstd": (zstd,),
        "zstd checksum": (codec("zstd", level=-5, checksum=True),),
        "crc32c": (crc32c,),
        "zstd, crc32c": (zstd, crc32c),
        "crc32c, gzip": (crc32c, codec("gzip", level=1)),
        "numcodecs.zlib": (codec("numcodecs.zlib", level=1),),
        "numcodecs.bz2": (codec("numcodecs.bz2", level=1),),
        "numcodecs.lz4": (codec("numcodecs.lz4", acceleration=1),),
        "numcodecs.lzma": (codec("numcodecs.lzma", format=1, check=-1, preset=None, filters=None),),
        "numcodecs.zstd": (codec("numcodecs.zstd", level=1),),
        "numcodecs.shuffle": (codec("numcodecs.shuffle", elementsize=4),),
        "numcodecs.crc32": (codec("numcodecs.crc32"),),
        "numcodecs.adler32": (codec("numcodecs.adler32"),),
        "numcodecs.fletcher32": (codec("numcodecs.fletcher32"),),
    }
    for name, chain in chains.items():
        yield Case(id=name, zarr_format=3, compressors=chain)
    big = codec("bytes", endian="big")
    for name in ("i2", "f4", "c16"):
        yield Case(id=f"big endian {name}", zarr_format=3, dtype=f"<{name}", serializer=big)
    yield Case(
        id="transpose",
        zarr_format=3,
        shape=(4, 3, 5),
        chunks=(3, 2, 4),
        filters=(codec("transpose", order=[1, 2, 0]),),
        serializer=big,
        compressors=(zstd,),
    )
    little = codec("bytes", endian="little")
    shards: dict[str, JSONObject] = {
        "index at end": {},
        "index at start": {"index_location": "start"},
        "index without checksum": {"index_codecs": [little]},
        "inner chunks compressed": {"codecs": [big, zstd]},
        "nested": {"codecs": [codec("sharding_indexed", chunk_shape=[1, 2], codecs=[little])]},
    }
    for (name, changes), order in product(shards.items(), "CF"):
        configuration = {
            "chunk_shape": [2, 2],
            "codecs": [little],
            "index_codecs": [little, crc32c],
            "index_location": "end",
            **changes,
        }
        if name == "nested":
            configuration["codecs"][0]["configuration"] |= {"index_codecs": [little, crc32c]}
        yield Case(
            id=f"shards {name} {order}",
            zarr_format=3,
            chunks=(4, 4),
            order=order,
            serializer=codec("sharding_indexed", **configuration),
        )
    delta = codec("numcodecs.delta", dtype="<i4", astype="<i4")
    yield Case(id="numcodecs.delta", zarr_format=3, filters=(delta,), compressors=(zstd,))
    for name in ("str", "bytes"):
        dtype, fill = {"str": (str, "fill"), "bytes": (bytes, b"fill")}[name]
        yield Case(
            id=f"{name} zstd", zarr_format=3, dtype=dtype, fill_value=fill, compressors=(zstd,)
        )


CASES = {
    f"v{case.zarr_format} {case.id}": case
    for cases in (
        data_type_cases,
        fill_value_cases,
        layout_cases,
        codec_cases_v2,
        codec_cases_v3,
    )
    for case in cases()
}


@dataclass(frozen=True)
class Limit:
    """Cases that a peer cannot do.

    Attributes:
        direction: "reads" or "writes" where it is only one of them.
    """

    peer: str
    reason: str
    applies: Callable[[Case], bool]
    direction: str = ""


LIMITS = [
    Limit("zarr-python", "reads no sub-arrays", lambda case: case.id == "sub-array"),
    Limit(
        "zarr-python",
        "does not read nested records, not even its own",
        lambda case: (case.zarr_format, case.id) == (2, "nested record"),
        "reads",
    ),
    Limit(
        "zarr-python",
        "3.1 knows records by its own name only, not by the registered name 'struct'",
        lambda case: case.zarr_format == 3 and "record" in case.id,
        "reads",
    ),
    Limit(
        "zarr-python",
        "knows raw bits by its own name only, not by the specified name 'r24'",
        lambda case: (case.zarr_format, case.id) == (3, "V3"),
        "reads",
    ),
    Limit(
        "zarr-python",
        "writes every NaN as the standard one",
        lambda case: case.id == "NaN with a payload",
        "writes",
    ),
    Limit("tensorstore", "has no datetimes", lambda case: case.memory.kind in "mM"),
    Limit("tensorstore", "has no Unicode strings", lambda case: case.memory.kind == "U"),
    Limit("tensorstore", "has no elements of variable length", lambda case: case.memory.hasobject),
    Limit("tensorstore", "has no nested records", lambda case: case.id == "nested record"),
    Limit(
        "tensorstore",
        "gives NumPy single bytes and characters of length 0 for bytes; v3 has none",
        lambda case: case.memory.kind in "SV" and case.memory.names is None,
    ),
    Limit(
        "tensorstore",
        "has no filters in v2",
        lambda case: case.zarr_format == 2 and bool(case.filters),
    ),
    Limit(
        "tensorstore",
        "has neither lz4 nor lzma",
        lambda case: case.zarr_format == 2 and case.id in ("lz4", "lzma"),
    ),
    Limit(
        "tensorstore",
        "has no codecs of numcodecs in v3 (azarr writes zstd as the codec that v3 has)",
        lambda case: case.id.startswith("numcodecs.") and case.id != "numcodecs.zstd",
    ),
    Limit(
        "tensorstore",
        "has no codecs of numcodecs in v3",
        lambda case: case.id == "numcodecs.zstd",
        "writes",
    ),
    Limit(
        "tensorstore",
        "creates no array of less than two dimensions with order F",
        lambda case: case.zarr_format == 2 and case.order == "F" and len(case.shape) < 2,
        "writes",
    ),
]


def _limit(peer: str, case: Case, direction: str) -> Limit | None:
    for limit in LIMITS:
        same = limit.peer == peer and limit.direction in ("", direction)
        if same and limit.applies(case):
            return limit
    return None


def _grid(direction: str) -> list[Any]:
    return [
        pytest.param(peer, case, id=f"{peer} {name}")
        for peer in ("zarr-python", "tensorstore")
        for name, case in CASES.items()
        if _limit(peer, case, direction) is None
    ]


def write(path: Path, case: Case) -> np.ndarray:
    """Write a case with azarr; returns all elements."""
    codecs: JSONObject = {"serializer": case.serializer} if case.serializer else {}
    if case.filters:
        codecs["filters"] = list(case.filters)
    name, separator = case.keys
    array = azarr.create_array(
        path,
        zarr_format=case.zarr_format,
        shape=case.shape,
        chunks=case.chunks,
        dtype=case.dtype,
        fill_value=case.fill_value,
        order=case.order,
        compressors=list(case.compressors) or None,
        chunk_key_encoding={"name": name, "configuration": {"separator": separator}},
        **codecs,
    )
    part, expected = case.parts()
    if part.size:
        array[case.region] = part
    return expected


def read(path: Path, case: Case, assert_equal: Any) -> None:
    """Read a case with azarr, which keeps data type, layout and fill value."""
    _, expected = case.parts()
    array = azarr.open_array(path, mode="r", zarr_format=case.zarr_format)
    assert (array.shape, array.dtype) == (case.shape, expected.dtype)
    assert array.metadata.chunk_shape == case.chunks
    result = np.asarray(array[...])
    assert result.dtype == expected.dtype
    assert_equal(result, expected)
    if case.fill_value is None:
        assert array.fill_value is None
    else:
        assert_equal(
            np.asarray(array.fill_value, expected.dtype),
            np.asarray(case.fill_value, expected.dtype),
        )


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_what_azarr_writes_it_reads_equal(tmp_path: Path, case: Case, assert_equal: Any) -> None:
    write(tmp_path, case)
    read(tmp_path, case, assert_equal)


@pytest.mark.parametrize(("peer", "case"), _grid("reads"))
def test_what_azarr_writes_a_peer_reads_equal(
    tmp_path: Path, peer: str, case: Case, peers: Any, assert_equal: Any
) -> None:
    expected = write(tmp_path, case)
    assert_equal(peers[peer].read(tmp_path, case), expected)


@pytest.mark.parametrize(("peer", "case"), _grid("writes"))
def test_what_a_peer_writes_azarr_reads_equal(
    tmp_path: Path, peer: str, case: Case, peers: Any, assert_equal: Any
) -> None:
    part, _ = case.parts()
    peers[peer].write(tmp_path, case, part, case.region)
    read(tmp_path, case, assert_equal)


@pytest.mark.xfail(strict=False, reason="limits of other implementations; without them they can go")
@pytest.mark.parametrize("limit", [pytest.param(row, id=row.reason) for row in LIMITS])
def test_a_limit_of_a_peer_is_not_there_any_more(
    tmp_path: Path, limit: Limit, peers: Any, assert_equal: Any
) -> None:
    case = next(case for case in CASES.values() if limit.applies(case))
    peer = peers[limit.peer]
    if limit.direction == "writes":
        peer.write(tmp_path, case, case.parts()[0], case.region)
        read(tmp_path, case, assert_equal)
    else:
        expected = write(tmp_path, case)
        assert_equal(peer.read(tmp_path, case), expected)


@pytest.mark.parametrize("fill_value", [b"", b"f", b"fill"])
def test_tensorstore_opens_byte_strings_whatever_their_fill_value(
    tmp_path: Path, fill_value: bytes
) -> None:
    azarr.create_array(tmp_path, zarr_format=2, shape=3, dtype="S4", fill_value=fill_value)
    kvstore = {"driver": "file", "path": f"{tmp_path}/"}
    store = tensorstore.open({"driver": "zarr", "kvstore": kvstore}, open=True).result()
    assert store.shape == (3, 4)
