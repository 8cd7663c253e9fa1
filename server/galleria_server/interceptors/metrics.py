"""Counts and times calls for Prometheus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from galleria_server.interceptors.access import code_name

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 120, 600)


class CallMetrics:
    """The metrics of calls in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._ended = Counter("galleria_calls", "Calls that have ended", ("method", "code"), registry=registry)
        self._running = Gauge("galleria_calls_running", "Calls that run", ("method",), registry=registry)
        self._seconds = Histogram(
            "galleria_call_seconds", "How long calls took", ("method",), buckets=_BUCKETS, registry=registry
        )

    @asynccontextmanager
    async def measure(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        """Count the call while it runs and when it has ended."""
        began = time.perf_counter()
        code = ""
        with self._running.labels(method).track_inprogress():
            try:
                yield
            except (asyncio.CancelledError, GeneratorExit):
                code = grpc.StatusCode.CANCELLED.name
                raise
            finally:
                self._seconds.labels(method).observe(time.perf_counter() - began)
                self._ended.labels(method, code or code_name(context)).inc()
