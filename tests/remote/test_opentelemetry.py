"""Requests as spans and metrics, seen by the SDK's exporters in memory."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk")

import anyio
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import azarr
from azarr.config import RetryPolicy
from azarr.errors import StoreError
from azarr.integrations.opentelemetry import OpenTelemetryObserver
from azarr.storage import MemoryStore
from azarr.testing import AsyncFaultStore, LatencyStore


class Telemetry:
    """An observer with exporters in memory."""

    def __init__(self) -> None:
        self.spans = InMemorySpanExporter()
        self.metrics = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.observer = OpenTelemetryObserver(self.tracers, MeterProvider([self.metrics]))

    def counted(self) -> dict[str, Any]:
        data = self.metrics.get_metrics_data()
        return {
            metric.name: sum(
                getattr(point, "value", getattr(point, "count", 0))
                for point in metric.data.data_points
            )
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def test_every_request_is_a_span_and_every_retry_is_counted() -> None:
    azarr.config.set(retry=RetryPolicy(base_seconds=0))
    store = AsyncFaultStore(
        LatencyStore(MemoryStore(), 0),
        lambda: StoreError("no", transient=True),
        at=2,
        kinds={"get"},
    )
    array = azarr.create_array(store, shape=4, chunks=2, dtype="u1", zarr_format=3)
    array[:] = 1
    telemetry = Telemetry()
    store.faults.matched = 0
    with azarr.observing(telemetry.observer):
        array[:]
    spans = telemetry.spans.get_finished_spans()
    assert sorted(span.attributes["azarr.key"] for span in spans).count("c/0") >= 1
    assert {span.name for span in spans} == {"azarr get"}
    failed = [span for span in spans if not span.status.is_ok]
    assert [span.attributes["error.type"] for span in failed] == ["StoreError"]
    assert len(spans) == 3
    assert telemetry.counted() == {"azarr.request.duration": 3, "azarr.request.retries": 1}


def test_spans_belong_to_the_span_that_awaits_them() -> None:
    array = azarr.create_array(LatencyStore(MemoryStore(), 0), shape=4, chunks=2, dtype="u1")
    telemetry = Telemetry()

    async def main() -> None:
        with telemetry.tracers.get_tracer("test").start_as_current_span("request"):
            await array.async_array.getitem(...)

    with azarr.observing(telemetry.observer):
        anyio.run(main)
    *requests, parent = telemetry.spans.get_finished_spans()
    assert parent.name == "request"
    assert [span.parent.span_id for span in requests] == [parent.context.span_id] * 2


def test_a_cancelled_request_ends_its_span() -> None:
    store = LatencyStore(MemoryStore(), 0)
    array = azarr.create_array(store, shape=4, chunks=2, dtype="u1")
    store.seconds = 5
    telemetry = Telemetry()

    async def main() -> None:
        with anyio.move_on_after(0.02):
            await array.async_array.getitem(...)

    with azarr.observing(telemetry.observer):
        anyio.run(main)
    assert len(telemetry.spans.get_finished_spans()) == 2
    assert not telemetry.observer._spans
