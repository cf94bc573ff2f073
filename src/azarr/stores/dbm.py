"""`DBMStore`: values in a database of the `dbm` family."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, Literal, TypeAlias

from azarr.stores._failures import fail
from azarr.stores._handles import Handle, absolute_path, origin_of
from azarr.stores._values import flat_buffer
from azarr.stores.base import BlockingStore, Children, Latency
from azarr.stores.keys import check_key, check_prefix, children_under, keys_under
from azarr.typing import Buffer

# Inside the class, `list` is a method.
Keys: TypeAlias = list[str]


class DBMStore(BlockingStore):
    """A store in a database of the `dbm` family, as Zarr 2 writes it.

    Which kind of database `dbm.open` makes depends on the Python; the "dumb" one, which is always
    there, is slow, and its index reaches the file by `flush()` or `close()`. Safe to write from
    any number of threads, not from several processes or stores at once.

    Args:
        path: the file, as `open` spells it; some kinds add an extension.
        flag: "r", "w", "c" (make it if need be) or "n" (always new), perhaps with more letters.
        mode: of a new file.
        open: opens it: `open(path, flag, mode, **open_kwargs)`; by default `dbm.open`, but never
            to make a database of SQLite, which would belong to one thread: use `SQLiteStore`.
        write_lock: kept for Zarr 2; threads always take turns.
        dimension_separator: what new arrays in this store have between chunk coordinates in a
            chunk key, if nothing else says so.
        **open_kwargs: further arguments of `open`.

    Raises:
        StoreError: the database cannot be opened.

    Example:
        >>> import os, tempfile
        >>> with DBMStore(os.path.join(tempfile.mkdtemp(), "example.db")) as store:
        ...     store["foo/0"] = b"x"
        ...     list(store)
        ['foo/0']
    """

    latency: Latency = "local"

    def __init__(
        self,
        path: str | os.PathLike[str],
        flag: str = "c",
        mode: int = 0o666,
        open: Callable[..., Any] | None = None,
        write_lock: bool = True,
        dimension_separator: Literal[".", "/"] | None = None,
        **open_kwargs: Any,
    ) -> None:
        self.path = absolute_path(path)
        self.origin = origin_of("dbm", self.path)
        self.flag, self.mode, self.open, self.write_lock = flag, mode, open, write_lock
        self.dimension_separator = dimension_separator
        self.open_kwargs = open_kwargs
        self.read_only = flag.startswith("r")
        self._handle = _Database(self.path, flag, mode, open, open_kwargs)
        try:
            with self._handle.lock:
                self._handle.get()
        except Exception as error:
            fail(error, self, "")

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing."""
        try:
            with self._handle.lock:
                value = self._handle.get()[key.encode()]
            return value if type(value) is bytes else bytes(value)
        except KeyError:
            return default
        except Exception as error:
            fail(error, self, key)

    def set(self, key: str, value: Buffer) -> None:
        """Put a value."""
        self._check_writable()
        check_key(key)
        data = bytes(flat_buffer(value, key))
        try:
            with self._handle.lock:
                self._handle.get()[key.encode()] = data
        except Exception as error:
            fail(error, self, key, writing=True)

    def delete(self, key: str) -> None:
        """Remove `key`. That it is missing is fine."""
        self._check_writable()
        check_key(key)
        try:
            with self._handle.lock:
                del self._handle.get()[key.encode()]
        except KeyError:
            return
        except Exception as error:
            fail(error, self, key, writing=True)

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/"; every key is looked at."""
        return iter(keys_under(self._keys(), check_prefix(prefix)))

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes) directly under `prefix`."""
        return children_under(self._keys(), check_prefix(prefix))

    def _keys(self) -> Keys:
        try:
            with self._handle.lock:
                return [key.decode() for key in list(self._handle.get().keys())]
        except Exception as error:
            fail(error, self, "")

    def flush(self) -> None:
        """Bring everything to the file."""
        try:
            with self._handle.lock:
                database = self._handle.get()
                if hasattr(database, "sync"):
                    database.sync()
                else:
                    self._handle.close()
        except Exception as error:
            fail(error, self, "", writing=True)

    def close(self) -> None:
        """Bring everything to the file and close it."""
        self._handle.close()

    def __reduce__(self) -> tuple[Any, ...]:
        if not self.read_only:
            self.flush()
        arguments = (self.mode, self.open, self.write_lock, self.dimension_separator)
        return (
            _reopen,
            (type(self), self.path, _kept(self.flag), *arguments, self.open_kwargs),
            {"read_only": self.read_only, "retry": self.retry},
        )


def _reopen(kind: type[DBMStore], path: str, flag: str, *arguments: Any) -> DBMStore:
    *positional, keywords = arguments
    return kind(path, flag, *positional, **keywords)


def _kept(flag: str) -> str:
    """A flag that does not begin anew what is there."""
    return "c" + flag[1:] if flag.startswith("n") else flag


def _open(path: str, flag: str, mode: int, **keywords: Any) -> Any:
    """As `dbm.open`, but a new database is never SQLite's, which belongs to one thread.

    Python 3.13 and later make those first.
    """
    import dbm

    is_new = flag.startswith("n") or (flag.startswith("c") and not dbm.whichdb(path))
    for name in ("dbm.gnu", "dbm.ndbm", "dbm.dumb") if is_new else ():
        with suppress(ImportError):
            return import_module(name).open(path, flag, mode, **keywords)
    return dbm.open(path, flag, mode, **keywords)  # type: ignore[arg-type]


class _Database(Handle[Any]):
    """An open database."""

    def __init__(
        self, path: str, flag: str, mode: int, opener: Callable[..., Any] | None, keywords: Any
    ) -> None:
        self._flag = flag

        def connect() -> Any:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            make: Callable[..., Any] = opener or _open
            database = make(path, self._flag, mode, **keywords)
            self._flag = _kept(flag)
            return database

        super().__init__(connect, lambda database: database.close())
