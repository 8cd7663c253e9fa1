"""The bucket lets pass what its rate allows, and a copy's thread waits in it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galleria_server.reconciler.progress import Progress
from galleria_server.reconciler.token_bucket import BURST_SECONDS, STEP_SECONDS, TokenBucket

RATE = 1000
SEGMENT = 500


class Time:
    """A clock that only waiting moves on. Thread-safe."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def wait(self, cancelled: threading.Event, seconds: float) -> None:
        with self._lock:
            self.waits.append(seconds)
            self.now += seconds


class Copying:
    """A progress on a bucket of its own, with what it did."""

    def __init__(self) -> None:
        self.time = Time()
        self.beats: list[float] = []
        bucket = TokenBucket(RATE, self.time, self.time.wait)
        bucket.take(RATE, threading.Event(), self.beat)
        self.progress = Progress(self.beat, bucket)

    def beat(self) -> None:
        self.beats.append(self.time.now)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 20_000)), min_size=1, max_size=30), st.integers(1, 10_000))
def test_never_more_than_rate_times_time_and_the_burst(takes: list[tuple[float, int]], rate: int) -> None:
    time = Time()
    bucket = TokenBucket(rate, time, time.wait)
    began, ended = [], []
    for idle, amount in takes:
        time.now += idle
        began.append(time.now)
        bucket.take(amount, threading.Event(), lambda: None)
        ended.append(time.now)
    totals = [0, *accumulate(amount for _, amount in takes)]
    for first, start in enumerate(began):
        for last, end in enumerate(ended[first:], first):
            paid = totals[last + 1] - totals[first]
            assert paid <= rate * (end - start) + rate * (BURST_SECONDS + 1e-6)
    assert all(0 < wait <= STEP_SECONDS for wait in time.waits)


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=30), st.integers(1, 10_000))
def test_nobody_waits_longer_than_the_rate_asks_for(amounts: list[int], rate: int) -> None:
    time = Time()
    bucket = TokenBucket(rate, time, time.wait)
    for amount in amounts:
        bucket.take(amount, threading.Event(), lambda: None)
    assert time.now == pytest.approx(max(0, sum(amounts) / rate - BURST_SECONDS), abs=1e-6)


def test_threads_share_one_rate() -> None:
    time = Time()
    bucket = TokenBucket(RATE, time, time.wait)
    with ThreadPoolExecutor(4) as threads:
        for _ in range(400):
            threads.submit(bucket.take, 10, threading.Event(), lambda: None)
    bucket.take(0, threading.Event(), lambda: None)
    assert time.now >= 4000 / RATE - BURST_SECONDS - 1e-6


def test_a_cancelled_take_does_not_wait_and_stays_charged() -> None:
    time = Time()
    bucket = TokenBucket(RATE, time, time.wait)
    cancelled = threading.Event()
    cancelled.set()
    bucket.take(5 * RATE, cancelled, lambda: None)
    assert time.now == 0
    bucket.take(0, threading.Event(), lambda: None)
    assert time.now == pytest.approx(5 - BURST_SECONDS)


def test_cancelling_ends_a_wait_that_has_begun() -> None:
    waiting = threading.Event()

    def wait(cancelled: threading.Event, seconds: float) -> None:
        assert 0 < seconds <= STEP_SECONDS
        waiting.set()
        assert cancelled.wait(30)

    bucket = TokenBucket(RATE, Time(), wait)
    progress = Progress(lambda: None, bucket)
    with ThreadPoolExecutor(1) as copy:
        progress.begin()
        assert copy.submit(progress, 0).result(30)
        answer = copy.submit(progress, 100 * RATE)
        assert waiting.wait(30)
        progress.cancel()
        assert answer.result(30) is False
    assert progress.done_bytes == 100 * RATE


def test_a_copy_pays_for_what_it_brings_and_not_for_what_was_there() -> None:
    copying = Copying()
    copying.progress.begin()
    assert copying.progress(40 * SEGMENT)
    assert copying.time.now == 0
    assert copying.progress(41 * SEGMENT)
    assert copying.progress(43 * SEGMENT)
    assert copying.time.now == pytest.approx(3 * SEGMENT / RATE)


def test_another_run_of_a_copy_pays_only_for_what_it_brings() -> None:
    copying = Copying()
    copying.progress.begin()
    copying.progress(0)
    copying.progress(4 * SEGMENT)
    copying.progress.begin()
    copying.progress(6 * SEGMENT)
    copying.progress(7 * SEGMENT)
    assert copying.time.now == pytest.approx(5 * SEGMENT / RATE)


def test_a_copy_that_waits_goes_on_telling_the_watchdog() -> None:
    copying = Copying()
    copying.progress.begin()
    copying.progress(0)
    copying.progress(60 * RATE)
    assert copying.time.now == pytest.approx(60)
    assert max(after - before for before, after in zip(copying.beats, copying.beats[1:], strict=False)) <= STEP_SECONDS


def test_without_a_bucket_nothing_waits() -> None:
    progress = Progress(lambda: None)
    progress.begin()
    assert progress(0)
    assert progress(1 << 50)
    progress.cancel()
    assert not progress(1 << 51)
