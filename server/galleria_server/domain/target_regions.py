"""Changes of the target regions of a version by region, whatever else was changed meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from galleria_server.domain.errors import AlreadyExists, NotFound
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.version import AnyVersion

KIND = "target region"
MAX_SHOWN = 64

Targets = tuple[TargetRegion, ...]


def added(version: AnyVersion, more: Sequence[TargetRegion]) -> Targets:
    """Raises AlreadyExists for a region that is ordered."""
    there = {target.region for target in version.target_regions}
    twice = next((target.region for target in more if target.region in there), None)
    if twice is not None:
        raise AlreadyExists(KIND, f"{twice} of {version.name}")
    return (*version.target_regions, *more)


def removed(version: AnyVersion, leaving: AbstractSet[str]) -> Targets:
    """Raises NotFound for a region that is not ordered."""
    for region in sorted(leaving):
        _ordered(version, region)
    return tuple(target for target in version.target_regions if target.region not in leaving)


def counted(version: AnyVersion, region: str, replica_count: int) -> Targets:
    """Raises NotFound for a region that is not ordered."""
    found = _ordered(version, region)
    return tuple(
        replace(target, replica_count=replica_count) if target is found else target for target in version.target_regions
    )


def _ordered(version: AnyVersion, region: str) -> TargetRegion:
    found = next((target for target in version.target_regions if target.region == region), None)
    if found is None:
        raise NotFound(KIND, f"{region[:MAX_SHOWN]} of {version.name}")
    return found
