"""Giving other tasks a turn where nothing else would suspend for long."""

from __future__ import annotations

import threading
from time import monotonic

YIELD_SECONDS = 0.005
"""An event loop is given back after at most this long, however many awaited reads were inline."""


class _LastTurn(threading.local):
    at = 0.0


_last_turn = _LastTurn()


async def take_turns() -> None:
    """Suspend now and then: in a loop of this, other tasks and cancellation get their turn."""
    now = monotonic()
    if now - _last_turn.at > YIELD_SECONDS:
        import anyio.lowlevel

        before = _last_turn.at
        await anyio.lowlevel.checkpoint()
        # Of many tasks that wait for their turn together only the first one starts the clock again:
        # otherwise each of them would hold the loop as long, one after the other.
        if _last_turn.at == before:
            _last_turn.at = monotonic()
