"""A bounded number of frames of one stream in the hands of a volume's pool."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
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
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def busy(self) -> bool:
        """Whether any work runs."""
        return bool(self._running)

    async def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin `work` as soon as a slot is free."""
        try:
            await self._free.acquire()
        except BaseException:
            work.close()
            raise
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def settle(self) -> None:
        """Wait until no work runs."""
        while self._running:
            await asyncio.wait(self._running)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        self._free.release()
        if not task.cancelled() and (error := task.exception()):
            self._failed(error)
