"""A codec's configuration, read against a table of its fields; errors say what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from azarr.errors import MetadataError
from azarr.model import CodecSpec, show

REQUIRED: Final = object()


class Field(NamedTuple):
    """One member of a configuration: what it may be, in words and as a test, and its default."""

    allowed: str
    accepts: Callable[[Any], bool]
    default: Any = REQUIRED


def integer(low: int, high: int, default: Any = REQUIRED) -> Field:
    """A whole number from `low` to `high`, both included."""
    return Field(
        f"an integer from {low} to {high}",
        lambda value: type(value) is int and low <= value <= high,
        default,
    )


def one_of(*values: Any, default: Any = REQUIRED) -> Field:
    """Exactly one of a few values; True is not 1 here."""
    return Field(
        "one of " + ", ".join(map(repr, values)),
        lambda value: any(type(value) is type(each) and value == each for each in values),
        default,
    )


def read(spec: CodecSpec, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values of all `fields`, defaults filled in.

    Raises:
        MetadataError: a field is missing, unknown, or has a value that is not allowed.
    """
    for name in spec.configuration:
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise MetadataError(f"codec {spec.name!r}: unknown field {show(name)}; it has: {known}")
    return {name: _value(spec, name, field) for name, field in fields.items()}


def _value(spec: CodecSpec, name: str, field: Field) -> Any:
    value = spec.configuration.get(name, field.default)
    if value is REQUIRED:
        raise MetadataError(f"codec {spec.name!r}: {name!r} is missing; it must be {field.allowed}")
    if value is not field.default and not field.accepts(value):
        raise MetadataError(
            f"codec {spec.name!r}: {name} is {show(value)}, but it must be {field.allowed}"
        )
    return value
