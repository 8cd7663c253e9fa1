"""When a call is tried again, and how long after."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeVar

from galleria_client.errors import (
    CallFailed,
    Cancelled,
    GaveUp,
    Idle,
    Interrupted,
    Unavailable,
    VolumeUnavailable,
)

A = TypeVar("A")

AWAY_SECONDS: Final = 300.0
"""How long a server that has answered before may be away."""
BROKEN_CODES = frozenset({"UNAVAILABLE", "INTERNAL", "UNKNOWN", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED"})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a call is tried again.

    Attributes:
        attempts: tries at least, and altogether of a server that never answered, or that answers but cannot serve.
        first_seconds: mean pause after the first.
        factor: how much longer each pause is than the one before.
        longest_seconds: bound of a pause.
        away_seconds: how long to go on trying while a server that has answered this client before is away.
        on_away: told once a call, when it goes on trying so: why, and for how many seconds at most.
    """

    attempts: int = 5
    first_seconds: float = 0.1
    factor: float = 2.0
    longest_seconds: float = 5.0
    away_seconds: float = AWAY_SECONDS
    on_away: Callable[[CallFailed, float], None] | None = None

    def pause(self, attempt: int) -> float:
        """Seconds to wait after try number `attempt`, counted from 0: half to one and a half times the mean.

        The jitter keeps clients from coming back all at once.
        """
        mean = min(self.longest_seconds, self.first_seconds * self.factor ** min(attempt, 30))
        return mean * random.uniform(0.5, 1.5)  # noqa: S311 - jitter is no secret


_PATIENCE: ContextVar[float] = ContextVar("galleria_patience", default=math.inf)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Calls that begin inside wait at most so long for a server that is away, whatever the policy of their client."""
    token = _PATIENCE.set(min(seconds, _PATIENCE.get()))
    try:
        yield
    finally:
        _PATIENCE.reset(token)


class Tries:
    """The tries of one unary call: whether there is another, and when.

    Args:
        policy: of the client.
        answered: set while the server is known to be there; set here by a refusal that only it can have sent.
        repeat: whether the call may be tried again at all.
    """

    def __init__(self, policy: RetryPolicy, answered: threading.Event, *, repeat: bool) -> None:
        self._policy = policy
        self._answered = answered
        self._repeat = repeat
        self._failed = 0
        self._limit = min(policy.away_seconds, _PATIENCE.get())
        self._away_since: float | None = None

    def pause_after(self, failure: CallFailed) -> float:
        """Seconds to wait before the next try.

        Raises:
            CallFailed: `failure`: there is none.
        """
        if failure.reason and not isinstance(failure, Unavailable):
            self._answered.set()
        if not self._repeat or not may_repeat(failure):
            raise failure
        pause = max(self._policy.pause(self._failed), failure.failure.retry_after or 0.0)
        left = self._patience_left(failure)
        self._failed += 1
        if self._failed < self._policy.attempts:
            return pause
        if left <= 0.0:
            raise failure
        if self._failed == max(1, self._policy.attempts) and self._policy.on_away is not None:
            self._policy.on_away(failure, left)
        return min(pause, left)

    def _patience_left(self, failure: CallFailed) -> float:
        if not self._answered.is_set() or not is_away(failure):
            return 0.0
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        return self._away_since + self._limit - now


def may_repeat(failure: CallFailed) -> bool:
    """Whether a unary call that failed so is worth trying again."""
    return isinstance(failure, Unavailable)


def is_away(failure: CallFailed) -> bool:
    """Whether nobody serves, as while a server is started again. A volume that does not answer is another matter."""
    return isinstance(failure, Unavailable) and not isinstance(failure, VolumeUnavailable)


def is_break(failure: CallFailed) -> bool:
    """Whether a transfer's stream was cut, so that a new stream may go on.

    A refusal by a galleria server names its reason and is final, but for the reasons that say: come back.
    """
    if isinstance(failure, Unavailable | Idle):
        return True
    if failure.reason:
        return False
    return isinstance(failure, Cancelled) or failure.code in BROKEN_CODES


def persist(action: Callable[[], A], give_up_seconds: float, stop: threading.Event) -> A:
    """Do a repeatable action of a transfer, and again after every break until it succeeds.

    The calls in it do not wait by themselves for a server that is away: here is who knows for how long.

    Raises:
        CallFailed: it was refused.
        GaveUp: it was broken for `give_up_seconds`.
        Interrupted: `stop` was set.
    """
    policy = RetryPolicy()
    began = time.monotonic()
    for attempt in itertools.count():
        if stop.is_set():
            raise Interrupted
        try:
            with patience(0.0):
                return action()
        except CallFailed as failure:
            if not is_break(failure):
                raise
            if time.monotonic() - began > give_up_seconds:
                raise GaveUp(time.monotonic() - began, failure) from None
        stop.wait(policy.pause(attempt))
    raise AssertionError
