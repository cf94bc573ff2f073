"""`MongoDBStore`: values in documents of MongoDB. Needs the package pymongo: `azarr[mongodb]`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

from azarr.errors import ConflictError, ReadOnlyError, StoreError, UsageError
from azarr.stores._handles import Handle
from azarr.stores._remote_failures import place_of
from azarr.stores._values import flat_buffer
from azarr.stores.base import BlockingStore, Latency
from azarr.stores.keys import check_key, check_prefix
from azarr.typing import Buffer, Generation

Filter: TypeAlias = dict[str, Any]

_UNAUTHORIZED = 13
"""The code of an error: this user may not do that."""

DELETED_AT_ONCE = 10_000
"""Keys of one request: a request has at most 16 MiB."""


class MongoDBStore(BlockingStore):
    """A store in a collection of MongoDB, as Zarr 2 writes it: a document for each key.

    Safe to write from any number of threads and processes: `set_if` compares and writes in one step
    of the server. Documents get a field `generation`, random and new with each write, beside
    `key` and `value`; for one that Zarr 2 wrote, the generation is a digest. The first write makes
    a unique index of the keys. A forked child opens connections of its own.

    A read and a write are one request. A value has just under 16 MB at most.

    Args:
        database: where the collection is.
        collection: where the documents are.
        dimension_separator: what new arrays in this store have between chunk coordinates in a
            chunk key, if nothing else says so.
        **kwargs: arguments of `pymongo.MongoClient`: host, port, username ...

    Raises:
        UsageError: the package pymongo is not installed.

    Example:
        >>> MongoDBStore(host="mongodb://me:secret@example.org/")
        MongoDBStore('mongodb://example.org:27017/mongodb_zarr/zarr_collection')
    """

    latency: Latency = "remote"
    conditional = True

    def __init__(
        self,
        database: str = "mongodb_zarr",
        collection: str = "zarr_collection",
        dimension_separator: Literal[".", "/"] | None = None,
        **kwargs: Any,
    ) -> None:
        if find_spec("pymongo") is None:
            raise UsageError("a MongoDBStore needs the package pymongo: install azarr[mongodb]")
        self.names, self.kwargs = (database, collection), kwargs
        self.dimension_separator = dimension_separator
        self.origin = f"mongodb://{_place_of(kwargs)}/{database}/{collection}"
        self._handle = _Collection(*self.names, kwargs)

    @property
    def collection(self) -> Any:
        """The collection, of the client of this process."""
        with self._handle.lock:
            return self._handle.get()

    @contextmanager
    def _collection(self, key: str, *, writing: bool = False) -> Iterator[Any]:
        """The collection; errors of the client as errors of azarr."""
        from bson.errors import BSONError
        from pymongo import errors

        doing = f"cannot {'write' if writing else 'read'} {key!r} in {self!r}"
        try:
            if writing:
                self._handle.ensure_index()
            yield self.collection
        except (errors.PyMongoError, BSONError) as error:
            message = f"{doing}: {type(error).__name__}: {error}"
            if writing and getattr(error, "code", None) == _UNAUTHORIZED:
                raise ReadOnlyError(message) from error
            lost = isinstance(error, errors.ConnectionFailure | errors.DuplicateKeyError)
            raise StoreError(message, transient=lost) from error

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing. One request."""
        value, _ = self.get_with_generation(key)
        return default if value is None else value

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation; both None if `key` is missing. One request."""
        with self._collection(key) as collection:
            found = collection.find_one({"key": key})
        if found is None:
            return None, None
        value = bytes(found["value"])
        return value, found.get("generation") or _digest(value)

    def set(self, key: str, value: Buffer) -> None:
        """Put a value. One request."""
        self._check_writable()
        document = _document(key, value)
        with self._collection(key, writing=True) as collection:
            collection.replace_one({"key": key}, document, upsert=True)

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation` (None: is still missing)."""
        from pymongo.errors import DuplicateKeyError

        self._check_writable()
        document = _document(key, value)
        with self._collection(key, writing=True) as collection:
            if generation is None:
                try:
                    collection.insert_one(document)
                except DuplicateKeyError:
                    raise self._conflict(key) from None
            else:
                same = self._that_has(collection, key, generation)
                if not collection.replace_one(same, document).matched_count:
                    raise self._conflict(key)
        new: Generation = document["generation"]
        return new

    def delete(self, key: str) -> None:
        """Remove `key`. That it is missing is fine. One request."""
        self._check_writable()
        with self._collection(check_key(key), writing=True) as collection:
            collection.delete_many({"key": key})

    def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        """Remove these keys. A request for the `first` ones, and one for every 10,000 others."""
        self._check_writable()
        names = [check_key(key) for key in keys]
        starts = range(first, len(names), DELETED_AT_ONCE)
        for some in (names[:first], *(names[at : at + DELETED_AT_ONCE] for at in starts)):
            if some:
                with self._collection(some[0], writing=True) as collection:
                    collection.delete_many({"key": {"$in": some}})

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`."""
        self._check_writable()
        with self._collection(check_key(key), writing=True) as collection:
            if generation is None:
                done = collection.find_one({"key": key}, {"key": 1}) is None
            else:
                same = self._that_has(collection, key, generation)
                done = collection.delete_one(same).deleted_count
        if not done:
            raise self._conflict(key)

    def _that_has(self, collection: Any, key: str, generation: Generation) -> Filter:
        """What finds the document of a key if it has a generation.

        One without the field is found by the whole value, read once more.
        """
        if isinstance(generation, bytes):
            found = collection.find_one({"key": key, "generation": {"$exists": False}})
            if found is None or _digest(found["value"]) != generation:
                raise self._conflict(key)
            return {"key": key, "generation": {"$exists": False}, "value": found["value"]}
        return {"key": key, "generation": generation}

    def _conflict(self, key: str) -> ConflictError:
        return ConflictError(f"{key!r} in {self!r} has changed since it was read")

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/". One request."""
        self._check_writable()
        below = _below(prefix)
        with self._collection(prefix, writing=True) as collection:
            collection.delete_many(below)

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/"."""
        below = _below(prefix)
        with self._collection(prefix) as collection:
            found = [each["key"] for each in collection.find(below, {"key": 1})]
        return iter(found)

    def close(self) -> None:
        """Close the connections."""
        self._handle.close()

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"read_only": self.read_only, "retry": self.retry}
        return _connect, (type(self), *self.names, self.dimension_separator, self.kwargs), state


def _connect(kind: type[MongoDBStore], *arguments: Any) -> MongoDBStore:
    *positional, kwargs = arguments
    return kind(*positional, **kwargs)


def _document(key: str, value: Buffer) -> dict[str, Any]:
    data = bytes(flat_buffer(value, check_key(key)))
    return {"key": key, "value": data, "generation": os.urandom(16).hex()}


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(value, digest_size=16).digest()


def _below(prefix: str) -> Filter:
    # MongoDB compares strings by the bytes of UTF-8; "0" is what follows "/".
    return {"key": {"$gte": f"{prefix}/", "$lt": f"{prefix}0"}} if check_prefix(prefix) else {}


def _place_of(kwargs: dict[str, Any]) -> str:
    """The servers, without credentials."""
    host = kwargs.get("host") or "localhost"
    if not isinstance(host, str):
        host = ",".join(host)
    if "://" in host:
        host = place_of(host).partition("://")[2].partition("/")[0]
    return host if ":" in host else f"{host}:{kwargs.get('port') or 27017}"


class _Collection(Handle[Any]):
    """A collection of a client, which must not be used after a fork."""

    def __init__(self, database: str, collection: str, kwargs: dict[str, Any]) -> None:
        def connect() -> Any:
            import pymongo

            return pymongo.MongoClient(**kwargs)[database][collection]

        self._has_index = False
        super().__init__(connect, lambda opened: opened.database.client.close())

    def ensure_index(self) -> None:
        """Make the index that lets only one of two creations of a key succeed."""
        if not self._has_index:
            with self.lock:
                self.get().create_index("key", unique=True)
            self._has_index = True
