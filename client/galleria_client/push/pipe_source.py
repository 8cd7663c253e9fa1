"""A pipe as source."""

from __future__ import annotations

import os
import select
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from galleria_client.push.checksum import Checksum
from galleria_client.push.file_source import SECTOR, check_size
from galleria_client.push.segment_cut import SegmentCut
from galleria_client.push.source import ScannedSegment
from galleria_client.push.statistics import Statistics
from galleria_client.source_errors import SourceTooLarge, SourceUnreadable
from galleria_storage.digest import name_of
from galleria_storage.rules import Rule

HELD_SEGMENTS: Final = 4
"""Segments kept until they are durable: what is under way, and the one being read. 256 MiB of temporary files."""
WINDOW: Final = 4 << 20
POLL_SECONDS: Final = 0.5


class PipeSource:
    """A stream that can be read once: each segment is kept until it is durable, as it may have to be sent again.

    Args:
        fd: descriptor to read; not closed.
        path: what messages call it.
        rule: the rule to cut by.
        limit: bytes of the largest disk.
        statistics: takes times and counts.
        wait_for_room: called with a test; returns True once the test holds, False when the push has ended.
        multiple: of what its length must be one, in bytes.
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
        *,
        multiple: int = SECTOR,
    ) -> None:
        self.path = path
        self.size: int | None = None
        self._fd = fd
        self._rule = rule
        self._limit = limit
        self._multiple = multiple
        self._statistics = statistics
        self._wait_for_room = wait_for_room
        self._held: set[PipeSegment] = set()
        self._window = memoryview(bytearray(WINDOW))
        self._lock = threading.Lock()

    def scan(self, checksum: Checksum | None) -> Iterator[ScannedSegment]:
        """As `Source.scan`."""
        number, total, ended = 0, 0, False
        while not ended:
            if not self._wait_for_room(lambda: len(self._held) < HELD_SEGMENTS):
                return
            segment = PipeSegment(self.path, self._release)
            with self._lock:
                self._held.add(segment)
            length, page, ended = self._page(segment, total, checksum)
            total += length
            if length:
                yield self._scanned(number, total, page, segment)
            else:
                segment.release()
            number += 1
        check_size(self.path, total, self._limit, self._multiple)
        self.size = total

    def check_unchanged(self) -> None:
        """A pipe has nothing to compare with."""

    def close(self) -> None:
        """Give up what is kept; the descriptor is its opener's."""
        for segment in list(self._held):
            segment.release()

    def _release(self, segment: PipeSegment) -> None:
        with self._lock:
            self._held.discard(segment)

    def _scanned(self, number: int, end: int, page: bytes | None, segment: PipeSegment) -> ScannedSegment:
        if page is None:
            segment.release()
            return ScannedSegment(number, end, None, None, None)
        return ScannedSegment(number, end, page, name_of(page), segment)

    def _page(self, segment: PipeSegment, before: int, checksum: Checksum | None) -> tuple[int, bytes | None, bool]:
        """Read one segment; returns its length, its page, and whether the pipe has ended."""
        cut = SegmentCut(self._rule, self._rule.segment, self._statistics)
        length, tail, ended = 0, 0, False
        while length < self._rule.segment and not ended:
            target = self._window[tail : min(len(self._window), tail + self._rule.segment - length)]
            got, ended = self._fill(target)
            if before + length + got > self._limit:
                raise SourceTooLarge(self.path, before + length + got, self._limit)
            segment.keep(length, target[:got])
            if checksum is not None:
                checksum.feed(target[:got])
            length += got
            consumed = cut.take(self._window[: tail + got], final=False)
            tail += got - consumed
            self._window[:tail] = self._window[consumed : consumed + tail]
        if not length:
            return 0, None, True
        cut.take(self._window[:tail], final=True)
        return length, cut.page(), ended

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
    """The bytes of one segment of a pipe, in a file without a name: memory stays small, and the file small too."""

    def __init__(self, path: str, released: Callable[[PipeSegment], None]) -> None:
        self._path = path
        self._released: Callable[[PipeSegment], None] | None = released
        try:
            self._file = tempfile.TemporaryFile(prefix="galleria-", buffering=0)  # noqa: SIM115 - closed by release
        except OSError as error:
            raise SourceUnreadable(path, f"no temporary file: {error.strerror or error}") from None

    def keep(self, offset: int, data: memoryview) -> None:
        """Add bytes.

        Raises:
            SourceUnreadable: there is no room for them.
        """
        try:
            done = 0
            while done < len(data):
                done += os.pwrite(self._file.fileno(), data[done:], offset + done)
        except OSError as error:
            raise SourceUnreadable(self._path, f"in {tempfile.gettempdir()}: {error.strerror or error}") from None

    def read_into(self, offset: int, target: memoryview) -> None:
        """As `SegmentBytes.read_into`."""
        done = 0
        while done < len(target):
            got = os.preadv(self._file.fileno(), [target[done:]], offset + done)
            if not got:
                raise SourceUnreadable(self._path, "its temporary file is too short")
            done += got

    def release(self) -> None:
        """Give the room back."""
        released, self._released = self._released, None
        if released is not None:
            self._file.close()
            released(self)
