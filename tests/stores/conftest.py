"""Show the operands of the asserts in the shipped conformance suite."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("azarr.testing")
