"""Requests of remote stores as OpenTelemetry spans and metrics; needs `azarr[opentelemetry]`.

Only the API of OpenTelemetry is used: what is done with spans is decided by the application's SDK.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from azarr import Observer


class OpenTelemetryObserver(Observer):
    """A span for every request, and counters of requests, retries, hedges and cached values.

    Spans belong to the span that is current where the array is awaited; those of blocking calls,
    which run on azarr's own event loop, to none.

    Attributes of a span: `azarr.store`, `azarr.key`, and `error.type` where it failed.

    Args:
        tracer_provider, meter_provider: the SDK's; None: the global ones.

    Example:
        >>> import azarr
        >>> with azarr.observing(OpenTelemetryObserver()):
        ...     pass
    """

    def __init__(self, tracer_provider: Any = None, meter_provider: Any = None) -> None:
        self._tracer = trace.get_tracer("azarr", tracer_provider=tracer_provider)
        meter = metrics.get_meter("azarr", meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            "azarr.request.duration", unit="s", description="How long requests to stores took"
        )
        self._counters = {
            name: meter.create_counter(f"azarr.request.{name}", description=text)
            for name, text in (
                ("retries", "Requests that were sent again"),
                ("hedges", "Second requests for what took long"),
                ("cached", "Values that did not have to be asked for"),
            )
        }
        self._spans: dict[int, list[Span]] = {}

    def started(self, request: Any) -> None:
        """Begin a span."""
        span = self._tracer.start_span(
            f"azarr {request.kind}",
            kind=SpanKind.CLIENT,
            attributes={"azarr.store": repr(request.store), "azarr.key": request.key},
        )
        # A request that is hedged or sent again is the same object: its spans end in turn.
        self._spans.setdefault(id(request), []).append(span)

    def finished(self, request: Any, seconds: float, error: BaseException | None) -> None:
        """End it."""
        spans = self._spans.get(id(request))
        if spans is None:  # it began before this observer
            return
        span = spans.pop(0)
        if not spans:
            del self._spans[id(request)]
        attributes = {"azarr.kind": request.kind}
        if error is not None:
            attributes["error.type"] = type(error).__name__
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(Status(StatusCode.ERROR, str(error)))
        span.end()
        self._duration.record(seconds, attributes)

    def retried(self, request: Any, attempt: int, delay: float, error: Exception) -> None:
        """Count it."""
        self._counters["retries"].add(1, {"azarr.kind": request.kind})

    def hedged(self, request: Any) -> None:
        """Count it."""
        self._counters["hedges"].add(1, {"azarr.kind": request.kind})

    def cached(self, request: Any) -> None:
        """Count it."""
        self._counters["cached"].add(1, {"azarr.kind": request.kind})
