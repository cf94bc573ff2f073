"""Codecs as metadata names them: a name and a configuration. What a codec does is `azarr.codecs`.

The names are those of Zarr v3. A numcodecs codec of a v2 document, `{"id": "delta", ...}`, is
`numcodecs.delta` here, as zarr-python spells it in v3 documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from azarr.errors import MetadataError
from azarr.model._show import show
from azarr.typing import JSON

CodecKind: TypeAlias = Literal["array->array", "array->bytes", "bytes->bytes"]

NUMCODECS = "numcodecs."


@dataclass(frozen=True, slots=True)
class CodecSpec:
    """A codec by its v3 name, with its configuration (JSON; treat as immutable).

    Example:
        >>> CodecSpec.from_v2({"id": "delta", "dtype": "<i4"})
        CodecSpec(name='numcodecs.delta', configuration={'dtype': '<i4'})
    """

    name: str
    configuration: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def numcodecs_id(self) -> str | None:
        """The id in the numcodecs registry; None for a codec that has no numcodecs name."""
        return self.name[len(NUMCODECS) :] if self.name.startswith(NUMCODECS) else None

    @classmethod
    def from_v2(cls, config: object) -> CodecSpec:
        """Parse a numcodecs configuration, the form of `compressor` and `filters` in Zarr v2."""
        if not isinstance(config, Mapping):
            raise MetadataError(f"codec {show(config)}: expected an object with an 'id'")
        rest = dict(config)
        codec_id = rest.pop("id", None)
        if not isinstance(codec_id, str) or not codec_id:
            raise MetadataError(f"codec {show(config)}: its 'id' must be a string")
        return cls(NUMCODECS + codec_id, rest)

    def to_v2(self) -> dict[str, JSON]:
        """The numcodecs configuration; MetadataError for a codec that Zarr v2 cannot name."""
        if self.numcodecs_id is None:
            raise MetadataError(
                f"codec {self.name!r} cannot be written in Zarr v2, which knows only numcodecs "
                f"codecs ('{NUMCODECS}<id>')"
            )
        return {"id": self.numcodecs_id, **self.configuration}

    @classmethod
    def from_v3(cls, spec: object) -> CodecSpec:
        """Parse an entry of `codecs` in Zarr v3: an object, or its bare name."""
        if isinstance(spec, str):
            spec = {"name": spec}
        if not isinstance(spec, Mapping) or "name" not in spec:
            raise MetadataError(f"codec {show(spec)}: expected a name or an object with a 'name'")
        unknown = spec.keys() - {"name", "configuration", "must_understand"}
        if unknown:
            raise MetadataError(f"codec {show(spec)}: unknown field {show(min(unknown))}")
        if not isinstance(spec.get("must_understand", True), bool):
            raise MetadataError(f"codec {show(spec)}: must_understand must be true or false")
        name, configuration = spec["name"], spec.get("configuration", {})
        if not isinstance(name, str) or not name or not isinstance(configuration, dict):
            raise MetadataError(
                f"codec {show(spec)}: expected a string 'name' and an object 'configuration'"
            )
        # The name of `bytes` in drafts of Zarr v3; zarr-python reads it too.
        return cls("bytes" if name == "endian" else name, configuration)

    def to_v3(self) -> dict[str, JSON]:
        """The v3 object; an empty `configuration` is left out where that is usual.

        zarr-python refuses its own `numcodecs.*` codecs without one.
        """
        if not self.configuration and self.numcodecs_id is None:
            return {"name": self.name}
        return {"name": self.name, "configuration": dict(self.configuration)}


_NAMES_OF_KIND: dict[CodecKind, str] = {
    "array->array": """
        transpose bitround cast_value scale_offset reshape squeeze
        numcodecs.delta numcodecs.bitround numcodecs.fixedscaleoffset numcodecs.quantize
        numcodecs.packbits numcodecs.astype
    """,
    "array->bytes": """
        bytes packbits pcodec sharding_indexed vlen-bytes vlen-utf8 zfp n5_default optional
        numcodecs.pcodec numcodecs.zfpy numcodecs.categorize numcodecs.vlen-utf8
        numcodecs.vlen-bytes numcodecs.vlen-array numcodecs.json2 numcodecs.msgpack2
        numcodecs.pickle
    """,
    "bytes->bytes": """
        blosc gzip zstd crc32c
        numcodecs.blosc numcodecs.lz4 numcodecs.zstd numcodecs.zlib numcodecs.gzip numcodecs.bz2
        numcodecs.lzma numcodecs.shuffle numcodecs.crc32 numcodecs.crc32c numcodecs.adler32
        numcodecs.fletcher32 numcodecs.jenkins_lookup3
    """,
}
_KINDS: dict[str, CodecKind] = {
    name: kind for kind, names in _NAMES_OF_KIND.items() for name in names.split()
}
_registered = 0


def register_codec_kind(name: str, kind: CodecKind) -> None:
    """Say what a codec that is not built in turns into what, so that documents with it parse."""
    global _registered
    _KINDS[name] = kind
    _registered += 1


def registered_kinds() -> int:
    """How often a kind was registered: before another one, the same document parsed otherwise."""
    return _registered


def split_codecs(
    specs: Sequence[CodecSpec],
) -> tuple[tuple[CodecSpec, ...], CodecSpec, tuple[CodecSpec, ...]]:
    """Split the `codecs` of a v3 document into (filters, serializer, compressors).

    The order is array->array codecs, exactly one array->bytes codec, bytes->bytes codecs; anything
    else raises MetadataError. A codec of unknown kind is what its position makes it: where no known
    array->bytes codec is present, the first one that may be one is it.
    """
    kinds = [_KINDS.get(spec.name) for spec in specs]
    pivots = [i for i, kind in enumerate(kinds) if kind == "array->bytes"]
    pivots = pivots or [i for i, kind in enumerate(kinds) if kind is None][:1]
    if len(pivots) != 1:
        raise MetadataError(
            f"codecs {_names(specs)}: expected exactly one array->bytes codec, found {len(pivots)}"
        )
    pivot = pivots[0]
    if "bytes->bytes" in kinds[:pivot] or "array->array" in kinds[pivot + 1 :]:
        raise MetadataError(
            f"codecs {_names(specs)}: expected array->array codecs, then one array->bytes codec, "
            "then bytes->bytes codecs"
        )
    return tuple(specs[:pivot]), specs[pivot], tuple(specs[pivot + 1 :])


def _names(specs: Sequence[CodecSpec]) -> str:
    return show([spec.name for spec in specs])
