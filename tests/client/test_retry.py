"""When something is tried again."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_client.errors import Failure, GaveUp, Interrupted, NotFound, failed
from galleria_client.retry import RetryPolicy, is_break, may_repeat, persist


@given(st.integers(0, 1000))
def test_pauses_grow_to_a_bound_and_differ(attempt: int) -> None:
    policy = RetryPolicy(first_seconds=0.1, factor=2.0, longest_seconds=5.0)
    mean = min(5.0, 0.1 * 2.0 ** min(attempt, 30))
    assert mean / 2 <= policy.pause(attempt) <= mean * 1.5


def test_there_is_a_pause_after_each_try_but_the_last() -> None:
    assert len(list(RetryPolicy(attempts=4).pauses())) == 3
    assert list(RetryPolicy(attempts=1).pauses()) == []


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
