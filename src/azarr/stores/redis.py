"""`RedisStore`: values as strings in a Redis database. Needs the package redis: `azarr[redis]`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias

from azarr.errors import ConflictError, ReadOnlyError, StoreError, UsageError
from azarr.stores._values import byte_bounds, flat_buffer
from azarr.stores.base import BlockingStore, Buffers, Latency
from azarr.stores.keys import check_key, check_prefix
from azarr.typing import Buffer, ByteRange, Generation

# Inside the class, `list` is a method.
Keys: TypeAlias = list[bytes]

PAGE = 1000
"""How many keys a step of a listing looks at, and how many one request deletes."""

# The times are those of the other remote stores. Without a number of connections the client of
# redis 8 has 100, and raises an error where more threads ask at the same time.
_DEFAULTS = {"socket_connect_timeout": 5, "socket_timeout": 30, "max_connections": 4096}

# A script is one step for every other client. Its arguments: the digest of the value that is to be
# there, and the value to put; without that, the key is deleted.
_REPLACE = """
    local value = redis.call('GET', KEYS[1])
    if not value or redis.sha1hex(value) ~= ARGV[1] then return 0 end
    if ARGV[2] then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('DEL', KEYS[1]) end
    return 1
"""

# Characters that a pattern of SCAN gives a meaning.
_special = re.compile(r"([*?\[\]^\\-])")


class RedisStore(BlockingStore):
    """A store in a Redis database, as Zarr 2 writes it: the string "prefix:key" for each key.

    Safe to write from any number of threads and processes: `set_if` compares and writes in one
    step of the server. Zarr 2 leaves no room for more than the value, so a generation is the SHA-1
    of it, which Redis can compute: a value that was changed and changed back counts as unchanged.
    A forked child opens connections of its own.

    A read, a write and any number of byte ranges of a value are one request each. Byte ranges with
    a generation, as in shards, read the whole value. `set_if` takes the server 3 ms for each MB of
    the value that it replaces. A listing looks at every key of the database, whatever its prefix.
    A value has 512 MB at most. A server that may evict keys when its memory is full loses chunks,
    which then read as the fill value.

    Args:
        prefix: of the keys in the database.
        dimension_separator: what new arrays in this store have between chunk coordinates in a
            chunk key, if nothing else says so.
        **kwargs: arguments of `redis.Redis`: host, port, db, password, unix_socket_path ... The
            client does not send requests again by itself unless `retry` says so: azarr does.

    Raises:
        UsageError: the package redis is not installed.

    Example:
        >>> store = RedisStore("zarr", host="localhost", port=6379)
        >>> store
        RedisStore('redis://localhost:6379/0/zarr')
    """

    latency: Latency = "remote"
    conditional = True

    def __init__(
        self,
        prefix: str = "zarr",
        dimension_separator: Literal[".", "/"] | None = None,
        **kwargs: Any,
    ) -> None:
        if find_spec("redis") is None:
            raise UsageError("a RedisStore needs the package redis: install azarr[redis]")
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        self.prefix, self.kwargs = prefix, kwargs
        self.dimension_separator = dimension_separator
        # A conditional write that is sent twice conflicts with itself.
        once = Retry(NoBackoff(), 0)  # type: ignore[no-untyped-call, unused-ignore]
        arguments = {"retry": once, **_DEFAULTS, **kwargs, "decode_responses": False}
        self.client: Any = redis.Redis(**arguments)
        self._replace: Any = self.client.register_script(_REPLACE)
        self.origin = f"redis://{_place_of(self.client)}/{prefix}"

    @contextmanager
    def _errors(self, key: str, *, writing: bool = False) -> Iterator[None]:
        """Errors of the client as errors of azarr."""
        from redis import exceptions

        doing = f"cannot {'write' if writing else 'read'} {key!r} in {self!r}"
        try:
            yield
        except (exceptions.ReadOnlyError, exceptions.NoPermissionError) as error:
            kind = ReadOnlyError if writing else StoreError
            raise kind(f"{doing}: {error}") from error
        except exceptions.AuthenticationError as error:
            raise StoreError(f"{doing}: {error}") from error
        except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
            raise StoreError(f"{doing}: {error}", transient=True) from error
        except exceptions.RedisError as error:
            raise StoreError(f"{doing}: {type(error).__name__}: {error}") from error

    def _name(self, key: str) -> str:
        return f"{self.prefix}:{key}"

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing. One request."""
        with self._errors(key):
            value = self.client.get(self._name(key))
        return default if value is None else value

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation; both None if `key` is missing. One request."""
        value = self.get(key)
        return value, None if value is None else _generation(value)

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """These byte ranges of a value, of which nothing else is sent. One request."""
        name = self._name(key)
        with self._errors(key), self.client.pipeline(transaction=True) as pipeline:
            pipeline.exists(name)
            pipeline.strlen(name)
            for start, stop in ranges:
                # The last byte is included; from 1 to 0 there is none.
                first, last = (1, 0) if stop == 0 else (start, -1 if stop is None else stop - 1)
                pipeline.getrange(name, first, last)
            exists, size, *rest = pipeline.execute()
        if not exists:
            return None
        for each in ranges:
            byte_bounds(each, size, key)
        found: Buffers = rest
        return found

    def set(self, key: str, value: Buffer) -> None:
        """Put a value. One request."""
        name, data = self._to_write(key, value)
        with self._errors(key, writing=True):
            self.client.set(name, data)

    def _to_write(self, key: str, value: Buffer) -> tuple[str, bytes | memoryview]:
        self._check_writable()
        return self._name(check_key(key)), flat_buffer(value, key)

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation` (None: is still missing).

        One request. The server computes the digest of the present value.
        """
        name, data = self._to_write(key, value)
        with self._errors(key, writing=True):
            if generation is None:
                done = self.client.set(name, data, nx=True)
            else:
                done = self._replace([name], [generation, data])
        if not done:
            raise self._conflict(key)
        return _generation(data)

    def delete(self, key: str) -> None:
        """Remove `key`. That it is missing is fine. One request."""
        self._check_writable()
        with self._errors(check_key(key), writing=True):
            self.client.delete(self._name(key))

    def delete_many(self, keys: Sequence[str], first: int = 0) -> None:
        """Remove these keys in one step; that some are missing is fine. One request."""
        self._check_writable()
        names = [self._name(check_key(key)) for key in keys]
        if names:
            with self._errors(keys[0], writing=True):
                self.client.delete(*names)

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`. One request."""
        self._check_writable()
        name = self._name(check_key(key))
        with self._errors(key, writing=True):
            if generation is None:
                done = not self.client.exists(name)
            else:
                done = self._replace([name], [generation])
        if not done:
            raise self._conflict(key)

    def _conflict(self, key: str) -> ConflictError:
        return ConflictError(f"{key!r} in {self!r} has changed since it was read")

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/": a listing, then a request for every 1000 keys."""
        self._check_writable()
        names = self._names(check_prefix(prefix))
        with self._errors(prefix, writing=True):
            for start in range(0, len(names), PAGE):
                self.client.delete(*names[start : start + PAGE])

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/". A request for every 1000 keys of the database."""
        skip = len(self._name("").encode())
        return (name[skip:].decode() for name in self._names(check_prefix(prefix)))

    def _names(self, prefix: str) -> Keys:
        start = self._name(f"{prefix}/" if prefix else "")
        with self._errors(prefix):
            found = self.client.scan_iter(_special.sub(r"\\\1", start) + "*", count=PAGE)
            # A key may be found more than once.
            return list(dict.fromkeys(found))

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if `key` is missing. One request."""
        with self._errors(key):
            size: int = self.client.strlen(self._name(key))
            return size if size or self.client.exists(self._name(key)) else None

    def close(self) -> None:
        """Close the connections that are not in use."""
        self.client.close()

    def __reduce__(self) -> tuple[Any, ...]:
        state = {"read_only": self.read_only, "retry": self.retry}
        return _connect, (type(self), self.prefix, self.dimension_separator, self.kwargs), state


def _connect(
    kind: type[RedisStore], prefix: str, separator: Any, kwargs: dict[str, Any]
) -> RedisStore:
    return kind(prefix, separator, **kwargs)


def _place_of(client: Any) -> str:
    """The server and the number of the database, without credentials."""
    known = client.connection_pool.connection_kwargs
    where = known.get("path") or f"{known.get('host', 'localhost')}:{known.get('port', 6379)}"
    return f"{where}/{known.get('db') or 0}"


def _generation(value: Any) -> Generation:
    return hashlib.sha1(value, usedforsecurity=False).hexdigest()
