"""Every call that writes is refused while a lock forbids it: a new one without an example here fails."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID, uuid4

import grpc
import pytest
from google.longrunning.operations_pb2 import CancelOperationRequest
from sqlalchemy import delete

from galleria.v1 import (
    aliases_pb2,
    applications_pb2,
    deletion_pb2,
    deployments_pb2,
    disks_pb2,
    galleries_pb2,
    image_definitions_pb2,
    image_versions_pb2,
    policies_pb2,
    publishing_pb2,
    regions_pb2,
    tenancy_pb2,
)
from galleria.v1 import installation_pb2 as volumes_pb2
from galleria.v1.aliases_pb2_grpc import AliasesStub
from galleria.v1.applications_pb2_grpc import ApplicationsStub
from galleria.v1.deployments_pb2_grpc import DeploymentsStub
from galleria.v1.locks_pb2_grpc import LocksStub
from galleria.v1.policies_pb2_grpc import PoliciesStub
from galleria.v1.regions_pb2_grpc import RegionControlStub
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria_server.clock import utc_now
from galleria_server.content import make_content
from galleria_server.domain.actions import ACTIONS
from galleria_server.domain.models import Operation, OperationState, Verb
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.metadata import copies, disks, operations, tables
from galleria_server.metadata.engine import Transaction
from tests.server.locking import CAN_NOT_DELETE, READ_ONLY, locked
from tests.server.refusals import refused
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, WireClient

SUBSCRIPTION = f"subscriptions/{DEFAULT_SUBSCRIPTION}"
ACCESS = f"{SUBSCRIPTION}/regionAccess/westeurope"


DEFINITION = image_definitions_pb2.ImageDefinition(
    os_type=image_definitions_pb2.OS_TYPE_LINUX,
    os_state=image_definitions_pb2.OS_STATE_GENERALIZED,
    identifier=image_definitions_pb2.ImageIdentifier(publisher="new", offer="new", sku="new"),
)


@dataclass(frozen=True)
class Place:
    """What there is to write to: all of it in the one subscription."""

    wire: WireClient
    tenancy: TenancyStub
    control: RegionControlStub
    locks: LocksStub
    aliases: AliasesStub
    applications: ApplicationsStub
    policies: PoliciesStub
    deployments: DeploymentsStub
    session: str
    layout: bytes
    operation: str
    stray_root: str

    @property
    def application(self) -> str:
        """One that need not be there: locks are looked at first."""
        return f"{self.wire.gallery}/applications/app"

    def everything(self) -> list[object]:
        """All that calls could have changed."""
        wire = self.wire
        groups = tenancy_pb2.ListResourceGroupsRequest(parent=SUBSCRIPTION)
        group = tenancy_pb2.GetResourceGroupRequest(name=wire.group)
        image = image_definitions_pb2.GetImageDefinitionRequest(name=wire.image)
        return [
            self.tenancy.GetSubscription(tenancy_pb2.GetSubscriptionRequest(name=SUBSCRIPTION)),
            self.tenancy.GetResourceGroup(group),
            list(self.tenancy.ListResourceGroups(groups).resource_groups),
            list(wire.galleries.ListGalleries(galleries_pb2.ListGalleriesRequest(parent=wire.group)).galleries),
            wire.galleries.GetImageDefinition(image),
            wire.get_version("1.0.0"),
            list(self.aliases.ListAliases(aliases_pb2.ListAliasesRequest(parent=wire.image)).aliases),
            list(
                self.deployments.ListDeployments(deployments_pb2.ListDeploymentsRequest(parent=wire.group)).deployments
            ),
            list(wire.disks.ListDisks(disks_pb2.ListDisksRequest(parent=wire.group)).disks),
            wire.get_push(self.session).durable_segments,
            # Its metadata tells its pace, which changes with the time.
            (wire.operation(self.operation).done, wire.operation(self.operation).error),
            list(self.control.ListRegionAccess(regions_pb2.ListRegionAccessRequest(parent=SUBSCRIPTION)).region_access),
            stray_roots(wire),
        ]


def stray_roots(wire: WireClient) -> list[str]:
    """Names of the roots that belong to nothing."""
    found = []
    for volume in wire.volumes("eastus"):
        request = volumes_pb2.ListVolumeRootsRequest(parent=volume.name, unowned_only=True)
        found += [root.name for root in wire.operators.ListVolumeRoots(request).roots]
    return found


Write = Callable[[Place], object]


WRITES: dict[str, Write] = {
    "galleria.v1.Galleries/CreateGallery": lambda at: at.wire.galleries.CreateGallery(
        galleries_pb2.CreateGalleryRequest(
            parent=f"{SUBSCRIPTION}/resourceGroups/new",
            gallery_id="new",
            gallery=galleries_pb2.Gallery(location="eastus"),
        )
    ),
    "galleria.v1.Galleries/UpdateGallery": lambda at: at.wire.galleries.UpdateGallery(
        galleries_pb2.UpdateGalleryRequest(gallery=galleries_pb2.Gallery(name=at.wire.gallery, description="new"))
    ),
    "galleria.v1.Galleries/DeleteGallery": lambda at: at.wire.galleries.DeleteGallery(
        galleries_pb2.DeleteGalleryRequest(name=at.wire.gallery)
    ),
    "galleria.v1.Galleries/CreateImageDefinition": lambda at: at.wire.galleries.CreateImageDefinition(
        image_definitions_pb2.CreateImageDefinitionRequest(
            parent=at.wire.gallery, image_definition_id="new", image_definition=DEFINITION
        )
    ),
    "galleria.v1.Galleries/UpdateImageDefinition": lambda at: at.wire.galleries.UpdateImageDefinition(
        image_definitions_pb2.UpdateImageDefinitionRequest(
            image_definition=image_definitions_pb2.ImageDefinition(name=at.wire.image, description="new")
        )
    ),
    "galleria.v1.Galleries/DeleteImageDefinition": lambda at: at.wire.galleries.DeleteImageDefinition(
        image_definitions_pb2.DeleteImageDefinitionRequest(name=at.wire.image)
    ),
    "galleria.v1.Galleries/CreateImageVersion": lambda at: at.wire.create_version("2.0.0", "full", eastus=1),
    "galleria.v1.Galleries/UpdateImageVersion": lambda at: at.wire.galleries.UpdateImageVersion(
        image_versions_pb2.UpdateImageVersionRequest(
            image_version=image_versions_pb2.ImageVersion(name=at.wire.version_name("1.0.0"), tags={"new": "tag"})
        )
    ),
    "galleria.v1.Galleries/AddTargetRegions": lambda at: at.wire.galleries.AddTargetRegions(
        image_versions_pb2.AddTargetRegionsRequest(
            name=at.wire.version_name("1.0.0"), target_regions=[publishing_pb2.TargetRegion(region="westus")]
        )
    ),
    "galleria.v1.Galleries/RemoveTargetRegions": lambda at: at.wire.galleries.RemoveTargetRegions(
        image_versions_pb2.RemoveTargetRegionsRequest(name=at.wire.version_name("1.0.0"), regions=["westus"])
    ),
    "galleria.v1.Galleries/SetReplicaCount": lambda at: at.wire.galleries.SetReplicaCount(
        image_versions_pb2.SetReplicaCountRequest(name=at.wire.version_name("1.0.0"), region="eastus", replica_count=2)
    ),
    "galleria.v1.Galleries/DeleteImageVersion": lambda at: at.wire.galleries.DeleteImageVersion(
        image_versions_pb2.DeleteImageVersionRequest(name=at.wire.version_name("1.0.0"))
    ),
    "galleria.v1.Galleries/DeleteGalleryTree": lambda at: at.wire.galleries.DeleteGalleryTree(
        deletion_pb2.DeleteGalleryTreeRequest(name=at.wire.gallery)
    ),
    "galleria.v1.Galleries/DeleteImageDefinitionTree": lambda at: at.wire.galleries.DeleteImageDefinitionTree(
        deletion_pb2.DeleteImageDefinitionTreeRequest(name=at.wire.image)
    ),
    "galleria.v1.Galleries/RestoreImageVersion": lambda at: at.wire.galleries.RestoreImageVersion(
        image_versions_pb2.RestoreImageVersionRequest(name=at.wire.version_name("1.0.0"))
    ),
    "galleria.v1.Galleries/PurgeImageVersion": lambda at: at.wire.galleries.PurgeImageVersion(
        image_versions_pb2.PurgeImageVersionRequest(name=at.wire.version_name("1.0.0"))
    ),
    "galleria.v1.Aliases/SetAlias": lambda at: at.aliases.SetAlias(
        aliases_pb2.SetAliasRequest(name=f"{at.wire.image}/aliases/new", version="1.0.0")
    ),
    "galleria.v1.Aliases/DeleteAlias": lambda at: at.aliases.DeleteAlias(
        aliases_pb2.DeleteAliasRequest(name=f"{at.wire.image}/aliases/old")
    ),
    "galleria.v1.Deployments/CreateDeployment": lambda at: at.deployments.CreateDeployment(
        deployments_pb2.CreateDeploymentRequest(
            parent=at.wire.group,
            deployment_id="new",
            deployment=deployments_pb2.Deployment(version=at.wire.version_name("1.0.0"), region="eastus"),
        )
    ),
    "galleria.v1.Deployments/UpdateDeployment": lambda at: at.deployments.UpdateDeployment(
        deployments_pb2.UpdateDeploymentRequest(
            deployment=deployments_pb2.Deployment(name=f"{at.wire.group}/deployments/old", tags={"a": "b"})
        )
    ),
    "galleria.v1.Deployments/DeleteDeployment": lambda at: at.deployments.DeleteDeployment(
        deployments_pb2.DeleteDeploymentRequest(name=f"{at.wire.group}/deployments/old")
    ),
    "galleria.v1.Policies/ApplyRetention": lambda at: at.policies.ApplyRetention(
        policies_pb2.ApplyRetentionRequest(name=at.wire.image)
    ),
    "galleria.v1.Policies/ApplySpread": lambda at: at.policies.ApplySpread(
        policies_pb2.ApplySpreadRequest(name=at.wire.image)
    ),
    "galleria.v1.Applications/CreateApplication": lambda at: at.applications.CreateApplication(
        applications_pb2.CreateApplicationRequest(
            parent=at.wire.gallery,
            application_id="new",
            application=applications_pb2.Application(os_type=image_definitions_pb2.OS_TYPE_LINUX),
        )
    ),
    "galleria.v1.Applications/UpdateApplication": lambda at: at.applications.UpdateApplication(
        applications_pb2.UpdateApplicationRequest(
            application=applications_pb2.Application(name=at.application, description="new")
        )
    ),
    "galleria.v1.Applications/DeleteApplication": lambda at: at.applications.DeleteApplication(
        applications_pb2.DeleteApplicationRequest(name=at.application)
    ),
    "galleria.v1.Applications/CreateApplicationVersion": lambda at: at.applications.CreateApplicationVersion(
        applications_pb2.CreateApplicationVersionRequest(
            parent=at.application,
            application_version_id="1.0.0",
            application_version=applications_pb2.ApplicationVersion(
                package=at.wire.disk_name("full"),
                manage_actions=applications_pb2.ManageActions(install="true", remove="true"),
            ),
        )
    ),
    "galleria.v1.Applications/UpdateApplicationVersion": lambda at: at.applications.UpdateApplicationVersion(
        applications_pb2.UpdateApplicationVersionRequest(
            application_version=applications_pb2.ApplicationVersion(
                name=f"{at.application}/versions/1.0.0", tags={"new": "tag"}
            )
        )
    ),
    "galleria.v1.Applications/DeleteApplicationVersion": lambda at: at.applications.DeleteApplicationVersion(
        applications_pb2.DeleteApplicationVersionRequest(name=f"{at.application}/versions/1.0.0")
    ),
    "galleria.v1.Applications/AddApplicationTargetRegions": lambda at: at.applications.AddApplicationTargetRegions(
        image_versions_pb2.AddTargetRegionsRequest(
            name=f"{at.application}/versions/1.0.0", target_regions=[publishing_pb2.TargetRegion(region="westus")]
        )
    ),
    "galleria.v1.Applications/RemoveApplicationTargetRegions": lambda at: (
        at.applications.RemoveApplicationTargetRegions(
            image_versions_pb2.RemoveTargetRegionsRequest(name=f"{at.application}/versions/1.0.0", regions=["westus"])
        )
    ),
    "galleria.v1.Applications/SetApplicationReplicaCount": lambda at: at.applications.SetApplicationReplicaCount(
        image_versions_pb2.SetReplicaCountRequest(
            name=f"{at.application}/versions/1.0.0", region="eastus", replica_count=2
        )
    ),
    "galleria.v1.Disks/CreateDisk": lambda at: at.wire.create_disk("new"),
    "galleria.v1.Disks/DeleteDisk": lambda at: at.wire.delete_disk("full"),
    "galleria.v1.Disks/BeginPush": lambda at: at.wire.begin("empty"),
    "galleria.v1.Disks/Push": lambda at: at.wire.open(at.session),
    "galleria.v1.Disks/PushRaw": lambda at: at.wire.push_raw(at.session, [disks_pb2.PushRawRequest(data=b"x")]),
    "galleria.v1.Disks/CommitPush": lambda at: at.wire.disks.CommitPush(
        disks_pb2.CommitPushRequest(session=at.session, layout=at.layout)
    ),
    "galleria.v1.Disks/AbortPush": lambda at: at.wire.disks.AbortPush(disks_pb2.AbortPushRequest(session=at.session)),
    "galleria.v1.Tenancy/UpdateSubscription": lambda at: at.tenancy.UpdateSubscription(
        tenancy_pb2.UpdateSubscriptionRequest(
            subscription=tenancy_pb2.Subscription(name=SUBSCRIPTION, display_name="new")
        )
    ),
    "galleria.v1.Tenancy/DeleteSubscription": lambda at: at.tenancy.DeleteSubscription(
        tenancy_pb2.DeleteSubscriptionRequest(name=SUBSCRIPTION)
    ),
    "galleria.v1.Tenancy/CreateResourceGroup": lambda at: at.tenancy.CreateResourceGroup(
        tenancy_pb2.CreateResourceGroupRequest(parent=SUBSCRIPTION, resource_group_id="new")
    ),
    "galleria.v1.Tenancy/UpdateResourceGroup": lambda at: at.tenancy.UpdateResourceGroup(
        tenancy_pb2.UpdateResourceGroupRequest(
            resource_group=tenancy_pb2.ResourceGroup(name=at.wire.group, tags={"new": "tag"})
        )
    ),
    "galleria.v1.Tenancy/DeleteResourceGroup": lambda at: at.tenancy.DeleteResourceGroup(
        tenancy_pb2.DeleteResourceGroupRequest(name=at.wire.group)
    ),
    "galleria.v1.RegionControl/RequestRegionAccess": lambda at: at.control.RequestRegionAccess(
        regions_pb2.RequestRegionAccessRequest(parent=SUBSCRIPTION, region="westeurope")
    ),
    "galleria.v1.RegionControl/DecideRegionAccess": lambda at: at.control.DecideRegionAccess(
        regions_pb2.DecideRegionAccessRequest(name=ACCESS, state=regions_pb2.ACCESS_STATE_APPROVED)
    ),
    "google.longrunning.Operations/CancelOperation": lambda at: at.wire.operations.CancelOperation(
        CancelOperationRequest(name=at.operation)
    ),
    "galleria.v1.Operators/AdoptVolumeRoot": lambda at: at.wire.operators.AdoptVolumeRoot(
        volumes_pb2.AdoptVolumeRootRequest(name=at.stray_root)
    ),
}

LOCKLESS = {
    "galleria.v1.Tenancy/CreateTenant": "it lies in no subscription",
    "galleria.v1.Tenancy/DeleteTenant": "it lies in no subscription",
    "galleria.v1.Tenancy/CreateSubscription": "it lies in no subscription",
    "galleria.v1.RegionControl/MarkRegion": "it lies in no subscription",
    "galleria.v1.Locks/CreateLock": "locks do not protect themselves",
    "galleria.v1.Locks/DeleteLock": "locks do not protect themselves",
    "galleria.v1.Usages/SetLimit": "how much may be used is for the operator to say",
    "galleria.v1.Usages/ClearLimit": "how much may be used is for the operator to say",
    "galleria.v1.Disks/GetPush": "it reads",
    "galleria.v1.Contents/GetLayout": "it reads",
    "galleria.v1.Contents/ReadPages": "it reads",
    "galleria.v1.Contents/ReadChunks": "it reads",
    "galleria.v1.Contents/ReadRange": "it reads",
    "galleria.v1.Contents/Pull": "it reads",
    "google.longrunning.Operations/DeleteOperation": "the record of what was done is nobody's resource",
    "galleria.v1.Operators/CollectVolume": "bytes on volumes, not resources",
    "galleria.v1.Operators/ScrubVolume": "bytes on volumes, not resources",
    "galleria.v1.Operators/VerifyVolume": "bytes on volumes, not resources",
    "galleria.v1.Operators/RebuildVolume": "bytes on volumes, not resources",
    "galleria.v1.Operators/AdoptVolume": "bytes on volumes, not resources",
    "galleria.v1.Operators/ReleaseVolumeRoot": "the root belongs to no resource",
    "galleria.v1.Operators/AbandonVolumeRoot": "the bytes are lost, whatever is forbidden",
}
"""What changes something and is not refused, and why."""


@pytest.fixture(scope="module")
def content(module_folder: Path) -> Iterator[ContentServer]:
    """A server on which westeurope is restricted."""
    config = config_in(module_folder)
    regions = tuple(replace(region, restricted=region.name == "westeurope") for region in config.regions)
    with server_thread(replace(config, regions=regions), make_content) as server:
        yield server


@pytest.fixture(scope="module")
def place(content: ContentServer, image: Image) -> Iterator[Place]:
    with grpc.insecure_channel(content.target) as channel:
        wire = WireClient(channel, "rg")
        wire.prepare_gallery()
        wire.push("full", image)
        version = wire.publish("1.0.0", "full", eastus=1)
        stray = wire.push("stray", image)
        content.write(forget, UUID(stray.uid))
        wire.create_disk("empty")
        wire.create_disk("half")
        session = wire.begin("half").session
        stream = wire.open(session)
        stream.push(image.segments)
        stream.close()
        aliases = AliasesStub(channel)
        aliases.SetAlias(aliases_pb2.SetAliasRequest(name=f"{wire.image}/aliases/old", version="1.0.0"))
        deployments = DeploymentsStub(channel)
        deployed = deployments_pb2.Deployment(version=version.name, region="eastus")
        deployments.CreateDeployment(
            deployments_pb2.CreateDeploymentRequest(parent=wire.group, deployment_id="old", deployment=deployed)
        )
        yield Place(
            wire=wire,
            tenancy=TenancyStub(channel),
            control=RegionControlStub(channel),
            aliases=aliases,
            applications=ApplicationsStub(channel),
            policies=PoliciesStub(channel),
            deployments=deployments,
            locks=LocksStub(channel),
            session=session,
            layout=image.layout.encode(),
            operation=running_operation(content, version),
            stray_root=stray_roots(wire)[0],
        )


def forget(transaction: Transaction, disk: UUID) -> None:
    """Remove the row of a disk and leave its root."""
    disks.condemn(transaction, disk)
    disks.drop(transaction, disk)


def forget_copy(transaction: Transaction, version: UUID) -> None:
    """Remove the row of one copy of a version and leave its root."""
    copy = copies.of_version(transaction, version)[-1]
    transaction.execute(delete(tables.copies).where(tables.copies.c.uid == copy.uid))


def running_operation(content: ContentServer, version: image_versions_pb2.ImageVersion) -> str:
    """An operation that never ends by itself."""
    now, running = utc_now(), OperationState.RUNNING
    operation = Operation(uuid4(), Verb.CREATE, UUID(version.uid), version.name, running, False, None, now, None)
    content.write(operations.add, operation)
    return f"operations/{operation.uid}"


def test_every_call_that_is_not_a_read_is_here() -> None:
    assert WRITES.keys() | LOCKLESS.keys() == {call for call, action in ACTIONS.items() if not action.endswith("/read")}
    assert not WRITES.keys() & LOCKLESS.keys()


@pytest.mark.parametrize("call", WRITES)
def test_a_read_only_lock_on_the_subscription_refuses_every_write(place: Place, call: str) -> None:
    before = place.everything()
    with locked(place.locks, SUBSCRIPTION, READ_ONLY) as lock:
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED") as refusal:
            WRITES[call](place)
        assert refusal.info.metadata["scope"] == lock.scope == SUBSCRIPTION
        assert (refusal.info.metadata["lock"], refusal.info.metadata["level"]) == ("keep", "ReadOnly")
        assert place.everything() == before


@pytest.mark.parametrize("call", [call for call in WRITES if ACTIONS[call].endswith("/delete")])
def test_a_lock_against_deletion_refuses_every_deletion(place: Place, call: str) -> None:
    with locked(place.locks, SUBSCRIPTION, CAN_NOT_DELETE):
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED") as refusal:
            WRITES[call](place)
        assert refusal.info.metadata["level"] == "CanNotDelete"


def test_a_lock_against_deletion_lets_everything_else_be_done(content: ContentServer, image: Image) -> None:
    with grpc.insecure_channel(content.target) as channel:
        wire, locks = WireClient(channel, "open"), LocksStub(channel)
        with locked(locks, SUBSCRIPTION, CAN_NOT_DELETE):
            wire.prepare_gallery()
            wire.push("disk", image)
            assert wire.publish("1.0.0", "disk", eastus=1).digest == image.layout.text
            wire.create_disk("given-up")
            wire.disks.AbortPush(disks_pb2.AbortPushRequest(session=wire.begin("given-up").session))


def test_what_is_locked_is_read_as_always(place: Place, data: bytes) -> None:
    with locked(place.locks, SUBSCRIPTION, READ_ONLY):
        source = place.wire.source(place.wire.version_name("latest"), region="eastus")
        assert place.wire.layout(source).size_bytes == len(data)
        assert place.wire.get_push(place.session).session == place.session


def test_a_copy_is_not_adopted_into_a_locked_version(content: ContentServer, image: Image) -> None:
    with grpc.insecure_channel(content.target) as channel:
        wire, locks = WireClient(channel, "adopting"), LocksStub(channel)
        wire.prepare_gallery()
        wire.push("disk", image)
        version = wire.publish("1.0.0", "disk", eastus=2)
        others = set(stray_roots(wire))
        content.write(forget_copy, UUID(version.uid))
        (root,) = set(stray_roots(wire)) - others
        request = volumes_pb2.AdoptVolumeRootRequest(name=root)
        with locked(locks, wire.image), refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            wire.operators.AdoptVolumeRoot(request)
        assert wire.operators.AdoptVolumeRoot(request).owner == version.name


def test_a_push_that_a_lock_stopped_goes_on_when_the_lock_is_gone(content: ContentServer, image: Image) -> None:
    with grpc.insecure_channel(content.target) as channel:
        wire, locks = WireClient(channel, "stopped"), LocksStub(channel)
        disk = wire.create_disk("disk")
        session = wire.begin("disk").session
        stream = wire.open(session)
        stream.push(image.segments)
        with locked(locks, disk.name):
            stream.close()
            with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
                wire.commit(session, image.layout)
            assert wire.get_disk("disk").state == disks_pb2.Disk.STATE_PUSHING
        assert wire.commit(session, image.layout).digest == image.layout.text
