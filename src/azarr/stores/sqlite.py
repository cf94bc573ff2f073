"""`SQLiteStore`: values as the rows of a table in an SQLite database."""

from __future__ import annotations

import os
import pickle
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NoReturn

from azarr.errors import ConflictError, StoreError
from azarr.stores._failures import fail
from azarr.stores._handles import Handle, absolute_path, origin_of
from azarr.stores._values import flat_buffer
from azarr.stores.base import BlockingStore, Children, Latency
from azarr.stores.keys import check_key, check_prefix, children_by_seeking
from azarr.typing import Buffer, Generation

# The table of Zarr 2, which knows no other columns.
_TABLE = "CREATE TABLE IF NOT EXISTS zarr(k TEXT PRIMARY KEY, v BLOB)"

# A row that replaces another gets a new rowid, in Zarr 2 too, so the rowid is the generation. Here
# it is the time in nanoseconds, or one more than any other: it does not come back after a delete.
_PUT = """
    INSERT OR REPLACE INTO zarr(rowid, k, v)
    VALUES (max(?, (SELECT coalesce(max(rowid), 0) + 1 FROM zarr)), ?, ?)
"""


class SQLiteStore(BlockingStore):
    """A store in an SQLite database, in the table that Zarr 2 uses: `zarr(k, v)`.

    Safe to write from any number of threads and processes: every write is a transaction, and
    `set_if` compares and writes in one. Processes wait for each other as long as the `timeout` of
    the connection, 5 s. A forked child gets a connection of its own.

    `VACUUM` numbers the rows anew: not while somebody writes.

    Args:
        path: the file; or ":memory:", whose values are gone when the store is closed.
        dimension_separator: what new arrays in this store have between chunk coordinates in a
            chunk key, if nothing else says so.
        **kwargs: further arguments of `sqlite3.connect`.

    Raises:
        StoreError: the file cannot be opened, or is no database.

    Example:
        >>> store = SQLiteStore(":memory:")
        >>> store["foo/0"] = b"x"
        >>> dict(store)
        {'foo/0': b'x'}
    """

    latency: Latency = "local"
    conditional = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        dimension_separator: Literal[".", "/"] | None = None,
        **kwargs: Any,
    ) -> None:
        in_memory = path == ":memory:"
        self.path = ":memory:" if in_memory else absolute_path(path)
        self.origin = f"sqlite://:{uuid.uuid4()}" if in_memory else origin_of("sqlite", self.path)
        self.kwargs = kwargs
        self.dimension_separator = dimension_separator
        self._handle = _Connection(self.path, kwargs)
        with self._connected(""):
            pass

    @contextmanager
    def _connected(self, key: str, *, writing: bool = False) -> Iterator[sqlite3.Connection]:
        """The connection, held by this thread; in a transaction that nobody else writes in."""
        try:
            with self._handle.lock:
                connection = self._handle.get()
                if not writing:
                    yield connection
                    return
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._fail(error, key, writing)
        except sqlite3.Error as error:
            fail(error, self, key, writing=writing)

    def _fail(self, error: sqlite3.OperationalError, key: str, writing: bool) -> NoReturn:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            fail(error, self, key, writing=writing)
        raise StoreError(f"{self!r} is in use by others: {error}", transient=True) from error

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing."""
        value, _ = self.get_with_generation(key)
        return default if value is None else value

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation, of one moment; both None if `key` is missing."""
        with self._connected(key) as connection:
            row = connection.execute("SELECT v, rowid FROM zarr WHERE k = ?", (key,)).fetchone()
        if row is None:
            return None, None
        value = row[0]
        return (value.encode() if isinstance(value, str) else value), row[1]

    def set(self, key: str, value: Buffer) -> None:
        """Put a value, in a transaction."""
        self._check_writable()
        check_key(key)
        data = flat_buffer(value, key)
        with self._connected(key, writing=True) as connection:
            connection.execute(_PUT, (time.time_ns(), key, data))

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation` (None: is still missing)."""
        self._check_writable()
        check_key(key)
        data = flat_buffer(value, key)
        with self._connected(key, writing=True) as connection:
            self._check_generation(connection, key, generation)
            return connection.execute(_PUT, (time.time_ns(), key, data)).lastrowid

    def delete(self, key: str) -> None:
        """Remove `key`. That it is missing is fine."""
        self._check_writable()
        check_key(key)
        with self._connected(key, writing=True) as connection:
            connection.execute("DELETE FROM zarr WHERE k = ?", (key,))

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`."""
        self._check_writable()
        check_key(key)
        with self._connected(key, writing=True) as connection:
            self._check_generation(connection, key, generation)
            connection.execute("DELETE FROM zarr WHERE k = ?", (key,))

    def _check_generation(
        self, connection: sqlite3.Connection, key: str, generation: Generation | None
    ) -> None:
        row = connection.execute("SELECT rowid FROM zarr WHERE k = ?", (key,)).fetchone()
        if (row and row[0]) != generation:
            raise ConflictError(f"{key!r} in {self!r} has changed since it was read")

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/" in one transaction; "" is everything."""
        self._check_writable()
        bounds = _bounds(prefix)
        with self._connected(prefix, writing=True) as connection:
            connection.execute("DELETE FROM zarr WHERE k >= ? AND k < ?", bounds)

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/", of one moment, in order."""
        bounds = _bounds(prefix)
        with self._connected(prefix) as connection:
            rows = connection.execute(
                "SELECT k FROM zarr WHERE k >= ? AND k < ? ORDER BY k", bounds
            ).fetchall()
        return (key for (key,) in rows)

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes): one query for each."""
        check_prefix(prefix)
        with self._connected(prefix) as connection:

            def seek(start: str) -> str | None:
                return connection.execute(  # type: ignore[no-any-return]
                    "SELECT min(k) FROM zarr WHERE k >= ?", (start,)
                ).fetchone()[0]

            return children_by_seeking(seek, prefix)

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if `key` is missing."""
        query = "SELECT length(CAST(v AS BLOB)) FROM zarr WHERE k = ?"
        with self._connected(key) as connection:
            row = connection.execute(query, (key,)).fetchone()
        return None if row is None else int(row[0])

    def flush(self) -> None:
        """Nothing to do: every write is in the file when it returns."""

    def close(self) -> None:
        """Close the connection."""
        self._handle.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if self.path == ":memory:":
            raise pickle.PicklingError("a database in memory cannot be pickled")
        state = {"kwargs": self.kwargs, "read_only": self.read_only, "retry": self.retry}
        return _connect, (type(self), self.path, self.dimension_separator, self.kwargs), state


def _connect(
    kind: type[SQLiteStore], path: str, separator: Any, kwargs: dict[str, Any]
) -> SQLiteStore:
    return kind(path, separator, **kwargs)


def _bounds(prefix: str) -> tuple[str, str | bytes]:
    # "0" is what follows "/"; and any blob what follows every text.
    return (f"{check_prefix(prefix)}/", f"{prefix}0") if prefix else ("", b"")


class _Connection(Handle[sqlite3.Connection]):
    """A connection that has the table, one for all threads: each holds the lock meanwhile."""

    waits_for_fork = True  # SQLite keeps the locks of a file once per process, and forks copy that

    def __init__(self, path: str, kwargs: dict[str, Any]) -> None:
        self.path, self.kwargs = path, kwargs
        super().__init__(self._connect, sqlite3.Connection.close)

    def _connect(self) -> sqlite3.Connection:
        if self.path != ":memory:" and not self.kwargs.get("uri"):
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
        connection: sqlite3.Connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, **self.kwargs
        )
        try:
            connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection

    def after_fork(self) -> None:
        """A database in memory was copied with the memory."""
        kept = self._opened if self.path == ":memory:" else None
        super().after_fork()
        if kept is not None:
            self._of_parents.remove(kept)
            self._opened = kept
