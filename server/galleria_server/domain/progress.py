"""How fast an operation gets on, and what a version costs: computed from rows, never stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from galleria_server.domain.models import Operation
from galleria_server.domain.version import AnyVersion

MOST_REMAINING = timedelta(days=3650)
"""What would take longer is not foretold."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Bytes a second since the operation began, and how long the rest takes at that pace; None when nobody can tell."""

    bytes_per_second: float
    remaining: timedelta | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Occupied bytes that count as stored, once a replica, and that reach a region for the first time."""

    replica_bytes: int
    egress_bytes: int


def pace(operation: Operation, done_bytes: int, total_bytes: int, now: datetime) -> Pace:
    """The pace of an operation of whose version `done_bytes` of `total_bytes` are there."""
    seconds = ((operation.end_time or now) - operation.create_time).total_seconds()
    rate = max(0, done_bytes - operation.begun_bytes) / seconds if seconds > 0 else 0.0
    left = total_bytes - done_bytes
    if operation.done or left <= 0:
        return Pace(rate, timedelta())
    if rate <= 0 or left / rate > MOST_REMAINING.total_seconds():
        return Pace(rate, None)
    return Pace(rate, timedelta(seconds=left / rate))


def cost(version: AnyVersion) -> Cost:
    """What a version costs with all that is ordered, whatever of it is there yet."""
    replicas = sum(target.replica_count for target in version.target_regions)
    abroad = sum(target.region != version.location for target in version.target_regions)
    return Cost(replicas * version.occupied_bytes, abroad * version.occupied_bytes)
