"""Galleries: what may be said of one, and what may be changed later."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.names import GalleryName
from galleria_server.domain.tags import Tags, check_tags
from galleria_server.domain.validation import Violations, check_length, check_range, check_uri

MAX_DESCRIPTION = limits.number("description")
MAX_CONTACT = limits.number("contact")
DAYS = (1, limits.number("soft_delete_days"))
_PREFIX = re.compile(r"[A-Za-z0-9]{5,16}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class Permissions(Enum):
    """With whom a gallery may be shared, roles apart; chosen when it is created."""

    PRIVATE = "Private"
    GROUPS = "Groups"
    COMMUNITY = "Community"


@dataclass(frozen=True, slots=True)
class CommunityInfo:
    """Who publishes a community gallery; everybody can read it."""

    publisher_uri: str = ""
    publisher_contact: str = ""
    eula: str = ""
    public_name_prefix: str = ""


@dataclass(frozen=True, slots=True)
class SharingProfile:
    """How a gallery may be shared."""

    permissions: Permissions = Permissions.PRIVATE
    community: CommunityInfo | None = None


@dataclass(frozen=True, slots=True)
class SoftDeletePolicy:
    """Whether deleted versions may be restored: usable for `retention_days`, restorable for `grace_days` more."""

    enabled: bool = False
    retention_days: int = 7
    grace_days: int = 7


@dataclass(frozen=True, slots=True)
class GallerySpec:
    """What its owner says of a gallery."""

    description: str = ""
    tags: Tags = field(default_factory=dict)
    sharing_profile: SharingProfile = SharingProfile()
    soft_delete_policy: SoftDeletePolicy = SoftDeletePolicy()


IMMUTABLE = ("sharing_profile.permissions",)


@dataclass(frozen=True, slots=True)
class Gallery:
    """A gallery, in `group_uid`."""

    uid: UUID
    group_uid: UUID
    name: GalleryName
    location: str
    spec: GallerySpec
    create_time: datetime
    update_time: datetime
    etag: str
    deleting: bool = False

    @property
    def unique_name(self) -> str:
        """The name under which it is shared: subscription and gallery."""
        return f"{self.name.group.subscription}-{self.name.gallery.upper()}"


def check(path: str, spec: GallerySpec) -> Violations:
    """What is wrong with a gallery."""
    return [
        *check_length(f"{path}.description", spec.description, MAX_DESCRIPTION),
        *check_tags(f"{path}.tags", spec.tags),
        *_check_sharing(f"{path}.sharing_profile", spec.sharing_profile),
        *check_range(f"{path}.soft_delete_policy.retention_days", spec.soft_delete_policy.retention_days, *DAYS),
        *check_range(f"{path}.soft_delete_policy.grace_days", spec.soft_delete_policy.grace_days, 0, DAYS[1]),
    ]


def _check_sharing(path: str, profile: SharingProfile) -> Violations:
    community = profile.community
    if profile.permissions is not Permissions.COMMUNITY:
        wrong = f"is only for {Permissions.COMMUNITY.value} permissions, not for {profile.permissions.value}"
        return [] if community is None else [FieldViolation(f"{path}.community", wrong)]
    if community is None:
        return [FieldViolation(f"{path}.community", "is required for Community permissions")]
    path = f"{path}.community"
    return [
        *check_uri(f"{path}.publisher_uri", community.publisher_uri, required=True),
        *_check_contact(f"{path}.publisher_contact", community.publisher_contact),
        *check_uri(f"{path}.eula", community.eula, required=True),
        *_check_prefix(f"{path}.public_name_prefix", community.public_name_prefix),
    ]


def _check_contact(path: str, text: str) -> Violations:
    if len(text) <= MAX_CONTACT and _EMAIL.fullmatch(text):
        return []
    return [FieldViolation(path, f"{text[:100]!r} must be an e-mail address of at most {MAX_CONTACT} characters")]


def _check_prefix(path: str, text: str) -> Violations:
    if _PREFIX.fullmatch(text):
        return []
    return [FieldViolation(path, f"{text[:100]!r} must be 5 to 16 letters and digits")]
