"""The course of one stream of a push, whatever its messages are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Generic, Self, TypeVar

from galleria_server.pushes.limits import StreamLimits
from galleria_server.pushes.live import LivePush
from galleria_server.pushes.outbox import Outbox
from galleria_server.pushes.slots import Slots
from galleria_server.streams import sent
from galleria_storage.volume import PushStream

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Course(Generic[Answer]):
    """Reads messages beside the giving of answers, with bounded work in the volume's pool between them.

    A context manager: entering attaches a storage stream, leaving detaches it, and what is not durable is forgotten.
    """

    def __init__(self, live: LivePush, limits: StreamLimits, notice: Callable[[Sequence[int], int], Answer]) -> None:
        self._live = live
        self._limits = limits
        self._outbox = Outbox(notice)
        self._slots = Slots(limits.frames_in_work, self._outbox.fail)
        self.stream: PushStream

    async def __aenter__(self) -> Self:
        self.stream = await self._live.attach(self._outbox.durable, self._outbox.fail)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._slots.settle()
        self.stream.close()

    async def answers(
        self,
        requests: AsyncIterator[Request],
        take: Callable[[Request], Awaitable[None]],
        ended: Callable[[], Awaitable[None]],
    ) -> AsyncGenerator[Answer, None]:
        """What is to be said, until the client has ended and everything that it sent is durable.

        `take` begins what a message asks for, `ended` what is due behind the last.
        """
        reading = asyncio.create_task(self._read(requests, take, ended))
        reading.add_done_callback(self._read_all)
        try:
            async for answer in self._outbox:
                yield answer
        finally:
            reading.cancel()

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> None:
        """Work on a question; its answer is given in turn."""
        await self._outbox.answer(await self._slots.start(question))

    async def work(self, function: Callable[..., object], *args: object) -> None:
        """Run a blocking function in the volume's pool; nothing is answered."""
        await self._slots.start(lambda: self._live.mount.start(function, *args))

    async def flush(self) -> None:
        """Make durable what was received so far."""
        await self._slots.settle()
        await self.work(self.stream.flush)

    async def settle(self) -> None:
        """Wait until no work runs."""
        await self._slots.settle()

    def announce(self) -> None:
        """Tell once more what is durable."""
        self._outbox.durable([], 0)

    async def _read(
        self,
        requests: AsyncIterator[Request],
        take: Callable[[Request], Awaitable[None]],
        ended: Callable[[], Awaitable[None]],
    ) -> None:
        async with aclosing(sent(requests, self._limits.idle_timeout_seconds, lambda: self._slots.busy)) as messages:
            async for message in messages:
                await take(message)
        await ended()
        await self._slots.settle()

    def _read_all(self, reading: asyncio.Task[None]) -> None:
        if not reading.cancelled() and (error := reading.exception()):
            self._outbox.fail(error)
        else:
            self._outbox.end()
