"""Seeing what azarr does: observers of requests, for logging, metrics and tracing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a store, or one for each byte range of a value, all at once.

    Attributes:
        kind: the store's method: "get", "set_if", "list" ...
        store: the store, as it shows itself; never its credentials.
        key: the key or prefix.
        count: how many requests it is.
    """

    kind: str
    store: Any
    key: str
    count: int = 1


class Observer:
    """Is told about requests of remote stores; override what is of interest.

    The methods are called in the event loop, so they must return soon and not raise.

    Example:
        >>> import azarr
        >>> class Slow(azarr.Observer):
        ...     def finished(self, request, seconds, error):
        ...         if seconds > 1:
        ...             print(request.kind, request.key, seconds)
        >>> with azarr.observing(Slow()):
        ...     pass
    """

    def started(self, request: Request) -> None:
        """A request is sent."""

    def finished(self, request: Request, seconds: float, error: BaseException | None) -> None:
        """It was answered, failed with an error, or was cancelled (an error of the event loop)."""

    def retried(self, request: Request, attempt: int, delay: float, error: Exception) -> None:
        """It failed and will be sent again after `delay` seconds."""

    def hedged(self, request: Request) -> None:
        """A second request for the same value is sent, because the first takes long."""

    def cached(self, request: Request) -> None:
        """Nothing needs to be sent: the value was kept."""


class LoggingObserver(Observer):
    """Writes retries to the logger "azarr", with the request's parts as `extra` fields."""

    def retried(self, request: Request, attempt: int, delay: float, error: Exception) -> None:
        """Log at level INFO."""
        import logging  # 2 ms

        logging.getLogger("azarr").info(
            "retrying %s %r in %.2f s: %s",
            request.kind,
            request.key,
            delay,
            error,
            extra={"kind": request.kind, "key": request.key, "attempt": attempt, "delay": delay},
        )
