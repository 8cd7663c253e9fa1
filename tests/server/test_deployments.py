"""Deployments: what runs from versions, and that these stay while it does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import applications_pb2 as application_pb
from galleria.v1 import deletion_pb2, image_definitions_pb2, policies_pb2, publishing_pb2, tenancy_pb2
from galleria.v1 import deployments_pb2 as pb
from galleria.v1 import galleries_pb2 as gallery_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1.aliases_pb2 import SetAliasRequest
from galleria.v1.aliases_pb2_grpc import AliasesStub
from galleria.v1.deployments_pb2_grpc import DeploymentsStub
from galleria.v1.locks_pb2_grpc import LocksStub
from galleria.v1.policies_pb2_grpc import PoliciesStub
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria_server.operations.purging import Purging
from tests.server.application_client import ApplicationClient
from tests.server.catalogue_client import CatalogueClient, drop_copies, target
from tests.server.empty_volumes import CatalogueServer, EmptyVolumes
from tests.server.locking import CAN_NOT_DELETE, READ_ONLY, locked
from tests.server.refusals import refused
from tests.support.moving_clock import MovingClock
from tests.support.server_thread import config_in, server_thread

CLOCK = MovingClock()


@pytest.fixture(scope="module")
def running(module_folder: Path) -> Iterator[CatalogueServer]:
    with server_thread(config_in(module_folder), EmptyVolumes, CLOCK) as server:
        yield server


class Register:
    """The deployments of a client's group, and the versions 1.0.0 in two regions and 2.0.0 in one."""

    def __init__(self, client: CatalogueClient) -> None:
        self.client = client
        self.stub = DeploymentsStub(client.channel)
        client.prepare()
        client.publish("1.0.0", [target("eastus"), target("westus")])
        client.publish("2.0.0", [target("eastus")])

    def version(self, number: str) -> str:
        return f"{self.client.image_name}/versions/{number}"

    def name(self, deployment: str) -> str:
        return f"{self.client.group}/deployments/{deployment}"

    def add(self, name: str, number: str = "1.0.0", region: str = "eastus", **options: object) -> pb.Deployment:
        wanted = pb.Deployment(version=self.version(number), region=region)
        request = pb.CreateDeploymentRequest(parent=self.client.group, deployment_id=name, deployment=wanted)
        request.MergeFrom(pb.CreateDeploymentRequest(**options))  # type: ignore[arg-type]
        return self.stub.CreateDeployment(request)

    def get(self, deployment: str) -> pb.Deployment:
        return self.stub.GetDeployment(pb.GetDeploymentRequest(name=self.name(deployment)))

    def update(self, deployment: str, *paths: str, **fields: object) -> pb.Deployment:
        changed = pb.Deployment(name=self.name(deployment), **fields)  # type: ignore[arg-type]
        request = pb.UpdateDeploymentRequest(deployment=changed, update_mask=FieldMask(paths=paths))
        return self.stub.UpdateDeployment(request)

    def delete(self, deployment: str, etag: str = "") -> None:
        self.stub.DeleteDeployment(pb.DeleteDeploymentRequest(name=self.name(deployment), etag=etag))

    def listed(self, parent: str = "", **options: object) -> list[str]:
        request = pb.ListDeploymentsRequest(parent=parent or self.client.group, **options)  # type: ignore[arg-type]
        return [found.name.rpartition("/")[2] for found in self.stub.ListDeployments(request).deployments]


@pytest.fixture
def register(client: CatalogueClient) -> Register:
    return Register(client)


def test_latest_and_aliases_are_registered_by_number(register: Register) -> None:
    AliasesStub(register.client.channel).SetAlias(
        SetAliasRequest(name=f"{register.client.image_name}/aliases/stable", version="1.0.0")
    )
    made = register.add("web", "latest", deployment=pb.Deployment(tags={"tier": "web"}))
    assert made == register.get("WEB")
    assert (made.version, made.region, dict(made.tags)) == (register.version("2.0.0"), "eastus", {"tier": "web"})
    assert made.create_time == made.update_time
    assert not made.version_deleted
    assert register.add("in-the-west", "latest", "West US").version == register.version("1.0.0")
    assert register.add("pinned", "stable").version == register.version("1.0.0")


def test_a_name_is_used_once_and_again_after_its_deletion(register: Register) -> None:
    first = register.add("web")
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        register.add("Web")
    with refused("ABORTED", "ETAG_MISMATCH"):
        register.delete("web", etag="0" * 16)
    register.delete("web", etag=first.etag)
    with refused("NOT_FOUND", "NOT_FOUND"):
        register.get("web")
    assert register.add("Web").uid != first.uid


