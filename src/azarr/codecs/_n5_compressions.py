"""The compressions of N5, `n5.<type>`: each is a codec that Zarr has too, by other names.

`lz4` alone has a framing of its own, see `_n5_lz4`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from azarr.codecs import _n5_lz4
from azarr.codecs._configuration import Field, integer, one_of, read
from azarr.codecs._numcodecs import PREFIX
from azarr.codecs._registry import find_codec
from azarr.codecs._stage import Codec, Memory, Stage
from azarr.errors import MetadataError, UnknownCodecError
from azarr.model import N5_COMPRESSIONS, CodecSpec, DataType, show
from azarr.typing import JSON

N5_PREFIX: Final = "n5."
_AUTOSHUFFLE: Final = -1

_Configuration: TypeAlias = Mapping[str, JSON]

_ZLIB_DEFAULT: Final = 6  # what zlib makes of -1, which Zarr's codecs do not know
_FORMAT_XZ, _CHECK_DEFAULT, _CHECK_CRC64 = 1, -1, 4  # of the module lzma

# What each parameter may be. Other parameters are ignored: Java writers add some.
_FIELDS: dict[str, dict[str, Field]] = {
    "gzip": {"level": integer(-1, 9), "useZlib": one_of(False, True)},
    "bzip2": {"blockSize": integer(1, 9)},
    "xz": {"preset": integer(0, 9)},
    "lz4": {"blockSize": integer(0, 2**25)},
    "zstd": {"level": integer(-131072, 22)},
}


def _gzip(settings: dict[str, Any]) -> CodecSpec:
    name = "zlib" if settings["useZlib"] else "gzip"
    level = settings["level"]
    return CodecSpec(PREFIX + name, {"level": _ZLIB_DEFAULT if level == -1 else level})


def _xz(settings: dict[str, Any]) -> CodecSpec:
    configuration = {"format": _FORMAT_XZ, "check": _CHECK_DEFAULT, "filters": None}
    return CodecSpec(PREFIX + "lzma", {**configuration, "preset": settings["preset"]})


def _blosc(settings: dict[str, Any]) -> CodecSpec:
    # n5-blosc compresses with a type size of 1 whatever the parameter says; the other writers use
    # the size of an element, and so does azarr.
    kept = ("cname", "clevel", "shuffle", "blocksize")
    return CodecSpec(PREFIX + "blosc", {name: settings[name] for name in kept})


_TO_NUMCODECS: dict[str, Callable[[dict[str, Any]], CodecSpec]] = {
    "gzip": _gzip,
    "bzip2": lambda settings: CodecSpec(PREFIX + "bz2", {"level": settings["blockSize"]}),
    "xz": _xz,
    # Of zarr-python 2: whatever lzma settings are not those of xz, as numcodecs names them.
    "lzma": lambda settings: CodecSpec(PREFIX + "lzma", settings),
    "lz4": lambda settings: CodecSpec(PREFIX + "lz4", {"acceleration": 1}),
    "zstd": lambda settings: CodecSpec(PREFIX + "zstd", {"level": settings["level"]}),
    "blosc": _blosc,
}


def numcodecs_spec(spec: CodecSpec) -> CodecSpec:
    """What numcodecs calls a compression of N5. (The bytes of `lz4` are framed otherwise.)"""
    kind, configuration = spec.name.removeprefix(N5_PREFIX), dict(spec.configuration)
    if "id" in configuration:
        # zarr-python 2 stores with any codec of numcodecs, and writes down its configuration.
        return CodecSpec.from_v2(configuration)
    translate = _TO_NUMCODECS.get(kind)
    if translate is None:
        raise UnknownCodecError(
            f"unknown N5 compression {show(kind)}; known are {', '.join(N5_COMPRESSIONS)}. "
            f"Others can be added with register_codec('{N5_PREFIX}{kind}', ...)"
        )
    settings = {**N5_COMPRESSIONS.get(kind, {}), **configuration}
    fields = _FIELDS.get(kind)
    if fields is not None:
        known = CodecSpec(spec.name, {name: settings[name] for name in fields})
        settings = read(known, fields)
    return translate(settings)


def _compile(spec: CodecSpec, before: Memory) -> Stage:
    translated = numcodecs_spec(spec)
    return find_codec(translated.name).compile(translated, before)


def _compile_lz4(spec: CodecSpec, before: Memory) -> Stage:
    if "id" in spec.configuration:
        return _compile(spec, before)
    numcodecs_spec(spec)  # checks the parameters
    settings = {**N5_COMPRESSIONS["lz4"], **spec.configuration}
    return _n5_lz4.LZ4.compile(CodecSpec(spec.name, {"blockSize": settings["blockSize"]}), before)


ANY = Codec("bytes->bytes", _compile)
LZ4 = Codec("bytes->bytes", _compile_lz4)


def _from_lzma(configuration: _Configuration) -> _Configuration | None:
    plain = (
        configuration.get("format", _FORMAT_XZ) == _FORMAT_XZ
        and configuration.get("check", _CHECK_DEFAULT) in (_CHECK_DEFAULT, _CHECK_CRC64)
        and configuration.get("filters") is None
    )
    preset = configuration.get("preset")
    return {"preset": 6 if preset is None else preset} if plain else None


def _from_zstd(configuration: _Configuration) -> _Configuration | None:
    return None if configuration.get("checksum") else {"level": configuration.get("level", 0)}


def _from_blosc(configuration: _Configuration) -> _Configuration:
    defaults: dict[str, JSON] = {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}
    return {name: configuration.get(name, default) for name, default in defaults.items()}


# By numcodecs id: the N5 type, and its parameters; None where N5 cannot say what is asked for.
_FROM_NUMCODECS: dict[str, tuple[str, Callable[[_Configuration], _Configuration | None]]] = {
    "gzip": ("gzip", lambda c: {"level": c.get("level", 1), "useZlib": False}),
    "zlib": ("gzip", lambda c: {"level": c.get("level", 1), "useZlib": True}),
    "bz2": ("bzip2", lambda c: {"blockSize": c.get("level", 1)}),
    "lzma": ("xz", _from_lzma),
    "lz4": ("lz4", lambda c: {}),
    "zstd": ("zstd", _from_zstd),
    "blosc": ("blosc", _from_blosc),
}


def n5_spec(spec: CodecSpec, data_type: DataType | None = None) -> CodecSpec:
    """The compression of N5 that a codec of numcodecs, or of N5, is; with all its parameters.

    `data_type` decides about blosc's automatic shuffle, which N5 does not know.

    Raises:
        MetadataError: N5 has none.
    """
    if spec.name.startswith(N5_PREFIX):
        kind = spec.name.removeprefix(N5_PREFIX)
        return CodecSpec(spec.name, {**N5_COMPRESSIONS.get(kind, {}), **spec.configuration})
    kind, translate = _FROM_NUMCODECS.get(spec.numcodecs_id or "", ("", lambda _: None))
    configuration = translate(spec.configuration)
    if configuration is None:
        raise MetadataError(
            f"codec {spec.name!r} with {show(dict(spec.configuration))} cannot be written in N5, "
            f"which has {', '.join(N5_COMPRESSIONS)}"
        )
    complete = {**N5_COMPRESSIONS[kind], **configuration}
    if complete.get("shuffle") == _AUTOSHUFFLE:
        complete["shuffle"] = 2 if data_type is not None and data_type.itemsize == 1 else 1
    return CodecSpec(N5_PREFIX + kind, complete)
