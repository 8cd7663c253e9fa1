"""Settings of the whole process, to be made before anything else is loaded."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from typing import Final, NoReturn

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
KEEP_BELOW: Final = 32 << 20
TRIM_ABOVE: Final = 256 << 20
YOUNG_OBJECTS: Final = 200_000
"""Containers made between two looks for cycles; by default 700, which is less than a full segment has chunks."""


def prepare_process() -> None:
    """Keep freed buffers of megabytes for the next ones, and numpy from starting threads that only spin.

    The collector of cycles runs seldom: what a push or pull makes is freed by its counts alone.
    """
    gc.set_threshold(YOUNG_OBJECTS)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        # By default glibc maps each such buffer anew, and every page of it faults.
        mallopt(_M_MMAP_THRESHOLD, KEEP_BELOW)
        mallopt(_M_TRIM_THRESHOLD, TRIM_ABOVE)


def leave_process(code: int) -> NoReturn:
    """End the process with an exit code, as soon as what it printed is out.

    Whatever was opened has been closed by then; taking the interpreter apart would take longer than a small command.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # whoever read the output has gone
        code = code or 1
    os._exit(code)
