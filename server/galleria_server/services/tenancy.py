"""The Tenancy service."""

from __future__ import annotations

from functools import partial
from typing import Any

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from galleria.v1 import tenancy_pb2 as pb
from galleria.v1.tenancy_pb2_grpc import TenancyServicer
from galleria_server.catalogue import groups, subscriptions, tenants
from galleria_server.catalogue.writes import make_once, remove_once
from galleria_server.domain.names import fold, parse_group, parse_subscription, parse_tenant
from galleria_server.domain.pages import Position, Stretch
from galleria_server.domain.tenancy import ResourceGroup, Subscription, Tenant
from galleria_server.metadata import tenants as rows
from galleria_server.services.lists import Listing
from galleria_server.services.parsing import parse_write
from galleria_server.services.projections import projection
from galleria_server.services.shared import Catalogue, fetch_page
from galleria_server.services.tenancy_messages import (
    group_change,
    group_message,
    new_group,
    new_subscription,
    new_tenant,
    position_uid,
    subscription_change,
    subscription_message,
    tenant_message,
)

Context = grpc.aio.ServicerContext[Any, Any]


class Tenancy(TenancyServicer):
    """Tenants, subscriptions and resource groups."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._metadata = catalogue.metadata

    async def CreateTenant(self, request: pb.CreateTenantRequest, context: Context) -> pb.Tenant:
        write, now = parse_write("CreateTenant", request, None), self._catalogue.clock()
        uid, spec = new_tenant(request)
        create = partial(tenants.create, uid=uid, spec=spec, now=now)
        return tenant_message(await self._metadata.write(make_once, write, now, create, tenants.require))

    async def GetTenant(self, request: pb.GetTenantRequest, context: Context) -> pb.Tenant:
        return tenant_message(await self._metadata.read(tenants.require, parse_tenant("name", request.name).tenant))

    async def ListTenants(self, request: pb.ListTenantsRequest, context: Context) -> pb.ListTenantsResponse:
        async def fetch(position: Position | None, limit: int) -> list[Tenant]:
            return await self._metadata.read(rows.page, position_uid(position), limit)

        found, token = await fetch_page(self._catalogue.tokens, ("ListTenants",), request, fetch, _by_uid)
        return pb.ListTenantsResponse(tenants=map(tenant_message, found), next_page_token=token)

    async def DeleteTenant(self, request: pb.DeleteTenantRequest, context: Context) -> Empty:
        write, now = parse_write("DeleteTenant", request, None), self._catalogue.clock()
        remove = partial(tenants.remove, uid=parse_tenant("name", request.name).tenant, etag=request.etag)
        await self._metadata.write(remove_once, write, now, remove)
        return Empty()

    async def CreateSubscription(self, request: pb.CreateSubscriptionRequest, context: Context) -> pb.Subscription:
        write, now = parse_write("CreateSubscription", request, None), self._catalogue.clock()
        uid, tenant, spec = new_subscription(request)
        create = partial(subscriptions.create, uid=uid, tenant=tenant, spec=spec, now=now)
        return subscription_message(await self._metadata.write(make_once, write, now, create, subscriptions.require))

    async def GetSubscription(self, request: pb.GetSubscriptionRequest, context: Context) -> pb.Subscription:
        uid = parse_subscription("name", request.name).subscription
        return subscription_message(await self._metadata.read(subscriptions.require, uid))

    async def ListSubscriptions(
        self, request: pb.ListSubscriptionsRequest, context: Context
    ) -> pb.ListSubscriptionsResponse:
        async def fetch(position: Position | None, limit: int) -> list[Subscription]:
            return await self._metadata.read(rows.page_subscriptions, position_uid(position), limit)

        found, token = await fetch_page(self._catalogue.tokens, ("ListSubscriptions",), request, fetch, _by_uid)
        return pb.ListSubscriptionsResponse(subscriptions=map(subscription_message, found), next_page_token=token)

    async def UpdateSubscription(self, request: pb.UpdateSubscriptionRequest, context: Context) -> pb.Subscription:
        name, change = subscription_change(request)
        write, now = parse_write("UpdateSubscription", request, name), self._catalogue.clock()
        update = partial(subscriptions.update, uid=name.subscription, change=change, now=now)
        return subscription_message(await self._metadata.write(make_once, write, now, update, subscriptions.require))

    async def DeleteSubscription(self, request: pb.DeleteSubscriptionRequest, context: Context) -> Empty:
        name = parse_subscription("name", request.name)
        write, now = parse_write("DeleteSubscription", request, name), self._catalogue.clock()
        remove = partial(subscriptions.remove, uid=name.subscription, etag=request.etag)
        await self._metadata.write(remove_once, write, now, remove)
        return Empty()

    async def CreateResourceGroup(self, request: pb.CreateResourceGroupRequest, context: Context) -> pb.ResourceGroup:
        name, spec = new_group(request)
        write, now = parse_write("CreateResourceGroup", request, name), self._catalogue.clock()
        create = partial(groups.create, name=name, spec=spec, now=now)
        return group_message(await self._metadata.write(make_once, write, now, create, groups.recall))

    async def GetResourceGroup(self, request: pb.GetResourceGroupRequest, context: Context) -> pb.ResourceGroup:
        name, shown = parse_group("name", request.name), projection(request.read_mask, pb.ResourceGroup)
        return shown.of(group_message(await self._metadata.read(groups.require, name)))

    async def ListResourceGroups(
        self, request: pb.ListResourceGroupsRequest, context: Context
    ) -> pb.ListResourceGroupsResponse:
        uid = parse_subscription("parent", request.parent).subscription

        async def fetch(to: Stretch) -> list[ResourceGroup]:
            return await self._metadata.read(groups.page, uid, to.key, to.limit, descending=to.descending)

        found, token = await _GROUPS.asked(request).page(self._catalogue.tokens, str(uid), fetch)
        return pb.ListResourceGroupsResponse(resource_groups=found, next_page_token=token)

    async def UpdateResourceGroup(self, request: pb.UpdateResourceGroupRequest, context: Context) -> pb.ResourceGroup:
        name, change = group_change(request)
        write, now = parse_write("UpdateResourceGroup", request, name), self._catalogue.clock()
        update = partial(groups.update, name=name, change=change, now=now)
        return group_message(await self._metadata.write(make_once, write, now, update, groups.recall))

    async def DeleteResourceGroup(self, request: pb.DeleteResourceGroupRequest, context: Context) -> Empty:
        name = parse_group("name", request.name)
        write, now = parse_write("DeleteResourceGroup", request, name), self._catalogue.clock()
        remove = partial(groups.remove, name=name, etag=request.etag)
        await self._metadata.write(remove_once, write, now, remove)
        return Empty()


def _by_uid(found: Tenant | Subscription) -> Position:
    return [str(found.uid)]


def _by_name(group: ResourceGroup) -> Position:
    return [fold(group.name.group)]


_GROUPS = Listing("ListResourceGroups", pb.ResourceGroup, group_message, _by_name)
