"""When a call is tried again, and how long after."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from galleria_client.errors import CallFailed, Cancelled, GaveUp, Idle, Interrupted, Unavailable

A = TypeVar("A")

BROKEN_CODES = frozenset({"UNAVAILABLE", "INTERNAL", "UNKNOWN", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED"})


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a call is tried again.

    Attributes:
        attempts: tries altogether.
        first_seconds: mean pause after the first.
        factor: how much longer each pause is than the one before.
        longest_seconds: bound of a pause.
    """

    attempts: int = 5
    first_seconds: float = 0.1
    factor: float = 2.0
    longest_seconds: float = 5.0

    def pauses(self) -> Iterator[float]:
        """Seconds to wait after each failed try but the last, with jitter so that clients do not come back at once."""
        for attempt in range(self.attempts - 1):
            yield self.pause(attempt)

    def pause(self, attempt: int) -> float:
        """Seconds to wait after try number `attempt`, counted from 0: half to one and a half times the mean."""
        mean = min(self.longest_seconds, self.first_seconds * self.factor ** min(attempt, 30))
        return mean * random.uniform(0.5, 1.5)  # noqa: S311 - jitter is no secret


def may_repeat(failure: CallFailed) -> bool:
    """Whether a unary call that failed so is worth trying again."""
    return isinstance(failure, Unavailable)


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
            return action()
        except CallFailed as failure:
            if not is_break(failure):
                raise
            if time.monotonic() - began > give_up_seconds:
                raise GaveUp(time.monotonic() - began, failure) from None
        stop.wait(policy.pause(attempt))
    raise AssertionError
