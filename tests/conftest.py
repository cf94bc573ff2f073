"""Fixtures that every test may use: event loops, and files written by other implementations."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The shipped conformance suite compares with plain asserts; this is before anything imports it.
pytest.register_assert_rewrite("azarr.testing")

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"

# Deadlines measure the machine, not azarr. Under CI the same commit gets the same verdict.
settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if "CI" in os.environ else "default")
)

EVENT_LOOPS: dict[str, tuple[str, dict[str, Any]]] = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "trio": ("trio", {}),
}
if sys.platform != "win32":
    EVENT_LOOPS["uvloop"] = ("asyncio", {"use_uvloop": True})


@pytest.fixture(params=list(EVENT_LOOPS))
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Runs a test marked `anyio` once on every event loop that azarr supports."""
    return EVENT_LOOPS[request.param]


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of arrays that other implementations wrote; skips the test where it is absent."""
    if not CORPORA.is_dir():
        pytest.skip("the files of other implementations are not here")
    return CORPORA
