"""Calls of the kernel that the standard library lacks. Linux; elsewhere they report that they did nothing."""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Final

_KEEP_SIZE: Final = 1
_PUNCH_HOLE: Final = 2
_WRITE: Final = 2

_libc = ctypes.CDLL(None, use_errno=True)


def punch_hole(fd: int, start: int, length: int) -> bool:
    """Make bytes of a file or block device zero and give their space back; False where that is not possible."""
    function = getattr(_libc, "fallocate64", None) or getattr(_libc, "fallocate", None)
    if function is None:
        return False
    offsets = ctypes.c_int64(start), ctypes.c_int64(length)
    return bool(function(ctypes.c_int(fd), ctypes.c_int(_KEEP_SIZE | _PUNCH_HOLE), *offsets) == 0)


def begin_writeback(fd: int) -> None:
    """Start writing what is dirty of a file, without waiting for it: the disk works while the rest arrives."""
    function = getattr(_libc, "sync_file_range", None)
    if function is not None:
        function(ctypes.c_int(fd), ctypes.c_int64(0), ctypes.c_int64(0), ctypes.c_uint(_WRITE))
