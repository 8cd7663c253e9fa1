"""Replication status: computed from the copies, never stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from galleria_server.domain.models import Copy, CopyState
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.version import AnyVersion, VersionState


@dataclass(frozen=True, slots=True)
class WholeCopy:
    """All contents of a version on one volume; `done_bytes` of all of them."""

    zone: str
    volume: str
    state: CopyState
    done_bytes: int
    details: str


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One ordered replica with its copies."""

    ordinal: int
    state: CopyState
    copies: tuple[WholeCopy, ...]


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """A region: `percent` is 100 only when all is ready, `usable` means that every content can be read there."""

    region: str
    state: CopyState
    usable: bool
    percent: int
    desired: int
    ready: int
    replicas: tuple[ReplicaStatus, ...]
    done_bytes: int
    total_bytes: int


def wanted(version: AnyVersion, copies: Sequence[Copy]) -> list[Copy]:
    """The copies that are to stay; of a version that is being deleted all that there are."""
    if version.state is VersionState.DELETING:
        return list(copies)
    return [copy for copy in copies if copy.state is not CopyState.DELETING]


def replication(version: AnyVersion, copies: Sequence[Copy]) -> list[RegionStatus]:
    """The status of every target region, in the order in which they were ordered."""
    kept = wanted(version, copies)
    return [
        _region(version, target, [copy for copy in kept if copy.region == target.region])
        for target in version.target_regions
    ]


def is_usable(version: AnyVersion, copies: Iterable[Copy], region: str) -> bool:
    """Whether every content of a version can be read in a region."""
    ready = {copy.position for copy in copies if (copy.region, copy.state) == (region, CopyState.READY)}
    return len(ready) == len(version.contents)


def was_ready(version: AnyVersion, copy: Copy) -> bool:
    """Whether a copy that is PENDING or COPYING was READY before: one that never was has not all its bytes counted."""
    return 0 < copy.done_bytes == _occupied(version, copy)


def done_bytes(version: AnyVersion, copies: Iterable[Copy]) -> int:
    """Occupied bytes that are there, over all copies."""
    return sum(_done(version, copy) for copy in copies)


def total_bytes(version: AnyVersion, copies: Iterable[Copy]) -> int:
    """Occupied bytes that all copies hold when they are ready."""
    return sum(_occupied(version, copy) for copy in copies)


def _region(version: AnyVersion, target: TargetRegion, copies: Sequence[Copy]) -> RegionStatus:
    ordered = sorted(copies, key=lambda copy: (copy.ordinal, copy.zone, copy.volume, copy.position))
    replicas = tuple(
        _replica(ordinal, list(members)) for ordinal, members in groupby(ordered, lambda copy: copy.ordinal)
    )
    return RegionStatus(
        region=target.region,
        state=_together([replica.state for replica in replicas]),
        usable=is_usable(version, copies, target.region),
        percent=_percent(version, copies),
        desired=target.replica_count,
        ready=sum(replica.state is CopyState.READY for replica in replicas),
        replicas=replicas,
        done_bytes=done_bytes(version, copies),
        total_bytes=total_bytes(version, copies),
    )


def _replica(ordinal: int, copies: Sequence[Copy]) -> ReplicaStatus:
    parts = groupby(copies, lambda copy: (copy.zone, copy.volume))
    whole = tuple(_whole(*where, list(members)) for where, members in parts)
    return ReplicaStatus(ordinal, _together([copy.state for copy in whole]), whole)


def _whole(zone: str, volume: str, copies: Sequence[Copy]) -> WholeCopy:
    details = next((copy.details for copy in copies if copy.details), "")
    done = sum(copy.done_bytes for copy in copies)
    return WholeCopy(zone, volume, _together([copy.state for copy in copies]), done, details)


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


def _percent(version: AnyVersion, copies: Sequence[Copy]) -> int:
    if not copies:
        return 0
    ready = sum(copy.state is CopyState.READY for copy in copies)
    if ready == len(copies):
        return 100
    total = total_bytes(version, copies)
    return min(99, 100 * done_bytes(version, copies) // total if total else 100 * ready // len(copies))


def _done(version: AnyVersion, copy: Copy) -> int:
    occupied = _occupied(version, copy)
    return occupied if copy.state is CopyState.READY else min(copy.done_bytes, occupied)


def _occupied(version: AnyVersion, copy: Copy) -> int:
    return version.content(copy.position).occupied_bytes
