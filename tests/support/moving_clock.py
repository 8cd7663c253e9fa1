"""A clock that tests move on."""

from __future__ import annotations

from datetime import datetime, timedelta

from galleria_server.clock import utc_now


class MovingClock:
    """The real time, and what it was moved on by since."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self._ahead

    def advance(self, time: timedelta) -> None:
        self._ahead += time
