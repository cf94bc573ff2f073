"""The documented stores that hold an N5 container: other stores, with a default format."""

from __future__ import annotations

import os
from typing import Any

from azarr.errors import UsageError
from azarr.stores.documented import DirectoryStore, Separator
from azarr.stores.fsstore import FSStore
from azarr.typing import ZarrFormat


class N5Store(DirectoryStore):
    """A `DirectoryStore` that holds an N5 container: what is created or opened in it is N5.

    The keys in it are those of N5, not the Zarr keys that Zarr 2 made of them.

    Example:
        >>> import azarr, tempfile
        >>> root = azarr.group(N5Store(tempfile.mkdtemp()))
        >>> root.zarr_format
        'n5'
    """

    default_format: ZarrFormat | None = "n5"

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
            raise UsageError(f"an N5Store has dimension_separator '/', not {dimension_separator!r}")
        super().__init__(path, normalize_keys, "/", durable=durable, read_only=read_only)


class N5FSStore(FSStore):
    """An `FSStore` that holds an N5 container: what is created or opened in it is N5.

    The arguments are those of `FSStore`; a `dimension_separator` is ignored, as in Zarr 2.

    Example:
        >>> import azarr
        >>> azarr.group(N5FSStore("memory://n5fsstore-example")).zarr_format
        'n5'
    """

    default_format: ZarrFormat | None = "n5"

    def __init__(self, url: str, normalize_keys: bool = False, **options: Any) -> None:
        options["dimension_separator"] = "/"
        super().__init__(url, normalize_keys, **options)
