"""Wakes those who wait for operations."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from galleria_server.domain.errors import Draining


class Bell:
    """Rung when operations may have changed. Made in the event loop that waits; `ring` may come from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._next = asyncio.Event()
        self._closed = False

    def ring(self) -> None:
        """Wake everybody who waits."""
        self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        """Wake everybody for the last time: all waits end with Draining."""
        self._closed = True
        self._wake()

    def listen(self) -> asyncio.Event:
        """The event that the next ring sets. Take it before looking at the operation, so that no ring is missed.

        Raises:
            Draining: the bell is closed.
        """
        if self._closed:
            raise Draining
        return self._next

    @staticmethod
    async def heard(rung: asyncio.Event, seconds: float) -> None:
        """Wait until that event is set, or no longer than so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await rung.wait()

    def _wake(self) -> None:
        rung, self._next = self._next, asyncio.Event()
        rung.set()
