"""Restricted regions and regions that are down."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import grpc
import pytest

from galleria.v1 import galleries_pb2, image_definitions_pb2, publishing_pb2, tenancy_pb2
from galleria.v1 import regions_pb2 as pb
from galleria.v1.regions_pb2_grpc import RegionControlStub
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION, DEFAULT_TENANT
from tests.server.catalogue_client import CatalogueClient, gallery_request, image_request
from tests.server.empty_volumes import CatalogueServer, EmptyVolumes
from tests.server.refusals import refused
from tests.support.server_thread import config_in, server_thread

SUBSCRIPTION = f"subscriptions/{DEFAULT_SUBSCRIPTION}"
ACCESS = f"{SUBSCRIPTION}/regionAccess/westeurope"
EVERYWHERE = [publishing_pb2.TargetRegion(region=region) for region in ("eastus", "westus")]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[CatalogueServer]:
    """A server of this test's own on which westeurope is restricted."""
    config = config_in(tmp_path)
    regions = tuple(replace(region, restricted=region.name == "westeurope") for region in config.regions)
    with server_thread(replace(config, regions=regions), EmptyVolumes) as server:
        yield server


@pytest.fixture
def channel(running: CatalogueServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(running.target) as channel:
        yield channel


@pytest.fixture
def control(channel: grpc.Channel) -> RegionControlStub:
    return RegionControlStub(channel)


def ask(control: RegionControlStub, request_id: str = "") -> pb.RegionAccess:
    request = pb.RequestRegionAccessRequest(
        parent=SUBSCRIPTION, region="West Europe", justification="latency", request_id=request_id
    )
    return control.RequestRegionAccess(request)


def decide(control: RegionControlStub, state: pb.AccessState.ValueType, reason: str = "") -> pb.RegionAccess:
    return control.DecideRegionAccess(pb.DecideRegionAccessRequest(name=ACCESS, state=state, reason=reason))


def mark(control: RegionControlStub, region: str, *, down: bool) -> pb.RegionStatus:
    return control.MarkRegion(pb.MarkRegionRequest(region=region, down=down, reason="flood" if down else ""))


def test_a_restricted_region_is_no_home_and_no_target_until_access_is_approved(
    client: CatalogueClient, control: RegionControlStub
) -> None:
    client.prepare()
    there = galleries_pb2.Gallery(location="westeurope")
    with refused("FAILED_PRECONDITION", "REGION_RESTRICTED") as refusal:
        client.create_gallery("elsewhere", gallery=there)
    assert dict(refusal.info.metadata) == {"region": "westeurope", "state": "not requested"}
    targets = [*EVERYWHERE, publishing_pb2.TargetRegion(region="westeurope")]
    with refused("FAILED_PRECONDITION", "REGION_RESTRICTED"):
        client.create_version("1.0.0", targets)
    other = image_request(client.gallery_name, "other")
    other.image_definition.location = "westeurope"
    other.image_definition.identifier.sku = "other"
    with refused("FAILED_PRECONDITION", "REGION_RESTRICTED"):
        client.galleries.CreateImageDefinition(other)
    ask(control)
    with refused("FAILED_PRECONDITION", "REGION_RESTRICTED") as refusal:
        client.create_version("1.0.0", targets)
    assert refusal.info.metadata["state"] == "Requested"
    decide(control, pb.ACCESS_STATE_APPROVED)
    client.create_version("1.0.0", targets)
    assert client.create_gallery("elsewhere", gallery=there).location == "westeurope"


def test_access_goes_through_its_states_and_no_others(control: RegionControlStub) -> None:
    asked = ask(control, request_id=str(uuid4()))
    assert (asked.name, asked.state, asked.justification) == (ACCESS, pb.ACCESS_STATE_REQUESTED, "latency")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        ask(control)
    assert decide(control, pb.ACCESS_STATE_UNDER_REVIEW).state == pb.ACCESS_STATE_UNDER_REVIEW
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        decide(control, pb.ACCESS_STATE_UNDER_REVIEW)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        decide(control, pb.ACCESS_STATE_DENIED)
    assert refusal.fields == ["reason"]
    denied = decide(control, pb.ACCESS_STATE_DENIED, "no room")
    assert (denied.reason, denied.HasField("decide_time")) == ("no room", True)
    again = ask(control)
    assert (again.state, again.reason, again.HasField("decide_time")) == (pb.ACCESS_STATE_REQUESTED, "", False)
    assert decide(control, pb.ACCESS_STATE_APPROVED).state == pb.ACCESS_STATE_APPROVED
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        ask(control)
    found = control.GetRegionAccess(pb.GetRegionAccessRequest(name=ACCESS))
    assert found.state == pb.ACCESS_STATE_APPROVED
    for parent in (SUBSCRIPTION, "subscriptions/-"):
        listed = control.ListRegionAccess(pb.ListRegionAccessRequest(parent=parent, page_size=1))
        assert (list(listed.region_access), listed.next_page_token) == ([found], "")


def test_an_operator_may_approve_unasked_but_not_deny(control: RegionControlStub) -> None:
    with refused("NOT_FOUND", "NOT_FOUND"):
        decide(control, pb.ACCESS_STATE_DENIED, "no")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        decide(control, pb.ACCESS_STATE_REQUESTED)
    assert decide(control, pb.ACCESS_STATE_APPROVED).state == pb.ACCESS_STATE_APPROVED


def test_a_subscription_made_anew_has_not_the_access_of_the_one_before(
    channel: grpc.Channel, control: RegionControlStub
) -> None:
    tenancy, uid = TenancyStub(channel), uuid4()
    asked = tenancy_pb2.Subscription(tenant=f"tenants/{DEFAULT_TENANT}", display_name="S")
    create = tenancy_pb2.CreateSubscriptionRequest(subscription_id=str(uid), subscription=asked)
    name = tenancy.CreateSubscription(create).name
    access = f"{name}/regionAccess/westeurope"
    control.DecideRegionAccess(pb.DecideRegionAccessRequest(name=access, state=pb.ACCESS_STATE_APPROVED))
    tenancy.DeleteSubscription(tenancy_pb2.DeleteSubscriptionRequest(name=name))
    tenancy.CreateSubscription(create)
    with refused("NOT_FOUND", "NOT_FOUND"):
        control.GetRegionAccess(pb.GetRegionAccessRequest(name=access))


def test_who_and_what_must_be_there(control: RegionControlStub) -> None:
    with refused("NOT_FOUND", "NOT_FOUND"):
        request = pb.RequestRegionAccessRequest(parent=f"subscriptions/{uuid4()}", region="westeurope")
        control.RequestRegionAccess(request)
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        control.RequestRegionAccess(pb.RequestRegionAccessRequest(parent=SUBSCRIPTION, region="mars"))
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        mark(control, "mars", down=True)
    with refused("NOT_FOUND", "NOT_FOUND"):
        control.GetRegionAccess(pb.GetRegionAccessRequest(name=ACCESS))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        long = pb.RequestRegionAccessRequest(parent=SUBSCRIPTION, region="westus", justification="x" * 1025)
        control.RequestRegionAccess(long)
    assert refusal.fields == ["justification"]


def test_while_its_home_is_down_a_gallery_is_read_and_not_written(
    client: CatalogueClient, control: RegionControlStub
) -> None:
    client.prepare()
    client.publish("1.0.0", EVERYWHERE)
    status = mark(control, "East US", down=True)
    assert (status.region, status.down, status.reason) == ("eastus", True, "flood")
    writes: dict[str, Callable[[], object]] = {
        "gallery": lambda: client.create_gallery("another"),
        "update": lambda: client.galleries.UpdateGallery(
            galleries_pb2.UpdateGalleryRequest(gallery=galleries_pb2.Gallery(name=client.gallery_name, description="x"))
        ),
        "image": lambda: client.create_image("other"),
        "change": lambda: client.galleries.UpdateImageDefinition(
            image_definitions_pb2.UpdateImageDefinitionRequest(
                image_definition=image_definitions_pb2.ImageDefinition(name=client.image_name, description="x")
            )
        ),
        "version": lambda: client.create_version("1.0.1", EVERYWHERE),
        "delete version": lambda: client.delete_version("1.0.0"),
        "delete image": lambda: client.galleries.DeleteImageDefinition(
            image_definitions_pb2.DeleteImageDefinitionRequest(name=client.image_name)
        ),
        "delete gallery": lambda: client.galleries.DeleteGallery(
            galleries_pb2.DeleteGalleryRequest(name=client.gallery_name)
        ),
    }
    for name, write in writes.items():
        with refused("UNAVAILABLE", "REGION_DOWN") as refusal:
            write()
        assert dict(refusal.info.metadata) == {"region": "eastus", "details": "flood"}, name
    assert client.resolve("latest", "westus") == "1.0.0"
    assert client.version("1.0.0").name.endswith("1.0.0")
    elsewhere = gallery_request(client.group, "other")
    elsewhere.gallery.location = "westus"
    client.galleries.CreateGallery(elsewhere)
    assert mark(control, "eastus", down=False).down is False
    client.create_version("1.0.1", EVERYWHERE)


def test_a_region_stays_down_over_a_restart_of_the_server(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    with server_thread(config, EmptyVolumes) as server, grpc.insecure_channel(server.target) as channel:
        first = mark(RegionControlStub(channel), "westus", down=True)
    with server_thread(config, EmptyVolumes) as server, grpc.insecure_channel(server.target) as channel:
        control = RegionControlStub(channel)
        assert control.GetRegionStatus(pb.GetRegionStatusRequest(region="westus")) == first
        assert mark(control, "westus", down=True).down_time == first.down_time
