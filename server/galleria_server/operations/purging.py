"""Purges soft-deleted versions when their time has come."""

from __future__ import annotations

import asyncio
import logging

from galleria_server.catalogue import deletion
from galleria_server.clock import Clock
from galleria_server.content_plane import ContentPlane
from galleria_server.metadata.engine import MetadataPool
from galleria_server.operations.bell import Bell

ROUND_SECONDS = 60.0
# So that other writes get their turn.
AT_ONCE = 100

_log = logging.getLogger(__name__)


class Purging:
    """Looks once a minute, and at the start of the server; at `at_once` versions in one transaction."""

    def __init__(
        self, metadata: MetadataPool, content: ContentPlane, bell: Bell, clock: Clock, at_once: int = AT_ONCE
    ) -> None:
        self._metadata = metadata
        self._content = content
        self._bell = bell
        self._clock = clock
        self._at_once = at_once
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Purge what came due while there was no server, and begin to look."""
        await self._try()
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Look no more."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def look(self) -> None:
        """Begin to delete every soft-deleted version whose time has come."""
        now, position = self._clock(), None
        while True:
            going, position = await self._metadata.write(deletion.purge_due, now, position, self._at_once)
            for version in going:
                _log.info("soft-deleted version is purged", extra={"version": str(version.name)})
            if going:
                self._bell.ring()
                self._content.wake()
            if position is None:
                return

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            await self._try()

    async def _try(self) -> None:
        try:
            await self.look()
        except Exception:  # noqa: BLE001  # the loop goes on
            _log.exception("soft-deleted versions cannot be purged")
