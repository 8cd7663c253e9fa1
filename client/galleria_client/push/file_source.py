"""Regular files and block devices as sources."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from galleria_client.extents import Extents
from galleria_client.push.checksum import Checksum
from galleria_client.push.segment_cut import SegmentCut
from galleria_client.push.source import ScannedSegment
from galleria_client.push.statistics import Statistics
from galleria_client.source_errors import (
    SourceChanged,
    SourceEmpty,
    SourceMissing,
    SourceNotADisk,
    SourceSizeOdd,
    SourceTooLarge,
    SourceUnreadable,
)
from galleria_storage.digest import name_of
from galleria_storage.rules import Rule

WINDOW: Final = 4 << 20
SECTOR: Final = 512


def open_file_source(path: str, rule: Rule, limit: int, statistics: Statistics, multiple: int = SECTOR) -> FileSource:
    """Open a file or block device and check its size as `check_size`; nothing of it is read.

    Raises:
        SourceMissing, SourceUnreadable, SourceNotADisk, SourceEmpty, SourceSizeOdd, SourceTooLarge.
    """
    try:
        # Opening a named pipe without a writer would wait for one.
        _check_kind(path, Path(path).stat().st_mode)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SourceMissing(path) from None
    except OSError as error:
        raise SourceUnreadable(path, error.strerror or str(error)) from None
    try:
        size = os.lseek(fd, 0, os.SEEK_END)
        check_size(path, size, limit, multiple)
        return FileSource(path, fd, size, rule, statistics)
    except BaseException:
        os.close(fd)
        raise


def check_size(path: str, size: int, limit: int, multiple: int = SECTOR) -> None:
    """See that a disk may have `size` bytes: at most `limit`, and a `multiple`.

    Raises:
        SourceEmpty, SourceTooLarge, SourceSizeOdd.
    """
    if size == 0:
        raise SourceEmpty(path)
    if size > limit:
        raise SourceTooLarge(path, size, limit)
    if size % multiple:
        raise SourceSizeOdd(path, size)


def _check_kind(path: str, mode: int) -> None:
    kinds = {stat.S_IFDIR: "directory", stat.S_IFCHR: "character device", stat.S_IFIFO: "named pipe"}
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise SourceNotADisk(path, kinds.get(stat.S_IFMT(mode), "socket"))


class FileSource:
    """A file of known size, read by position: what must be sent is read again from the page cache."""

    can_repeat = True

    def __init__(self, path: str, fd: int, size: int, rule: Rule, statistics: Statistics) -> None:
        self.path = path
        self.size: int | None = size
        self._fd = fd
        self._bytes = size
        self._rule = rule
        self._statistics = statistics
        self._before = self._identity()

    def scan(self, checksum: Checksum | None) -> Iterator[ScannedSegment]:
        """As `Source.scan`."""
        extents = Extents(self._fd, self._bytes, self._rule.block)
        window = memoryview(bytearray(WINDOW))
        for number in range(self._rule.segments(self._bytes)):
            start = number * self._rule.segment
            end = start + self._rule.segment_length(self._bytes, number)
            page = self._page(start, end, extents, window, checksum)
            if page is None:
                yield ScannedSegment(number, end, None, None, None)
            else:
                yield ScannedSegment(number, end, page, name_of(page), FileSegment(self, start))

    def check_unchanged(self) -> None:
        """As `Source.check_unchanged`."""
        now = self._identity()
        for what, before, after in zip(("inode", "size", "time of change"), self._before, now, strict=True):
            if before != after:
                raise SourceChanged(self.path, f"its {what} was {before}, now {after}")

    def close(self) -> None:
        """As `Source.close`."""
        os.close(self._fd)

    def read(self, target: memoryview, position: int) -> None:
        """Fill `target` from `position` of the file.

        Raises:
            SourceChanged, SourceUnreadable.
        """
        done = 0
        while done < len(target):
            try:
                got = os.preadv(self._fd, [target[done:]], position + done)
            except OSError as error:
                raise SourceUnreadable(self.path, error.strerror or str(error)) from None
            if got == 0:
                raise SourceChanged(self.path, f"it had {self._bytes} bytes and now ends at {position + done}")
            done += got

    def _identity(self) -> tuple[int, int, int]:
        try:
            by_name = Path(self.path).stat()
        except OSError:
            raise SourceChanged(self.path, "it is no longer there") from None
        if stat.S_ISBLK(by_name.st_mode):
            return by_name.st_rdev, os.lseek(self._fd, 0, os.SEEK_END), 0
        return by_name.st_ino, by_name.st_size, by_name.st_mtime_ns

    def _page(
        self, start: int, end: int, extents: Extents, window: memoryview, checksum: Checksum | None
    ) -> bytes | None:
        if extents.hole_end(start) >= end and self._rule.blocks(end - start) >= self._rule.hole_blocks:
            if checksum is not None:
                checksum.feed_zeros(end - start)
            return None
        cut = SegmentCut(self._rule, end - start, self._statistics)
        position, tail = start, 0
        while position < end:
            hole = min(extents.hole_end(position), end) - position
            zeros = cut.skip_hole(hole) if hole else 0
            got = hole or min(len(window) - tail, extents.data_end(position) - position, end - position)
            if hole and checksum is not None:
                checksum.feed_zeros(zeros or hole)
            if zeros:
                got = zeros
                window[tail : tail + got] = bytes(got)
            elif not hole:
                self._read_timed(window[tail : tail + got], position, checksum)
            position += got
            if zeros or not hole:
                consumed = cut.take(window[: tail + got], final=False)
                tail += got - consumed
                window[:tail] = window[consumed : consumed + tail]
        cut.take(window[:tail], final=True)
        return cut.page()

    def _read_timed(self, target: memoryview, position: int, checksum: Checksum | None) -> None:
        began = time.perf_counter()
        self.read(target, position)
        read = time.perf_counter()
        self._statistics.count(bytes_read=len(target))
        self._statistics.spend(read=read - began)
        if checksum is not None:
            checksum.feed(target)
            self._statistics.spend(sha256=time.perf_counter() - read)


class FileSegment:
    """The bytes of one segment of a file."""

    def __init__(self, source: FileSource, start: int) -> None:
        self._source = source
        self._start = start

    def read_into(self, offset: int, target: memoryview) -> None:
        """As `SegmentBytes.read_into`."""
        self._source.read(target, self._start + offset)

    def release(self) -> None:
        """Nothing is held: the page cache is the buffer."""
