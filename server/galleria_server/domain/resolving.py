"""Which version of several is meant, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from galleria_server.domain.definition_kinds import AnySpec
from galleria_server.domain.image_definition import EndOfLifePolicy
from galleria_server.domain.names import VersionNumber
from galleria_server.domain.version import AnyVersion, VersionState


class SkipReason(Enum):
    """Why `latest` passed over a version."""

    NOT_IN_REGION = "not in region"
    NOT_READY = "not ready"
    EXCLUDED = "excluded"
    END_OF_LIFE = "end of life"
    DELETING = "deleting"
    SOFT_DELETED = "soft-deleted"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A version that was passed over; `details` is for people."""

    number: VersionNumber
    reason: SkipReason
    details: str

    def __str__(self) -> str:
        return f"{self.number} {self.details}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The version that is meant, why it is, and of `latest` what was passed over: highest first, and how many."""

    version: AnyVersion
    reason: str
    skipped: tuple[Skipped, ...] = ()
    skipped_count: int = 0
    warnings: tuple[str, ...] = ()


def end_of_life(version: AnyVersion, definition: AnySpec, now: datetime) -> datetime | None:
    """The earliest end of life of a version or its definition that has come."""
    ends = (version.spec.end_of_life_time, definition.end_of_life_time)
    return min((end for end in ends if end is not None and end <= now), default=None)


def is_denied(version: AnyVersion, definition: AnySpec, now: datetime) -> bool:
    """Whether new deployments are refused as the end of life has come."""
    denies = definition.end_of_life_policy is EndOfLifePolicy.DENY
    return denies and end_of_life(version, definition, now) is not None


def warnings(version: AnyVersion, definition: AnySpec, now: datetime) -> tuple[str, ...]:
    """What who deploys the version is told of its end of life, where the definition wants that."""
    end = end_of_life(version, definition, now)
    if end is None or definition.end_of_life_policy is EndOfLifePolicy.INFORM:
        return ()
    return (f"the end of life of {version.name} came on {end.isoformat()}; deploy a newer version",)


def skipped(version: AnyVersion, definition: AnySpec, region: str, now: datetime, *, usable: bool) -> Skipped:
    """Why a version is not the latest in a region, where it is usable or not."""
    target = next((target for target in version.target_regions if target.region == region), None)
    if version.state is VersionState.DELETING:
        reason, details = SkipReason.DELETING, "is being deleted"
    elif version.soft_deletion is not None:
        reason, details = SkipReason.SOFT_DELETED, "is soft-deleted"
    elif target is None:
        reason, details = SkipReason.NOT_IN_REGION, f"is not replicated to {region}"
    elif version.spec.excludes(target):
        where = f"in {region}" if target.exclude_from_latest else "everywhere"
        reason, details = SkipReason.EXCLUDED, f"is excluded from latest {where}"
    elif not usable:
        reason, details = SkipReason.NOT_READY, f"has no full copy that can be read in {region} yet"
    else:
        end = end_of_life(version, definition, now)
        reason, details = SkipReason.END_OF_LIFE, f"is past its end of life, {end and end.isoformat()}"
    return Skipped(version.number, reason, details)
