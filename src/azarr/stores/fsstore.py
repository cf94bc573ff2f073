"""`FSStore`: the store over fsspec of the Zarr 2 documentation, a thin `FsspecStore`."""

from __future__ import annotations

import errno
from collections.abc import Coroutine, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

from azarr.errors import StoreError, UsageError
from azarr.stores.fsspec import _BlockingFsspecStore

T = TypeVar("T")

Exceptions: TypeAlias = Sequence[type[BaseException]]


class FSStore(_BlockingFsspecStore):
    """A blocking store, and mapping, in any file system of fsspec, with the signature of Zarr 2.

    `FsspecStore` and plain URLs are faster where the file system is asynchronous.

    Args:
        url: a URL, or a path in `fs`.
        normalize_keys: treat keys as if they were in lower case.
        key_separator: what new arrays in this store have between chunk coordinates in a chunk
            key, if nothing else says so.
        mode: "r" refuses every write.
        exceptions: errors that mean that a key is missing. Zarr 2 takes every `OSError` for that;
            here only the store's definite answer is, unless more is given. `PermissionError` is
            for public buckets that cannot be listed: S3 answers 403 for what is missing in them.
        dimension_separator: another name of `key_separator`.
        fs: a file system, used as it is.
        check: write and remove a key, to see that it can be done.
        create: make the folder.
        missing_exceptions: further `exceptions`.
        storage_options: options of the file system.

    Example:
        >>> store = FSStore("memory://fsstore-example")
        >>> store["a/0"] = b"x"
        >>> list(store)
        ['a/0']
    """

    def __init__(
        self,
        url: str,
        normalize_keys: bool = False,
        key_separator: Literal[".", "/"] | None = None,
        mode: str = "w",
        exceptions: Exceptions = (KeyError,),
        dimension_separator: Literal[".", "/"] | None = None,
        fs: Any = None,
        check: bool = False,
        create: bool = False,
        missing_exceptions: Exceptions | None = None,
        **storage_options: Any,
    ) -> None:
        if key_separator and dimension_separator and key_separator != dimension_separator:
            raise UsageError(f"key_separator {key_separator!r} contradicts {dimension_separator!r}")
        super().__init__(url, storage_options, fs=fs, read_only=mode == "r")
        self.mode = mode
        self.normalize_keys = normalize_keys
        self.dimension_separator = dimension_separator or key_separator
        self.key_separator = self.dimension_separator or "."
        self.exceptions = (*exceptions, *(missing_exceptions or ()))
        if create:
            self.fs.makedirs(self.path, exist_ok=True)
        if check:
            self.set(".azarr-check", b"")
            self.delete(".azarr-check")

    @property
    def fs(self) -> Any:
        """The file system."""
        return self._driven()._requests().file_system_for_blocking_calls()  # type: ignore[attr-defined]

    @property
    def path(self) -> str:
        """Where the values are in the file system."""
        return self._system.path

    def _read(self, call: Coroutine[Any, Any, T], missing: T) -> T:
        try:
            return super()._read(call, missing)
        except StoreError as error:
            forbidden = error.errno == errno.EACCES and PermissionError in self.exceptions
            if forbidden or isinstance(error, self.exceptions):
                return missing
            raise

    def _spelled(self, key: str) -> str:
        return key.lower() if self.normalize_keys else key
