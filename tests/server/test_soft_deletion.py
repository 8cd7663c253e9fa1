"""Image versions that are deleted under a policy: they are kept for a while, restored or purged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from google.longrunning.operations_pb2 import Operation
from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import galleries_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.aliases_pb2 import SetAliasRequest
from galleria.v1.aliases_pb2_grpc import AliasesStub
from galleria.v1.locks_pb2 import LOCK_LEVEL_CAN_NOT_DELETE, CreateLockRequest, DeleteLockRequest, Lock
from galleria.v1.locks_pb2_grpc import LocksStub
from galleria.v1.policies_pb2 import ApplyRetentionRequest
from galleria.v1.policies_pb2_grpc import PoliciesStub
from galleria.v1.regions_pb2 import MarkRegionRequest
from galleria.v1.regions_pb2_grpc import RegionControlStub
from galleria_server.domain.models import CopyState
from galleria_server.metadata import copies
from galleria_server.operations.purging import Purging
from tests.server.catalogue_client import CatalogueClient, drop_copies, fail_copies, target
from tests.server.empty_volumes import CatalogueServer, EmptyVolumes
from tests.server.refusals import refused
from tests.support.server_thread import config_in, server_thread

DELETED = publishing_pb.IMAGE_STATE_SOFT_DELETED


class SteppedClock:
    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def step(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture(scope="module")
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture(scope="module")
def running(module_folder: Path, clock: SteppedClock) -> Iterator[CatalogueServer]:
    with server_thread(config_in(module_folder), EmptyVolumes, clock) as server:
        yield server


@pytest.fixture
def kept(client: CatalogueClient) -> CatalogueClient:
    """A client whose gallery keeps deleted versions for 7 and 3 days, with the version 1.0.0."""
    client.prepare()
    policy(client, enabled=True, retention_days=7, grace_days=3)
    client.publish("1.0.0")
    return client


def policy(client: CatalogueClient, **fields: object) -> None:
    said = pb.SoftDeletePolicy(**fields)  # type: ignore[arg-type]
    gallery = pb.Gallery(name=client.gallery_name, soft_delete_policy=said)
    paths = FieldMask(paths=["soft_delete_policy"])
    client.galleries.UpdateGallery(pb.UpdateGalleryRequest(gallery=gallery, update_mask=paths))


def restore(client: CatalogueClient, number: str, **options: object) -> version_pb.ImageVersion:
    name = f"{client.image_name}/versions/{number}"
    return client.galleries.RestoreImageVersion(
        version_pb.RestoreImageVersionRequest(name=name, **options)  # type: ignore[arg-type]
    )


def purge(client: CatalogueClient, number: str) -> Operation:
    name = f"{client.image_name}/versions/{number}"
    return client.galleries.PurgeImageVersion(version_pb.PurgeImageVersionRequest(name=name))


def listed(client: CatalogueClient, *, show_deleted: bool = False) -> list[str]:
    request = version_pb.ListImageVersionsRequest(parent=client.image_name, show_deleted=show_deleted)
    return [found.name.rpartition("/")[2] for found in client.galleries.ListImageVersions(request).image_versions]


def soft_deleted(client: CatalogueClient, **options: object) -> version_pb.ListSoftDeletedImageVersionsResponse:
    request = version_pb.ListSoftDeletedImageVersionsRequest(parent=client.image_name, **options)  # type: ignore[arg-type]
    return client.galleries.ListSoftDeletedImageVersions(request)


def states(client: CatalogueClient, number: str) -> set[CopyState]:
    uid = UUID(client.version(number).uid)
    return {copy.state for copy in client.running.read(copies.of_version, uid)}


def look(client: CatalogueClient, clock: SteppedClock, at_once: int = 100) -> None:
    at = client.running.foundation
    client.running.run(Purging(at.metadata, client.running.content, at.bell, clock, at_once).look())


def test_a_deleted_version_keeps_its_copies_and_shows_its_times(kept: CatalogueClient, clock: SteppedClock) -> None:
    before = kept.version("1.0.0")
    assert before.image_state == publishing_pb.IMAGE_STATE_ACTIVE
    assert not before.HasField("hard_deletion_time")
    operation = kept.delete_version("1.0.0")
    assert operation.done
    assert not operation.HasField("error")
    after = kept.version("1.0.0")
    assert after.image_state == DELETED
    assert after.provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED
    assert after.etag != before.etag
    assert after.soft_delete_time.ToDatetime(UTC) == clock.now
    assert after.consumption_end_time.ToDatetime(UTC) == clock.now + timedelta(days=7)
    assert after.hard_deletion_time.ToDatetime(UTC) == clock.now + timedelta(days=10)
    assert states(kept, "1.0.0") == {CopyState.READY}


def test_it_is_used_by_its_exact_number_until_its_use_ends(kept: CatalogueClient, clock: SteppedClock) -> None:
    kept.publish("0.9.0")
    assert kept.resolve("latest", "eastus") == "1.0.0"
    kept.delete_version("1.0.0")
    assert kept.resolve("latest", "eastus") == "0.9.0"
    clock.step(days=7, microseconds=-1)
    assert kept.resolve("1.0.0", "eastus") == "1.0.0"
    create_copy(kept, "1.1.0")
    clock.step(microseconds=1)
    with refused("FAILED_PRECONDITION", "WRONG_STATE") as refusal:
        kept.resolve("1.0.0", "eastus")
    assert refusal.info.metadata["state"] == "softDeleted"
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        create_copy(kept, "1.2.0")


def copied(client: CatalogueClient) -> version_pb.ImageVersion:
    return version_pb.ImageVersion(source_version=f"{client.image_name}/versions/1.0.0")


def create_copy(client: CatalogueClient, number: str) -> None:
    client.galleries.CreateImageVersion(
        version_pb.CreateImageVersionRequest(
            parent=client.image_name, image_version_id=number, image_version=copied(client)
        )
    )


def test_it_is_restored_until_its_hard_deletion(kept: CatalogueClient, clock: SteppedClock) -> None:
    before = kept.version("1.0.0")
    kept.delete_version("1.0.0")
    clock.step(days=10, microseconds=-1)
    etag = kept.version("1.0.0").etag
    with refused("ABORTED", "ETAG_MISMATCH"):
        restore(kept, "1.0.0", etag=before.etag)
    assert restore(kept, "1.0.0", etag=etag, validate_only=True).image_state == publishing_pb.IMAGE_STATE_ACTIVE
    assert kept.version("1.0.0").image_state == DELETED
    restored = restore(kept, "1.0.0", etag=etag)
    assert restored == kept.version("1.0.0")
    for changed in ("etag", "update_time"):
        restored.ClearField(changed)
        before.ClearField(changed)
    assert restored == before
    assert kept.resolve("latest", "eastus") == "1.0.0"
    kept.delete_version("1.0.0")
    clock.step(days=10)
    with refused("FAILED_PRECONDITION", "WRONG_STATE") as refusal:
        restore(kept, "1.0.0")
    assert "gone since" in refusal.message


def test_only_what_is_soft_deleted_is_restored_or_purged(kept: CatalogueClient) -> None:
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        restore(kept, "1.0.0")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        purge(kept, "1.0.0")
    with refused("NOT_FOUND", "NOT_FOUND"):
        restore(kept, "2.0.0")
    with refused("NOT_FOUND", "NOT_FOUND"):
        purge(kept, "2.0.0")


def test_a_repeat_of_a_restoration_finds_it_done(kept: CatalogueClient) -> None:
    kept.delete_version("1.0.0")
    request_id = "5f0a0000-0000-4000-8000-000000000001"
    assert restore(kept, "1.0.0", request_id=request_id) == restore(kept, "1.0.0", request_id=request_id)


def test_the_policy_at_the_time_of_the_deletion_counts(kept: CatalogueClient, clock: SteppedClock) -> None:
    kept.delete_version("1.0.0")
    policy(kept, enabled=True, retention_days=1, grace_days=0)
    assert kept.version("1.0.0").hard_deletion_time.ToDatetime(UTC) == clock.now + timedelta(days=10)
    policy(kept, enabled=False)
    clock.step(days=5)
    look(kept, clock)
    assert kept.version("1.0.0").image_state == DELETED
    assert restore(kept, "1.0.0").image_state == publishing_pb.IMAGE_STATE_ACTIVE
    assert not kept.delete_version("1.0.0").done
    assert states(kept, "1.0.0") == {CopyState.DELETING}


def test_a_soft_deleted_name_is_taken(kept: CatalogueClient) -> None:
    kept.delete_version("1.0.0")
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS") as refusal:
        kept.create_version("1.0.0")
    assert "soft-deleted" in refusal.message
    assert "purge" in refusal.message
    assert refusal.info.metadata["hard_deletion_time"]


def test_a_failed_version_is_soft_deleted_and_keeps_its_name_too(kept: CatalogueClient) -> None:
    kept.create_version("2.0.0")
    uid = UUID(kept.version("2.0.0").uid)
    kept.running.write(fail_copies, uid, None, "no room")
    kept.delete_version("2.0.0")
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        kept.create_version("2.0.0")
    assert restore(kept, "2.0.0").provisioning_state == publishing_pb.PROVISIONING_STATE_FAILED


def test_a_creation_ends_when_its_version_is_soft_deleted(kept: CatalogueClient) -> None:
    creation = kept.create_version("2.0.0", [target("eastus"), target("westus")])
    kept.replicate("2.0.0", "eastus")
    kept.delete_version("2.0.0")
    assert kept.operation(creation.name).error.code == grpc.StatusCode.CANCELLED.value[0]
    found = kept.version("2.0.0")
    assert (found.provisioning_state, found.image_state) == (publishing_pb.PROVISIONING_STATE_FAILED, DELETED)
    assert states(kept, "2.0.0") == {CopyState.READY, CopyState.FAILED}


def test_a_soft_deleted_version_is_not_changed_nor_deleted_again(kept: CatalogueClient) -> None:
    kept.delete_version("1.0.0")
    name = f"{kept.image_name}/versions/1.0.0"
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        kept.galleries.UpdateImageVersion(
            version_pb.UpdateImageVersionRequest(image_version=version_pb.ImageVersion(name=name, tags={"a": "b"}))
        )
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        kept.galleries.SetReplicaCount(version_pb.SetReplicaCountRequest(name=name, region="eastus", replica_count=2))
    with refused("FAILED_PRECONDITION", "WRONG_STATE") as refusal:
        kept.delete_version("1.0.0")
    assert "restore or purge" in refusal.message


def test_the_list_is_filtered_ordered_and_cut_as_that_of_all(kept: CatalogueClient) -> None:
    for number in ("1.1.0", "1.2.0"):
        kept.create_version(number, image_version=version_pb.ImageVersion(tags={"ring": number}))
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        kept.delete_version(number)
    asked = {"filter": "tags.ring:*", "order_by": "number", "read_mask": FieldMask(paths=["image_state"])}
    found = soft_deleted(kept, **asked).image_versions
    assert list(found) == [
        version_pb.ImageVersion(name=f"{kept.image_name}/versions/{number}", image_state=DELETED)
        for number in ("1.1.0", "1.2.0")
    ]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        soft_deleted(kept, filter="nothing = 1", order_by="size", read_mask=FieldMask(paths=["x"]))
    assert refusal.fields == ["filter", "order_by", "read_mask"]


def test_lists_leave_it_out_unless_asked(kept: CatalogueClient) -> None:
    for number in ("1.1.0", "1.2.0", "1.3.0"):
        kept.publish(number)
    for number in ("1.0.0", "1.2.0"):
        kept.delete_version(number)
    assert listed(kept) == ["1.3.0", "1.1.0"]
    assert listed(kept, show_deleted=True) == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    first = soft_deleted(kept, page_size=1)
    second = soft_deleted(kept, page_size=1, page_token=first.next_page_token)
    names = [found.name.rpartition("/")[2] for page in (first, second) for found in page.image_versions]
    assert names == ["1.2.0", "1.0.0"]
    assert second.next_page_token == ""
    with refused("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"):
        request = version_pb.ListImageVersionsRequest(parent=kept.image_name, page_token=first.next_page_token)
        kept.galleries.ListImageVersions(request)


def test_parents_of_soft_deleted_versions_stay(kept: CatalogueClient) -> None:
    kept.delete_version("1.0.0")
    with refused("FAILED_PRECONDITION", "IN_USE") as refusal:
        kept.galleries.DeleteImageDefinition(image_pb.DeleteImageDefinitionRequest(name=kept.image_name))
    assert refusal.info.metadata["user"].endswith("/versions/1.0.0")


@pytest.mark.parametrize("way", ["bypass", "purge", "bypass later"])
def test_it_goes_for_good_when_that_is_asked(kept: CatalogueClient, way: str) -> None:
    uid = UUID(kept.version("1.0.0").uid)
    if way != "bypass":
        kept.delete_version("1.0.0")
    operation = purge(kept, "1.0.0") if way == "purge" else kept.delete_version("1.0.0", bypass_soft_delete=True)
    assert states(kept, "1.0.0") == {CopyState.DELETING}
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        restore(kept, "1.0.0")
    kept.running.write(drop_copies, uid)
    assert kept.operation(operation.name).done
    assert listed(kept, show_deleted=True) == []
    kept.create_version("1.0.0")


def test_it_is_purged_when_its_time_has_come(kept: CatalogueClient, clock: SteppedClock) -> None:
    kept.publish("1.1.0")
    kept.delete_version("1.0.0")
    clock.step(days=10, microseconds=-1)
    look(kept, clock)
    assert states(kept, "1.0.0") == {CopyState.READY}
    clock.step(microseconds=1)
    look(kept, clock)
    assert states(kept, "1.0.0") == {CopyState.DELETING}
    assert states(kept, "1.1.0") == {CopyState.READY}


def test_what_others_are_made_from_is_purged_after_them(kept: CatalogueClient, clock: SteppedClock) -> None:
    kept.delete_version("1.0.0")
    create_copy(kept, "1.1.0")
    clock.step(days=10)
    with refused("FAILED_PRECONDITION", "IN_USE"):
        purge(kept, "1.0.0")
    look(kept, clock)
    assert states(kept, "1.0.0") == {CopyState.READY}
    kept.replicate("1.1.0")
    look(kept, clock)
    assert states(kept, "1.0.0") == {CopyState.DELETING}


def test_nothing_is_purged_while_its_home_is_down(kept: CatalogueClient, clock: SteppedClock) -> None:
    kept.delete_version("1.0.0")
    clock.step(days=10)
    with grpc.insecure_channel(kept.running.target) as channel:
        regions = RegionControlStub(channel)
        regions.MarkRegion(MarkRegionRequest(region="eastus", down=True, reason="flood"))
        try:
            look(kept, clock)
            assert states(kept, "1.0.0") == {CopyState.READY}
        finally:
            regions.MarkRegion(MarkRegionRequest(region="eastus"))
    look(kept, clock)
    assert states(kept, "1.0.0") == {CopyState.DELETING}


def test_what_is_locked_is_not_purged(kept: CatalogueClient, clock: SteppedClock) -> None:
    kept.delete_version("1.0.0")
    with grpc.insecure_channel(kept.running.target) as channel:
        locks = LocksStub(channel)
        lock = locks.CreateLock(
            CreateLockRequest(parent=kept.gallery_name, lock_id="keep", lock=Lock(level=LOCK_LEVEL_CAN_NOT_DELETE))
        )
        clock.step(days=10)
        with refused("FAILED_PRECONDITION", "SCOPE_LOCKED"):
            purge(kept, "1.0.0")
        look(kept, clock)
        assert states(kept, "1.0.0") == {CopyState.READY}
        locks.DeleteLock(DeleteLockRequest(name=lock.name))
    look(kept, clock)
    assert states(kept, "1.0.0") == {CopyState.DELETING}


def test_every_version_that_is_due_goes_however_many_may_not(kept: CatalogueClient, clock: SteppedClock) -> None:
    numbers = [f"2.0.{patch}" for patch in range(5)]
    for number in numbers:
        kept.publish(number)
        kept.delete_version(number)
    clock.step(days=10)
    look(kept, clock, at_once=2)
    assert [states(kept, number) for number in numbers] == [{CopyState.DELETING}] * 5


def test_latest_tells_that_it_passed_over_a_soft_deleted_version(kept: CatalogueClient) -> None:
    kept.publish("1.1.0")
    kept.delete_version("1.1.0")
    request = version_pb.ResolveImageVersionRequest(name=f"{kept.image_name}/versions/latest", region="eastus")
    answer = kept.galleries.ResolveImageVersion(request)
    assert [(one.version, one.reason) for one in answer.skipped] == [("1.1.0", version_pb.SKIP_REASON_SOFT_DELETED)]


def test_no_alias_is_moved_to_a_soft_deleted_version(kept: CatalogueClient) -> None:
    kept.publish("1.1.0")
    kept.delete_version("1.0.0")
    name = f"{kept.image_name}/aliases/stable"
    with grpc.insecure_channel(kept.running.target) as channel:
        aliases = AliasesStub(channel)
        with refused("FAILED_PRECONDITION", "WRONG_STATE"):
            aliases.SetAlias(SetAliasRequest(name=name, version="1.0.0"))
        aliases.SetAlias(SetAliasRequest(name=name, version="1.1.0"))
    with refused("FAILED_PRECONDITION", "IN_USE"):
        kept.delete_version("1.1.0")


def test_retention_deletes_softly_and_counts_what_is_active(kept: CatalogueClient) -> None:
    for number in ("1.0.1", "1.0.2"):
        kept.publish(number)
    kept.delete_version("1.0.2")
    policy = image_pb.RetentionPolicy(keep_last=1)
    definition = image_pb.ImageDefinition(name=kept.image_name, retention_policy=policy)
    kept.galleries.UpdateImageDefinition(image_pb.UpdateImageDefinitionRequest(image_definition=definition))
    with grpc.insecure_channel(kept.running.target) as channel:
        PoliciesStub(channel).ApplyRetention(ApplyRetentionRequest(name=kept.image_name))
    assert listed(kept) == ["1.0.1"]
    assert kept.version("1.0.0").image_state == DELETED


def test_a_server_that_starts_purges_what_came_due(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    clock, name = SteppedClock(), re.sub("[^a-z0-9]", "_", request.node.name)
    for days in (0, 10):
        clock.step(days=days)
        with (
            server_thread(config_in(tmp_path), EmptyVolumes, clock) as running,
            grpc.insecure_channel(running.target) as channel,
        ):
            client = CatalogueClient(channel, running, name)
            client.gallery_id = "prod"
            client.gallery_name = f"{client.group}/galleries/prod"
            client.image_name = f"{client.gallery_name}/images/debian"
            if days == 0:
                client.prepare()
                policy(client, enabled=True, retention_days=7, grace_days=3)
                client.publish("1.0.0")
                client.delete_version("1.0.0")
            else:
                assert states(client, "1.0.0") == {CopyState.DELETING}
