"""A local store as the subject of tests, and readable asserts in the shipped conformance suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.register_assert_rewrite("azarr.testing")

from azarr.stores import LocalStore  # noqa: E402 - after the hook that it would escape


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """A local store whose directory does not exist yet."""
    return LocalStore(tmp_path / "root")


@pytest.fixture
def left_behind(store: LocalStore) -> Callable[[], list[str]]:
    """Asks for the temporary and lock files that there are."""
    return lambda: sorted(str(path) for path in Path(store.root).rglob(".azarr-*"))
