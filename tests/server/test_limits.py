"""Limits per subscription and region, at their exact numbers, and what operators make of them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid4

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc

from galleria.v1 import galleries_pb2, image_definitions_pb2, image_versions_pb2, tenancy_pb2
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1 import usages_pb2 as pb
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria.v1.usages_pb2_grpc import UsagesStub
from galleria_server.config import VolumeConfig
from galleria_server.domain.limits import COUNTED, LIMITS
from galleria_server.domain.names import Artifact, parse_image, parse_version
from galleria_server.domain.tenancy import DEFAULT_TENANT
from tests.server.application_client import ApplicationClient
from tests.server.catalogue_client import CatalogueClient, drop_copies, gallery_request, image_request, target
from tests.server.empty_volumes import CatalogueServer, EmptyVolumes
from tests.server.filling import add_definitions, add_galleries, add_versions
from tests.server.refusals import Refusal, refused
from tests.support.server_thread import config_in, server_thread

VOLUMES = 90
ZRS = publishing_pb.STORAGE_ACCOUNT_TYPE_STANDARD_ZRS


@pytest.fixture(scope="module")
def running(module_folder: Path) -> Iterator[CatalogueServer]:
    """A server with room for a hundred replicas: 90 volumes in each region, 30 in each zone."""
    config = config_in(module_folder)
    regions = tuple(
        replace(
            region, volumes=tuple(VolumeConfig(f"v{i}", region.zones[i % 3], module_folder) for i in range(VOLUMES))
        )
        for region in config.regions
    )
    with server_thread(replace(config, regions=regions), EmptyVolumes) as server:
        yield server


@pytest.fixture
def tenancy(channel: grpc.Channel) -> TenancyStub:
    return TenancyStub(channel)


@pytest.fixture
def subscription(tenancy: TenancyStub) -> UUID:
    """A subscription of this test's own."""
    return new_subscription(tenancy)


@pytest.fixture
def client(channel: grpc.Channel, running: CatalogueServer, subscription: UUID) -> CatalogueClient:
    return CatalogueClient(channel, running, "rg", subscription)


@pytest.fixture
def usages(channel: grpc.Channel) -> UsagesStub:
    return UsagesStub(channel)


def new_subscription(tenancy: TenancyStub) -> UUID:
    uid = uuid4()
    asked = tenancy_pb2.Subscription(tenant=f"tenants/{DEFAULT_TENANT}", display_name="S")
    tenancy.CreateSubscription(tenancy_pb2.CreateSubscriptionRequest(subscription_id=str(uid), subscription=asked))
    return uid


def used(usages: UsagesStub, subscription: UUID, region: str = "eastus") -> dict[str, tuple[int, int]]:
    """Current value and limit of each usage."""
    request = pb.ListUsagesRequest(parent=f"subscriptions/{subscription}", region=region)
    found = usages.ListUsages(request).usages
    prefix = f"subscriptions/{subscription}/locations/{region}/usages/"
    return {usage.name.removeprefix(prefix): (usage.current_value, usage.limit) for usage in found}


def set_limit(usages: UsagesStub, subscription: UUID, key: str, value: int, request_id: str = "") -> pb.Limit:
    name = f"subscriptions/{subscription}/limits/{key}"
    return usages.SetLimit(pb.SetLimitRequest(name=name, value=value, request_id=request_id))


def set_replicas(client: CatalogueClient, number: str, count: int) -> None:
    name = f"{client.image_name}/versions/{number}"
    request = image_versions_pb2.SetReplicaCountRequest(name=name, region="eastus", replica_count=count)
    client.galleries.SetReplicaCount(request)


def delete_gallery(client: CatalogueClient, name: str) -> None:
    client.galleries.DeleteGallery(galleries_pb2.DeleteGalleryRequest(name=f"{client.group}/galleries/{name}"))


