"""A segment on its way: where its chunks belong and which are missing."""

from __future__ import annotations

from collections.abc import Collection

from galleria_client.bitmaps import bitmap_of
from galleria_storage.layout import Page


class Segment:
    """One segment of the content.

    Attributes:
        number: which segment.
        start, end: where it lies in the disk, in bytes.
        chunks: position in the disk, length and name of each chunk, in order.
        holes: start and end in the disk of each hole.
        missing: for each name that is not in place yet, the indexes of its chunks.
        told_done: the server has said that it sent everything asked for.
        pending: messages of it that are received and not yet worked off.
    """

    def __init__(self, number: int, start: int, page: Page) -> None:
        self.number = number
        self.start = start
        self.chunks: list[tuple[int, int, bytes]] = []
        self.holes: list[tuple[int, int]] = []
        names = iter(page.names)
        position = start
        for length in page.lengths:
            if length > 0:
                self.chunks.append((position, length, next(names)))
            else:
                self.holes.append((position, position - length))
            position += abs(length)
        self.end = position
        self.names = frozenset(page.names)
        self.missing: dict[bytes, list[int]] = {}
        for index, (_, _, name) in enumerate(self.chunks):
            self.missing.setdefault(name, []).append(index)
        self.told_done = False
        self.pending = 0
        self.rounds = 0

    @property
    def occupied(self) -> int:
        """Bytes in chunks, repeated ones each time."""
        return sum(length for _, length, _ in self.chunks)

    @property
    def complete(self) -> bool:
        """Whether every chunk is in place."""
        return not self.missing

    def keep(self, indexes: Collection[int]) -> int:
        """These chunks are in place already; returns their bytes."""
        for index in indexes:
            name = self.chunks[index][2]
            left = [other for other in self.missing[name] if other != index]
            if left:
                self.missing[name] = left
            else:
                del self.missing[name]
        return sum(self.chunks[index][1] for index in indexes)

    def wanted(self) -> bytes:
        """The bitmap that asks for what is missing; empty when that is everything."""
        indexes = [index for wanted in self.missing.values() for index in wanted]
        return b"" if len(indexes) == len(self.chunks) else bitmap_of(indexes, len(self.chunks))
