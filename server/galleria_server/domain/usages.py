"""What subscriptions use of what they may, and numbers that an operator set for one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.limits import Limit
from galleria_server.domain.names import LimitName
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.validation import Violations, check_range


@dataclass(frozen=True, slots=True)
class LimitOverride:
    """The number that an operator set for one subscription in place of a limit's own."""

    uid: UUID
    subscription: UUID
    key: str
    number: int


@dataclass(frozen=True, slots=True)
class LimitInForce:
    """A limit as it holds for one subscription."""

    limit: Limit
    subscription: UUID
    number: int

    @property
    def name(self) -> LimitName:
        """Its resource name."""
        return LimitName(self.subscription, self.limit.key)


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit a subscription uses in a region."""

    limit: LimitInForce
    region: str
    current: int


def check_number(limit: Limit, number: int) -> Violations:
    """What is wrong with a number that an operator sets: the limit is the same for all, or it is too high."""
    if limit.highest is None:
        return [FieldViolation("name", f"{limit.key} is {limit.number} for all subscriptions, none can be set")]
    return check_range("value", number, 0, limit.highest)


def ordered(targets: Iterable[TargetRegion]) -> int:
    """The replicas of settled regions together. A ZRS replica is one."""
    return sum(target.replica_count for target in targets)


def too_many_replicas(field: str, targets: Iterable[TargetRegion], limit: int) -> Violations:
    """The replicas of a version, over all its regions, must not exceed the limit."""
    total = ordered(targets)
    if total <= limit:
        return []
    return [FieldViolation(field, f"order {total} replicas, the limit is {limit} together")]
