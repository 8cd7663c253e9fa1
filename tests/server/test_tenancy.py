"""Tenants, subscriptions, resource groups."""

from uuid import uuid4

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import galleries_pb2
from galleria.v1 import tenancy_pb2 as pb
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION, DEFAULT_TENANT
from tests.server.catalogue_client import CatalogueClient, gallery_request
from tests.server.refusals import refused


@pytest.fixture
def tenancy(channel: grpc.Channel) -> TenancyStub:
    return TenancyStub(channel)


@pytest.fixture
def subscription(tenancy: TenancyStub) -> pb.Subscription:
    """A subscription of this test's own, in a tenant of its own."""
    tenant = tenancy.CreateTenant(pb.CreateTenantRequest(tenant=pb.Tenant(display_name="T", tags={"a": "b"})))
    asked = pb.Subscription(tenant=tenant.name, display_name="S", tags={"c": "d"})
    return tenancy.CreateSubscription(pb.CreateSubscriptionRequest(subscription=asked))


def test_an_installation_begins_with_one_tenant_and_one_subscription(tenancy: TenancyStub) -> None:
    tenant = tenancy.GetTenant(pb.GetTenantRequest(name=f"tenants/{DEFAULT_TENANT}"))
    assert tenant.display_name == "Default"
    found = tenancy.GetSubscription(pb.GetSubscriptionRequest(name=f"subscriptions/{DEFAULT_SUBSCRIPTION}"))
    assert (found.display_name, found.tenant) == ("Default", tenant.name)


def test_what_is_made_is_found_and_listed(tenancy: TenancyStub, subscription: pb.Subscription) -> None:
    tenant = tenancy.GetTenant(pb.GetTenantRequest(name=subscription.tenant))
    assert (tenant.display_name, dict(tenant.tags)) == ("T", {"a": "b"})
    assert tenancy.GetSubscription(pb.GetSubscriptionRequest(name=subscription.name.upper())) == subscription
    assert tenant in all_of(tenancy)
    assert subscription in tenancy.ListSubscriptions(pb.ListSubscriptionsRequest(page_size=1000)).subscriptions


def all_of(tenancy: TenancyStub) -> list[pb.Tenant]:
    found: list[pb.Tenant] = []
    request = pb.ListTenantsRequest(page_size=1)
    while True:
        answer = tenancy.ListTenants(request)
        found.extend(answer.tenants)
        if not answer.next_page_token:
            return found
        request.page_token = answer.next_page_token


def test_ids_may_be_chosen_and_are_free_only_once(tenancy: TenancyStub) -> None:
    request = pb.CreateTenantRequest(tenant_id=str(uuid4()), tenant=pb.Tenant(display_name="T"))
    assert tenancy.CreateTenant(request).name == f"tenants/{request.tenant_id}"
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        tenancy.CreateTenant(request)
    made = pb.Subscription(display_name="S", tenant=f"tenants/{request.tenant_id}")
    again = pb.CreateSubscriptionRequest(subscription_id=str(DEFAULT_SUBSCRIPTION), subscription=made)
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        tenancy.CreateSubscription(again)


def test_wrong_fields_are_told(tenancy: TenancyStub) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        tenancy.CreateTenant(pb.CreateTenantRequest(tenant=pb.Tenant(tags={"": "x"})))
    assert refusal.fields == ["tenant.display_name", "tenant.tags"]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        tenancy.CreateTenant(pb.CreateTenantRequest(tenant_id="x", tenant=pb.Tenant(display_name="x" * 64)))
    assert refusal.fields == ["tenant_id"]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        tenancy.CreateSubscription(pb.CreateSubscriptionRequest(subscription=pb.Subscription(display_name="x" * 65)))
    assert refusal.fields == ["subscription.display_name"]
    with refused("NOT_FOUND", "NOT_FOUND"):
        asked = pb.Subscription(display_name="S", tenant=f"tenants/{uuid4()}")
        tenancy.CreateSubscription(pb.CreateSubscriptionRequest(subscription=asked))


def test_a_subscription_may_want_groups_made_explicitly(
    tenancy: TenancyStub, subscription: pb.Subscription, client: CatalogueClient
) -> None:
    asked = pb.Subscription(name=subscription.name, explicit_resource_groups=True, etag=subscription.etag)
    changed = tenancy.UpdateSubscription(pb.UpdateSubscriptionRequest(subscription=asked))
    assert (changed.explicit_resource_groups, changed.display_name) == (True, "S")
    with refused("ABORTED", "ETAG_MISMATCH"):
        tenancy.UpdateSubscription(pb.UpdateSubscriptionRequest(subscription=asked))
    group = f"{subscription.name}/resourceGroups/rg"
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        client.galleries.CreateGallery(gallery_request(group))
    assert group in refusal.message
    tenancy.CreateResourceGroup(pb.CreateResourceGroupRequest(parent=subscription.name, resource_group_id="rg"))
    assert client.galleries.CreateGallery(gallery_request(group)).name == f"{group}/galleries/prod"


