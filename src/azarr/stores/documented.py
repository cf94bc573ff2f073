"""Store classes of the Zarr 2 documentation that are a store of azarr by another name.

Nothing but names, signatures and key spellings belongs here.
"""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Iterator, MutableMapping
from typing import Any, Literal, TypeAlias

from azarr.errors import UsageError
from azarr.stores.base import Children
from azarr.stores.local import LocalStore
from azarr.stores.mapping import MappingStore

Separator: TypeAlias = Literal[".", "/"]

_is_dotted_chunk = re.compile(r"\d+(\.\d+)+").fullmatch


class KVStore(MappingStore):
    """A store over a `MutableMapping`: `MappingStore` as Zarr 2 names it."""

    def __init__(
        self,
        mutablemapping: MutableMapping[str, Any],
        *,
        dimension_separator: Separator | None = None,
        read_only: bool = False,
    ) -> None:
        super().__init__(mutablemapping, read_only=read_only)
        self.dimension_separator = dimension_separator

    def __reduce__(self) -> tuple[Any, ...]:
        kind, arguments, state = super().__reduce__()
        return kind, arguments, {**state, "dimension_separator": self.dimension_separator}


class DirectoryStore(LocalStore):
    """A store in a directory: `LocalStore` with the signature of Zarr 2.

    Args:
        path: the directory.
        normalize_keys: treat keys as if they were in lower case.
        dimension_separator: what new arrays in this store have between chunk coordinates in a
            chunk key, if nothing else says so.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        normalize_keys: bool = False,
        dimension_separator: Separator | None = None,
        *,
        durable: bool = False,
        read_only: bool = False,
    ) -> None:
        super().__init__(path, durable=durable, read_only=read_only)
        self.normalize_keys = normalize_keys
        self.dimension_separator = dimension_separator

    @property
    def path(self) -> str:
        """The directory."""
        return self.root

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/"."""
        return super().list(self._spelled(prefix))

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of files, names of directories) in the directory `prefix`."""
        return super().list_children(self._spelled(prefix))

    def delete_prefix(self, prefix: str) -> None:
        """Remove the directory `prefix` and all in it."""
        super().delete_prefix(self._spelled(prefix))

    def _locate(self, key: str) -> tuple[str, str]:
        return super()._locate(self._spelled(key))

    def _spelled(self, key: str) -> str:
        """A key or prefix as this store spells it."""
        return key.lower() if self.normalize_keys else key


class NestedDirectoryStore(DirectoryStore):
    """A `DirectoryStore` that puts each chunk dimension in a directory: "0/1", also for "0.1"."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        normalize_keys: bool = False,
        dimension_separator: Separator | None = "/",
        *,
        durable: bool = False,
        read_only: bool = False,
    ) -> None:
        if dimension_separator not in (None, "/"):
            raise UsageError(
                f"a NestedDirectoryStore has dimension_separator '/', not {dimension_separator!r}"
            )
        super().__init__(path, normalize_keys, "/", durable=durable, read_only=read_only)

    def _locate(self, key: str) -> tuple[str, str]:
        head, separator, name = key.rpartition("/")
        if _is_dotted_chunk(name):
            key = head + separator + name.replace(".", "/")
        return super()._locate(key)


class TempStore(DirectoryStore):
    """A `DirectoryStore` in a new temporary directory, which goes when the process exits."""

    def __init__(
        self,
        suffix: str = "",
        prefix: str = "zarr",
        dir: str | None = None,
        normalize_keys: bool = False,
        dimension_separator: Separator | None = None,
    ) -> None:
        import tempfile

        path = tempfile.mkdtemp(suffix=suffix, prefix=prefix, dir=dir)
        atexit.register(_remove_in, os.getpid(), path)
        super().__init__(path, normalize_keys, dimension_separator)


def _remove_in(process: int, path: str) -> None:
    # A forked child that exits has this handler too, but not the right to remove the directory.
    if os.getpid() == process:
        import shutil

        shutil.rmtree(path, ignore_errors=True)