def test_a_repeated_request_registers_once_and_a_check_nothing(register: Register) -> None:
    request_id = str(uuid4())
    made = register.add("web", request_id=request_id)
    assert register.add("web", request_id=request_id) == made
    with refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED"):
        register.add("other", request_id=request_id)
    assert register.add("other", validate_only=True).version == register.version("1.0.0")
    assert register.listed() == ["web"]


def test_all_that_is_wrong_is_told_at_once(register: Register) -> None:
    request = pb.CreateDeploymentRequest(parent=register.client.group, deployment_id="-")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        register.stub.CreateDeployment(request)
    assert refusal.fields == ["deployment_id", "deployment.version", "deployment.region"]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        register.add("web", "1.0")
    assert refusal.fields == ["deployment.version"]
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        register.add("web", region="mars")
    with refused("NOT_FOUND", "NOT_FOUND"):
        register.add("web", "3.0.0")
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        register.add("web", "2.0.0", "westus")
    assert register.listed() == []


def test_what_is_past_a_denying_end_of_life_is_not_registered(register: Register) -> None:
    client = register.client
    register.add("old")
    definition = image_definitions_pb2.ImageDefinition(
        name=client.image_name, end_of_life_policy=publishing_pb2.END_OF_LIFE_POLICY_WARN
    )
    definition.end_of_life_time.FromDatetime(CLOCK() + timedelta(days=1))
    client.galleries.UpdateImageDefinition(
        image_definitions_pb2.UpdateImageDefinitionRequest(image_definition=definition)
    )
    CLOCK.advance(timedelta(days=2))
    (warning,) = register.add("warned").warnings
    assert "end of life" in warning
    assert list(register.get("old").warnings) == [warning]
    definition = image_definitions_pb2.ImageDefinition(
        name=client.image_name, end_of_life_policy=publishing_pb2.END_OF_LIFE_POLICY_DENY
    )
    client.galleries.UpdateImageDefinition(
        image_definitions_pb2.UpdateImageDefinitionRequest(image_definition=definition)
    )
    with refused("FAILED_PRECONDITION", "END_OF_LIFE"):
        register.add("new")
    assert register.update("old", tags={"a": "b"}).tags == {"a": "b"}


def test_an_update_resolves_only_what_changes(register: Register) -> None:
    made = register.add("web")
    tagged = register.update("web", tags={"a": "b"}, etag=made.etag)
    assert (tagged.version, tagged.etag != made.etag) == (made.version, True)
    with refused("ABORTED", "ETAG_MISMATCH"):
        register.update("web", tags={}, etag=made.etag)
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        register.update("web", region="westeurope")
    assert register.get("web") == tagged
    upgraded = register.update("web", version=register.version("latest"))
    assert (upgraded.version, dict(upgraded.tags)) == (register.version("2.0.0"), {"a": "b"})
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        register.update("web", "version")
    assert refusal.fields == ["deployment.version"]
    with refused("FAILED_PRECONDITION", "MOVE_NOT_SUPPORTED"):
        register.update("web", uid=str(uuid4()), tags={})


def test_lists_are_of_a_group_or_of_a_version_in_all_groups(register: Register) -> None:
    for name in ("b", "A", "c"):
        register.add(name)
    register.add("d", "2.0.0")
    elsewhere = pb.CreateDeploymentRequest(
        parent=f"{register.client.group}.2",
        deployment_id="b",
        deployment=pb.Deployment(version=register.version("1.0.0"), region="westus"),
    )
    register.stub.CreateDeployment(elsewhere)
    assert register.listed() == ["A", "b", "c", "d"]
    assert register.listed(order_by="name desc") == ["d", "c", "b", "A"]
    assert register.listed(filter=f'version = "{register.version("2.0.0")}"') == ["d"]
    one = register.version("1.0.0")
    assert register.listed(one) == ["A", "b", "b", "c"]
    assert paged(register, one, "name") == ["A", "b", "b", "c"]
    assert paged(register, one, "name desc") == ["c", "b", "b", "A"]
    assert register.listed(one, filter="region = westus") == ["b"]
    with refused("NOT_FOUND", "NOT_FOUND"):
        register.listed(register.version("3.0.0"))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        register.listed(register.client.image_name)
    assert refusal.fields == ["parent"]


def paged(register: Register, parent: str, order_by: str) -> list[str]:
    found, token = [], ""
    while True:
        request = pb.ListDeploymentsRequest(parent=parent, page_size=1, page_token=token, order_by=order_by)
        answer = register.stub.ListDeployments(request)
        found += [deployment.name.rpartition("/")[2] for deployment in answer.deployments]
        token = answer.next_page_token
        if not token:
            return found


