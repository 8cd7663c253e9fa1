"""Blocking work off the event loop, in a bounded number of threads with a bounded queue."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

from galleria_server.domain.errors import ServerBusy

P = ParamSpec("P")
T = TypeVar("T")


class BoundedExecutor:
    """`workers` threads and at most `queue` pieces of work that wait for one. Used from one event loop."""

    def __init__(self, name: str, workers: int, queue: int) -> None:
        self.name = name
        self._limit = workers + queue
        self._pending = 0
        self._settled = asyncio.Event()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)

    def start(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Call `function` in a thread, with a copy of the caller's context variables; what becomes of it.

        Whoever waits may cancel the future and leave, or settle it; work that has begun goes on and counts until it
        ends.

        Raises:
            ServerBusy: the queue is full.
        """
        if self._pending >= self._limit:
            raise ServerBusy(self.name, self._limit)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()
        work = self._threads.submit(partial(context.run, function, *args, **kwargs))
        self._pending += 1
        # One step of the loop for all of it: a push has some thousand pieces of work.
        work.add_done_callback(lambda done: self._tell(loop, answer, done))
        return answer

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, awaited."""
        return await self.start(function, *args, **kwargs)

    async def settle(self, seconds: float | None) -> None:
        """Wait until no work is pending, at most so long if that is bounded."""
        if self._pending:
            self._settled.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._settled.wait()

    def close(self) -> None:
        """Take no more work; what waits is dropped, what runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _tell(self, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[T], done: Future[T]) -> None:
        # A closed loop has nobody who waits or counts.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._ended, answer, done)

    def _ended(self, answer: asyncio.Future[T], done: Future[T]) -> None:
        self._pending -= 1
        if not self._pending:
            self._settled.set()
        if answer.done():
            return
        if done.cancelled():
            answer.cancel()
        elif error := done.exception():
            answer.set_exception(error)
        else:
            answer.set_result(done.result())
