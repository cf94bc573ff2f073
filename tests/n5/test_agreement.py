"""Other implementations read what azarr writes as N5, and azarr what they write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import azarr

DTYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8")
SHAPES = {
    "blocks that do not divide the shape": ((7, 5), (3, 2)),
    "blocks that divide the shape": ((6, 4), (3, 2)),
    "one element": ((1,), (1,)),
    "a block larger than the array": ((2, 3), (5, 4)),
    "three dimensions": ((4, 3, 5), (3, 2, 2)),
    "many edges": ((3, 3, 3, 3), (2, 2, 2, 2)),
}
COMPRESSIONS = {
    "raw": {"type": "raw"},
    "gzip": {"type": "gzip", "level": 5, "useZlib": False},
    "gzip with the default level": {"type": "gzip", "level": -1, "useZlib": False},
    "gzip framed by zlib": {"type": "gzip", "level": 5, "useZlib": True},
    "bzip2": {"type": "bzip2", "blockSize": 9},
    "xz": {"type": "xz", "preset": 6},
    "zstd": {"type": "zstd", "level": 3},
    "blosc with lz4": {"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    "blosc with zstd": {
        "type": "blosc",
        "cname": "zstd",
        "clevel": 1,
        "shuffle": 2,
        "blocksize": 0,
    },
    "lz4 as z5 knows it": {"type": "lz4", "blockSize": 6},
}


def made_up(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    numbers = np.random.default_rng(seed).integers(1, 100, shape)
    return numbers.astype(dtype) + np.dtype(dtype).type(0.5 if dtype[0] == "f" else 0)


def supports(peer: Any, compression: dict[str, Any]) -> bool:
    # z5 knows no zlib framing in N5.
    by_name = compression["type"] in peer.compressions
    return by_name and not (compression.get("useZlib") and "lz4" in peer.compressions)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_peer_reads_what_azarr_writes(
    tmp_path: Path, peer: Any, compression: str, shape: str
) -> None:
    if not supports(peer, COMPRESSIONS[compression]):
        pytest.skip("the peer has no such compression")
    root = azarr.open_group(tmp_path / "data.n5", mode="w")
    extents, chunks = SHAPES[shape]
    for pad in (False, True):
        for dtype in DTYPES:
            name, values = f"{dtype}-{pad}", made_up(dtype, extents)
            with azarr.config.using(n5_pad_edges=pad):
                array = root.create_array(
                    name,
                    shape=extents,
                    chunks=chunks,
                    dtype=dtype,
                    compressors=COMPRESSIONS[compression],
                )
                array[...] = values
            found = peer.read(tmp_path / "data.n5", name)
            assert found.dtype == values.dtype
            assert found.tobytes() == values.tobytes(), (dtype, pad)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_azarr_reads_what_a_peer_writes(
    tmp_path: Path, peer: Any, compression: str, shape: str
) -> None:
    if not supports(peer, COMPRESSIONS[compression]):
        pytest.skip("the peer has no such compression")
    extents, chunks = SHAPES[shape]
    container = tmp_path / "data.n5"
    for dtype in DTYPES:
        values = made_up(dtype, extents)
        peer.write(container, dtype, values, chunks, COMPRESSIONS[compression])
        array = azarr.open_array(container, path=dtype, mode="r+")
        # z5 makes no block larger than the array.
        assert array.chunks in (chunks, tuple(map(min, chunks, extents)))
        assert (array.shape, array.dtype) == (extents, values.dtype)
        assert array[...].tobytes() == values.tobytes()


@pytest.mark.parametrize("compression", ["raw", "gzip", "blosc with lz4"])
def test_a_peer_reads_its_own_array_after_azarr_has_changed_a_part(
    tmp_path: Path, peer: Any, compression: str
) -> None:
    container, values = tmp_path / "data.n5", made_up("u2", (7, 5))
    peer.write(container, "a", values, (3, 2), COMPRESSIONS[compression])
    before = json.loads((container / "a" / "attributes.json").read_text())
    array = azarr.open_array(container, path="a", mode="r+")
    array[2:7, 1:5] = values[2:7, 1:5] = made_up("u2", (5, 4), 1)
    array.attrs["unit"] = "nm"
    assert peer.read(container, "a").tobytes() == values.tobytes()
    after = json.loads((container / "a" / "attributes.json").read_text())
    # Parameters that the peer has left out are written down.
    after["compression"] = {
        name: value for name, value in after["compression"].items() if name in before["compression"]
    }
    assert after == {**before, "unit": "nm"}


@pytest.mark.parametrize("compression", ["raw", "gzip"])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_peer_reads_blocks_that_a_writer_by_an_old_shape_has_changed(
    tmp_path: Path, peer: Any, compression: str, axis: int
) -> None:
    container, values = tmp_path / "data.n5", made_up("u2", (7, 5))
    peer.write(container, "a", values, (3, 3), COMPRESSIONS[compression])
    array = azarr.open_array(container, path="a", mode="r+")
    new = made_up("u2", (1, 5) if axis == 0 else (7, 1), 1)
    azarr.open_array(container, path="a", mode="r+").append(new, axis)
    array[2:7, 1:5] = values[2:7, 1:5] = made_up("u2", (5, 4), 2)
    expected = np.append(values, new, axis)
    assert peer.read(container, "a").tobytes() == expected.tobytes()


@pytest.mark.parametrize("compression", ["raw", "gzip"])
def test_a_peer_reads_an_array_that_was_made_smaller(
    tmp_path: Path, peer: Any, compression: str
) -> None:
    container, values = tmp_path / "data.n5", made_up("u2", (7, 7))
    peer.write(container, "a", values, (4, 4), COMPRESSIONS[compression])
    array = azarr.open_array(container, path="a", mode="r+")
    array.resize(6, 5)
    assert peer.read(container, "a").tobytes() == values[:6, :5].tobytes()
    array[4:, 3:] = values[4:6, 3:5] = 1
    assert peer.read(container, "a").tobytes() == values[:6, :5].tobytes()


def test_missing_blocks_are_zeros_for_a_peer(tmp_path: Path, peer: Any) -> None:
    container = tmp_path / "data.n5"
    root = azarr.open_group(container, mode="w")
    array = root.create_array("a", shape=(7, 5), chunks=(3, 2), dtype="i4")
    array[4, 3] = 1
    assert peer.read(container, "a").tolist() == array[...].tolist()


def test_azarr_reads_large_raw_lz4_blocks_of_z5(tmp_path: Path, z5: Any) -> None:
    values = np.arange(300000, dtype="u4").reshape(600, 500) // 7
    z5.write(tmp_path / "a.n5", "a", values, (300, 300), {"type": "lz4", "blockSize": 6})
    array = azarr.open_array(tmp_path / "a.n5", path="a", mode="r")
    assert (array[...] == values).all()


def test_zarr_2_sees_the_groups_and_attributes_of_azarr(tmp_path: Path, zarr2: Any) -> None:
    container = tmp_path / "data.n5"
    root = azarr.open_group(container, mode="w", attributes={"title": "x"})
    array = root.create_array("a/b", shape=(3,), dtype="u1", attributes={"unit": "s"})
    array[...] = 1
    assert zarr2.ask("tree", path=str(container)) == ["a", "a/b"]
    assert zarr2.ask("attributes", path=str(container), array="") == {"title": "x"}
    assert zarr2.ask("attributes", path=str(container), array="a/b") == {"unit": "s"}
    zarr2.ask("set_attributes", path=str(container), array="a/b", changes={"unit": "ms"})
    assert dict(azarr.open(container, path="a/b", mode="r").attrs) == {"unit": "ms"}


def test_zarr_2_reads_an_array_that_is_a_container(tmp_path: Path, zarr2: Any) -> None:
    values = made_up("f4", (5, 3))
    azarr.create_array(tmp_path / "a.n5", data=values, chunks=(2, 2))
    assert zarr2.read(tmp_path / "a.n5", "").tobytes() == values.tobytes()


def test_azarr_reads_every_numcodecs_codec_that_zarr_2_puts_into_n5(
    tmp_path: Path, zarr2: Any
) -> None:
    values = made_up("i4", (7, 5))
    np.save(tmp_path / "values.npy", values)
    for codec in ({"id": "lz4"}, {"id": "zstd", "level": 1}, {"id": "lzma", "format": 2}):
        zarr2.ask(
            "write",
            path=str(tmp_path / "data.n5"),
            array=codec["id"],
            shape=values.shape,
            chunks=(3, 2),
            dtype="<i4",
            compressor=codec,
            values=str(tmp_path / "values.npy"),
        )
        array = azarr.open_array(tmp_path / "data.n5", path=codec["id"], mode="r+")
        assert array[...].tobytes() == values.tobytes()
        array[:2] += 1
        assert zarr2.read(tmp_path / "data.n5", codec["id"]).tolist() == array[...].tolist()
