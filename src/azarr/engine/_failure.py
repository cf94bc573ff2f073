"""Where a failure happened, added to the error as notes, once."""

from __future__ import annotations

from azarr.engine._state import ArrayState


def located(error: Exception, array: ArrayState, key: str | None) -> None:
    """Add the store, the array and the chunk to the error's notes."""
    if key is not None and not getattr(error, "__notes__", None):
        metadata = array.metadata
        coords = metadata.chunk_key_encoding.parse(key.removeprefix(array.prefix), metadata.ndim)
        error.add_note(f"array {array.name!r} in {array.chunk_store!r}")
        error.add_note(f"chunk {coords}, key {key!r}")
