"""Messages on their way to gRPC's sender."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final, Generic, TypeVar

M = TypeVar("M")
CAPACITY: Final = 8


class Outbox(Generic[M]):
    """A queue that gRPC drains as the requests of one call. Data waits for room in it; control never does.

    Control must not wait: it is posted by the thread that takes the answers, and if that stood still, so might the
    server, and nothing would ever make room.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._changed = threading.Condition()
        self._messages: deque[tuple[M, bool]] = deque()
        self._room = capacity
        self._ending = False
        self._closed = False
        self._taken_at: float | None = None
        self.seconds = 0.0
        """Time between gRPC's taking a message and its coming back for the next, waits for messages left out."""

    @property
    def closed(self) -> bool:
        """Whether what is posted goes nowhere."""
        return self._closed

    def post(self, message: M) -> None:
        """Add a control message."""
        with self._changed:
            if not self._closed:
                self._messages.append((message, False))
                self._changed.notify_all()

    def post_data(self, message: M) -> bool:
        """Add a data message when there is room for it; False when the box was closed instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._room or self._closed)
            if self._closed:
                return False
            self._room -= 1
            self._messages.append((message, True))
            self._changed.notify_all()
            return True

    def finish(self) -> None:
        """Nothing more comes: the call's requests end after what is in the box."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drop everything; whoever waits goes on."""
        with self._changed:
            self._closed = True
            self._messages.clear()
            self._changed.notify_all()

    def __iter__(self) -> Outbox[M]:
        return self

    def __next__(self) -> M:
        with self._changed:
            if self._taken_at is not None:
                self.seconds += time.perf_counter() - self._taken_at
            self._changed.wait_for(lambda: self._messages or self._ending or self._closed)
            if not self._messages:
                self._taken_at = None
                raise StopIteration
            message, is_data = self._messages.popleft()
            if is_data:
                self._room += 1
                self._changed.notify_all()
            self._taken_at = time.perf_counter()
            return message
