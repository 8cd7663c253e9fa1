"""Blocking work off the event loop, in a bounded number of threads with a bounded queue."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a thread, with a copy of the caller's context variables.

        A cancelled caller leaves at once; work that has begun goes on and counts until it ends.

        Raises:
            ServerBusy: the queue is full.
        """
        if self._pending >= self._limit:
            raise ServerBusy(self.name, self._limit)
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        work = self._threads.submit(partial(context.run, function, *args, **kwargs))
        self._pending += 1
        work.add_done_callback(lambda _: self._ended(loop))
        return await asyncio.wrap_future(work)

    def close(self) -> None:
        """Take no more work; what waits is dropped, what runs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ended(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.call_soon_threadsafe(self._release)
        except RuntimeError:  # the loop is closed, and nobody counts any more
            self._pending -= 1

    def _release(self) -> None:
        self._pending -= 1
