"""What the threads of one push session share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from galleria_client.errors import CallFailed, GalleriaError
from galleria_client.push.statistics import Statistics


class SessionLost(GalleriaError):
    """The server does not know the push any more; everything must be offered again in a new one."""

    def __init__(self, failure: CallFailed) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return str(self.failure)


class Flushable(Protocol):
    """A lane, as the run sees it."""

    def consider_flush(self) -> None:
        """Ask for durability if nothing else can be done; called with the condition held."""


class PushRun:
    """Whether a push goes on, and who waits for what. `changed` guards this and all lanes."""

    def __init__(self, statistics: Statistics) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.statistics = statistics
        self.error: Exception | None = None
        self.ended = False
        self.scanned = False
        """Whether every segment was offered."""
        self.scanned_bytes = 0
        self.breaks = 0
        self.retrying = ""
        self.lanes: list[Flushable] = []
        self._scanner_waits = False

    @property
    def waits_for_durable(self) -> bool:
        """Whether nothing more will be scanned until something is durable."""
        return self.scanned or self._scanner_waits

    def fail(self, error: Exception) -> None:
        """End the push; the first error counts."""
        with self.changed:
            self.error = self.error or error
            self.end()

    def end(self) -> None:
        """Let every thread know that it is over."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def finish_scan(self) -> None:
        """The scanner has offered everything."""
        with self.changed:
            self.scanned = True
            self._flush()
            self.changed.notify_all()

    def wait_for_room(self, test: Callable[[], bool]) -> bool:
        """The scanner waits until `test` holds; False when the push has ended."""
        with self.changed:
            if not self.ended and not test():
                self._scanner_waits = True
                self._flush()
                self.changed.wait_for(lambda: self.ended or test())
                self._scanner_waits = False
            return not self.ended

    def broken(self, failure: CallFailed) -> None:
        """A lane tries to mend its stream."""
        self.breaks += 1
        self.retrying = str(failure)

    def mended(self) -> None:
        """Something became durable."""
        self.retrying = ""
        self.changed.notify_all()

    def _flush(self) -> None:
        for lane in self.lanes:
            lane.consider_flush()
