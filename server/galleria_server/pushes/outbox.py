"""What one stream has to say: answers in the order of the questions, and notices whenever they are true."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Outbox(Generic[T]):
    """Answers and notices of a stream, bounded. Used from the event loop only.

    `notice` makes the message that tells which segments are durable and how many received bytes are; notices that
    wait are joined, so that a slow reader costs no memory. At most `limit` answers wait.
    """

    def __init__(self, notice: Callable[[Sequence[int], int], T], limit: int = 64) -> None:
        self._notice = notice
        self._room = asyncio.Semaphore(limit)
        self._answers: deque[asyncio.Future[T]] = deque()
        self._durable: list[int] = []
        self._received = 0
        self._unsaid = False
        self._failure: BaseException | None = None
        self._ended = False
        self._news = asyncio.Event()

    async def answer(self, answer: asyncio.Future[T]) -> None:
        """Queue an answer that may still be worked on; waits while too many wait."""
        await self._room.acquire()
        self._answers.append(answer)
        answer.add_done_callback(lambda _: self._news.set())

    def durable(self, segments: Sequence[int], received: int) -> None:
        """Tell that `segments` are durable, and the first `received` bytes of this stream."""
        self._durable.extend(segments)
        self._received = max(self._received, received)
        self._unsaid = True
        self._news.set()

    def fail(self, error: BaseException) -> None:
        """End with `error`, before whatever else waits. The first failure counts."""
        self._failure = self._failure or error
        self._news.set()

    def end(self) -> None:
        """Nothing more will be queued: end after what waits."""
        self._ended = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            self._news.clear()
            for message in self._ready():
                yield message
            if self._failure is not None:
                raise self._failure
            if not self._answers and self._ended and not self._unsaid:
                return
            await self._news.wait()

    def _ready(self) -> list[T]:
        if self._failure is not None:
            return []
        messages = []
        while self._answers and self._answers[0].done():
            messages.append(self._answers.popleft().result())
            self._room.release()
        if self._unsaid:
            messages.append(self._notice(self._durable, self._received))
            self._durable, self._unsaid = [], False
        return messages
