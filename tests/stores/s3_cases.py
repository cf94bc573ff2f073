"""What the tests of stores on S3 share: options, event loops, and the rules that ETags change."""

from __future__ import annotations

from typing import Any

import pytest
from tests.stores.digests import DigestRules

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


class S3Conformance(DigestRules, AsyncStoreConformance):
    """The suite for stores that need asyncio, and whose generation is a hash of the value."""

    @pytest.fixture(params=["asyncio", "uvloop"])
    def anyio_backend(self, request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
        if request.param == "uvloop":
            pytest.importorskip("uvloop")
        return "asyncio", {"use_uvloop": request.param == "uvloop"}
