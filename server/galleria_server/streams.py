"""Time limits of streams: a client that sends nothing, or takes nothing, does not hold a stream for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from google.protobuf.message import DecodeError

from galleria_server.domain.errors_content import ProtocolViolated, StreamIdle

T = TypeVar("T")

# The event loop alone would not keep them.
_TELLING: set[asyncio.Future[None]] = set()


async def taken(
    answers: AsyncGenerator[T, None], seconds: float, tell: Callable[[StreamIdle], Awaitable[None]]
) -> AsyncGenerator[T, None]:
    """Pass `answers` on; when the client does not take one within `seconds`, `tell` it and cancel the call.

    What is told waits behind the bytes that the client has not read; the call's resources do not.
    """
    call = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def stalled() -> None:
        telling = asyncio.ensure_future(tell(StreamIdle("took", seconds)))
        _TELLING.add(telling)
        telling.add_done_callback(_TELLING.discard)
        if call is not None:
            # Two steps on: `tell` must find the call alive.
            loop.call_soon(lambda: loop.call_soon(call.cancel))

    async with aclosing(answers):
        async for answer in answers:
            timer = loop.call_later(seconds, stalled)
            try:
                yield answer
            finally:
                timer.cancel()


async def sent(requests: AsyncIterator[T], seconds: float, busy: Callable[[], bool]) -> AsyncGenerator[T, None]:
    """Pass `requests` on; raises StreamIdle when none comes within `seconds` while nothing is `busy` for the client.

    Raises ProtocolViolated for one that cannot be read.
    """
    iterator = aiter(requests)
    while True:
        with _Silence(seconds, busy):
            request = await _next(iterator)
        if request is None:
            return
        yield request


async def first_sent(requests: AsyncIterator[T], seconds: float) -> T | None:
    """The first of `requests`, None when there is none.

    Raises StreamIdle when it does not come within `seconds`, ProtocolViolated when it cannot be read.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _next(requests)
    except TimeoutError:
        raise StreamIdle("sent", seconds) from None


class _Silence:
    """Ends the current task's wait with StreamIdle after `seconds` in which nothing was `busy` at their end."""

    def __init__(self, seconds: float, busy: Callable[[], bool]) -> None:
        self._seconds = seconds
        self._busy = busy
        self._loop = asyncio.get_running_loop()
        self._idle = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task else 0
        self._timer = self._loop.call_later(self._seconds, self._look)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        # As asyncio.timeout does it: a cancellation of somebody else's goes on.
        ours = self._idle and self._task is not None and self._task.uncancel() <= self._cancelling
        if ours and kind is asyncio.CancelledError:
            raise StreamIdle("sent", self._seconds) from None

    def _look(self) -> None:
        if self._busy():
            self._timer = self._loop.call_later(self._seconds, self._look)
        elif self._task:
            self._idle = True
            self._task.cancel()


async def _next(iterator: AsyncIterator[T]) -> T | None:
    try:
        return await anext(iterator, None)
    except DecodeError:
        raise ProtocolViolated("the bytes of a message are not those of any that this stream takes") from None


async def read_ahead(source: AsyncGenerator[T, None], depth: int) -> AsyncGenerator[T, None]:
    """Pass on what `source` gives; a task of its own asks for up to `depth` items ahead."""
    queue: asyncio.Queue[T | _End] = asyncio.Queue(depth)
    filling = asyncio.create_task(_fill(source, queue))
    try:
        while not isinstance(item := await queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        filling.cancel()


@dataclass(frozen=True, slots=True)
class _End:
    error: Exception | None


async def _fill(source: AsyncGenerator[T, None], queue: asyncio.Queue[T | _End]) -> None:
    end = _End(None)
    try:
        async with aclosing(source):
            async for item in source:
                await queue.put(item)
    except Exception as error:  # noqa: BLE001  # passed on to whoever reads
        end = _End(error)
    await queue.put(end)
