"""A listing that is asked for some keys at a time, and goes on after a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator

from azarr.engine.runtimes._runtime import SCAN_KEYS, Keys
from azarr.errors import StoreError
from azarr.stores import AsyncStore


class Listing:
    """The keys under a prefix.

    After a failure it is begun again, and goes on behind the last key that was returned: so the
    keys have to come sorted, as those of object stores do, where not all come at once.

    Attributes:
        ended: there are no more.
    """

    def __init__(self, store: AsyncStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._keys: AsyncIterator[str] | None = None
        self._last: str | None = None
        self._is_sorted = True
        self.ended = False

    async def batch(self) -> Keys:
        """The next keys, up to 1000.

        Raises:
            StoreError: as the store does; or it failed before, and cannot go on.
        """
        resumed = self._keys is None and self._last is not None
        if resumed and not self._is_sorted:
            raise StoreError(
                f"the listing of {self._prefix!r} broke off, and {self._store!r} does not sort "
                "its keys, so it cannot go on from there"
            )
        keys = self._keys = self._keys or self._store.list(self._prefix)
        batch: Keys = []
        try:
            async for key in keys:
                if resumed and self._last is not None and key <= self._last:
                    continue
                batch.append(key)
                if len(batch) == SCAN_KEYS:
                    break
        except BaseException:
            await self.close()
            raise
        self.ended = len(batch) < SCAN_KEYS
        if batch:
            before = batch if self._last is None else [self._last, *batch]
            self._is_sorted = self._is_sorted and before == sorted(before)
            self._last = batch[-1]
        return batch

    async def close(self) -> None:
        """Let go of the store's iterator."""
        keys, self._keys = self._keys, None
        closing = getattr(keys, "aclose", None)
        if closing is not None:
            await closing()
