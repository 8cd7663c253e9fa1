"""What the threads of one pull share."""

from __future__ import annotations

import threading
import time

from galleria_client.errors import CallFailed


class PullRun:
    """Whether a pull goes on, and its counts. `changed` guards this and all segments."""

    def __init__(self, total: int) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.error: Exception | None = None
        self.ended = False
        self.total = total
        self.fetched = 0
        self.from_seeds = 0
        self.kept = 0
        self.received = 0
        self.breaks = 0
        self.retrying = ""
        self.progress_at = time.monotonic()

    @property
    def done(self) -> int:
        """Occupied bytes in place."""
        return self.fetched + self.from_seeds + self.kept

    def fail(self, error: Exception) -> None:
        """End the pull; the first error counts."""
        with self.changed:
            self.error = self.error or error
            self.end()

    def end(self) -> None:
        """Let every thread know that it is over."""
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def broken(self, failure: CallFailed) -> None:
        """The stream broke and is to be mended."""
        self.breaks += 1
        self.retrying = str(failure)

    def progressed(self) -> None:
        """Something is in place that was not."""
        self.retrying = ""
        self.progress_at = time.monotonic()
        self.changed.notify_all()
