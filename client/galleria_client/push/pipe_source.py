"""A pipe as source."""

from __future__ import annotations

import mmap
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from galleria_client.push.checksum import Checksum
from galleria_client.push.file_source import check_size
from galleria_client.push.segment_cut import SegmentCut
from galleria_client.push.source import ScannedSegment
from galleria_client.push.statistics import Statistics
from galleria_client.source_errors import SourceTooLarge, SourceUnreadable
from galleria_storage.digest import name_of
from galleria_storage.rules import Rule

HELD_SEGMENTS: Final = 2
"""Segments kept in memory until they are durable: what is under way, and the one being read."""
WINDOW: Final = 4 << 20
POLL_SECONDS: Final = 0.5


class PipeSource:
    """A stream that can be read once: each segment stays in memory until it is durable.

    Args:
        fd: descriptor to read; not closed.
        path: what messages call it.
        rule: the rule to cut by.
        limit: bytes of the largest disk.
        statistics: takes times and counts.
        wait_for_room: called with a test; returns True once the test holds, False when the push has ended.
    """

    can_repeat = False

    def __init__(
        self,
        fd: int,
        path: str,
        rule: Rule,
        limit: int,
        statistics: Statistics,
        wait_for_room: Callable[[Callable[[], bool]], bool],
    ) -> None:
        self.path = path
        self.size: int | None = None
        self._fd = fd
        self._rule = rule
        self._limit = limit
        self._statistics = statistics
        self._wait_for_room = wait_for_room
        self._held = 0
        self._lock = threading.Lock()

    def scan(self, checksum: Checksum | None) -> Iterator[ScannedSegment]:
        """As `Source.scan`."""
        number, total, ended = 0, 0, False
        while not ended:
            if not self._wait_for_room(lambda: self._held < HELD_SEGMENTS):
                return
            segment = PipeSegment(self._rule.segment, self._release)
            self._hold(1)
            length, page, ended = self._page(segment, total, checksum)
            total += length
            if length:
                yield self._scanned(number, total, page, segment)
            else:
                segment.release()
            number += 1
        check_size(self.path, total, self._limit)
        self.size = total

    def check_unchanged(self) -> None:
        """A pipe has nothing to compare with."""

    def close(self) -> None:
        """The descriptor is its opener's."""

    def _release(self) -> None:
        self._hold(-1)

    def _hold(self, segments: int) -> None:
        with self._lock:
            self._held += segments

    def _scanned(self, number: int, end: int, page: bytes | None, segment: PipeSegment) -> ScannedSegment:
        if page is None:
            segment.release()
            return ScannedSegment(number, end, None, None, None)
        return ScannedSegment(number, end, page, name_of(page), segment)

    def _page(self, segment: PipeSegment, before: int, checksum: Checksum | None) -> tuple[int, bytes | None, bool]:
        """Read one segment; returns its length, its page, and whether the pipe has ended."""
        cut = SegmentCut(self._rule, self._rule.segment, self._statistics)
        filled, consumed, ended = 0, 0, False
        while filled < self._rule.segment and not ended:
            target = segment.view[filled : min(filled + WINDOW, self._rule.segment)]
            got, ended = self._fill(target)
            filled += got
            if before + filled > self._limit:
                raise SourceTooLarge(self.path, before + filled, self._limit)
            if checksum is not None:
                checksum.feed(target[:got])
            consumed += cut.take(segment.view[consumed:filled], final=False)
        if not filled:
            return 0, None, True
        cut.take(segment.view[consumed:filled], final=True)
        return filled, cut.page(), ended

    def _fill(self, target: memoryview) -> tuple[int, bool]:
        """Read until `target` is full or the pipe ends; returns the bytes read and whether it ended."""
        began = time.perf_counter()
        done = 0
        while done < len(target):
            got = self._read(target[done:])
            if got == 0:
                break
            done += got
        self._statistics.count(bytes_read=done)
        self._statistics.spend(read=time.perf_counter() - began)
        return done, done < len(target)

    def _read(self, target: memoryview) -> int:
        try:
            # A read that waits for a writer could not be interrupted from another thread.
            while not select.select([self._fd], [], [], POLL_SECONDS)[0]:
                if not self._wait_for_room(lambda: True):
                    return 0
            return os.readv(self._fd, [target])
        except OSError as error:
            raise SourceUnreadable(self.path, error.strerror or str(error)) from None


class PipeSegment:
    """The bytes of one segment of a pipe, in memory of its own that goes back to the system."""

    def __init__(self, length: int, released: Callable[[], None]) -> None:
        self._memory = mmap.mmap(-1, length)
        self.view = memoryview(self._memory)
        self._released: Callable[[], None] | None = released

    def read_into(self, offset: int, target: memoryview) -> None:
        """As `SegmentBytes.read_into`."""
        target[:] = self.view[offset : offset + len(target)]

    def release(self) -> None:
        """Give the memory back."""
        released, self._released = self._released, None
        if released is not None:
            # Views may still point here for a moment, so the mapping is emptied rather than closed.
            self._memory.madvise(mmap.MADV_DONTNEED)
            released()
