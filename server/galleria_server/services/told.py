"""Long work in a thread, told of as it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final, TypeVar

T = TypeVar("T")

TELL_SECONDS: Final = 0.5


class Unwanted(Exception):
    """Nobody listens any more."""

    def __str__(self) -> str:
        return "nobody wants the answer any more"


async def told(
    begin: Callable[[Callable[[T], None]], asyncio.Future[T]], seconds: float = TELL_SECONDS
) -> AsyncGenerator[tuple[T, bool], None]:
    """The newest of what work reports, every so many seconds, and its result; the second says whether it is that.

    `begin` gets what the work calls from its thread. Left early, that raises Unwanted in the work.
    """
    latest: list[T] = []
    wanted = True

    def report(found: T) -> None:
        if not wanted:
            raise Unwanted
        latest[:] = [found]

    work = begin(report)
    try:
        while not work.done():
            await asyncio.wait([work], timeout=seconds)
            if not work.done() and latest:
                yield latest[-1], False
        yield work.result(), True
    finally:
        wanted = False
        # What becomes of it then is of no interest, but must be looked at.
        work.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
