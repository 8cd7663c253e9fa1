"""Lets a collection give way to pushes and pulls, so that they hardly notice it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SHARE: Final = 0.25
"""Of the time, for which a collection works while others do."""
_LONGEST_WAIT: Final = 0.1


class GivingWay:
    """What a collection calls as it goes: while others are `busy` it waits three times as long as it has worked.

    It calls `going` each time. `clock` counts seconds; `wait` lets some pass.
    """

    def __init__(
        self,
        busy: Callable[[], bool],
        going: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._busy = busy
        self._going = going
        self._clock = clock
        self._wait = wait
        self._resumed = clock()

    def __call__(self) -> None:
        self._going()
        due = self._clock() + (self._clock() - self._resumed) * (1 / SHARE - 1)
        while (left := due - self._clock()) > 0 and self._busy():
            self._wait(min(left, _LONGEST_WAIT))
            self._going()
        self._resumed = self._clock()
