"""Progress on standard error: a line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Self, TextIO

MODES: Final = ("auto", "tty", "plain", "none")
TTY_SECONDS: Final = 0.2
PLAIN_SECONDS: Final = 10.0
CLEAR: Final = "\r\x1b[K"


class Progress:
    """Tells how far something is; use as a context manager so that the line is cleared at the end.

    Args:
        mode: auto, tty, plain or none; auto is tty on a terminal and plain elsewhere.
        label: what is going on.
        stream: where to; standard error by default.
    """

    def __init__(self, mode: str, label: str, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._mode = ("tty" if self._stream.isatty() else "plain") if mode == "auto" else mode
        self._label = label
        self._began = time.monotonic()
        self._first: int | None = None
        self._told = self._began if self._mode == "plain" else 0.0
        self._on_line = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on_line:
            self._stream.write(CLEAR)
            self._stream.flush()

    def update(self, done: int, total: int | None, note: str = "") -> None:
        """`done` of `total` bytes are there (None: nobody knows how many it will be); tells it when it is time."""
        if self._first is None:
            self._first = done
        if self._is_time():
            line = described(done, total, done - self._first, self._told - self._began)
            self._tell(f"{line} ({note})" if note else line)

    def count(self, done: int, total: int, unit: str) -> None:
        """`done` of `total` things are; tells it when it is time."""
        if self._is_time():
            self._tell(f"{done} of {total} {unit}")

    def _is_time(self) -> bool:
        now = time.monotonic()
        if self._mode == "none" or now - self._told < (TTY_SECONDS if self._mode == "tty" else PLAIN_SECONDS):
            return False
        self._told = now
        return True

    def _tell(self, text: str) -> None:
        line = f"{self._label}: {text}"
        if self._mode == "tty":
            self._on_line = True
            self._stream.write(f"{CLEAR}{line}")
        else:
            self._stream.write(line + "\n")
        self._stream.flush()


def described(done: int, total: int | None, gained: int, seconds: float) -> str:
    """How far, how fast, how long still: `gained` bytes came in the last `seconds`."""
    rate = gained / seconds if seconds > 0 else 0.0
    speed = f"{in_units(rate)}/s"
    if not total:
        return f"{in_units(done)}, {speed}"
    text = f"{100 * done // total}% of {in_units(total)}, {speed}"
    return f"{text}, {in_time((total - done) / rate)} left" if rate > 0 and done < total else text


def in_units(amount: float) -> str:
    """Bytes for people, in powers of 1,000."""
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004 - the step between the units
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def in_time(seconds: float) -> str:
    """Seconds for people."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
