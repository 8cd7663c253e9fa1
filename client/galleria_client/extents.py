"""Where a file has data and where it is known to be zero."""

from __future__ import annotations

import errno
import os


class Extents:
    """The holes of an open file, looked up in ascending order; a file that cannot tell has none."""

    def __init__(self, fd: int, size: int, block: int) -> None:
        self._fd = fd
        self._size = size
        self._block = block
        self._data_start = 0
        self._data_end = 0

    def hole_end(self, position: int) -> int:
        """Where the hole at `position` ends, rounded down to whole blocks; `position` itself when data is there."""
        self._look(position)
        if position >= self._data_start:
            return position
        if self._data_start >= self._size:
            return self._size
        return max(position, self._data_start - self._data_start % self._block)

    def data_end(self, position: int) -> int:
        """Where the data at `position` ends, rounded up to whole blocks, the file's end at the latest."""
        self._look(position)
        return min(self._size, -(-self._data_end // self._block) * self._block)

    def _look(self, position: int) -> None:
        """Find the data that `position` lies in, or else the next; a hole shorter than a block counts as data."""
        while position >= self._data_end:
            self._data_start = self._seek(position, os.SEEK_DATA, self._size)
            if self._data_start >= self._size:
                self._data_end = self._size + self._block
                return
            self._data_end = self._seek(self._data_start, os.SEEK_HOLE, self._size)

    def _seek(self, position: int, what: int, otherwise: int) -> int:
        try:
            return min(os.lseek(self._fd, position, what), self._size)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return otherwise
            if error.errno in (errno.EINVAL, errno.ENOTSUP):
                return position if what == os.SEEK_DATA else otherwise
            raise
