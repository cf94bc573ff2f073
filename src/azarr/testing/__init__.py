"""The test kit: what anyone needs to test a store, or a program that uses azarr.

Here may live: conformance suites, stores that count, delay and fail, and property-test strategies.
It uses the public API, and pytest or hypothesis, which azarr itself does not need.
"""

from azarr.testing.wrappers import (
    AsyncCountingStore,
    AsyncFaultStore,
    BlockingLatencyStore,
    CountingStore,
    FaultStore,
    LatencyStore,
    Request,
    RequestLog,
)

__all__ = [
    "AsyncCountingStore",
    "AsyncFaultStore",
    "BlockingLatencyStore",
    "CountingStore",
    "FaultStore",
    "LatencyStore",
    "Request",
    "RequestLog",
]
