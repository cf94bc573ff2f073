"""`FSStore`: the store over fsspec of the Zarr 2 documentation, a thin subclass of `FsspecStore`."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

from azarr.errors import StoreError, UsageError
from azarr.stores.base import Buffers, Children
from azarr.stores.fsspec import _BlockingFsspecStore
from azarr.typing import Buffer, ByteRange

Exceptions: TypeAlias = Sequence[type[BaseException]]


class FSStore(_BlockingFsspecStore):
    """A blocking store, and mapping, in any file system of fsspec, with the signature of Zarr 2.

    `FsspecStore` and plain URLs are faster where the file system is asynchronous.

    Args:
        url: a URL, or a path in `fs`.
        normalize_keys: treat keys as if they were in lower case.
        key_separator, dimension_separator: what new arrays in this store have between chunk
            coordinates in a chunk key, if nothing else says so.
        mode: "r" refuses every write.
        exceptions: errors that mean that a key is missing. Zarr 2 takes every `OSError` for that; here
            only the store's definite answer is, unless more is given. `PermissionError` is for
            public buckets that cannot be listed: S3 answers 403 for what is missing in them.
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

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing or one of `exceptions` was raised."""
        try:
            return super().get(self._spelled(key), default)
        except StoreError as error:
            if self._means_missing(error):
                return default
            raise

    def get_ranges(self, key: str, ranges: Sequence[ByteRange]) -> Buffers | None:
        """Exactly these byte ranges, each read by itself."""
        try:
            return super().get_ranges(self._spelled(key), ranges)
        except StoreError as error:
            if self._means_missing(error):
                return None
            raise

    def _means_missing(self, error: StoreError) -> bool:
        forbidden = error.errno == errno.EACCES and PermissionError in self.exceptions
        return forbidden or isinstance(error, self.exceptions)

    def set(self, key: str, value: Buffer) -> None:
        """Put a whole value."""
        super().set(self._spelled(key), value)

    def delete(self, key: str) -> None:
        """Remove `key`."""
        super().delete(self._spelled(key))

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key under "prefix/"."""
        super().delete_prefix(self._spelled(prefix))

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/"."""
        return super().list(self._spelled(prefix))

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes) directly under `prefix`."""
        return super().list_children(self._spelled(prefix))

    def size(self, key: str) -> int | None:
        """The number of bytes of a value, None if `key` is missing."""
        return super().size(self._spelled(key))

    def _spelled(self, key: str) -> str:
        return key.lower() if self.normalize_keys else key
