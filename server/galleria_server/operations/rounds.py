"""What is done again and again in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)


class Rounds:
    """Does `work` every so many seconds; when that fails, logs what is `told` and tries again in the next round."""

    def __init__(self, seconds: float, work: Callable[[], Awaitable[object]], told: str) -> None:
        self._seconds = seconds
        self._work = work
        self._told = told
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first round comes when the seconds have passed once."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End, in the middle of a round if need be."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def do(self) -> None:
        """One round, now."""
        try:
            await self._work()
        except Exception:  # noqa: BLE001  # whatever it is, the next round tries again
            _log.exception(self._told)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            await self.do()
