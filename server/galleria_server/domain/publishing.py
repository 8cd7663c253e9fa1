"""Where and how a version of an image or application is published, and what may be changed of it later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import TypeVar

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.placement import ZONES, Account
from galleria_server.domain.tags import Tags, check_tags
from galleria_server.domain.validation import Violations, check_distinct, check_range, check_required

MAX_REPLICAS = limits.IMAGE_REPLICAS.number
"""Replicas of a version, over all its regions."""


class ReplicationMode(Enum):
    """How much is copied."""

    FULL = "Full"
    SHALLOW = "Shallow"


class StorageStrategy(Enum):
    """How the kind of replica is chosen by what a region offers."""

    PREFER_STANDARD_ZRS = "PreferStandard_ZRS"
    DEFAULT_STANDARD_LRS = "DefaultStandard_LRS"


@dataclass(frozen=True, slots=True)
class TargetRegion:
    """Replicas ordered in a region. What is left open follows from the version until it is settled."""

    region: str
    replica_count: int = 0
    storage_account_type: Account | None = None
    exclude_from_latest: bool | None = None

    @property
    def account(self) -> Account:
        """The kind of replica of a region that is settled."""
        return self.storage_account_type or Account.STANDARD_LRS


@dataclass(frozen=True, slots=True)
class SafetyProfile:
    """What keeps a version from being lost by mistake."""

    allow_deletion_of_replicated_locations: bool = False
    block_deletion_before_end_of_life: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingSpec:
    """What its owner says of any version, whatever it is of."""

    tags: Tags = field(default_factory=dict)
    labels: Tags = field(default_factory=dict)
    target_regions: tuple[TargetRegion, ...] = ()
    replica_count: int = 0
    storage_account_type: Account | None = None
    storage_account_strategy: StorageStrategy | None = None
    exclude_from_latest: bool = False
    end_of_life_time: datetime | None = None
    replication_mode: ReplicationMode = ReplicationMode.FULL
    safety_profile: SafetyProfile = SafetyProfile()

    def kept_until(self, now: datetime) -> datetime | None:
        """The end of life before which it cannot be deleted, if that is to come."""
        end = self.end_of_life_time
        guarded = self.safety_profile.block_deletion_before_end_of_life
        return end if guarded and end is not None and end > now else None

    def excludes(self, target: TargetRegion) -> bool:
        """Whether `latest` passes over the version in a region: the region's own word counts first."""
        return self.exclude_from_latest if target.exclude_from_latest is None else target.exclude_from_latest


Spec = TypeVar("Spec", bound=PublishingSpec)
Zonal = Callable[[str], bool]
"""Whether a region can hold ZRS replicas."""

IMMUTABLE = ("storage_account_type", "storage_account_strategy", "replication_mode")


def check(path: str, spec: PublishingSpec) -> Violations:
    """What is wrong with the publishing of a version, wherever its home is."""
    count = check_range(f"{path}.replica_count", spec.replica_count or 1, 1, MAX_REPLICAS)
    return [
        *check_tags(f"{path}.tags", spec.tags),
        *check_tags(f"{path}.labels", spec.labels),
        *count,
        *_check_kind(path, spec),
        *(wrong for i, target in enumerate(spec.target_regions) for wrong in _check_target(path, i, target)),
        *([] if count else _check_total(path, spec)),
    ]


def check_home(path: str, spec: PublishingSpec, home: str) -> Violations:
    """The regions against the home of the version: they have it, once; a shallow version has no other."""
    field_path, regions = f"{path}.target_regions", [target.region for target in spec.target_regions]
    if not regions:
        return []
    violations = check_distinct(field_path, regions)
    if home not in regions:
        violations.append(FieldViolation(field_path, f"must contain the version's own location, {home}"))
    if spec.replication_mode is ReplicationMode.SHALLOW and (len(regions) > 1 or _ordered(spec) > 1):
        told = f"are {', '.join(regions)} with {_ordered(spec)} replicas"
        violations.append(FieldViolation(field_path, f"{told}, a Shallow version has one replica in {home}"[:240]))
    return violations


def check_regions_kept(path: str, before: PublishingSpec, after: PublishingSpec) -> Violations:
    """Regions are left out only when the version allows it, and the kind of replicas in those that stay is kept."""
    kinds = {target.region: target.account for target in before.target_regions}
    left_out = kinds.keys() - {target.region for target in after.target_regions}
    violations = []
    if left_out and not after.safety_profile.allow_deletion_of_replicated_locations:
        told = f"leaves out {', '.join(sorted(left_out))}; that needs allow_deletion_of_replicated_locations"
        violations.append(FieldViolation(f"{path}.target_regions", told))
    for i, target in enumerate(after.target_regions):
        kind = kinds.get(target.region, target.account)
        if kind is not target.account:
            told = f"{target.account.value} does not match {target.region}, which has {kind.value}"
            violations.append(FieldViolation(f"{path}.target_regions[{i}].storage_account_type", told))
    return violations


def check_zones(path: str, spec: PublishingSpec, zones_of: Callable[[str], Sequence[str]]) -> Violations:
    """ZRS replicas are only for regions with three zones or more."""
    told = "Standard_ZRS is not supported in {}, which has fewer than three zones; use Standard_LRS or Premium_LRS"
    return [
        FieldViolation(f"{path}.target_regions[{i}].storage_account_type", told.format(target.region))
        for i, target in enumerate(spec.target_regions)
        if target.account is Account.STANDARD_ZRS and len(zones_of(target.region)) < ZONES
    ]


def settled(spec: Spec, home: str, zonal: Zonal, before: Sequence[TargetRegion] = ()) -> Spec:
    """The spec with every region's number and kind of replicas said; without regions those `before`, or `home` once.

    A region that was there before keeps its kind unless another is given.
    """
    kinds = {target.region: target.account for target in before}
    wanted = spec.target_regions or tuple(before) or (TargetRegion(home),)
    targets = tuple(
        replace(
            target,
            replica_count=target.replica_count or spec.replica_count or 1,
            storage_account_type=target.storage_account_type or kinds.get(target.region) or _kind(spec, target, zonal),
        )
        for target in wanted
    )
    return replace(spec, target_regions=targets)


def _kind(spec: PublishingSpec, target: TargetRegion, zonal: Zonal) -> Account:
    if spec.storage_account_strategy is StorageStrategy.PREFER_STANDARD_ZRS and zonal(target.region):
        return Account.STANDARD_ZRS
    return spec.storage_account_type or Account.STANDARD_LRS


def _check_kind(path: str, spec: PublishingSpec) -> Violations:
    if spec.storage_account_type is None or spec.storage_account_strategy is None:
        return []
    told = f"cannot be given with storage_account_type {spec.storage_account_type.value}; give one of them"
    return [FieldViolation(f"{path}.storage_account_strategy", told)]


def _check_target(path: str, position: int, target: TargetRegion) -> Violations:
    field_path = f"{path}.target_regions[{position}]"
    return [
        *check_required(f"{field_path}.region", target.region),
        *check_range(f"{field_path}.replica_count", target.replica_count or 1, 1, MAX_REPLICAS),
    ]


def _check_total(path: str, spec: PublishingSpec) -> Violations:
    total = _ordered(spec)
    if total <= MAX_REPLICAS or any(target.replica_count > MAX_REPLICAS for target in spec.target_regions):
        return []
    return [FieldViolation(f"{path}.target_regions", f"order {total} replicas, the limit is {MAX_REPLICAS} together")]


def _ordered(spec: PublishingSpec) -> int:
    return sum(target.replica_count or spec.replica_count or 1 for target in spec.target_regions)
