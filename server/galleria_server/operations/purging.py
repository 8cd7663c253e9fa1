"""Purges soft-deleted versions when their time has come."""

from __future__ import annotations

import logging

from galleria_server.catalogue import deletion
from galleria_server.clock import Clock
from galleria_server.content_plane import ContentPlane
from galleria_server.metadata.engine import MetadataPool
from galleria_server.operations.bell import Bell
from galleria_server.operations.rounds import Rounds

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
        self._rounds = Rounds(ROUND_SECONDS, self.look, "soft-deleted versions cannot be purged")

    async def start(self) -> None:
        """Purge what came due while there was no server, and begin to look."""
        await self._rounds.do()
        self._rounds.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._rounds.stop()

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
