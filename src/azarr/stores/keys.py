"""The rules for keys and prefixes, and the arithmetic of names on lists of keys.

Nothing here reads a store. A backend with rules of its own (a file system) adds them itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from azarr.errors import UsageError

# An empty, "." or ".." segment; a backslash, which is a separator on some file systems and would
# let a key climb out of the root there; a NUL, which ends a file name.
_find_fault = re.compile(r"(?:\A|/)\.{0,2}(?:/|\Z)|[\\\0]").search


def check_key(key: str) -> str:
    """Return `key` if it is one; it is checked in about 0.3 us.

    A key is segments joined by "/": no segment is empty, "." or "..", and none holds a backslash
    or a NUL.

    Raises:
        UsageError: `key` breaks a rule; the message names it.

    Example:
        >>> check_key("foo/c/0/1")
        'foo/c/0/1'
    """
    if type(key) is not str and not isinstance(key, str):
        raise UsageError(f"a key is a str, not {type(key).__name__}: {key!r}")
    if _find_fault(key):
        raise UsageError(
            f"{key!r} is not a key: a key is one or more segments joined by '/', none of them "
            "empty, '.' or '..', without backslashes and NULs"
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return `prefix` if it is "" (everything) or, by the rules for keys, the parent of keys.

    Raises:
        UsageError: `prefix` breaks a rule, e.g. by a "/" at its end.
    """
    return prefix if prefix == "" else check_key(prefix)


def absolute(origin: str, key: str) -> tuple[str, str]:
    """Where a value lies, whatever the store is opened at: what the origin is in, the path there.

    Example:
        >>> absolute("s3://bucket/a.zarr?endpoint=http://127.0.0.1:9000", "b/zarr.json")
        ('s3://bucket?endpoint=http://127.0.0.1:9000', 'a.zarr/b/zarr.json')
        >>> absolute("s3://bucket", "a.zarr/b/zarr.json")
        ('s3://bucket', 'a.zarr/b/zarr.json')
    """
    where, root = _parts(origin)
    return where, root + key


@lru_cache(256)
def _parts(origin: str) -> tuple[str, str]:
    url, mark, endpoint = origin.partition("?")
    scheme, colon, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}{colon}{host}{mark}{endpoint}", f"{path}/" if path else ""


def keys_under(keys: Iterable[str], prefix: str) -> list[str]:
    """Those of `keys` that are under `prefix`: "a" is above "a/b", not above "a" and "ab"."""
    if prefix == "":
        return list(keys)
    start = prefix + "/"
    return [key for key in keys if key.startswith(start)]


def children_under(keys: Iterable[str], prefix: str) -> tuple[list[str], list[str]]:
    """The names directly under `prefix`, sorted: (of keys, of prefixes that keys are under).

    Example:
        >>> children_under(["a/x", "a/b/y", "a/b/z", "c"], "a")
        (['x'], ['b'])
    """
    skip = len(prefix) + 1 if prefix else 0
    names: set[str] = set()
    prefixes: set[str] = set()
    for key in keys_under(keys, prefix):
        name, separator, _ = key[skip:].partition("/")
        (prefixes if separator else names).add(name)
    return sorted(names), sorted(prefixes)


def children_by_seeking(
    seek: Callable[[str], str | None], prefix: str
) -> tuple[list[str], list[str]]:
    """As `children_under`, of ordered keys: one seek for each child, whatever is under it.

    Args:
        seek: the first key that is not before a string, in the order of UTF-8; None: there is none.
        prefix: what the children are of.
    """
    start = f"{prefix}/" if prefix else ""
    names: list[str] = []
    prefixes: list[str] = []
    key = seek(start)
    while key is not None and key.startswith(start):
        name, separator, _ = key[len(start) :].partition("/")
        (prefixes if separator else names).append(name)
        # "0" is what follows "/", and NUL, which no key has, what follows the end.
        key = seek(f"{start}{name}{'0' if separator else chr(0)}")
    return sorted(names), sorted(prefixes)
