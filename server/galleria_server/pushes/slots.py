"""A bounded number of frames of one stream in the hands of a volume's pool."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Slots:
    """Runs work beside the reading of a stream, at most `count` pieces at once.

    Not reading while no slot is free is the whole flow control: HTTP/2 makes the client wait. The first failure is
    passed to `failed`.
    """

    def __init__(self, count: int, failed: Callable[[BaseException], None]) -> None:
        self._free = asyncio.Semaphore(count)
        self._failed = failed
        self._running: set[asyncio.Future[Any]] = set()

    @property
    def busy(self) -> bool:
        """Whether any work runs."""
        return bool(self._running)

    async def start(self, begin: Callable[[], Awaitable[T]]) -> asyncio.Future[T]:
        """Begin work as soon as a slot is free; what becomes of it."""
        await self._free.acquire()
        try:
            work = asyncio.ensure_future(begin())
        except BaseException:
            self._free.release()
            raise
        self._running.add(work)
        work.add_done_callback(self._ended)
        return work

    async def settle(self) -> None:
        """Wait until no work runs."""
        while self._running:
            await asyncio.wait(self._running)

    def _ended(self, work: asyncio.Future[Any]) -> None:
        self._running.discard(work)
        self._free.release()
        if not work.cancelled() and (error := work.exception()):
            self._failed(error)
