"""How far a running copy is, told from its thread to the event loop; and the brake on that thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from galleria_server.reconciler.token_bucket import TokenBucket


class Progress:
    """What a storage copy calls with the occupied bytes that are done; `beat` tells the watchdog that it gets on.

    With a `bucket`, the copy's thread waits here until what it brought is paid for.
    """

    def __init__(self, beat: Callable[[], None], bucket: TokenBucket | None = None) -> None:
        self.done_bytes = 0
        self._beat = beat
        self._bucket = bucket
        self._paid_bytes: int | None = None
        self._cancelled = threading.Event()

    def begin(self) -> None:
        """A run of the copy begins: what it tells first was there before it, and costs nothing."""
        self._paid_bytes = None

    def __call__(self, done_bytes: int) -> bool:
        """Note the progress; False asks the copy to stop."""
        brought = 0 if self._paid_bytes is None else done_bytes - self._paid_bytes
        self.done_bytes = self._paid_bytes = done_bytes
        self._beat()
        if self._bucket is not None:
            # Also with nothing brought: what a cancelled copy left unpaid is waited for before more is moved.
            self._bucket.take(brought, self._cancelled, self._beat)
        return not self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the copy to stop: at once when it waits, else at its next step."""
        self._cancelled.set()
