"""When something is tried again."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_client.errors import CallFailed, Failure, GaveUp, Interrupted, NotFound, failed
from galleria_client.retry import RetryPolicy, Tries, is_break, may_repeat, patience, persist


@given(st.integers(0, 1000))
def test_pauses_grow_to_a_bound_and_differ(attempt: int) -> None:
    policy = RetryPolicy(first_seconds=0.1, factor=2.0, longest_seconds=5.0)
    mean = min(5.0, 0.1 * 2.0 ** min(attempt, 30))
    assert mean / 2 <= policy.pause(attempt) <= mean * 1.5


def pauses(policy: RetryPolicy, failure: CallFailed, *, answered: bool = False, repeat: bool = True) -> int:
    """How often a call that always fails so is tried again; the pauses are not waited for."""
    known = threading.Event()
    if answered:
        known.set()
    tries = Tries(policy, known, repeat=repeat)
    for made in itertools.count():
        try:
            tries.pause_after(failure)
        except CallFailed:
            return made
    raise AssertionError


AWAY = failed(Failure("UNAVAILABLE", "nobody listens"))


def test_there_is_a_pause_after_each_try_but_the_last() -> None:
    assert pauses(RetryPolicy(attempts=4), AWAY) == 3
    assert pauses(RetryPolicy(attempts=1), AWAY) == 0
    assert pauses(RetryPolicy(attempts=4), AWAY, repeat=False) == 0


def test_a_server_that_has_answered_is_tried_for_longer() -> None:
    policy = RetryPolicy(attempts=4, away_seconds=0.01)
    assert pauses(policy, AWAY, answered=True) > 3
    assert pauses(policy, AWAY, answered=True, repeat=False) == 0
    assert pauses(policy, failed(Failure("UNAVAILABLE", "m", "VOLUME_UNAVAILABLE")), answered=True) == 3
    assert pauses(policy, failed(Failure("NOT_FOUND", "m", "NOT_FOUND")), answered=True) == 0


def test_whoever_has_a_patience_of_its_own_sets_that_of_the_calls_inside() -> None:
    policy = RetryPolicy(attempts=4, away_seconds=60.0)
    with patience(0.0), patience(60.0):
        assert pauses(policy, AWAY, answered=True) == 3
    with patience(0.01):
        assert pauses(policy, AWAY, answered=True) > 3


def test_only_what_the_server_itself_said_shows_that_it_is_there() -> None:
    for failure, is_there in ((AWAY, False), (failed(Failure("NOT_FOUND", "m", "NOT_FOUND")), True)):
        answered = threading.Event()
        with pytest.raises(type(failure)):
            Tries(RetryPolicy(attempts=1), answered, repeat=True).pause_after(failure)
        assert answered.is_set() is is_there


def test_a_long_wait_is_told_once() -> None:
    told: list[tuple[CallFailed, float]] = []
    policy = RetryPolicy(attempts=2, away_seconds=0.01, on_away=lambda *what: told.append(what))
    pauses(policy, AWAY)
    assert told == []
    pauses(policy, AWAY, answered=True)
    ((failure, seconds),) = told
    assert failure is AWAY
    assert 0 < seconds <= 0.01


@pytest.mark.parametrize(
    ("code", "reason", "broken"),
    [
        ("UNAVAILABLE", "", True),
        ("UNAVAILABLE", "DRAINING", True),
        ("DEADLINE_EXCEEDED", "IDLE", True),
        ("INTERNAL", "", True),
        ("CANCELLED", "", True),
        ("INTERNAL", "INTERNAL", False),
        ("INVALID_ARGUMENT", "DIGEST_MISMATCH", False),
        ("RESOURCE_EXHAUSTED", "VOLUME_FULL", False),
        ("UNIMPLEMENTED", "", False),
    ],
)
def test_a_refusal_is_no_break(code: str, reason: str, broken: bool) -> None:  # noqa: FBT001
    failure = failed(Failure(code, "m", reason))
    assert is_break(failure) is broken
    assert may_repeat(failure) is (code == "UNAVAILABLE")


def test_persist_goes_on_until_it_succeeds() -> None:
    failures = [failed(Failure("UNAVAILABLE", "m"))] * 2

    def action() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert persist(action, 60.0, threading.Event()) == "done"


def test_persist_gives_up_refusals_at_once_and_breaks_in_time() -> None:
    def refused() -> None:
        raise failed(Failure("NOT_FOUND", "m", "NOT_FOUND"))

    def broken() -> None:
        raise failed(Failure("UNAVAILABLE", "m"))

    with pytest.raises(NotFound):
        persist(refused, 60.0, threading.Event())
    with pytest.raises(GaveUp):
        persist(broken, 0.0, threading.Event())


def test_persist_ends_when_it_is_stopped() -> None:
    stop = threading.Event()

    def broken() -> None:
        stop.set()
        raise failed(Failure("UNAVAILABLE", "m"))

    with pytest.raises(Interrupted):
        persist(broken, 60.0, stop)