def test_a_version_in_use_is_deleted_only_by_force(register: Register) -> None:
    client = register.client
    register.add("one")
    register.add("two", region="westus")
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        client.delete_version("1.0.0")
    assert dict(refusal.info.metadata) == {
        "kind": "image version",
        "name": register.version("1.0.0"),
        "user": register.name("one"),
        "count": "2",
    }
    with refused("FAILED_PRECONDITION", "IN_USE"):
        client.delete_version("1.0.0", validate_only=True)
    assert client.version("1.0.0").provisioning_state == publishing_pb2.PROVISIONING_STATE_SUCCEEDED
    client.delete_version("1.0.0", force=True)
    assert register.get("one").version_deleted
    gone(client, "1.0.0")
    told = register.get("one")
    assert (told.version_deleted, told.version) == (True, register.version("1.0.0"))
    client.publish("1.0.0")
    assert register.get("one").version_deleted, "the number is another version now"
    client.delete_version("1.0.0")


def gone(client: CatalogueClient, number: str) -> None:
    client.running.write(drop_copies, UUID(client.version(number).uid))


def test_a_version_can_go_when_its_last_deployment_is_out(register: Register) -> None:
    register.add("one")
    register.add("two")
    register.update("two", version=register.version("2.0.0"))
    register.delete("one")
    register.client.delete_version("1.0.0")
    with refused("FAILED_PRECONDITION", "IN_USE"):
        register.client.delete_version("2.0.0")


def test_force_passes_neither_aliases_nor_locks_nor_end_of_life(register: Register) -> None:
    client = register.client
    AliasesStub(client.channel).SetAlias(SetAliasRequest(name=f"{client.image_name}/aliases/stable", version="1.0.0"))
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        client.delete_version("1.0.0", force=True)
    assert refusal.info.metadata["user"].endswith("/aliases/stable")
    locks = LocksStub(client.channel)
    with (
        locked(locks, register.version("2.0.0"), CAN_NOT_DELETE),
        refused("FAILED_PRECONDITION", "SCOPE_LOCKED"),
    ):
        client.delete_version("2.0.0", force=True)
    kept = version_pb.ImageVersion(safety_profile=publishing_pb2.SafetyProfile(block_deletion_before_end_of_life=True))
    kept.end_of_life_time.FromDatetime(CLOCK() + timedelta(days=1))
    client.create_version("3.0.0", image_version=kept)
    with refused("FAILED_PRECONDITION", "DELETION_BLOCKED"):
        client.delete_version("3.0.0", force=True)


def test_forcing_a_source_away_fails_what_only_it_could_give(register: Register) -> None:
    client = register.client
    source = version_pb.ImageVersion(source_version=register.version("2.0.0"))
    request = version_pb.CreateImageVersionRequest(parent=client.image_name, image_version=source)
    request.image_version_id = "3.0.0"
    operation = client.galleries.CreateImageVersion(request)
    request.image_version_id = "4.0.0"
    request.image_version.target_regions.extend([target("eastus"), target("westus")])
    going_on = client.galleries.CreateImageVersion(request)
    client.replicate("4.0.0", "eastus")
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        client.delete_version("2.0.0")
    assert refusal.info.metadata["count"] == "2"
    client.delete_version("2.0.0", force=True)
    ended = client.operation(operation.name)
    assert ended.done
    assert f"its source {register.version('2.0.0')} was deleted" in ended.error.message
    assert client.version("3.0.0").provisioning_state == publishing_pb2.PROVISIONING_STATE_FAILED
    assert not client.operation(going_on.name).done
    client.replicate("4.0.0", "westus")
    assert client.version("4.0.0").provisioning_state == publishing_pb2.PROVISIONING_STATE_SUCCEEDED


def test_a_tree_in_use_goes_only_by_force(register: Register) -> None:
    register.add("one")
    client = register.client
    request = deletion_pb2.DeleteImageDefinitionTreeRequest(name=client.image_name, validate_only=True)
    (blocker,) = client.galleries.DeleteImageDefinitionTree(request).plan.blockers
    assert (blocker.name, blocker.reason) == (register.version("1.0.0"), "IN_USE")
    forced = deletion_pb2.DeleteImageDefinitionTreeRequest(name=client.image_name, force=True)
    plan = client.galleries.DeleteImageDefinitionTree(forced).plan
    assert (len(plan.blockers), plan.image_version_count) == (0, 2)
    assert register.get("one").version_deleted


