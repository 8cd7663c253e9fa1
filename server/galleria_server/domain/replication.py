"""Replication status: computed from the copies, never stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from galleria_server.domain.models import Copy, CopyState, ImageVersion, TargetRegion


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One ordered replica with its copies."""

    ordinal: int
    state: CopyState
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """A region: `percent` is 100 only when all is ready, `usable` means that one full copy can be read."""

    region: str
    state: CopyState
    usable: bool
    percent: int
    desired: int
    ready: int
    replicas: tuple[ReplicaStatus, ...]


def replication(version: ImageVersion, copies: Sequence[Copy]) -> list[RegionStatus]:
    """The status of every target region, in the order in which they were ordered."""
    return [
        _region(target, [copy for copy in copies if copy.region == target.region], version.occupied_bytes)
        for target in version.target_regions
    ]


def was_ready(version: ImageVersion, copy: Copy) -> bool:
    """Whether a copy that is PENDING or COPYING was READY before: one that never was has not all its bytes counted."""
    return 0 < copy.done_bytes == version.occupied_bytes


def done_bytes(version: ImageVersion, copies: Iterable[Copy]) -> int:
    """Occupied bytes that are there, over all copies."""
    return sum(_done(copy, version.occupied_bytes) for copy in copies)


def _region(target: TargetRegion, copies: Sequence[Copy], occupied: int) -> RegionStatus:
    ordered = sorted(copies, key=lambda copy: (copy.ordinal, copy.zone))
    replicas = tuple(
        _replica(ordinal, tuple(members)) for ordinal, members in groupby(ordered, key=lambda copy: copy.ordinal)
    )
    return RegionStatus(
        region=target.region,
        state=_together([replica.state for replica in replicas]),
        usable=any(copy.state is CopyState.READY for copy in copies),
        percent=_percent(copies, occupied),
        desired=target.replica_count,
        ready=sum(replica.state is CopyState.READY for replica in replicas),
        replicas=replicas,
    )


def _replica(ordinal: int, copies: tuple[Copy, ...]) -> ReplicaStatus:
    return ReplicaStatus(ordinal, _together([copy.state for copy in copies]), copies)


def _together(states: Sequence[CopyState]) -> CopyState:
    """The state of what consists of parts in `states`; of no parts any more when it was deleted."""
    for state in (CopyState.DELETING, CopyState.FAILED, CopyState.COPYING):
        if state in states:
            return state
    if not states:
        return CopyState.DELETING
    if len(set(states)) == 1:
        return states[0]
    return CopyState.COPYING  # some parts are ready, others wait


def _percent(copies: Sequence[Copy], occupied: int) -> int:
    if not copies:
        return 0
    ready = sum(copy.state is CopyState.READY for copy in copies)
    if ready == len(copies):
        return 100
    if occupied == 0:
        return 100 * ready // len(copies)
    return min(99, 100 * sum(_done(copy, occupied) for copy in copies) // (occupied * len(copies)))


def _done(copy: Copy, occupied: int) -> int:
    return occupied if copy.state is CopyState.READY else min(copy.done_bytes, occupied)
