"""Who owns things: tenants have subscriptions, subscriptions have resource groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from galleria_server.domain import limits
from galleria_server.domain.errors import FieldViolation
from galleria_server.domain.names import GroupName, SubscriptionName, TenantName
from galleria_server.domain.tags import Tags, check_tags
from galleria_server.domain.validation import Violations, check_length, check_required

DEFAULT_TENANT = UUID("c5d3a1e0-6b1f-4f0a-9a57-000000000001")
DEFAULT_SUBSCRIPTION = UUID("c5d3a1e0-6b1f-4f0a-9a57-000000000002")
MAX_DISPLAY_NAME = limits.number("display_name")


@dataclass(frozen=True, slots=True)
class TenantSpec:
    """What an operator says of a tenant."""

    display_name: str = ""
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tenant:
    """An organisation."""

    uid: UUID
    spec: TenantSpec
    create_time: datetime
    update_time: datetime
    etag: str

    @property
    def name(self) -> TenantName:
        """Its resource name."""
        return TenantName(self.uid)


@dataclass(frozen=True, slots=True)
class SubscriptionSpec:
    """What an operator says of a subscription."""

    tenant: str
    display_name: str = ""
    tags: Tags = field(default_factory=dict)
    explicit_resource_groups: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """What `tenant_uid` owns things in."""

    uid: UUID
    tenant_uid: UUID
    spec: SubscriptionSpec
    create_time: datetime
    update_time: datetime
    etag: str

    @property
    def name(self) -> SubscriptionName:
        """Its resource name."""
        return SubscriptionName(self.uid)


@dataclass(frozen=True, slots=True)
class GroupSpec:
    """What its owner says of a resource group."""

    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResourceGroup:
    """A resource group; its uid is the scope of its pushes."""

    uid: UUID
    name: GroupName
    spec: GroupSpec
    create_time: datetime
    update_time: datetime
    etag: str


def check(path: str, spec: TenantSpec | SubscriptionSpec) -> Violations:
    """What is wrong with a tenant or a subscription."""
    return [
        *check_required(f"{path}.display_name", spec.display_name),
        *check_length(f"{path}.display_name", spec.display_name, MAX_DISPLAY_NAME),
        *check_tags(f"{path}.tags", spec.tags),
    ]


def check_group(path: str, spec: GroupSpec) -> Violations:
    """What is wrong with a resource group."""
    return check_tags(f"{path}.tags", spec.tags)


def check_same_tenant(path: str, before: SubscriptionSpec, after: SubscriptionSpec) -> Violations:
    """A subscription stays with its tenant."""
    if before.tenant.casefold() == after.tenant.casefold():
        return []
    return [FieldViolation(f"{path}.tenant", f"cannot be changed; it is {before.tenant}")]
