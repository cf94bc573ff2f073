"""`make_store`: from what a user names, to a store. One table of kinds, one of URL schemes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from azarr.errors import UsageError
from azarr.stores.base import Store
from azarr.stores.local import LocalStore
from azarr.stores.mapping import MappingStore
from azarr.stores.memory import MemoryStore

StoreLike: TypeAlias = "Store | MutableMapping[str, Any] | str | os.PathLike[str] | None"

# Two characters at least, so that the drive of "C:\\data" is none.
_find_scheme = re.compile(r"([A-Za-z][A-Za-z0-9+.:-]+)://").match

UrlOpener: TypeAlias = Callable[[str, Mapping[str, Any]], Store]


def make_store(
    store_like: StoreLike = None,
    *,
    read_only: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Store:
    """The store that `store_like` names. Does no I/O.

    Args:
        store_like: a store (returned as it is); a path (`LocalStore`, or `ZipStore` if it
            ends in ".zip"); a URL; a `MutableMapping` of keys to bytes, e.g. a dict
            (`MappingStore`: the values are visible in it); or None (a new `MemoryStore`). A path
            or URL that ends in ".n5" holds the format N5.
        read_only: the store refuses writes, even if the one given does not.
        storage_options: options for the client of a URL's scheme, as s3fs, gcsfs and adlfs spell
            them; `conditional=False` for a server without conditional writes. Options that only
            fsspec knows make it serve the URL; the store's `repr` shows who does.

    Raises:
        UsageError: there is no store for such a thing, scheme or option.

    Example:
        >>> make_store({}, read_only=True)
        <MappingStore over builtins.dict, read-only>
    """
    if storage_options is not None and not isinstance(storage_options, Mapping):
        raise UsageError(f"storage_options {storage_options!r}: a dict of options is needed")
    scheme = _find_scheme(store_like) if isinstance(store_like, str) else None
    if scheme:
        store = _open_url(scheme[1].lower(), str(store_like), storage_options or {})
    elif storage_options:
        raise UsageError(f"storage_options are for URLs, not for {store_like!r}")
    else:
        store = _convert(store_like)
    if isinstance(store_like, str | os.PathLike) and str(store_like).rstrip("/\\").endswith(".n5"):
        store.default_format = "n5"
    return store.with_read_only() if read_only and not store.read_only else store


def _convert(store_like: StoreLike) -> Store:
    for kind, convert in _KINDS:
        if isinstance(store_like, kind):
            return convert(store_like)
    kind = type(store_like)
    # Other libraries have a LocalStore and a MemoryStore too.
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    raise UsageError(
        f"a store, a path, a URL, a MutableMapping or None is needed, not {name}: {store_like!r}"
    )


def _open_path(path: str | os.PathLike[str]) -> Store:
    if not os.fspath(path).endswith(".zip"):
        return LocalStore(path)
    from azarr.stores.zip import ZipStore

    return ZipStore(path)


def _open_url(scheme: str, url: str, options: Mapping[str, Any]) -> Store:
    return _SCHEMES.get(scheme, _open_by_fsspec)(url, options)


def _open_by_obstore(url: str, options: Mapping[str, Any]) -> Store:
    """obstore, unless there is an option that only the file system of fsspec knows."""
    from azarr.stores._options import spell
    from azarr.stores.obstore import ObstoreStore

    if not url.partition("://")[2].partition("/")[0]:
        raise UsageError(f"{url!r} names no bucket, container or host after '://'")
    conditional, rest = _split_conditional(options)
    if isinstance(spell(url, rest), str):
        return _open_by_fsspec(url, options)
    return ObstoreStore(url, rest, conditional=conditional)


def _open_by_fsspec(url: str, options: Mapping[str, Any]) -> Store:
    from azarr.stores.fsspec import FsspecStore

    conditional, rest = _split_conditional(options)
    return FsspecStore(url, rest, conditional=conditional)


def _split_conditional(options: Mapping[str, Any]) -> tuple[bool | None, dict[str, Any]]:
    """`conditional` is for the store, the other options are for its client."""
    rest = dict(options)
    return rest.pop("conditional", None), rest


def _open_file_url(url: str, options: Mapping[str, Any]) -> Store:
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise UsageError(f"{url!r} names another machine; a path needs three slashes: file:///")
    return LocalStore(url2pathname(parts.path), **_options(url, options, {"durable"}))


def _open_memory_url(url: str, options: Mapping[str, Any]) -> Store:
    if url.partition("://")[2]:
        raise UsageError(f"{url!r}: memory:// has no paths, each is a new store")
    return MemoryStore(**_options(url, options, set()))


def _options(url: str, options: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    if unknown := sorted(options.keys() - known):
        raise UsageError(
            f"unknown storage option {unknown[0]!r} for {url!r}; "
            f"known: {', '.join(sorted(known)) or 'none'}"
        )
    return dict(options)


# The first kind that fits; a Store is a MutableMapping too.
_KINDS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Store]], ...] = (
    (Store, lambda store: store),
    (type(None), lambda _: MemoryStore()),
    ((str, os.PathLike), _open_path),
    (MutableMapping, MappingStore),
)

# Which backend serves a URL. Everything else is for fsspec, which says what it knows; chained URLs
# ("simplecache::s3://...") too. Backends are imported when they are used.
_SCHEMES: dict[str, UrlOpener] = {
    "file": _open_file_url,
    "memory": _open_memory_url,
    **dict.fromkeys(
        ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "http", "https"), _open_by_obstore
    ),
}
