"""A bounded cache: the least recently used entries go first. Safe from several threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any


class LruCache:
    """Values by name, of at most `limit` bytes in all, as estimated by whoever puts them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._mutex = Lock()
        self._entries: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self.nbytes = 0

    def get(self, name: Hashable) -> Any:
        """The value, or None."""
        with self._mutex:
            entry = self._entries.get(name)
            if entry is None:
                return None
            self._entries.move_to_end(name)
            return entry[0]

    def put(self, name: Hashable, value: Any, nbytes: int) -> None:
        """Keep a value; one that is larger than the whole cache is not kept."""
        with self._mutex:
            self._remove(name)
            if nbytes > self.limit:
                return
            self._entries[name] = value, nbytes
            self.nbytes += nbytes
            while self.nbytes > self.limit:
                self._remove(next(iter(self._entries)))

    def drop(self, name: Hashable) -> None:
        """Forget a value."""
        with self._mutex:
            self._remove(name)

    def names(self) -> list[Hashable]:
        """What is there."""
        with self._mutex:
            return list(self._entries)

    def _remove(self, name: Hashable) -> None:
        _, nbytes = self._entries.pop(name, (None, 0))
        self.nbytes -= nbytes
