"""A sparse file, or a block device, as output."""

from __future__ import annotations

import errno
import os
import threading
from typing import Final

from galleria_client.extents import Extents
from galleria_client.output_errors import OutputFull, OutputUnwritable
from galleria_client.pull.kernel import begin_writeback, punch_hole
from galleria_client.pull.segment import Segment
from galleria_client.pull.sink import Writes
from galleria_storage.digest import name_of
from galleria_storage.rules import Rule

WRITEBACK: Final = 8 << 20
"""Bytes written between two nudges to write them back."""
VECTORS: Final = 512
"""Buffers in one write, below the kernel's limit."""
ZEROS: Final = bytes(1 << 20)


class FileSink:
    """Writes to a descriptor at positions.

    Args:
        fd: open for reading and writing, of the disk's size; not closed.
        path: what messages call it.
        part: what is left when room runs out.
        size: bytes of the disk.
        rule: rule of its layout.
        fresh: there is nothing in it, so holes need no work and nothing can be in place.
        durable: it will be made durable in the end, so the disk begins with it at once.
    """

    def __init__(
        self, fd: int, path: str, part: str, size: int, rule: Rule, *, fresh: bool, durable: bool = False
    ) -> None:
        self._fd = fd
        self._path = path
        self._part = part
        self._fresh = fresh
        self._durable = durable
        self._extents = Extents(fd, size, rule.block)
        self._buffer = memoryview(bytearray(rule.max_chunk))
        self._lock = threading.Lock()
        self._since_writeback = 0

    def begin(self, segment: Segment) -> bool:
        """As `Sink.begin`."""
        if not self._fresh:
            for start, end in segment.holes:
                self.clear(start, end)
        return True

    def present(self, segment: Segment) -> list[int]:
        """As `Sink.present`."""
        if self._fresh:
            return []
        return [index for index, chunk in enumerate(segment.chunks) if self._holds(*chunk)]

    def clear(self, start: int, end: int) -> None:
        """As `Sink.clear`."""
        if self._fresh or punch_hole(self._fd, start, end - start):
            return
        for position in range(start, end, len(ZEROS)):
            self._write_at(position, [ZEROS[: end - position]])

    def write(self, segment: Segment, writes: Writes) -> None:
        """As `Sink.write`."""
        run: list[bytes] = []
        start = end = 0
        for position, data in writes:
            if run and (position != end or len(run) == VECTORS):
                self._write_at(start, run)
                run = []
            if not run:
                start = end = position
            run.append(data)
            end += len(data)
        if run:
            self._write_at(start, run)

    def finish(self, segment: Segment) -> None:
        """As `Sink.finish`."""

    def _holds(self, position: int, length: int, name: bytes) -> bool:
        if self._extents.hole_end(position) != position or self._extents.data_end(position) < position + length:
            return False
        target = self._buffer[:length]
        try:
            return os.preadv(self._fd, [target], position) == length and name_of(target) == name
        except OSError:
            # What cannot be read is fetched, and writing it may heal the medium.
            return False

    def _write_at(self, position: int, run: list[bytes]) -> None:
        try:
            wanted = sum(map(len, run))
            written = os.pwritev(self._fd, run, position)
            while written < wanted:
                # Rare: a signal, or the last block of a full disk.
                written += os.pwrite(self._fd, b"".join(run)[written:], position + written)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OutputFull(self._path, self._part) from None
            raise OutputUnwritable(self._path, error.strerror or str(error)) from None
        if self._durable:
            self._nudge(wanted)

    def _nudge(self, written: int) -> None:
        with self._lock:
            self._since_writeback += written
            due = self._since_writeback >= WRITEBACK
            if due:
                self._since_writeback = 0
        if due:
            begin_writeback(self._fd)
