"""What was deleted is gone for its parent at once, wherever its bytes still lie."""

from uuid import UUID

import grpc
from google.longrunning.operations_pb2 import WaitOperationRequest

from galleria.v1 import galleries_pb2, image_definitions_pb2, image_versions_pb2, tenancy_pb2
from galleria.v1.tenancy_pb2_grpc import TenancyStub
from galleria_server.domain.models import DiskState
from galleria_server.domain.tenancy import DEFAULT_SUBSCRIPTION
from galleria_server.metadata import disks, tables
from galleria_server.metadata.engine import Transaction
from tests.server.refusals import refused
from tests.support.server_thread import ContentServer
from tests.support.wire_client import Image, WireClient, eventually


def delete_group(tenancy: TenancyStub, name: str) -> None:
    tenancy.DeleteResourceGroup(tenancy_pb2.DeleteResourceGroupRequest(name=name))


def test_when_a_deletion_is_done_the_parent_can_go_at_once(content: ContentServer, image: Image) -> None:
    with grpc.insecure_channel(content.target) as channel:
        wire, tenancy = WireClient(channel, "strict"), TenancyStub(channel)
        wire.prepare_gallery()
        wire.push("disk", image)
        wire.publish("1.0.0", "disk", eastus=2, westus=1)
        deletion = wire.galleries.DeleteImageVersion(
            image_versions_pb2.DeleteImageVersionRequest(name=wire.version_name("1.0.0"))
        )
        assert wire.operations.WaitOperation(WaitOperationRequest(name=deletion.name)).done
        wire.galleries.DeleteImageDefinition(image_definitions_pb2.DeleteImageDefinitionRequest(name=wire.image))
        wire.galleries.DeleteGallery(galleries_pb2.DeleteGalleryRequest(name=wire.gallery))
        wire.delete_disk("disk")
        delete_group(tenancy, wire.group)
        with refused("NOT_FOUND", "NOT_FOUND"):
            tenancy.GetResourceGroup(tenancy_pb2.GetResourceGroupRequest(name=wire.group))


def test_a_group_goes_before_the_bytes_of_its_deleted_disks(content: ContentServer) -> None:
    with grpc.insecure_channel(content.target) as channel:
        wire, tenancy = WireClient(channel, "bytes"), TenancyStub(channel)
        disk = wire.create_disk("disk")
        group = tenancy.GetResourceGroup(tenancy_pb2.GetResourceGroupRequest(name=wire.group))
        with refused("FAILED_PRECONDITION", "IN_USE"):
            delete_group(tenancy, wire.group)
        # As the deletion leaves it, and unknown to who would release its root.
        content.write(disks.condemn, UUID(disk.uid))
        delete_group(tenancy, wire.group)
        listing = tenancy_pb2.ListResourceGroupsRequest(parent=f"subscriptions/{DEFAULT_SUBSCRIPTION}", page_size=1000)
        listed = tenancy.ListResourceGroups(listing).resource_groups
        assert group.uid not in {one.uid for one in listed}
        again = wire.create_disk("disk")
        assert tenancy.GetResourceGroup(tenancy_pb2.GetResourceGroupRequest(name=wire.group)).uid != group.uid
        # The new deletion lets the old one be seen to, too; then nothing is left of the old group.
        wire.delete_disk("disk")
        eventually(lambda: content.read(rows_left, UUID(disk.uid), UUID(again.uid), UUID(group.uid)) == 0)
        assert tenancy.GetResourceGroup(tenancy_pb2.GetResourceGroupRequest(name=wire.group)).name == wire.group


def rows_left(transaction: Transaction, first: UUID, second: UUID, group: UUID) -> int:
    """How many of two disks and of a group there are rows of."""
    found = [disks.find_by_uid(transaction, uid) for uid in (first, second)]
    assert all(disk is None or disk.state is DiskState.DELETING for disk in found)
    query = tables.resource_groups.select().where(tables.resource_groups.c.uid == group)
    return sum(disk is not None for disk in found) + len(transaction.execute(query).all())
