"""The policies of an image definition: which versions are kept by themselves, and in which regions."""

from __future__ import annotations

from dataclasses import dataclass

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.publishing import MAX_REPLICAS, TargetRegion
from galleria_server.domain.validation import Violations, check_count, check_distinct, check_range, check_required

KEPT_VERSIONS = (1, limits.number("retention_versions"))
KEPT_DAYS = limits.number("retention_days")
MAX_LABELS = limits.number("retention_labels")
NEWEST = (1, limits.number("spread_newest"))
MAX_REGIONS = limits.number("spread_regions")


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Keeps the last so many versions that succeeded of each minor line, and all that are younger than some days.

    One that has one of `keep_labels`, each `key` or `key=value`, is never touched.
    """

    keep_last: int = 1
    keep_days: int = 0
    keep_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpreadPolicy:
    """Has the newest so many versions in all of the regions, older ones at home with one replica."""

    newest: int = 1
    target_regions: tuple[TargetRegion, ...] = ()


def check_retention(path: str, policy: RetentionPolicy | None) -> Violations:
    """What is wrong with a retention policy."""
    if policy is None:
        return []
    return [
        *check_range(f"{path}.keep_last", policy.keep_last, *KEPT_VERSIONS),
        *check_range(f"{path}.keep_days", policy.keep_days, 0, KEPT_DAYS),
        *check_count(f"{path}.keep_labels", policy.keep_labels, MAX_LABELS),
        *(
            wrong
            for i, text in enumerate(policy.keep_labels)
            for wrong in check_required(f"{path}.keep_labels[{i}]", text)
        ),
    ]


def check_spread(path: str, policy: SpreadPolicy | None) -> Violations:
    """What is wrong with a spread policy."""
    if policy is None:
        return []
    targets = list(enumerate(policy.target_regions))
    wrong = [] if targets else [FieldViolation(f"{path}.target_regions", "is required")]
    return [
        *check_range(f"{path}.newest", policy.newest, *NEWEST),
        *wrong,
        *check_count(f"{path}.target_regions", policy.target_regions, MAX_REGIONS),
        *check_distinct(f"{path}.target_regions", [target.region for _, target in targets]),
        *(wrong for i, at in targets for wrong in check_required(f"{path}.target_regions[{i}].region", at.region)),
        *(
            wrong
            for i, at in targets
            for wrong in check_range(
                f"{path}.target_regions[{i}].replica_count", at.replica_count or 1, 1, MAX_REPLICAS
            )
        ),
    ]
