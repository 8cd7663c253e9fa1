"""From ready to stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence

import grpc.aio
from grpc_health.v1 import health_pb2
from grpc_health.v1.health import aio as health

from galleria_server.content_plane import ContentPlane
from galleria_server.housekeeping import Housekeeping
from galleria_server.interceptors.limits import CallGate
from galleria_server.operations.bell import Bell

_log = logging.getLogger(__name__)


class RunningServer:
    """A server with its two halves. `port` is the real one."""

    def __init__(
        self,
        server: grpc.aio.Server,
        port: int,
        gate: CallGate,
        health_service: health.HealthServicer,
        services: Sequence[str],
        content: ContentPlane,
        bell: Bell,
        housekeeping: Housekeeping,
    ) -> None:
        self.port = port
        self._server = server
        self._gate = gate
        self._health = health_service
        self._services = services
        self._content = content
        self._bell = bell
        self.housekeeping = housekeeping

    async def start(self) -> None:
        """Open the volumes, then listen, then say that it is healthy."""
        await self._content.start()
        await self.housekeeping.start()
        await self._server.start()
        serving = health_pb2.HealthCheckResponse.SERVING
        for service in ("", *self._services):
            await self._health.set(service, serving)

    async def drain(self, grace: float) -> bool:
        """Say NOT_SERVING, begin nothing new, wait up to `grace` seconds for what runs. Returns whether all ended."""
        await self._health.enter_graceful_shutdown()
        await self.housekeeping.stop()
        self._bell.close()
        ended = asyncio.create_task(self._gate.drain(grace))
        try:
            async with asyncio.timeout(grace):
                await self._content.drain()
        except TimeoutError:
            _log.warning("content was not at rest in time", extra={"grace": grace})
        return await ended

    async def stop(self) -> None:
        """End what still runs, and close the volumes."""
        await self.housekeeping.stop()
        await self._server.stop(grace=None)
        await self._content.stop()


async def until_told_to_stop() -> None:
    """Wait for SIGTERM or SIGINT. A second one ends the process at once."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
