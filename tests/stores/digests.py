"""The rules of the conformance suite that a store changes whose generation is a digest."""

from __future__ import annotations

from typing import Any

import pytest

from azarr.errors import ConflictError
from azarr.testing._rules import keys_of, need_generations, value_of
from azarr.testing.conformance import BlockingStoreConformance, _driven


class DigestRules:
    """Such a store does not tell a value that was written again from one that never changed.

    To replace the same bytes by others loses nobody's update.
    """

    @pytest.mark.parametrize("value", [b"2", b"longer"])
    async def test_a_conditional_write_after_another_write_conflicts(
        self, store: Any, value: bytes
    ) -> None:
        need_generations(store)
        await store.set("a", b"1")
        _, generation = await store.get_with_generation("a")
        await store.set("a", value)
        with pytest.raises(ConflictError, match="a"):
            await store.set_if("a", b"mine", generation)
        assert await value_of(store, "a") == value

    async def test_a_value_written_again_after_a_delete_is_another(self, store: Any) -> None:
        need_generations(store)
        generation = await store.set_if("a", b"same", None)
        await store.delete("a")
        with pytest.raises(ConflictError):
            await store.set_if("a", b"new", generation)
        await store.set("a", b"same")
        await store.set_if("a", b"new", generation)
        assert await value_of(store, "a") == b"new"
        assert await keys_of(store) == ["a"]

    async def test_generations_do_not_come_back_in_quick_succession(self, store: Any) -> None:
        need_generations(store)
        seen = set()
        for step in range(10):
            await store.set("a", b"%d" % step)
            seen.add((await store.get_with_generation("a"))[1])
        assert len(seen) == 10


@_driven
class DigestConformance(DigestRules, BlockingStoreConformance):
    """The suite for a blocking store whose generation is a digest of the value."""
