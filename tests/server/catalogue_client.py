"""A client of the catalogue that works in a resource group of its own, and makes content by writing its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import grpc
from google.longrunning.operations_pb2 import GetOperationRequest, Operation
from google.longrunning.operations_pb2_grpc import OperationsStub

from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.galleries_pb2_grpc import GalleriesStub
from galleria_server.catalogue import groups
from galleria_server.catalogue.settlement import settle_version
from galleria_server.catalogue.writes import new_etag
from galleria_server.clock import utc_now
from galleria_server.domain.disk_system import UNTOLD, DiskSystem
from galleria_server.domain.models import Copy, CopyState, Disk, DiskState
from galleria_server.domain.names import DiskName, GroupName
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.metadata import copies, disks
from galleria_server.metadata.engine import Transaction
from tests.server.empty_volumes import CatalogueServer

OCCUPIED = 1000
DIGEST = "block-cdc-1:" + "5a" * 32


class CatalogueClient:
    def __init__(
        self, channel: grpc.Channel, running: CatalogueServer, group: str, subscription: UUID = DEFAULT_SUBSCRIPTION
    ) -> None:
        self.galleries = GalleriesStub(channel)
        self.operations = OperationsStub(channel)
        self.channel = channel
        self.running = running
        self.group_name = GroupName(subscription, group)
        self.group = str(self.group_name)
        # A gallery's name is free only once in a subscription, whatever its group.
        self.gallery_id = f"prod.{uuid4().hex[:12]}"
        self.gallery_name = f"{self.group}/galleries/{self.gallery_id}"
        self.image_name = f"{self.gallery_name}/images/debian"

    def create_gallery(self, gallery_id: str = "", **options: Any) -> pb.Gallery:  # noqa: ANN401
        request = gallery_request(self.group, gallery_id or self.gallery_id)
        request.MergeFrom(pb.CreateGalleryRequest(**options))
        return self.galleries.CreateGallery(request)

    def create_image(self, image_id: str = "debian", **options: Any) -> image_pb.ImageDefinition:  # noqa: ANN401
        request = image_request(self.gallery_name, image_id)
        request.MergeFrom(image_pb.CreateImageDefinitionRequest(**options))
        return self.galleries.CreateImageDefinition(request)

    def create_version(
        self,
        number: str,
        regions: Sequence[publishing_pb.TargetRegion] = (),
        disk: str = "disk-1",
        **options: Any,  # noqa: ANN401
    ) -> Operation:
        version = version_pb.ImageVersion(os_disk=f"{self.group}/disks/{disk}", target_regions=regions)
        request = version_pb.CreateImageVersionRequest(
            parent=self.image_name, image_version_id=number, image_version=version
        )
        request.MergeFrom(version_pb.CreateImageVersionRequest(**options))
        return self.galleries.CreateImageVersion(request)

    def prepare(self) -> None:
        """A gallery, a definition and a disk with content."""
        self.create_gallery()
        self.create_image()
        self.running.write(add_disk, self.group_name, "disk-1", DiskState.READY)

    def version(self, number: str) -> version_pb.ImageVersion:
        return self.galleries.GetImageVersion(
            version_pb.GetImageVersionRequest(name=f"{self.image_name}/versions/{number}")
        )

    def resolve(self, number: str, region: str) -> str:
        request = version_pb.ResolveImageVersionRequest(name=f"{self.image_name}/versions/{number}", region=region)
        return self.galleries.ResolveImageVersion(request).image_version.name.rpartition("/")[2]

    def delete_version(self, number: str, **options: Any) -> Operation:  # noqa: ANN401
        name = f"{self.image_name}/versions/{number}"
        return self.galleries.DeleteImageVersion(version_pb.DeleteImageVersionRequest(name=name, **options))

    def operation(self, name: str) -> Operation:
        return self.operations.GetOperation(GetOperationRequest(name=name))

    def replicate(self, number: str, region: str | None = None) -> None:
        """Make the copies of a version READY, in one region or in all."""
        self.running.write(finish_copies, UUID(self.version(number).uid), region)
        self.running.ring()

    def publish(self, number: str, regions: Sequence[publishing_pb.TargetRegion] = ()) -> None:
        self.create_version(number, regions)
        self.replicate(number)


def gallery_request(parent: str, gallery_id: str = "prod") -> pb.CreateGalleryRequest:
    return pb.CreateGalleryRequest(parent=parent, gallery_id=gallery_id, gallery=pb.Gallery(location="eastus"))


def image_request(parent: str, image_id: str = "debian") -> image_pb.CreateImageDefinitionRequest:
    definition = image_pb.ImageDefinition(
        os_type=image_pb.OS_TYPE_LINUX,
        os_state=image_pb.OS_STATE_GENERALIZED,
        identifier=image_pb.ImageIdentifier(publisher="debian", offer="debian-12", sku=image_id),
    )
    return image_pb.CreateImageDefinitionRequest(
        parent=parent, image_definition_id=image_id, image_definition=definition
    )


def target(region: str, count: int = 1, account: Any = 0, *, exclude: bool | None = None) -> publishing_pb.TargetRegion:  # noqa: ANN401
    return publishing_pb.TargetRegion(
        region=region, replica_count=count, storage_account_type=account, exclude_from_latest=exclude
    )


def add_disk(
    transaction: Transaction,
    group: GroupName,
    name: str,
    state: DiskState,
    digest: str = DIGEST,
    system: DiskSystem = UNTOLD,
) -> Disk:
    owner = groups.ensure(transaction, group, utc_now())
    disk = Disk(
        uid=uuid4(),
        group_uid=owner.uid,
        name=DiskName(owner.name, name),
        location="eastus",
        volume="eastus-1",
        root_id=uuid4(),
        state=state,
        session=None,
        size_bytes=4096,
        occupied_bytes=OCCUPIED,
        digest=digest,
        sha256="ab" * 32,
        statistics={},
        create_time=utc_now(),
        ready_time=utc_now(),
        etag=new_etag(),
        system=system,
    )
    disks.add(transaction, disk)
    return disk


def claim_all(transaction: Transaction, version_uid: UUID, region: str | None) -> list[Copy]:
    now = utc_now()
    found = copies.of_version(transaction, version_uid)
    wanted = [copy for copy in found if region in (None, copy.region) and copy.state is not CopyState.DELETING]
    claims = (copies.claim(transaction, copy.uid, uuid4(), now, now) for copy in wanted)
    return [claim for claim in claims if claim is not None]


def finish_copies(transaction: Transaction, version_uid: UUID, region: str | None) -> None:
    for claim in claim_all(transaction, version_uid, region):
        assert copies.finish(transaction, claim.uid, claim.epoch, OCCUPIED)
    settle_version(transaction, version_uid, utc_now())


def fail_copies(transaction: Transaction, version_uid: UUID, region: str | None, details: str) -> None:
    for claim in claim_all(transaction, version_uid, region):
        assert copies.fail(transaction, claim.uid, claim.epoch, details)
    settle_version(transaction, version_uid, utc_now())


def drop_copies(transaction: Transaction, version_uid: UUID) -> None:
    for copy in copies.of_version(transaction, version_uid):
        assert copy.state is CopyState.DELETING
        copies.drop(transaction, copy.uid)
    settle_version(transaction, version_uid, utc_now())


def drop_gone(transaction: Transaction, version_uid: UUID) -> None:
    """Remove the copies of a version that are being deleted."""
    for copy in copies.of_version(transaction, version_uid):
        if copy.state is CopyState.DELETING:
            copies.drop(transaction, copy.uid)
    settle_version(transaction, version_uid, utc_now())