def test_neither_retention_nor_spread_touches_what_is_in_use(register: Register) -> None:
    client = register.client
    client.publish("3.0.0", [target("eastus"), target("westus")])
    definition = image_definitions_pb2.ImageDefinition(
        name=client.image_name,
        retention_policy=image_definitions_pb2.RetentionPolicy(keep_last=1),
        spread_policy=image_definitions_pb2.SpreadPolicy(newest=1, target_regions=[target("eastus"), target("westus")]),
    )
    client.galleries.UpdateImageDefinition(
        image_definitions_pb2.UpdateImageDefinitionRequest(image_definition=definition)
    )
    profile = publishing_pb2.SafetyProfile(allow_deletion_of_replicated_locations=True)
    version = version_pb.ImageVersion(name=register.version("1.0.0"), safety_profile=profile)
    client.galleries.UpdateImageVersion(version_pb.UpdateImageVersionRequest(image_version=version))
    client.publish("1.0.1", [target("eastus")])
    client.replicate("1.0.0")
    policies = PoliciesStub(client.channel)
    assert outcomes(policies, client) == {"retention": ["1.0.0"], "spread": ["1.0.0"]}
    register.add("one")
    assert outcomes(policies, client) == {"retention": [], "spread": []}
    register.delete("one")
    assert outcomes(policies, client) == {"retention": ["1.0.0"], "spread": ["1.0.0"]}


def outcomes(policies: PoliciesStub, client: CatalogueClient) -> dict[str, list[str]]:
    """The versions that each policy would change."""
    retention = policies.PreviewRetention(policies_pb2.PreviewRetentionRequest(name=client.image_name))
    spread = policies.PreviewSpread(policies_pb2.PreviewSpreadRequest(name=client.image_name))
    changed = {"retention": retention.changed, "spread": spread.changed}
    return {policy: [fate.version.rpartition("/")[2] for fate in fates] for policy, fates in changed.items()}


def test_what_was_softly_deleted_by_force_goes_in_its_time(register: Register) -> None:
    client = register.client
    policy = gallery_pb.SoftDeletePolicy(enabled=True, retention_days=7)
    gallery = gallery_pb.Gallery(name=client.gallery_name, soft_delete_policy=policy)
    client.galleries.UpdateGallery(gallery_pb.UpdateGalleryRequest(gallery=gallery))
    register.add("one")
    with refused("FAILED_PRECONDITION", "IN_USE"):
        client.delete_version("1.0.0")
    client.delete_version("1.0.0", force=True)
    assert register.add("meanwhile").version == register.version("1.0.0")
    with refused("FAILED_PRECONDITION", "IN_USE"):
        client.galleries.PurgeImageVersion(version_pb.PurgeImageVersionRequest(name=register.version("1.0.0")))
    CLOCK.advance(timedelta(days=60))
    at = client.running.foundation
    client.running.run(Purging(at.metadata, client.running.content, at.bell, CLOCK).look())
    assert register.get("one").version_deleted
    assert client.version("1.0.0").provisioning_state == publishing_pb2.PROVISIONING_STATE_DELETING


def test_application_versions_are_in_use_too(client: CatalogueClient) -> None:
    applications = ApplicationClient(client.channel, client)
    applications.prepare()
    applications.publish("1.0.0")
    stub, version = DeploymentsStub(client.channel), f"{applications.name}/versions/latest"
    request = pb.CreateDeploymentRequest(
        parent=client.group,
        deployment_id="agent",
        deployment=pb.Deployment(version=version, region="eastus"),
    )
    made = stub.CreateDeployment(request)
    delete = application_pb.DeleteApplicationVersionRequest(name=made.version)
    assert made.version == f"{applications.name}/versions/1.0.0"
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        applications.stub.DeleteApplicationVersion(delete)
    assert refusal.info.metadata["user"] == made.name
    delete.force = True
    applications.stub.DeleteApplicationVersion(delete)
    assert stub.GetDeployment(pb.GetDeploymentRequest(name=made.name)).version_deleted


def test_a_group_with_deployments_stays(register: Register) -> None:
    group = f"{register.client.group}.2"
    request = pb.CreateDeploymentRequest(
        parent=group,
        deployment_id="b",
        deployment=pb.Deployment(version=register.version("1.0.0"), region="westus"),
    )
    made = register.stub.CreateDeployment(request)
    tenancy = TenancyStub(register.client.channel)
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        tenancy.DeleteResourceGroup(tenancy_pb2.DeleteResourceGroupRequest(name=group))
    assert refusal.info.metadata["user"] == made.name
    register.stub.DeleteDeployment(pb.DeleteDeploymentRequest(name=made.name))
    tenancy.DeleteResourceGroup(tenancy_pb2.DeleteResourceGroupRequest(name=group))


def test_locks_hold_for_deployments(register: Register) -> None:
    locks, made = LocksStub(register.client.channel), register.add("one")
    with locked(locks, made.name, CAN_NOT_DELETE):
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            register.delete("one")
        register.update("one", tags={"a": "b"})
    with locked(locks, made.name, READ_ONLY), refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
        register.update("one", tags={"a": "c"})
    with locked(locks, register.version("1.0.0"), CAN_NOT_DELETE):
        register.delete("one")
    with locked(locks, register.client.group, READ_ONLY), refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
        register.add("two")
