"""Soft deletion: what was deleted stays for a while, may be used by its exact name at first, and may be restored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from galleria_server.domain.gallery import SoftDeletePolicy


class ImageState(Enum):
    """Whether a version is deleted, whatever its copies are like."""

    ACTIVE = "active"
    SOFT_DELETED = "softDeleted"


@dataclass(frozen=True, slots=True)
class SoftDeletion:
    """When something was deleted, until when it may be used, and when it goes for good."""

    soft_delete_time: datetime
    consumption_end_time: datetime
    hard_deletion_time: datetime


def deleted_under(policy: SoftDeletePolicy, now: datetime) -> SoftDeletion:
    """What becomes of a version that is deleted now; a later change of the policy changes nothing of it."""
    end = now + timedelta(days=policy.retention_days)
    return SoftDeletion(now, end, end + timedelta(days=policy.grace_days))
