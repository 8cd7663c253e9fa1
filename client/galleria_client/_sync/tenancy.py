# Written by client/unasync.py from the module of the same name in _async: change that one.
"""The namespaces of who owns things: tenants, subscriptions, resource groups."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import tenancy_pb2 as pb
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria_client._sync.pager import Pager
from galleria_client._sync.transport import Transport


class Tenants:
    """Organisations, for who runs the installation."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = TenancyStub(transport.channel)

    def create(
        self, tenant: pb.Tenant, *, tenant_id: str = "", request_id: str = "", validate_only: bool = False
    ) -> pb.Tenant:
        """Create a tenant; the server draws its id unless one is given.

        Raises:
            InvalidField, AlreadyExists.
        """
        request = pb.CreateTenantRequest(
            tenant_id=tenant_id,
            tenant=tenant,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return self._transport.unary(self._stub.CreateTenant, request, repeat=True)

    def get(self, name: str) -> pb.Tenant:
        """One tenant.

        Raises:
            NotFound: there is none.
        """
        return self._transport.unary(self._stub.GetTenant, pb.GetTenantRequest(name=name), repeat=True)

    def list(self, *, page_size: int = 0) -> Pager[pb.ListTenantsRequest, pb.ListTenantsResponse, pb.Tenant]:
        """The tenants, by id."""
        request = pb.ListTenantsRequest(page_size=page_size)
        return Pager(self._transport, self._stub.ListTenants, request, lambda answer: answer.tenants)

    def delete(self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False) -> None:
        """Delete a tenant that has nothing in it.

        Raises:
            NotFound, InUse, EtagMismatch.
        """
        request = pb.DeleteTenantRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        self._transport.unary(self._stub.DeleteTenant, request, repeat=True)


class Subscriptions:
    """What tenants own things in; made by who runs the installation."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = TenancyStub(transport.channel)

    def create(
        self,
        subscription: pb.Subscription,
        *,
        subscription_id: str = "",
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.Subscription:
        """Create a subscription; the server draws its id unless one is given.

        Raises:
            InvalidField, AlreadyExists, NotFound.
        """
        request = pb.CreateSubscriptionRequest(
            subscription_id=subscription_id,
            subscription=subscription,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return self._transport.unary(self._stub.CreateSubscription, request, repeat=True)

    def get(self, name: str) -> pb.Subscription:
        """One subscription.

        Raises:
            NotFound: there is none.
        """
        return self._transport.unary(self._stub.GetSubscription, pb.GetSubscriptionRequest(name=name), repeat=True)

    def list(
        self, *, page_size: int = 0
    ) -> Pager[pb.ListSubscriptionsRequest, pb.ListSubscriptionsResponse, pb.Subscription]:
        """The subscriptions, by id."""
        request = pb.ListSubscriptionsRequest(page_size=page_size)
        return Pager(self._transport, self._stub.ListSubscriptions, request, lambda answer: answer.subscriptions)

    def update(
        self,
        subscription: pb.Subscription,
        paths: Sequence[str] = (),
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.Subscription:
        """Change the fields of a subscription that `paths` name, without any those that are set.

        Raises:
            NotFound, InvalidField, EtagMismatch.
        """
        request = pb.UpdateSubscriptionRequest(
            subscription=subscription,
            update_mask=FieldMask(paths=paths),
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return self._transport.unary(self._stub.UpdateSubscription, request, repeat=True)

    def delete(self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False) -> None:
        """Delete a subscription that has nothing in it.

        Raises:
            NotFound, InUse, EtagMismatch.
        """
        request = pb.DeleteSubscriptionRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        self._transport.unary(self._stub.DeleteSubscription, request, repeat=True)


class ResourceGroups:
    """What holds galleries and disks that belong together."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._stub = TenancyStub(transport.channel)

    def create(
        self,
        parent: str,
        resource_group_id: str,
        resource_group: pb.ResourceGroup,
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.ResourceGroup:
        """Create a resource group.

        Raises:
            InvalidField, AlreadyExists, NotFound.
        """
        request = pb.CreateResourceGroupRequest(
            parent=parent,
            resource_group_id=resource_group_id,
            resource_group=resource_group,
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return self._transport.unary(self._stub.CreateResourceGroup, request, repeat=True)

    def get(self, name: str, *, fields: Sequence[str] = ()) -> pb.ResourceGroup:
        """One resource group, or those `fields` of it and its name.

        Raises:
            NotFound: there is none.
        """
        request = pb.GetResourceGroupRequest(name=name, read_mask=FieldMask(paths=fields))
        return self._transport.unary(self._stub.GetResourceGroup, request, repeat=True)

    def list(
        self, parent: str, *, filter_: str = "", order_by: str = "", fields: Sequence[str] = (), page_size: int = 0
    ) -> Pager[pb.ListResourceGroupsRequest, pb.ListResourceGroupsResponse, pb.ResourceGroup]:
        """The resource groups of a subscription, by name, as `Galleries.list`."""
        request = pb.ListResourceGroupsRequest(
            parent=parent,
            filter=filter_,
            order_by=order_by,
            read_mask=FieldMask(paths=fields),
            page_size=page_size,
        )
        return Pager(self._transport, self._stub.ListResourceGroups, request, lambda answer: answer.resource_groups)

    def update(
        self,
        resource_group: pb.ResourceGroup,
        paths: Sequence[str] = (),
        *,
        request_id: str = "",
        validate_only: bool = False,
    ) -> pb.ResourceGroup:
        """Change the fields of a resource group that `paths` name, without any those that are set.

        Raises:
            NotFound, InvalidField, EtagMismatch.
        """
        request = pb.UpdateResourceGroupRequest(
            resource_group=resource_group,
            update_mask=FieldMask(paths=paths),
            request_id=request_id or str(uuid4()),
            validate_only=validate_only,
        )
        return self._transport.unary(self._stub.UpdateResourceGroup, request, repeat=True)

    def delete(self, name: str, *, etag: str = "", request_id: str = "", validate_only: bool = False) -> None:
        """Delete a resource group that has nothing in it.

        Raises:
            NotFound, InUse, EtagMismatch.
        """
        request = pb.DeleteResourceGroupRequest(
            name=name, etag=etag, request_id=request_id or str(uuid4()), validate_only=validate_only
        )
        self._transport.unary(self._stub.DeleteResourceGroup, request, repeat=True)
