"""Requests and resources of the Tenancy service, between the wire and the domain.

What reads a request raises InvalidRequest with every field that is wrong.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from galleria.v1 import tenancy_pb2 as pb
from galleria_server.catalogue.writes import Change
from galleria_server.domain.names import (
    GROUP_ID,
    GroupName,
    SubscriptionName,
    TenantName,
    parse_group,
    parse_subscription,
    parse_tenant,
)
from galleria_server.domain.pages import Position
from galleria_server.domain.tenancy import (
    GroupSpec,
    ResourceGroup,
    Subscription,
    SubscriptionSpec,
    Tenant,
    TenantSpec,
    check,
    check_group,
)
from galleria_server.domain.validation import Violations, check_id, refuse
from galleria_server.services.codec import parse, render
from galleria_server.services.convert_publishing import timestamp
from galleria_server.services.masks import changed
from galleria_server.services.parsing import optional_uid


def new_tenant(request: pb.CreateTenantRequest) -> tuple[UUID, TenantSpec]:
    """Id and spec of the tenant that is asked for."""
    violations: Violations = []
    spec = parse(request.tenant, TenantSpec, "tenant", violations)
    refuse(violations, check("tenant", spec))
    return optional_uid("tenant_id", request.tenant_id) or uuid4(), spec


def new_subscription(request: pb.CreateSubscriptionRequest) -> tuple[UUID, TenantName, SubscriptionSpec]:
    """Id, tenant and spec of the subscription that is asked for."""
    violations: Violations = []
    spec = parse(request.subscription, SubscriptionSpec, "subscription", violations)
    refuse(violations, check("subscription", spec))
    tenant = parse_tenant("subscription.tenant", spec.tenant)
    return optional_uid("subscription_id", request.subscription_id) or uuid4(), tenant, spec


def subscription_change(
    request: pb.UpdateSubscriptionRequest,
) -> tuple[SubscriptionName, Change[Subscription, SubscriptionSpec]]:
    """Name of the subscription that is to be changed, and how."""
    asked = request.subscription
    name = parse_subscription("subscription.name", asked.name)

    def apply(before: Subscription) -> SubscriptionSpec:
        return changed(before.spec, asked, request.update_mask, "subscription")

    return name, Change(None, asked.etag, apply)


def new_group(request: pb.CreateResourceGroupRequest) -> tuple[GroupName, GroupSpec]:
    """Name and spec of the resource group that is asked for."""
    subscription = parse_subscription("parent", request.parent).subscription
    violations: Violations = []
    spec = parse(request.resource_group, GroupSpec, "resource_group", violations)
    wrong_id = check_id("resource_group_id", request.resource_group_id, GROUP_ID)
    refuse(violations, wrong_id, check_group("resource_group", spec))
    return GroupName(subscription, request.resource_group_id), spec


def group_change(request: pb.UpdateResourceGroupRequest) -> tuple[GroupName, Change[ResourceGroup, GroupSpec]]:
    """Name of the resource group that is to be changed, and how."""
    asked = request.resource_group
    name = parse_group("resource_group.name", asked.name)

    def apply(before: ResourceGroup) -> GroupSpec:
        return changed(before.spec, asked, request.update_mask, "resource_group")

    return name, Change(optional_uid("resource_group.uid", asked.uid), asked.etag, apply)


def tenant_message(found: Tenant) -> pb.Tenant:
    """A tenant."""
    return pb.Tenant(
        name=str(found.name),
        create_time=timestamp(found.create_time),
        update_time=timestamp(found.update_time),
        etag=found.etag,
        **render(found.spec, pb.Tenant.DESCRIPTOR),
    )


def subscription_message(found: Subscription) -> pb.Subscription:
    """A subscription."""
    return pb.Subscription(
        name=str(found.name),
        create_time=timestamp(found.create_time),
        update_time=timestamp(found.update_time),
        etag=found.etag,
        **render(found.spec, pb.Subscription.DESCRIPTOR),
    )


def group_message(found: ResourceGroup) -> pb.ResourceGroup:
    """A resource group."""
    return pb.ResourceGroup(
        name=str(found.name),
        uid=str(found.uid),
        create_time=timestamp(found.create_time),
        update_time=timestamp(found.update_time),
        etag=found.etag,
        **render(found.spec, pb.ResourceGroup.DESCRIPTOR),
    )


def position_uid(position: Position | None) -> UUID | None:
    """The uid at which a page ended."""
    return UUID(str(position[0])) if position else None