def test_a_subscription_stays_with_its_tenant(tenancy: TenancyStub, subscription: pb.Subscription) -> None:
    asked = pb.Subscription(name=subscription.name, tenant=f"tenants/{DEFAULT_TENANT}")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        tenancy.UpdateSubscription(pb.UpdateSubscriptionRequest(subscription=asked))
    assert refusal.fields == ["subscription.tenant"]


def test_groups_are_made_listed_changed_and_deleted(tenancy: TenancyStub, subscription: pb.Subscription) -> None:
    made = pb.ResourceGroup()
    for name in ("beta", "Alpha"):
        group = pb.ResourceGroup(tags={"of": name})
        request = pb.CreateResourceGroupRequest(
            parent=subscription.name, resource_group_id=name, resource_group=group, request_id=str(uuid4())
        )
        made = tenancy.CreateResourceGroup(request)
        assert tenancy.CreateResourceGroup(request) == made
        assert dict(made.tags) == {"of": name}
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        tenancy.CreateResourceGroup(pb.CreateResourceGroupRequest(parent=subscription.name, resource_group_id="ALPHA"))
    listed = tenancy.ListResourceGroups(pb.ListResourceGroupsRequest(parent=subscription.name, page_size=1))
    assert [group.name.rpartition("/")[2] for group in listed.resource_groups] == ["Alpha"]
    rest = pb.ListResourceGroupsRequest(parent=subscription.name, page_token=listed.next_page_token)
    assert [group.tags["of"] for group in tenancy.ListResourceGroups(rest).resource_groups] == ["beta"]
    mask = FieldMask(paths=["tags"])
    changed = tenancy.UpdateResourceGroup(
        pb.UpdateResourceGroupRequest(resource_group=pb.ResourceGroup(name=made.name), update_mask=mask)
    )
    assert not changed.tags
    assert tenancy.GetResourceGroup(pb.GetResourceGroupRequest(name=made.name)) == changed
    with refused("FAILED_PRECONDITION", "MOVE_NOT_SUPPORTED"):
        moved = pb.ResourceGroup(name=made.name, uid=str(uuid4()))
        tenancy.UpdateResourceGroup(pb.UpdateResourceGroupRequest(resource_group=moved))
    tenancy.DeleteResourceGroup(pb.DeleteResourceGroupRequest(name=made.name))
    with refused("NOT_FOUND", "NOT_FOUND"):
        tenancy.GetResourceGroup(pb.GetResourceGroupRequest(name=made.name))


def test_what_has_something_in_it_is_not_deleted(
    tenancy: TenancyStub, subscription: pb.Subscription, client: CatalogueClient
) -> None:
    gallery = client.galleries.CreateGallery(gallery_request(f"{subscription.name}/resourceGroups/rg"))
    group = gallery.name.partition("/galleries")[0]
    for name in (subscription.tenant, subscription.name, group):
        with refused("FAILED_PRECONDITION", "IN_USE"):
            delete(tenancy, name)
    client.galleries.DeleteGallery(galleries_pb2.DeleteGalleryRequest(name=gallery.name))
    for name in (group, subscription.name, subscription.tenant):
        delete(tenancy, name)
    with refused("NOT_FOUND", "NOT_FOUND"):
        tenancy.GetTenant(pb.GetTenantRequest(name=subscription.tenant))


def delete(tenancy: TenancyStub, name: str) -> None:
    if name.startswith("tenants/"):
        tenancy.DeleteTenant(pb.DeleteTenantRequest(name=name))
    elif name.count("/") == 1:
        tenancy.DeleteSubscription(pb.DeleteSubscriptionRequest(name=name))
    else:
        tenancy.DeleteResourceGroup(pb.DeleteResourceGroupRequest(name=name))


def test_the_same_gallery_name_is_free_in_another_subscription(
    subscription: pb.Subscription, client: CatalogueClient
) -> None:
    client.create_gallery()
    other = client.galleries.CreateGallery(gallery_request(f"{subscription.name}/resourceGroups/rg", client.gallery_id))
    assert other.unique_name.startswith(subscription.name.partition("/")[2])
