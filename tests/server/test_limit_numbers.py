"""Every other limit at its exact number: there it works, one over is refused with the number."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2 as rpc

from galleria.v1 import (
    applications_pb2,
    galleries_pb2,
    image_definitions_pb2,
    image_versions_pb2,
    publishing_pb2,
    regions_pb2,
    tenancy_pb2,
)
from galleria.v1.applications_pb2_grpc import ApplicationsStub
from galleria.v1.regions_pb2_grpc import RegionControlStub
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria_client.machine.profile import MOST
from galleria_server import domain
from galleria_server.config import Limits
from galleria_server.domain.application_version import CONFIGURATION, PACKAGE
from galleria_server.domain.application_version import check_size as check_file_size
from galleria_server.domain.disk_size import SECTOR, check_size
from galleria_server.domain.errors import FieldViolation, InvalidRequest
from galleria_server.domain.errors_content import DiskTooLarge
from galleria_server.domain.image_version import DataDisk, ImageVersionSpec, check
from galleria_server.domain.limits import COUNTED, IMAGE_REPLICAS, LIMITS, Scope
from galleria_server.domain.names import parse_disk
from galleria_server.domain.pages import page_size
from galleria_server.domain.policies import SpreadPolicy, check_spread
from galleria_server.domain.publishing import TargetRegion
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from tests.server.catalogue_client import CatalogueClient, image_request, target
from tests.server.refusals import refused

SUBSCRIPTION = f"subscriptions/{DEFAULT_SUBSCRIPTION}"
SHA256 = image_versions_pb2.UEFI_KEY_TYPE_SHA256
URI = "https://example.org/"
Retention, Spread = image_definitions_pb2.RetentionPolicy, image_definitions_pb2.SpreadPolicy


@dataclass(frozen=True, slots=True)
class Wire:
    """Calls that only validate."""

    client: CatalogueClient
    applications: ApplicationsStub
    tenancy: TenancyStub
    control: RegionControlStub

    def gallery(self, gallery_id: str = "", **fields: Any) -> None:  # noqa: ANN401
        gallery = galleries_pb2.Gallery(location="eastus", **fields)
        self.client.create_gallery(gallery_id or "g", gallery=gallery, validate_only=True)

    def image(self, image_id: str = "i", **fields: Any) -> None:  # noqa: ANN401
        request = image_request(self.client.gallery_name, image_id)
        request.image_definition.identifier.sku = "s"
        request.image_definition.MergeFrom(image_definitions_pb2.ImageDefinition(**fields))
        request.validate_only = True
        self.client.galleries.CreateImageDefinition(request)

    def version(self, number: str, **fields: Any) -> None:  # noqa: ANN401
        version = image_versions_pb2.ImageVersion(**fields)
        self.client.create_version(number, validate_only=True, image_version=version)

    def application(self, application_id: str = "a", **fields: Any) -> None:  # noqa: ANN401
        application = applications_pb2.Application(os_type=image_definitions_pb2.OS_TYPE_LINUX, **fields)
        self.applications.CreateApplication(
            applications_pb2.CreateApplicationRequest(
                parent=self.client.gallery_name,
                application_id=application_id,
                application=application,
                validate_only=True,
            )
        )

    def application_version(self, **fields: Any) -> None:  # noqa: ANN401
        version = applications_pb2.ApplicationVersion(
            package=f"{self.client.group}/disks/disk-1",
            **{"manage_actions": applications_pb2.ManageActions(install="i", remove="r"), **fields},
        )
        self.applications.CreateApplicationVersion(
            applications_pb2.CreateApplicationVersionRequest(
                parent=f"{self.client.gallery_name}/applications/tool",
                application_version_id="1.0.0",
                application_version=version,
                validate_only=True,
            )
        )

    def group(self, group_id: str) -> None:
        request = tenancy_pb2.CreateResourceGroupRequest(
            parent=SUBSCRIPTION, resource_group_id=group_id, validate_only=True
        )
        self.tenancy.CreateResourceGroup(request)

    def tenant(self, display_name: str) -> None:
        tenant = tenancy_pb2.Tenant(display_name=display_name)
        self.tenancy.CreateTenant(tenancy_pb2.CreateTenantRequest(tenant=tenant, validate_only=True))

    def ask(self, justification: str) -> None:
        request = regions_pb2.RequestRegionAccessRequest(
            parent=SUBSCRIPTION, region="eastus", justification=justification, validate_only=True
        )
        self.control.RequestRegionAccess(request)


@pytest.fixture
def wire(client: CatalogueClient, channel: grpc.Channel) -> Wire:
    return Wire(client, ApplicationsStub(channel), TenancyStub(channel), RegionControlStub(channel))


def community(contact: str) -> galleries_pb2.SharingProfile:
    info = galleries_pb2.CommunityInfo(
        publisher_uri=URI, publisher_contact=contact, eula=URI, public_name_prefix="prefix"
    )
    return galleries_pb2.SharingProfile(permissions=galleries_pb2.SHARING_PERMISSIONS_COMMUNITY, community=info)


def identifier(**parts: str) -> image_definitions_pb2.ImageIdentifier:
    return image_definitions_pb2.ImageIdentifier(**parts)


def plan(name: str) -> image_definitions_pb2.PurchasePlan:
    return image_definitions_pb2.PurchasePlan(name=name, publisher="p", product="q")


def machine(**most: int) -> image_definitions_pb2.RecommendedMachine:
    ranges = {name: image_definitions_pb2.NumberRange(max=number) for name, number in most.items()}
    return image_definitions_pb2.RecommendedMachine(**ranges)


def signatures(*keys: image_versions_pb2.UefiKey) -> image_versions_pb2.UefiSettings:
    return image_versions_pb2.UefiSettings(additional_signatures=image_versions_pb2.UefiSignatures(db=keys))


def feature(name: str, value: str = "x") -> image_definitions_pb2.ImageFeature:
    return image_definitions_pb2.ImageFeature(name=name, value=value)


def action(name: str) -> applications_pb2.CustomAction:
    return applications_pb2.CustomAction(name=name, script="true")


THROUGH_THE_WIRE: dict[str, Callable[[Wire, int], None]] = {
    "gallery_name": lambda wire, n: wire.gallery("g" * n),
    "image_definition_name": lambda wire, n: wire.image("i" * n),
    "resource_group_name": lambda wire, n: wire.group("g" * n),
    "version_number": lambda wire, n: wire.version(f"0.0.{n}"),
    "display_name": lambda wire, n: wire.tenant("d" * n),
    "description": lambda wire, n: wire.gallery(description="d" * n),
    "reason": lambda wire, n: wire.ask("r" * n),
    "contact": lambda wire, n: wire.gallery(sharing_profile=community("a@b".ljust(n, "c"))),
    "uri": lambda wire, n: wire.image(release_note_uri=URI.ljust(n, "a")),
    "eula": lambda wire, n: wire.image(eula="e" * n),
    "publisher": lambda wire, n: wire.image(identifier=identifier(publisher="p" * n)),
    "offer": lambda wire, n: wire.image(identifier=identifier(offer="o" * n)),
    "sku": lambda wire, n: wire.image(identifier=identifier(sku="s" * n)),
    "purchase_plan": lambda wire, n: wire.image(purchase_plan=plan("n" * n)),
    "recommended_vcpus": lambda wire, n: wire.image(recommended=machine(vcpus=n)),
    "recommended_memory": lambda wire, n: wire.image(recommended=machine(memory_gib=n)),
    "features": lambda wire, n: wire.image(features=[feature(f"F{i}") for i in range(n)]),
    "feature_value": lambda wire, n: wire.image(features=[feature("F", "v" * n)]),
    "uefi_keys": lambda wire, n: wire.version(
        "1.0.0", uefi_settings=signatures(*[image_versions_pb2.UefiKey(type=SHA256, values=["AAAA"])] * n)
    ),
    "uefi_value": lambda wire, n: wire.version(
        "1.0.0", uefi_settings=signatures(image_versions_pb2.UefiKey(type=SHA256, values=["A" * n]))
    ),
    "soft_delete_days": lambda wire, n: wire.gallery(
        soft_delete_policy=galleries_pb2.SoftDeletePolicy(enabled=True, retention_days=n)
    ),
    "tags": lambda wire, n: wire.gallery(tags={str(i): "" for i in range(n)}),
    "tag_name": lambda wire, n: wire.gallery(tags={"t" * n: ""}),
    "tag_value": lambda wire, n: wire.gallery(tags={"t": "v" * n}),
    "retention_versions": lambda wire, n: wire.image(retention_policy=Retention(keep_last=n)),
    "retention_days": lambda wire, n: wire.image(retention_policy=Retention(keep_days=n)),
    "retention_labels": lambda wire, n: wire.image(retention_policy=Retention(keep_labels=["a"] * n)),
    "spread_newest": lambda wire, n: wire.image(spread_policy=Spread(newest=n, target_regions=[target("eastus")])),
    "application_name": lambda wire, n: wire.application("a" * n),
    "custom_actions": lambda wire, n: wire.application(custom_actions=[action(f"a{i}") for i in range(n)]),
    "custom_action_name": lambda wire, n: wire.application(custom_actions=[action("a" * n)]),
    "application_command": lambda wire, n: wire.application_version(
        manage_actions=applications_pb2.ManageActions(install="i" * n, remove="r")
    ),
    "application_file_name": lambda wire, n: wire.application_version(
        settings=applications_pb2.ApplicationSettings(package_file_name="p" * n)
    ),
    "application_replicas_per_region": lambda wire, n: wire.application_version(
        replica_count=n, target_regions=[publishing_pb2.TargetRegion(region="eastus", replica_count=1)]
    ),
    "advanced_settings": lambda wire, n: wire.application_version(advanced_settings={str(i): "" for i in range(n)}),
    "advanced_setting_name": lambda wire, n: wire.application_version(advanced_settings={"s" * n: ""}),
    "advanced_setting_value": lambda wire, n: wire.application_version(advanced_settings={"s": "v" * n}),
}
OTHERWISE = {limit.key for limit in (*COUNTED, IMAGE_REPLICAS)} | {
    "disk_bytes",
    "disk_name",
    "page_size",
    # In test_filters.py.
    "filter",
    "filter_terms",
    "filter_depth",
    "data_disks_per_image_version",
    # In the tests of locks, of aliases, and below.
    "lock_notes",
    "alias_moves",
    "spread_regions",
    # In test_signatures.py.
    "signature",
    "deletion_names",
    "package_bytes",
    "configuration_bytes",
    "applications_per_machine",
}
OF_WHAT_IS_TO_COME = {
    "shared_subscriptions",
    "shared_tenants",
}


@pytest.mark.parametrize("key", THROUGH_THE_WIRE)
def test_at_a_limit_it_works_and_one_over_is_refused_with_the_number(wire: Wire, key: str) -> None:
    wire.client.prepare()
    wire.applications.CreateApplication(
        applications_pb2.CreateApplicationRequest(
            parent=wire.client.gallery_name,
            application_id="tool",
            application=applications_pb2.Application(os_type=image_definitions_pb2.OS_TYPE_LINUX),
        )
    )
    call, number = THROUGH_THE_WIRE[key], LIMITS[key].number
    call(wire, number)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        call(wire, number + 1)
    (violation,) = refusal.detail(rpc.BadRequest).field_violations
    assert str(number) in violation.description.replace(",", "")


def test_a_disk_has_two_tebibytes_exactly() -> None:
    limit = LIMITS["disk_bytes"].number
    assert limit == Limits().max_disk == 2**41
    check_size(limit, Limits().max_disk)
    with pytest.raises(DiskTooLarge) as caught:
        check_size(limit + SECTOR, Limits().max_disk)
    assert (caught.value.size_bytes, caught.value.limit_bytes) == (limit + SECTOR, limit)


def test_the_name_of_a_disk_is_no_longer_than_its_limit() -> None:
    limit = LIMITS["disk_name"].number
    group = f"{SUBSCRIPTION}/resourceGroups/rg"
    parse_disk("name", f"{group}/disks/{'d' * limit}")
    with pytest.raises(InvalidRequest, match=str(limit)):
        parse_disk("name", f"{group}/disks/{'d' * (limit + 1)}")


def test_a_version_has_no_more_data_disks_than_their_limit() -> None:
    limit = LIMITS["data_disks_per_image_version"].number
    disks = tuple(DataDisk(lun, f"disk-{lun}") for lun in range(limit + 1))
    assert check("v", ImageVersionSpec(os_disk="os", data_disks=disks[:limit])) == []
    told = check("v", ImageVersionSpec(os_disk="os", data_disks=disks))
    assert FieldViolation("v.data_disks", f"has {limit + 1}, the limit is {limit}") in told


def test_a_policy_spreads_to_no_more_regions_than_their_limit() -> None:
    limit = LIMITS["spread_regions"].number
    regions = tuple(TargetRegion(f"region-{number}") for number in range(limit + 1))
    assert check_spread("p", SpreadPolicy(1, regions[:limit])) == []
    told = check_spread("p", SpreadPolicy(1, regions))
    assert told == [FieldViolation("p.target_regions", f"has {limit + 1}, the limit is {limit}")]


def test_a_machine_has_no_more_applications_than_their_limit() -> None:
    assert LIMITS["applications_per_machine"].number == MOST


@pytest.mark.parametrize(("position", "key"), [(PACKAGE, "package_bytes"), (CONFIGURATION, "configuration_bytes")])
def test_a_package_and_a_configuration_are_no_longer_than_their_limit(position: int, key: str) -> None:
    limit = LIMITS[key].number
    assert check_file_size("v", position, limit) == []
    (violation,) = check_file_size("v", position, limit + 1)
    assert violation.description == f"has {limit + 1} bytes, the limit is {limit}"


def test_a_page_is_cut_at_its_limit() -> None:
    limit = LIMITS["page_size"].number
    assert (page_size(limit), page_size(limit + 1)) == (limit, limit)


def test_every_limit_has_its_test() -> None:
    assert THROUGH_THE_WIRE.keys() | OTHERWISE | OF_WHAT_IS_TO_COME == LIMITS.keys()
    assert not (THROUGH_THE_WIRE.keys() | OTHERWISE) & OF_WHAT_IS_TO_COME


def test_what_azure_documents_is_what_holds() -> None:
    documented = {
        "galleries": 100,
        "image_definitions": 1_000,
        "image_versions": 10_000,
        "replicas_per_image_version": 100,
        "application_versions": 300,
        "application_replicas_per_region": 10,
        "applications_per_machine": 25,
        "package_bytes": 2 * 1024**3,
        "configuration_bytes": 1024**3,
        "application_command": 4096,
        "application_file_name": 4096,
        "shared_subscriptions": 30,
        "shared_tenants": 5,
        "disk_bytes": 2 * 1024**4,
        "data_disks_per_image_version": 64,
        "version_number": 2**31 - 1,
        "resource_group_name": 90,
        "gallery_name": 80,
        "image_definition_name": 80,
        "disk_name": 80,
        "publisher": 128,
        "offer": 64,
        "sku": 64,
        "tags": 50,
        "tag_name": 512,
        "tag_value": 256,
    }
    assert {key: LIMITS[key].number for key in documented} == documented


def test_a_limit_that_can_be_set_allows_its_own_number() -> None:
    assert all(limit.highest is None or limit.number <= limit.highest for limit in LIMITS.values())
    assert all(limit.scope is Scope.SUBSCRIPTION_REGION for limit in COUNTED)


def test_no_other_module_of_the_domain_has_a_limit_of_its_own() -> None:
    # How much of a wrong text an error shows is no limit of the contract, nor is how long a token is read.
    own = {"MAX_SHOWN", "_MAX_TOKEN"}
    written = set()
    for path in Path(domain.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                written |= {f"{target.id}" for target in node.targets if isinstance(target, ast.Name)}
    assert {name for name in written if "MAX_" in name} == own
