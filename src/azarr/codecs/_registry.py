"""Codecs by name: those of azarr, those a program registers, those that packages offer.

A package offers codecs through entry points of the group "azarr.codecs": the name of the entry
point is the codec's name in the metadata, its object a `Codec`. They are looked up only for names
that nothing else has claimed, so installing a package can never change how existing data read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import Any

from azarr.codecs._stage import Codec
from azarr.errors import UnknownCodecError, UsageError
from azarr.model import register_codec_kind

ENTRY_POINT_GROUP = "azarr.codecs"

_codecs: dict[str, Codec] = {}
_built_in: dict[str, str] = {}


def register_codec(name: str, codec: Codec) -> None:
    """Make `codec` known under `name`, in place of any codec of that name in this process.

    Register before opening arrays: a document whose codecs are not known cannot be put in order.

    Args:
        name: as in the metadata. In Zarr v2 the codec `{"id": "x"}` has the name "numcodecs.x". A
            name that ends in ".*" stands for every name with that beginning, unless a codec has
            the full name.
        codec: its kind and how to compile it.

    Example:
        >>> from azarr.codecs import Codec, Stage, register_codec
        >>> def compile_flip(spec, before):
        ...     flip = lambda data: bytes(data)[::-1]
        ...     return Stage(after=before, encode=flip, decode=flip)
        >>> register_codec("example.flip", Codec("bytes->bytes", compile_flip))
    """
    if not isinstance(codec, Codec):
        raise UsageError(f"codec {name!r} must be an azarr.codecs.Codec, not {codec!r}")
    _codecs[name] = codec
    register_codec_kind(name, codec.kind)


def add_built_in(codecs: Mapping[str, str]) -> None:
    """Make azarr's own codecs known by where they are; `azarr.model` knows their kinds already."""
    _built_in.update(codecs)


def find_codec(name: str) -> Codec:
    """The codec of that name.

    Raises:
        UnknownCodecError: there is none; the message lists the names there are.
    """
    codec = _codecs.get(name) or _loaded(name) or _offered(name) or _any(name.partition(".")[0])
    if codec is None:
        names = ", ".join(sorted({*_codecs, *_built_in, *_entry_points()}))
        raise UnknownCodecError(
            f"unknown codec {name!r}; known are {names}. Others can be added with register_codec() "
            f"or by a package with an entry point in the group {ENTRY_POINT_GROUP!r}"
        )
    return codec


def _any(prefix: str) -> Codec | None:
    return _codecs.get(f"{prefix}.*") or _loaded(f"{prefix}.*")


def _loaded(name: str) -> Codec | None:
    place = _built_in.get(name)
    if place is None:
        return None
    module, _, constant = place.partition(".")
    codec: Codec = getattr(import_module(f"azarr.codecs.{module}"), constant)
    return _codecs.setdefault(name, codec)


def _offered(name: str) -> Codec | None:
    entry = _entry_points().get(name)
    if entry is None:
        return None
    try:
        register_codec(name, entry.load())
    except Exception as error:
        raise UnknownCodecError(
            f"codec {name!r} of {entry.value} cannot be used: {error}"
        ) from error
    return _codecs[name]


@cache
def _entry_points() -> Mapping[str, Any]:
    from importlib.metadata import entry_points  # 10 ms, with email and zipfile

    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
