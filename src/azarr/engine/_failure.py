"""Where a failure happened, added to the error as notes, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

from azarr.engine._state import ArrayState
from azarr.engine.runtimes._runtime import Runtime

T = TypeVar("T")


def located(error: Exception, array: ArrayState, key: str | None) -> None:
    """Add the store, the array and the chunk to the error's notes."""
    if key is not None and not getattr(error, "__notes__", None):
        metadata = array.metadata
        coords = metadata.chunk_key_encoding.parse(key.removeprefix(array.prefix), metadata.ndim)
        error.add_note(f"array {array.name!r} in {array.chunk_store!r}")
        error.add_note(f"chunk {coords}, key {key!r}")


def located_node(function: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """For core coroutines of `(runtime, path, ...)`: errors say which node of which store."""

    @wraps(function)
    async def locating(runtime: Runtime, path: str, *args: Any, **kwargs: Any) -> T:
        try:
            return await function(runtime, path, *args, **kwargs)
        except Exception as error:
            if not getattr(error, "__notes__", None):
                error.add_note(f"node {'/' + path!r} in {runtime.store!r}")
            raise

    return locating
