"""Notices work that has stopped answering."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident


class Watchdog:
    """Knows since when each working thread has been silent. Thread-safe.

    `limit` is in seconds; `clock` counts seconds and never goes back.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._since: dict[int, float] = {}

    @contextmanager
    def working(self) -> Iterator[None]:
        """Wrap one piece of work in the thread that does it."""
        self.beat()
        try:
            yield
        finally:
            self._since.pop(get_ident(), None)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Wrap, within a piece of work, what waits for something else: its silence does not count."""
        self._since.pop(get_ident(), None)
        try:
            yield
        finally:
            self.beat()

    def beat(self) -> None:
        """Tell, from within a piece of work, that it is getting on."""
        self._since[get_ident()] = self._clock()

    def overdue(self) -> bool:
        """Whether some piece of work has been silent for longer than the limit."""
        # One C call, so no other thread changes the dictionary meanwhile.
        since = list(self._since.values())
        return bool(since) and self._clock() - min(since) > self._limit
