"""What the tests of stores on S3 share: options, event loops, and the rules that ETags change."""

from __future__ import annotations

from typing import Any

import pytest

from azarr.errors import ConflictError
from azarr.stores import AsyncStore
from azarr.testing._rules import keys_of, need_generations, value_of
from azarr.testing.conformance import AsyncStoreConformance

SECRET = "hunter2-the-secret"


def options(url: str, **more: Any) -> dict[str, Any]:
    """Storage options, in s3fs spelling, for a server on loopback."""
    return {
        "key": "AKIA-test",
        "secret": SECRET,
        "client_kwargs": {"endpoint_url": url, "region_name": "us-east-1"},
        **more,
    }


class S3Conformance(AsyncStoreConformance):
    """The suite for stores that need asyncio, and whose generation is a hash of the value."""

    @pytest.fixture(params=["asyncio", "uvloop"])
    def anyio_backend(self, request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
        if request.param == "uvloop":
            pytest.importorskip("uvloop")
        return "asyncio", {"use_uvloop": request.param == "uvloop"}

    @pytest.mark.parametrize("value", [b"2", b"longer"])
    async def test_a_conditional_write_after_another_write_conflicts(
        self, store: AsyncStore, value: bytes
    ) -> None:
        await super().test_a_conditional_write_after_another_write_conflicts(store, value)

    async def test_a_value_written_again_after_a_delete_is_another(self, store: AsyncStore) -> None:
        """An ETag is of the bytes. To replace the same bytes by others loses nobody's update."""
        need_generations(store)
        generation = await store.set_if("a", b"same", None)
        await store.delete("a")
        with pytest.raises(ConflictError):
            await store.set_if("a", b"new", generation)
        await store.set("a", b"same")
        await store.set_if("a", b"new", generation)
        assert await value_of(store, "a") == b"new"
        assert await keys_of(store) == ["a"]

    async def test_generations_do_not_come_back_in_quick_succession(
        self, store: AsyncStore
    ) -> None:
        need_generations(store)
        seen = set()
        for step in range(10):
            await store.set("a", b"%d" % step)
            seen.add((await store.get_with_generation("a"))[1])
        assert len(seen) == 10
