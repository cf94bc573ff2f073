"""A listing that is read piece by piece is limited, counted, tried again and let go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import anyio
import pytest

import azarr
from azarr.engine.runtimes._anyio import AnyioRuntime
from azarr.errors import StoreError
from azarr.storage import MemoryStore
from azarr.testing import AsyncCountingStore

LOOPS = ["asyncio", "trio"]


class Breaking(AsyncCountingStore):
    """Its listings break off after so many keys, one after the other."""

    def __init__(self, count: int, after: list[int], *, transient: bool = True) -> None:
        super().__init__(MemoryStore())
        for number in range(count):
            self.store.set(f"c/{number:05}", b"")
        self.after = after
        self.transient = transient
        self.begun = self.ended = 0
        self.order: Callable[[list[str]], list[str]] = sorted

    async def list(self, prefix: str = "") -> AsyncIterator[str]:
        self.begun += 1
        most = self.after.pop(0) if self.after else None
        try:
            for number, key in enumerate(self.order([*self.store.list(prefix)])):
                if number == most:
                    raise StoreError("the connection was reset", transient=self.transient)
                yield key
        finally:
            self.ended += 1


def scanned(store: Breaking, loop: str = "asyncio", most: int | None = None) -> list[str]:
    found: list[str] = []

    async def main() -> None:
        batches = AnyioRuntime(store).scan("c")
        try:
            async for batch in batches:
                found.extend(batch)
                if most is not None and len(found) >= most:
                    break
        finally:
            await batches.aclose()

    with azarr.config.using(retry=azarr.config.RetryPolicy(base_seconds=0.001)):
        anyio.run(main, backend=loop)
    return found


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("after", [[0], [10], [1000], [2400], [0, 1500, 1500, 2400]])
def test_a_listing_that_breaks_off_goes_on_behind_the_last_key(loop: str, after: list[int]) -> None:
    store = Breaking(2500, [*after])
    assert scanned(store, loop) == [f"c/{number:05}" for number in range(2500)]
    assert store.begun == store.ended == len(after) + 1


def test_a_listing_without_order_begins_anew_before_its_first_keys_only() -> None:
    store = Breaking(2500, [10])
    store.order = lambda keys: sorted(keys, reverse=True)
    assert len(set(scanned(store))) == 2500
    store.after = [1500]
    with pytest.raises(StoreError, match="does not sort its keys"):
        scanned(store)


def test_a_listing_that_fails_for_good_is_not_begun_anew() -> None:
    store = Breaking(2500, [1500], transient=False)
    with pytest.raises(StoreError, match="reset"):
        scanned(store)
    assert store.begun == store.ended == 1


def test_a_listing_that_nobody_reads_to_its_end_is_let_go() -> None:
    store = Breaking(2500, [])
    assert len(scanned(store, most=1000)) == 1000
    assert (store.begun, store.ended) == (1, 1)


def test_a_listing_is_counted_by_its_pages() -> None:
    store = Breaking(2500, [])
    scanned(store)
    assert azarr.stats()[store.origin]["requests"] == 3


def test_counting_chunks_survives_a_failure_within_the_listing() -> None:
    store = Breaking(0, [])
    array = azarr.create_array(store, shape=1500, chunks=1, dtype="u1")
    array[:] = 1
    store.after = [1200]
    with azarr.config.using(retry=azarr.config.RetryPolicy(base_seconds=0.001)):
        assert array.nchunks_initialized == 1500
