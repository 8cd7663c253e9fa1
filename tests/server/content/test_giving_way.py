"""A collection gives way to pushes and pulls."""

from __future__ import annotations

import pytest

from galleria_server.volumes.giving_way import SHARE, GivingWay


def test_a_collection_waits_while_others_work_and_only_then() -> None:
    now, steps, busy_until = 100.0, 0, 100.0

    def wait(seconds: float) -> None:
        nonlocal now
        assert 0 < seconds <= 1
        now += seconds

    def going() -> None:
        nonlocal steps
        steps += 1

    way = GivingWay(lambda: now < busy_until, going, lambda: now, wait)
    now += 2
    way()
    assert (now, steps) == (102.0, 1)

    busy_until = 1000.0
    now += 1
    way()
    assert now == pytest.approx(102 + 1 / SHARE)
    assert steps > 3

    began = now
    busy_until = now + 1.5
    now += 1
    way()
    assert began + 1.5 <= now < began + 2