def check_refusal(refusal: Refusal, subscription: UUID, key: str, number: int) -> None:
    """The refusal says which limit, whose, and both numbers; it is nothing to try again."""
    assert dict(refusal.info.metadata) == {
        "limit_name": key,
        "subscription": str(subscription),
        "region": "eastus",
        "current": str(number),
        "limit": str(number),
    }
    (violation,) = refusal.detail(rpc.QuotaFailure).violations
    assert violation.subject == f"subscriptions/{subscription}/locations/eastus"
    assert (violation.quota_metric, violation.quota_value) == (key, number)
    assert dict(violation.quota_dimensions) == {"region": "eastus"}
    with pytest.raises(ValueError, match="not enough values"):
        refusal.detail(rpc.RetryInfo)


def test_a_subscription_has_a_hundred_galleries_in_a_region_and_no_more(
    client: CatalogueClient, subscription: UUID, usages: UsagesStub, tenancy: TenancyStub
) -> None:
    client.running.write(add_galleries, client.group_name, "eastus", 99)
    client.create_gallery("last")
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
        client.create_gallery("over")
    check_refusal(refusal, subscription, "galleries", 100)
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED"):
        client.create_gallery("over", validate_only=True)
    assert used(usages, subscription)["galleries"] == (100, 100)
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        client.create_gallery("last")
    client.create_gallery("elsewhere", gallery=galleries_pb2.Gallery(location="westus"))
    CatalogueClient(client.channel, client.running, "rg", new_subscription(tenancy)).create_gallery("other")
    delete_gallery(client, "eastus0")
    client.create_gallery("over")


def test_a_subscription_has_a_thousand_image_definitions_in_a_region_and_no_more(
    client: CatalogueClient, subscription: UUID, usages: UsagesStub
) -> None:
    client.create_gallery()
    client.create_image()
    client.running.write(add_definitions, parse_image("", client.image_name), 998)
    client.create_image("last")
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
        client.create_image("over")
    check_refusal(refusal, subscription, "image_definitions", 1_000)
    assert used(usages, subscription)["image_definitions"] == (1_000, 1_000)
    elsewhere = image_request(client.gallery_name, "over")
    elsewhere.image_definition.location = "westus"
    client.galleries.CreateImageDefinition(elsewhere)
    client.galleries.DeleteImageDefinition(
        image_definitions_pb2.DeleteImageDefinitionRequest(name=f"{client.gallery_name}/images/last")
    )
    client.create_image("again")


def test_a_subscription_has_ten_thousand_image_versions_in_a_region_and_no_more(
    client: CatalogueClient, subscription: UUID, usages: UsagesStub
) -> None:
    client.prepare()
    client.create_version("1.0.0")
    like = parse_version("", f"{client.image_name}/versions/1.0.0")
    for first in range(0, 9_998, 1_000):
        client.running.write(add_versions, like, range(first, min(first + 1_000, 9_998)))
    client.create_version("1.0.1")
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
        client.create_version("1.0.2")
    check_refusal(refusal, subscription, "image_versions", 10_000)
    assert used(usages, subscription)["image_versions"] == (10_000, 10_000)
    # Its own location counts, not where it is wanted.
    both = [target("eastus"), target("westus")]
    elsewhere = image_versions_pb2.ImageVersion(location="westus")
    client.create_version("1.0.3", both, image_version=elsewhere)
    assert used(usages, subscription, "westus")["image_versions"] == (1, 10_000)
    uid = UUID(client.version("1.0.1").uid)
    client.delete_version("1.0.1")
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED"):
        client.create_version("1.0.2")
    client.running.write(drop_copies, uid)
    client.create_version("1.0.2")


def test_a_version_has_a_hundred_replicas_over_all_its_regions_and_no_more(client: CatalogueClient) -> None:
    client.prepare()
    # A ZRS replica is one replica, though it is three copies.
    client.create_version("1.0.0", [target("eastus", 50), target("westus", 25), target("westeurope", 25, ZRS)])
    over = [target("eastus", 50), target("westus", 25), target("westeurope", 26, ZRS)]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_version("1.0.1", over)
    (violation,) = refusal.detail(rpc.BadRequest).field_violations
    assert violation.field == "image_version.target_regions"
    assert violation.description == "order 101 replicas, the limit is 100 together"


