"""Reading that goes on with another copy where one has no good bytes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import TypeVar

from galleria_server.reads.copies import UNREADABLE, Copies
from galleria_storage.volume import Reader
from galleria_storage.volume.errors import RecordsUnreadable
from galleria_storage.volume.reading import framed

T = TypeVar("T")


async def ranged(
    copies: Copies, start: int, read: Callable[[Reader, int], Iterator[T]], after: Callable[[T], int], unit: int
) -> AsyncGenerator[T, None]:
    """Items of `read(reader, position)` from `start` on; where one copy cannot be read, the next takes over.

    `after` gives the position behind an item; `unit` is how many positions a segment has. Raises ContentLost, or
    VolumeUnavailable, when no copy gets past a position.
    """
    position, reached = start, -1
    while position > reached:
        reached = position
        async for copy in copies:
            try:
                async with aclosing(copy.each(read(copy.reader, position))) as items:
                    async for item in items:
                        yield item
                        position = after(item)
            except UNREADABLE as error:
                copies.failed(copy, error)
            else:
                return
    raise copies.lost(position // unit, 1)


async def first_of(copies: Copies, segment: int, read: Callable[[Reader], T]) -> T:
    """What `read` gives on the first copy on which it can. Raises ContentLost, VolumeUnavailable."""
    async for copy in copies:
        try:
            return await copy.run(read, copy.reader)
        except UNREADABLE as error:
            copies.failed(copy, error)
    raise copies.lost(segment, 1)


async def records(copies: Copies, segment: int, names: Sequence[bytes]) -> AsyncGenerator[memoryview, None]:
    """Frames with the records of these chunks of a segment; what one copy lacks comes from the next.

    Raises ContentLost, VolumeUnavailable.
    """
    missing = names
    async for copy in copies:
        given: set[bytes] = set()
        try:
            async with aclosing(copy.each(_noted(copy.reader, missing, given))) as frames:
                async for frame in frames:
                    yield frame
        except RecordsUnreadable as error:
            copies.failed(copy, error)
            missing = error.names
        except UNREADABLE as error:
            copies.failed(copy, error)
            missing = [name for name in missing if name not in given]
        else:
            return
    raise copies.lost(segment, len(missing))


def _noted(reader: Reader, names: Sequence[bytes], given: set[bytes]) -> Iterator[memoryview]:
    """Frames with the records of chunks; `given` gets the names of those whose frames were taken."""
    for loaded in reader.load(names):
        yield from framed(loaded)
        given.update(loaded.places.names.tolist())
