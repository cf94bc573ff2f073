"""`MemoryStore`: values in the memory of this process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from azarr.errors import ConflictError
from azarr.stores._values import flat_buffer
from azarr.stores.base import BlockingStore, Children, Latency
from azarr.stores.keys import check_key, check_prefix, children_under, keys_under
from azarr.typing import Buffer, Generation

# One counter for every store and key, so a generation never comes twice.
_generations = count(1)
_names = count(1)

# One lock for all stores: it is held for well under a microsecond. It is reentrant, because a
# finalizer that writes to a store may run while it is held; and it is taken around a fork, so that
# no child starts with half of a write, or with a lock that nobody will release.
_lock = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_child=_lock.release, after_in_parent=_lock.release
    )


class MemoryStore(BlockingStore):
    """A store in a dict of this process, safe to use from any number of threads.

    It pickles with its values; the copy is another place. `list` and `list_children` look at every
    key in the store, about 0.05 us each.

    Args:
        data: values to begin with; they are copied in.
        read_only: refuse every write.

    Example:
        >>> store = MemoryStore({"a/0": b"x"})
        >>> value, generation = store.get_with_generation("a/0")
        >>> store.set_if("a/0", b"y", generation) == generation
        False
    """

    latency: Latency = "memory"
    conditional = True

    def __init__(
        self, data: Mapping[str, Buffer] | None = None, *, read_only: bool = False
    ) -> None:
        self._data: dict[str, bytes] = {}
        self._generation: dict[str, int] = {}
        self.origin = f"memory://{os.getpid()}-{next(_names)}"
        for key, value in (data or {}).items():
            self.set(key, value)
        self.read_only = read_only

    def get(self, key: str, default: Any = None) -> Buffer | Any:
        """The value of `key`, or `default` if it is missing."""
        return self._data.get(key, default)

    def get_with_generation(self, key: str) -> tuple[Buffer | None, Generation | None]:
        """A value and its generation, of one moment; both None if `key` is missing."""
        with _lock:
            return self._data.get(key), self._generation.get(key)

    def set(self, key: str, value: Buffer) -> None:
        """Put a value; anything but `bytes` is copied."""
        data = self._checked(key, value)
        with _lock:
            self._data[key] = data
            self._generation[key] = next(_generations)

    def set_if(self, key: str, value: Buffer, generation: Generation | None) -> Generation:
        """Put a value if the present one still has `generation` (None: is still missing)."""
        data = self._checked(key, value)
        with _lock:
            self._check_generation(key, generation)
            self._data[key] = data
            self._generation[key] = new = next(_generations)
        return new

    def delete_if(self, key: str, generation: Generation | None) -> None:
        """Remove `key` if its value still has `generation`."""
        self._check_writable()
        with _lock:
            self._check_generation(key, generation)
            self.delete(key)

    def _check_generation(self, key: str, generation: Generation | None) -> None:
        if self._generation.get(key) != generation:
            raise ConflictError(f"{key!r} in {self!r} has changed since it was read")

    def _checked(self, key: str, value: Buffer) -> bytes:
        self._check_writable()
        check_key(key)
        return value if type(value) is bytes else bytes(flat_buffer(value, key))

    def delete(self, key: str) -> None:
        """Remove `key`. That it is missing is fine."""
        self._check_writable()
        check_key(key)
        with _lock:
            self._data.pop(key, None)
            self._generation.pop(key, None)

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys under "prefix/"; the store may change while they are looked at."""
        return iter(keys_under(list(self._data), check_prefix(prefix)))

    def list_children(self, prefix: str = "") -> Children:
        """Sorted (names of keys, names of sub-prefixes) directly under `prefix`."""
        return children_under(list(self._data), check_prefix(prefix))

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        flag = ", read-only" if self.read_only else ""
        return f"<{type(self).__name__} {self.origin}: {len(self._data)} keys{flag}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self._data),), {"read_only": self.read_only}