def test_an_operator_lets_a_subscription_order_fewer_replicas(
    client: CatalogueClient, subscription: UUID, usages: UsagesStub
) -> None:
    client.prepare()
    client.create_version("1.0.0", [target("eastus", 3)])
    set_limit(usages, subscription, "replicas_per_image_version", 2)
    client.create_version("1.0.1", [target("eastus", 2)])
    for call in (
        lambda: client.create_version("1.0.2", [target("eastus", 2), target("westus")]),
        lambda: set_replicas(client, "1.0.1", 3),
        lambda: set_replicas(client, "1.0.0", 4),
    ):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            call()
        assert refusal.fields == ["image_version.target_regions"]
    # What was ordered before stays, and may be fewer.
    set_replicas(client, "1.0.0", 3)
    set_replicas(client, "1.0.0", 2)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        set_replicas(client, "1.0.0", 3)


def test_an_operator_sets_a_limit_for_one_subscription_and_clears_it(
    client: CatalogueClient, subscription: UUID, usages: UsagesStub, tenancy: TenancyStub
) -> None:
    client.create_gallery("first")
    client.create_gallery("second")
    limit = set_limit(usages, subscription, "Galleries", 1)
    assert (limit.value, limit.default_value) == (1, 100)
    # What is there stays and can be changed; nothing is added.
    assert used(usages, subscription)["galleries"] == (2, 1)
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
        client.create_gallery("third")
    assert (refusal.info.metadata["current"], refusal.info.metadata["limit"]) == ("2", "1")
    assert set_limit(usages, subscription, "galleries", 3).value == 3
    client.create_gallery("third")
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED"):
        client.create_gallery("fourth")
    assert used(usages, new_subscription(tenancy))["galleries"] == (0, 100)
    for _ in range(2):
        usages.ClearLimit(pb.ClearLimitRequest(name=limit.name))
    client.create_gallery("fourth")
    assert used(usages, subscription)["galleries"] == (4, 100)


def test_many_at_once_do_not_pass_a_limit(client: CatalogueClient, subscription: UUID, usages: UsagesStub) -> None:
    set_limit(usages, subscription, "galleries", 5)
    calls = [client.galleries.CreateGallery.future(gallery_request(client.group, f"g{i}")) for i in range(20)]
    codes = Counter(call.code() for call in calls)
    assert codes == {grpc.StatusCode.OK: 5, grpc.StatusCode.RESOURCE_EXHAUSTED: 15}
    assert used(usages, subscription)["galleries"] == (5, 5)


def test_a_limit_of_zero_lets_nothing_in(client: CatalogueClient, subscription: UUID, usages: UsagesStub) -> None:
    set_limit(usages, subscription, "galleries", 0)
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED"):
        client.create_gallery()


def test_what_an_operator_cannot_set_is_refused(subscription: UUID, usages: UsagesStub) -> None:
    for key, value, field in (
        ("galleries", 100_001, "value"),
        ("galleries", -1, "value"),
        ("replicas_per_image_version", 101, "value"),
        ("tags", 51, "name"),
    ):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            set_limit(usages, subscription, key, value)
        assert refusal.fields == [field]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        usages.SetLimit(pb.SetLimitRequest(name=f"subscriptions/{subscription}/limits/galleries"))
    assert refusal.fields == ["value"]
    with refused("NOT_FOUND", "NOT_FOUND"):
        set_limit(usages, subscription, "nothing", 1)
    with refused("NOT_FOUND", "NOT_FOUND"):
        set_limit(usages, uuid4(), "galleries", 1)
    with refused("NOT_FOUND", "NOT_FOUND"):
        usages.ClearLimit(pb.ClearLimitRequest(name=f"subscriptions/{subscription}/limits/nothing"))
    assert used(usages, subscription)["galleries"] == (0, 100)


