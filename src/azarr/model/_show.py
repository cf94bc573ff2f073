"""How error messages print a value that may be enormous, deeply nested or hostile."""

from __future__ import annotations

from reprlib import Repr

_short = Repr()
_short.maxstring = 80
_short.maxother = 80
_short.maxlevel = 3


def show(value: object) -> str:
    """A repr of at most about a line."""
    try:
        return _short.repr(value)
    except ValueError:  # an int beyond sys.get_int_max_str_digits() has no repr
        return f"<{type(value).__name__} too long to print>"
