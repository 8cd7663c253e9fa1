"""Regions that not everybody may use, and regions that are down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.names import AccessName
from galleria_server.domain.validation import Violations, check_length, check_required

MAX_TEXT = limits.number("reason")


class AccessState(Enum):
    """How far a subscription's request for access to a region is."""

    REQUESTED = "Requested"
    UNDER_REVIEW = "UnderReview"
    APPROVED = "Approved"
    DENIED = "Denied"


DECISIONS: Mapping[AccessState | None, frozenset[AccessState]] = {
    None: frozenset({AccessState.APPROVED}),
    AccessState.REQUESTED: frozenset({AccessState.UNDER_REVIEW, AccessState.APPROVED, AccessState.DENIED}),
    AccessState.UNDER_REVIEW: frozenset({AccessState.APPROVED, AccessState.DENIED}),
    AccessState.APPROVED: frozenset({AccessState.DENIED}),
    AccessState.DENIED: frozenset({AccessState.UNDER_REVIEW, AccessState.APPROVED}),
}
"""What an operator may make of each state; None: nobody asked."""
ASKABLE = frozenset({None, AccessState.DENIED})
"""States in which a subscription may ask."""


@dataclass(frozen=True, slots=True)
class RegionAccess:
    """What a subscription may do with a region."""

    uid: UUID
    subscription: UUID
    region: str
    state: AccessState
    justification: str
    reason: str
    request_time: datetime
    decide_time: datetime | None

    @property
    def name(self) -> AccessName:
        """Its resource name."""
        return AccessName(self.subscription, self.region)


@dataclass(frozen=True, slots=True)
class RegionStatus:
    """A configured region: whether access to it is restricted, since when and why it is down."""

    uid: UUID
    region: str
    restricted: bool
    down_time: datetime | None
    down_reason: str


def check_decision(state: AccessState, reason: str) -> Violations:
    """What is wrong with what an operator decides: nothing is requested by deciding, and a denial says why."""
    violations = check_length("reason", reason, MAX_TEXT)
    if state is AccessState.REQUESTED:
        violations.append(FieldViolation("state", "must be UnderReview, Approved or Denied"))
    if state is AccessState.DENIED:
        violations.extend(check_required("reason", reason))
    return violations
