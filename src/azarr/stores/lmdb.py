"""`LMDBStore`: values in an LMDB database. Needs the package lmdb: `azarr[lmdb]`."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from azarr.errors import ConflictError, StoreError, UsageError
from azarr.stores._failures import fail
from azarr.stores._handles import Handle, absolute_path, origin_of
from azarr.stores._values import byte_bounds, flat_buffer
from azarr.stores.base import BlockingStore, Buffers, Children, Latency
from azarr.stores.keys import check_key, check_prefix, children_by_seeking
from azarr.typing import Buffer, ByteRange, Generation

if TYPE_CHECKING:
    import lmdb

# Inside the class, `list` is a method.
Keys: TypeAlias = list[bytes]

# As Zarr 2 opens it. The map is address space; the file grows as it is needed, where a file can
# have holes. `sync` False: a crash of the machine, not of the process, may lose the last writes.
_DEFAULTS: dict[str, Any] = {
    "map_size": 2**40 if sys.maxsize >= 2**32 else 2**28,
    "meminit": False,
    "writemap": sys.platform.startswith("linux"),
    "metasync": False,
    "sync": False,
    "map_async": False,
    "max_spare_txns": os.cpu_count() or 1,
}

# LMDB forbids to open a database twice in a process, so its stores share one environment.
_environments: weakref.WeakValueDictionary[str, _Environment] = weakref.WeakValueDictionary()


class LMDBStore(BlockingStore):
    """A store in an LMDB database, as Zarr 2 writes it.

    Safe to write from any number of threads and processes of one machine: every write is a
    transaction, and `set_if` compares and writes in one. Zarr 2 leaves no room for more than the
    value, so a generation is a digest of it: a value that was changed and changed back counts as
    unchanged. A forked child opens the database anew. Keys have 511 bytes at most.

    Writes are in the file when they return, and on the disk after `flush()` or `close()`.

    Args:
        path: the directory of the database; with `subdir=False`, the file.
        buffers: has no effect: values are always copied, because LMDB's memory may change after
            the transaction that they were read in.
        dimension_separator: what new arrays in this store have between chunk coordinates in a
            chunk key, if nothing else says so.
        **kwargs: further arguments of `lmdb.open`. Those of the first store in a process that has
            this path count.

    Raises:
        UsageError: the package lmdb is not installed.
        StoreError: the database cannot be opened.

    Example:
        >>> import tempfile
        >>> with LMDBStore(tempfile.mkdtemp()) as store:
        ...     store["foo/0"] = b"x"
        ...     list(store)
        ['foo/0']
    """

    latency: Latency = "local"
    conditional = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        buffers: bool = True,
        dimension_separator: Literal[".", "/"] | None = None,
        **kwargs: Any,
    ) -> None:
        if find_spec("lmdb") is None:
            raise UsageError("an LMDBStore needs the package lmdb: install azarr[lmdb]")
        self.path = absolute_path(path)
        self.origin = origin_of("lmdb", self.path)
        self.buffers, self.kwargs = buffers, kwargs
        self.dimension_separator = dimension_separator
        self.read_only = bool(kwargs.get("readonly"))
        self._environment = _environment(self.origin, self.path, kwargs)
        with self._transaction(""):
            pass

    @contextmanager
    def _transaction(self, key: str, *, writing: bool = False) -> Iterator[lmdb.Transaction]:
        """A transaction; what is read in it are views that end with it."""
        import lmdb

        try:
            # With the lock held, nobody closes the environment meanwhile.
            with (
                self._environment.lock,
                self._environment.get().begin(write=writing, buffers=True) as transaction,
            ):
                yield transaction
        except lmdb.ReadersFullError as error:
            raise StoreError(f"{self!r} has too many readers: {error}", transient=True) from error
        except (lmdb.Error, OSError) as error:
            fail(error, self, key, writing=writing)

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing."""
        with self._transaction(key) as transaction:
            value = _find(transaction, key)
            return default if value is None else bytes(value)

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation; both None if `key` is missing."""
        value = self.get(key)
        return value, _generation(value)

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """These byte ranges of a value, of which nothing else is read; None if it is missing."""
        with self._transaction(key) as transaction:
            value = _find(transaction, key)
            if value is None:
                return None
            bounds = [byte_bounds(each, len(value), key) for each in ranges]
            return [bytes(value[start:stop]) for start, stop in bounds]

    def set(self, key: str, value: Buffer) -> None:
        """Put a value, in a transaction."""
        self._check_writable()
        check_key(key)
        data = flat_buffer(value, key)
        with self._transaction(key, writing=True) as transaction:
            transaction.put(key.encode(), data)

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation` (None: is still missing)."""
        self._check_writable()
        check_key(key)
        data = flat_buffer(value, key)
        with self._transaction(key, writing=True) as transaction:
            self._check_generation(transaction, key, generation)
            transaction.put(key.encode(), data)
        return _generation(data)

    def delete(self, key: str) -> None:
        """Remove `key`. That it is missing is fine."""
        self._check_writable()
        check_key(key)
        with self._transaction(key, writing=True) as transaction:
            transaction.delete(key.encode())

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`."""
        self._check_writable()
        check_key(key)
        with self._transaction(key, writing=True) as transaction:
            self._check_generation(transaction, key, generation)
            transaction.delete(key.encode())

    def _check_generation(
        self, transaction: lmdb.Transaction, key: str, generation: Generation | None
    ) -> None:
        if _generation(_find(transaction, key)) != generation:
            raise ConflictError(f"{key!r} in {self!r} has changed since it was read")

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/" in one transaction; "" is everything."""
        self._check_writable()
        check_prefix(prefix)
        with self._transaction(prefix, writing=True) as transaction:
            for key in _keys(transaction, prefix):
                transaction.delete(key)

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/", of one moment, in order."""
        check_prefix(prefix)
        with self._transaction(prefix) as transaction:
            found = _keys(transaction, prefix)
        return (key.decode() for key in found)

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes): one look for each."""
        check_prefix(prefix)
        with self._transaction(prefix) as transaction, transaction.cursor() as cursor:

            def seek(start: str) -> str | None:
                found = cursor.set_range(start.encode()) if start else cursor.first()
                return bytes(cursor.key()).decode() if found else None

            return children_by_seeking(seek, prefix)

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if `key` is missing."""
        with self._transaction(key) as transaction:
            value = _find(transaction, key)
            return None if value is None else len(value)

    def flush(self) -> None:
        """Wait until every write is on the disk."""
        self._environment.flush()

    def close(self) -> None:
        """Write to the disk and close; another store of this path opens it again."""
        self._environment.flush()
        self._environment.close()

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = (self.path, self.buffers, self.dimension_separator, self.kwargs)
        state = {"read_only": self.read_only, "retry": self.retry}
        return _reopen, (type(self), *arguments), state


def _reopen(
    kind: type[LMDBStore], path: str, buffers: bool, separator: Any, kwargs: dict[str, Any]
) -> LMDBStore:
    return kind(path, buffers, separator, **kwargs)


class _Environment(Handle["lmdb.Environment"]):
    """The one environment of a database in this process."""

    def __init__(self, path: str, kwargs: dict[str, Any]) -> None:
        import lmdb

        def connect() -> lmdb.Environment:
            if not kwargs.get("readonly"):
                os.makedirs(os.path.dirname(path), exist_ok=True)
            return lmdb.open(path, **{**_DEFAULTS, **kwargs})

        super().__init__(connect, lmdb.Environment.close)
        self._writable = not kwargs.get("readonly")

    def flush(self) -> None:
        """Wait until every write of this process is on the disk."""
        with self.lock:
            if self._opened is not None and self._writable:
                self._opened.sync(True)


_making = threading.RLock()
_held: list[_Environment] = []


def _before_fork() -> None:
    """Close everything: an environment must not be open in a child, whose closing it would take
    the parent's readers out of the database. Both processes open it again when they need it."""
    _making.acquire()
    for each in _environments.values():
        each.lock.acquire()
        each.close()
        _held.append(each)


def _after_fork() -> None:
    for each in _held:
        each.lock.release()
    _held.clear()
    _making.release()


def _after_fork_in_child() -> None:
    _held.clear()  # Their locks are new.
    _making.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )


def _environment(origin: str, path: str, kwargs: dict[str, Any]) -> _Environment:
    with _making:
        found = _environments.get(origin)
        if found is None:
            found = _environments[origin] = _Environment(path, kwargs)
        return found


def _find(transaction: lmdb.Transaction, key: str) -> Any:
    """A view of a value. No value has a key that is too short or too long for LMDB."""
    name = key.encode()
    return transaction.get(name) if 0 < len(name) <= 511 else None


def _generation(value: Any) -> Generation | None:
    return None if value is None else blake2b(value, digest_size=16).digest()


def _keys(transaction: lmdb.Transaction, prefix: str) -> Keys:
    """All keys under "prefix/"."""
    start = f"{prefix}/".encode() if prefix else b""
    found = []
    with transaction.cursor() as cursor:
        if cursor.set_range(start) if start else cursor.first():
            for key in cursor.iternext(keys=True, values=False):
                name = bytes(key)
                if not name.startswith(start):
                    break
                found.append(name)
    return found
