"""Opening an output, and giving it its name when it is complete."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from galleria_client.output_errors import (
    OutputBusy,
    OutputExists,
    OutputNotAFile,
    OutputTooSmall,
    OutputUnwritable,
)

SUFFIX = ".part"


@dataclass(frozen=True, slots=True)
class Output:
    """An open output.

    Attributes:
        fd: its descriptor.
        path: the name it gets.
        part: the name it has.
        is_device: it is a block device, written in place.
        fresh: there was nothing in it.
    """

    fd: int
    path: Path
    part: Path
    is_device: bool
    fresh: bool

    def complete(self, *, fsync: bool) -> None:
        """Give it its name; with `fsync` only once it is on its medium.

        Raises:
            OutputUnwritable.
        """
        try:
            if fsync:
                os.fsync(self.fd)
            if not self.is_device:
                self.part.replace(self.path)
            if fsync and not self.is_device:
                _fsync_folder(self.path.parent)
        except OSError as error:
            raise OutputUnwritable(str(self.path), error.strerror or str(error)) from None


def check_free(path: str, *, force: bool) -> None:
    """See that the output may be written, before anything is asked of a server.

    Raises:
        OutputExists, OutputNotAFile.
    """
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        raise OutputNotAFile(path)
    if not force:
        raise OutputExists(path)


@contextmanager
def open_output(path: str, size: int) -> Iterator[Output]:
    """Open PATH.part, or PATH itself if it is a block device, locked against other pulls, with `size` bytes.

    Raises:
        OutputBusy, OutputTooSmall, OutputUnwritable.
    """
    target = Path(path)
    is_device = target.is_block_device()
    part = target if is_device else target.with_name(target.name + SUFFIX)
    fd = _open(path, part)
    try:
        fresh = not is_device and os.fstat(fd).st_size == 0
        _resize(fd, path, size, is_device=is_device)
        yield Output(fd, target, part, is_device, fresh)
    finally:
        os.close(fd)


def _open(path: str, part: Path) -> int:
    try:
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise OutputUnwritable(path, error.strerror or str(error)) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise OutputBusy(path) from None
    return fd


def _resize(fd: int, path: str, size: int, *, is_device: bool) -> None:
    if is_device:
        there = os.lseek(fd, 0, os.SEEK_END)
        if there < size:
            raise OutputTooSmall(path, there, size)
        return
    try:
        os.ftruncate(fd, size)
    except OSError as error:
        raise OutputUnwritable(path, error.strerror or str(error)) from None


def _fsync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):
            # Some file systems refuse it for folders; the file itself is safe.
            os.fsync(fd)
    finally:
        os.close(fd)