def test_a_limit_is_set_once_by_a_repeated_request_and_not_at_all_by_a_check(
    subscription: UUID, usages: UsagesStub
) -> None:
    name, request_id = f"subscriptions/{subscription}/limits/galleries", str(uuid4())
    first = set_limit(usages, subscription, "galleries", 5, request_id)
    assert set_limit(usages, subscription, "galleries", 5, request_id) == first
    with refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED"):
        set_limit(usages, subscription, "galleries", 6, request_id)
    assert usages.SetLimit(pb.SetLimitRequest(name=name, value=6, validate_only=True)).value == 6
    usages.ClearLimit(pb.ClearLimitRequest(name=name, validate_only=True))
    assert used(usages, subscription)["galleries"] == (0, 5)


def test_usages_are_of_what_is_counted_and_limits_are_all(subscription: UUID, usages: UsagesStub) -> None:
    assert list(used(usages, subscription)) == [limit.key for limit in COUNTED]
    set_limit(usages, subscription, "image_versions", 20_000)
    found = usages.ListLimits(pb.ListLimitsRequest(parent=f"subscriptions/{subscription}")).limits
    assert [limit.name.rpartition("/")[2] for limit in found] == list(LIMITS)
    by_key = {limit.name.rpartition("/")[2]: limit for limit in found}
    versions, size = by_key["image_versions"], by_key["disk_bytes"]
    assert (versions.value, versions.default_value, versions.highest_value) == (20_000, 10_000, 100_000)
    assert (versions.unit, versions.scope) == (pb.LIMIT_UNIT_COUNT, pb.LIMIT_SCOPE_SUBSCRIPTION_REGION)
    assert (size.value, size.unit, size.HasField("highest_value")) == (2 << 40, pb.LIMIT_UNIT_BYTES, False)
    assert all(limit.display_name and limit.source and limit.unit and limit.scope for limit in found)


def test_who_and_where_must_be_there(subscription: UUID, usages: UsagesStub) -> None:
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        used(usages, subscription, "mars")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        used(usages, subscription, "")
    with refused("NOT_FOUND", "NOT_FOUND"):
        used(usages, uuid4())
    with refused("NOT_FOUND", "NOT_FOUND"):
        usages.ListLimits(pb.ListLimitsRequest(parent=f"subscriptions/{uuid4()}"))


def test_a_subscription_made_anew_has_no_limits_of_the_one_before(
    subscription: UUID, usages: UsagesStub, tenancy: TenancyStub
) -> None:
    set_limit(usages, subscription, "galleries", 5)
    tenancy.DeleteSubscription(tenancy_pb2.DeleteSubscriptionRequest(name=f"subscriptions/{subscription}"))
    asked = tenancy_pb2.Subscription(tenant=f"tenants/{DEFAULT_TENANT}", display_name="S")
    request = tenancy_pb2.CreateSubscriptionRequest(subscription_id=str(subscription), subscription=asked)
    tenancy.CreateSubscription(request)
    assert used(usages, subscription)["galleries"] == (0, 100)


def test_application_versions_are_counted_by_subscription_and_region(
    channel: grpc.Channel, client: CatalogueClient, usages: UsagesStub, subscription: UUID
) -> None:
    apps = ApplicationClient(channel, client)
    apps.prepare()
    apps.create_version("1.0.0")
    most = LIMITS["application_versions"].number
    like = parse_version("name", f"{apps.name}/versions/1.0.0", Artifact.APPLICATION)
    client.running.write(add_versions, like, range(most - 2))
    apps.create_version("3.0.0")
    assert used(usages, subscription)["application_versions"] == (most, most)
    with refused("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED") as refusal:
        apps.create_version("4.0.0")
    assert str(most) in refusal.message
