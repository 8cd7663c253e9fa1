"""What becomes of the versions of an image by a policy: computed from rows, highest version first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from galleria_server.domain.policies import RetentionPolicy, SpreadPolicy
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.version import AnyVersion, VersionState

_AT_REST = (VersionState.SUCCEEDED, VersionState.FAILED)

Guard = Callable[[AnyVersion], str]
"""Why a version must not go, such as a lock or an alias; empty when nothing speaks against it."""

UsableIn = Callable[[AnyVersion, str], bool]
"""Whether all of a version can be read in a region."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What is to become of a version, and why; `target_regions` of None mean that it goes, those it has that it stays.

    `saved_bytes` are replica bytes that go, `added_bytes` those that come.
    """

    version: AnyVersion
    target_regions: tuple[TargetRegion, ...] | None
    reason: str

    @property
    def changes(self) -> bool:
        """Whether anything becomes of it."""
        return self.target_regions != self.version.target_regions

    @property
    def saved_bytes(self) -> int:
        """Replica bytes that go."""
        return self.version.occupied_bytes * max(0, -self._more)

    @property
    def added_bytes(self) -> int:
        """Replica bytes that come."""
        return self.version.occupied_bytes * max(0, self._more)

    @property
    def _more(self) -> int:
        after = sum(target.replica_count for target in self.target_regions or ())
        return after - sum(target.replica_count for target in self.version.target_regions)


def retention(policy: RetentionPolicy, versions: Sequence[AnyVersion], guard: Guard, now: datetime) -> list[Fate]:
    """The fate of each version, given highest number first."""
    lines: Counter[tuple[int, int]] = Counter()
    fates = []
    for version in versions:
        line = version.number[:2]
        reason = _kept(policy, version, lines[line], now)
        lines[line] += version.published_time is not None
        reason = reason or guard(version)
        regions = version.target_regions if reason else None
        fates.append(Fate(version, regions, reason or _goes(policy, version)))
    return fates


def spread(policy: SpreadPolicy, versions: Sequence[AnyVersion], usable: UsableIn, guard: Guard) -> list[Fate]:
    """The fate of each version, given highest number first."""
    newest = [version for version in versions if version.published_time is not None and _counts(version)][
        : policy.newest
    ]
    fates = []
    for version in versions:
        if version in newest:
            fates.append(Fate(version, _everywhere(policy, version), f"one of the newest {policy.newest}"))
        elif version.state not in _AT_REST:
            fates.append(Fate(version, version.target_regions, f"is {version.state.value}"))
        else:
            fates.append(_older(version, newest, usable, guard))
    return fates


def _kept(policy: RetentionPolicy, version: AnyVersion, succeeded_above: int, now: datetime) -> str:
    if version.state not in _AT_REST:
        return f"is {version.state.value}"
    if version.published_time is not None and succeeded_above < policy.keep_last:
        return f"one of the last {policy.keep_last} of {version.number.major}.{version.number.minor}"
    if now - version.create_time < timedelta(days=policy.keep_days):
        return f"younger than {policy.keep_days} days"
    label = next((text for text in policy.keep_labels if _has_label(version, text)), None)
    return "" if label is None else f"has the label {label}"


def _goes(policy: RetentionPolicy, version: AnyVersion) -> str:
    if version.published_time is None:
        return "never succeeded"
    return f"older than the last {policy.keep_last} of {version.number.major}.{version.number.minor}"


def _has_label(version: AnyVersion, text: str) -> bool:
    key, equals, value = text.partition("=")
    found = version.spec.labels.get(key)
    return found is not None and (not equals or found == value)


def _counts(version: AnyVersion) -> bool:
    return version.state is not VersionState.DELETING and not version.spec.exclude_from_latest


def _everywhere(policy: SpreadPolicy, version: AnyVersion) -> tuple[TargetRegion, ...]:
    """What the version has, and the regions of the policy with at least their numbers."""
    listed = {target.region: target for target in policy.target_regions}
    there = [_at_least(target, listed.pop(target.region, None)) for target in version.target_regions]
    return (*there, *(replace(target, replica_count=target.replica_count or 1) for target in listed.values()))


def _at_least(target: TargetRegion, wanted: TargetRegion | None) -> TargetRegion:
    most = max(target.replica_count, 0 if wanted is None else wanted.replica_count)
    return replace(target, replica_count=most)


def _older(version: AnyVersion, newest: Sequence[AnyVersion], usable: UsableIn, guard: Guard) -> Fate:
    """At home with one replica, where that may be and a newer version can be used already."""

    def succeeded(region: str) -> bool:
        return any(newer.number > version.number and usable(newer, region) for newer in newest)

    there = version.target_regions
    leaving = [target.region for target in there if target.region != version.location and succeeded(target.region)]
    waiting = [target.region for target in there if target.region != version.location and target.region not in leaving]
    after = tuple(
        replace(target, replica_count=1) if target.region == version.location and succeeded(target.region) else target
        for target in there
        if target.region not in leaving
    )
    if after == there:
        return Fate(
            version, there, f"no newer version is usable in {', '.join(waiting)} yet" if waiting else "is at home"
        )
    if leaving and not version.spec.safety_profile.allow_deletion_of_replicated_locations:
        return Fate(version, there, "does not allow that regions are removed (allow_deletion_of_replicated_locations)")
    if reason := guard(version):
        return Fate(version, there, reason)
    return Fate(version, after, "a newer version is usable")
