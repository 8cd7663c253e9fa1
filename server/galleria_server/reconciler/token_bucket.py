"""Bounds how many bytes pass in a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

STEP_SECONDS = 1.0
BURST_SECONDS = 1.0

Wait = Callable[[threading.Event, float], object]
"""Returns when the event is set, at the latest after so many seconds."""


class TokenBucket:
    """A bucket that gains `rate` tokens a second, one a byte, and holds those of `BURST_SECONDS`.

    Takes are served in the order in which they come, and one may be larger than the bucket: what has been paid for
    never exceeds rate x time + burst. Safe for many threads. `clock` counts seconds and never goes back.
    """

    def __init__(
        self, rate: int, clock: Callable[[], float] = time.monotonic, wait: Wait = threading.Event.wait
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._paid_at = clock() - BURST_SECONDS

    def take(self, amount: int, cancelled: threading.Event, beat: Callable[[], None]) -> None:
        """Charge `amount` bytes, and wait until they and all that was charged before are paid for.

        Ends at once when `cancelled` is set, and calls `beat` at least once in `STEP_SECONDS`. Bytes stay charged then:
        they have passed, and who comes next waits for them.
        """
        paid_at = self._charge(amount)
        while not cancelled.is_set() and (left := paid_at - self._clock()) > 0:
            beat()
            self._wait(cancelled, min(left, STEP_SECONDS))

    def _charge(self, amount: int) -> float:
        with self._lock:
            # A bucket that is full gains nothing.
            start = max(self._paid_at, self._clock() - BURST_SECONDS)
            self._paid_at = start + amount / self._rate
            return self._paid_at
