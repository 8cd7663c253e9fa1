"""The file operations LocalObjectStore is made of, so that a simulated disk can stand under it.

Nothing but LocalObjectStore should need them. Every method raises OSError as the system does.
"""

from __future__ import annotations

import errno
import os
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple, Protocol

from galleria_storage.objects import syscalls
from galleria_storage.objects.store import Space

_NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP})


class Mode(IntEnum):
    """How a path is opened."""

    READ = os.O_RDONLY | os.O_CLOEXEC
    CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Entry(NamedTuple):
    """One name in a folder; `size` in bytes, 0 for a folder."""

    name: str
    size: int
    is_folder: bool


class OpenFile(Protocol):
    """An open file, or a folder (for fsync and close only)."""

    def write(self, data: memoryview) -> int:
        """Write some of the bytes at the end; returns how many, at least one."""
        ...

    def pread(self, offset: int, length: int) -> bytes:
        """Read up to `length` bytes; empty only at the end."""
        ...

    def fsync(self) -> None:
        """Make content, or a folder's entries, durable."""
        ...

    def start_writeback(self, offset: int, length: int) -> None:
        """Let the system begin to write a range; promises nothing."""
        ...

    def size(self) -> int:
        """Bytes in the file now."""
        ...

    def close(self) -> None:
        """Free the descriptor."""
        ...


class Files(Protocol):
    """A file system. What was written, made, renamed or removed is durable only after an fsync."""

    def open(self, path: Path, mode: Mode) -> OpenFile:
        """Open a path; Mode.CREATE raises FileExistsError."""
        ...

    def rename(self, source: Path, target: Path, *, replace: bool) -> None:
        """Give a file another name; without `replace`, raises FileExistsError if that is taken."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file's name; open descriptors go on."""
        ...

    def make_folder(self, path: Path) -> None:
        """Make one folder; raises FileExistsError."""
        ...

    def entries(self, path: Path) -> list[Entry]:
        """What is in a folder, in any order."""
        ...

    def space(self, path: Path) -> Space:
        """Room of the file system at `path`, as an unprivileged writer has it."""
        ...


class SystemFile:
    """An OpenFile of the operating system."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, data: memoryview) -> int:
        return os.write(self._descriptor, data)

    def pread(self, offset: int, length: int) -> bytes:
        return os.pread(self._descriptor, length, offset)

    def fsync(self) -> None:
        os.fsync(self._descriptor)

    def start_writeback(self, offset: int, length: int) -> None:
        syscalls.start_writeback(self._descriptor, offset, length)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        os.close(self._descriptor)


class SystemFiles:
    """The operating system's Files."""

    def open(self, path: Path, mode: Mode) -> OpenFile:
        return SystemFile(os.open(path, mode, 0o644))

    def rename(self, source: Path, target: Path, *, replace: bool) -> None:
        if replace:
            source.replace(target)
        else:
            _rename_exclusive(source, target)

    def remove(self, path: Path) -> None:
        path.unlink()

    def make_folder(self, path: Path) -> None:
        path.mkdir()

    def entries(self, path: Path) -> list[Entry]:
        with os.scandir(path) as found:
            return [entry for item in found if (entry := _entry(item)) is not None]

    def space(self, path: Path) -> Space:
        stat = os.statvfs(path)
        return Space(stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize)


def _entry(item: os.DirEntry[str]) -> Entry | None:
    is_folder = item.is_dir(follow_symlinks=False)
    try:
        return Entry(item.name, 0 if is_folder else item.stat(follow_symlinks=False).st_size, is_folder)
    except FileNotFoundError:  # removed since the folder was read
        return None


def _rename_exclusive(source: Path, target: Path) -> None:
    try:
        syscalls.rename_exclusive(source, target)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
        rename_by_link(source, target)


def rename_by_link(source: Path, target: Path) -> None:
    """Rename without replacing where no system call does: in two steps, so a crash may leave both names."""
    os.link(source, target)
    source.unlink()
