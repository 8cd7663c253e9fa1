"""Keeps a scrub to its rate, so that nobody notices it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from galleria_storage.volume import Scrubbed

_LONGEST_WAIT: Final = 1.0


class Pace:
    """What a scrub calls as it goes: waits until what it has read is due at `rate` bytes a second.

    While it waits it calls `going` once a second at least. `clock` counts seconds; `wait` lets some pass.
    """

    def __init__(
        self,
        rate: int,
        going: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._going = going
        self._clock = clock
        self._wait = wait
        self._size = 0
        self._due = clock()

    def __call__(self, found: Scrubbed) -> None:
        # Time that went by otherwise is not caught up with: the rate is never above the bound.
        self._due = max(self._due, self._clock()) + (found.size - self._size) / self._rate
        self._size = found.size
        while (left := self._due - self._clock()) > 0:
            self._going()
            self._wait(min(left, _LONGEST_WAIT))
