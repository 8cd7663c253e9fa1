"""Locks: what keeps resources from being deleted or changed, whoever asks.

A lock holds at its scope and in all that lies there, now or later; a resource with a lock in it is not deleted either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.names import MAX_SHOWN, Pattern, fold, parse_id
from galleria_server.domain.scopes import Scope, parse_scope
from galleria_server.domain.validation import Violations, check_length

MAX_NOTES = limits.number("lock_notes")
LOCK_ID = Pattern(
    re.compile(r"[^<>%&:\\?/\x00-\x1f\x7f-\x9f]{1,260}"),
    "1 to 260 characters without '<', '>', '%', '&', ':', '\\', '?', '/' and control characters",
)
_COLLECTION = "locks"


class LockLevel(Enum):
    """What a lock forbids."""

    CAN_NOT_DELETE = "CanNotDelete"
    READ_ONLY = "ReadOnly"


class Effect(Enum):
    """What a write does to its scope; the value says it of the resource. Who creates changes what it is created in."""

    CHANGE = "written"
    DELETE = "deleted"


FORBIDDEN: Mapping[LockLevel, frozenset[Effect]] = {
    LockLevel.CAN_NOT_DELETE: frozenset({Effect.DELETE}),
    LockLevel.READ_ONLY: frozenset({Effect.CHANGE, Effect.DELETE}),
}
"""What each level forbids. The more it is, the more restrictive is the level."""


@dataclass(frozen=True, slots=True)
class LockName:
    """{scope}/locks/{lock}."""

    scope: Scope
    lock: str

    def __str__(self) -> str:
        return f"{self.scope}/{_COLLECTION}/{self.lock}"


@dataclass(frozen=True, slots=True)
class LockSpec:
    """What its owner says of a lock."""

    level: LockLevel
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock on the scope with `scope_uid`."""

    uid: UUID
    scope_uid: UUID
    name: LockName
    spec: LockSpec
    create_time: datetime
    etag: str


def forbidding(locks: Iterable[Lock], effect: Effect) -> list[Lock]:
    """Those of the locks in force that forbid it, the most restrictive first."""
    found = [lock for lock in locks if effect in FORBIDDEN[lock.spec.level]]
    return sorted(found, key=lambda lock: -len(FORBIDDEN[lock.spec.level]))


def check(path: str, spec: LockSpec) -> Violations:
    """What is wrong with a lock."""
    return check_length(f"{path}.notes", spec.notes, MAX_NOTES)


def parse_lock(field: str, text: str) -> LockName:
    """The lock that `text` names. Raises InvalidRequest for `field`."""
    above, _, lock = text.rpartition("/")
    scope, _, collection = above.rpartition("/")
    if fold(collection) != _COLLECTION:
        raise InvalidRequest((FieldViolation(field, f"{text[:MAX_SHOWN]!r} must have the form {{scope}}/locks/{{}}"),))
    return LockName(parse_scope(field, scope), parse_id(field, lock, LOCK_ID))
