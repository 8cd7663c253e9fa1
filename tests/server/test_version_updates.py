"""What may be changed of an image version later, and its target regions one by one."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from google.longrunning.operations_pb2 import Operation
from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.domain.models import CopyState
from galleria_server.metadata import copies
from tests.server.catalogue_client import CatalogueClient, drop_gone, fail_copies, finish_copies, target
from tests.server.refusals import refused
from tests.server.test_version_publishing import DES, ZRS, encryption, stamp

ALLOWED = publishing_pb.SafetyProfile(allow_deletion_of_replicated_locations=True)


def change(client: CatalogueClient, *paths: str, number: str = "1.0.0", **fields: object) -> Operation:
    asked = version_pb.ImageVersion(name=f"{client.image_name}/versions/{number}")
    asked.MergeFrom(version_pb.ImageVersion(**fields))  # type: ignore[arg-type]
    request = version_pb.UpdateImageVersionRequest(image_version=asked, update_mask=FieldMask(paths=paths))
    return client.galleries.UpdateImageVersion(request)


def add_regions(client: CatalogueClient, *regions: publishing_pb.TargetRegion) -> Operation:
    name = f"{client.image_name}/versions/1.0.0"
    return client.galleries.AddTargetRegions(version_pb.AddTargetRegionsRequest(name=name, target_regions=regions))


def remove_regions(client: CatalogueClient, *regions: str) -> Operation:
    name = f"{client.image_name}/versions/1.0.0"
    return client.galleries.RemoveTargetRegions(version_pb.RemoveTargetRegionsRequest(name=name, regions=regions))


def count(client: CatalogueClient, region: str, replicas: int) -> Operation:
    name = f"{client.image_name}/versions/1.0.0"
    request = version_pb.SetReplicaCountRequest(name=name, region=region, replica_count=replicas)
    return client.galleries.SetReplicaCount(request)


def published(client: CatalogueClient, *regions: publishing_pb.TargetRegion, **fields: object) -> UUID:
    client.prepare()
    client.create_version("1.0.0", regions, image_version=version_pb.ImageVersion(**fields))  # type: ignore[arg-type]
    client.replicate("1.0.0")
    return UUID(client.version("1.0.0").uid)


def regions_of(client: CatalogueClient) -> dict[str, int]:
    return {region.region: region.replica_count for region in client.version("1.0.0").target_regions}


def test_a_change_that_needs_no_copies_is_done_at_once(client: CatalogueClient) -> None:
    published(client)
    before = client.version("1.0.0")
    operation = change(client, exclude_from_latest=True, end_of_life_time=stamp(3), tags={"a": "b"}, labels={"x": "y"})
    assert operation.done
    after = client.version("1.0.0")
    assert after.exclude_from_latest
    assert (dict(after.tags), dict(after.labels)) == ({"a": "b"}, {"x": "y"})
    assert after.HasField("end_of_life_time")
    assert after.etag != before.etag
    assert after.provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED
    assert after.published_time == before.published_time
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        client.resolve("latest", "eastus")
    change(client, "exclude_from_latest", "end_of_life_time")
    cleared = client.version("1.0.0")
    assert not cleared.exclude_from_latest
    assert not cleared.HasField("end_of_life_time")
    assert dict(cleared.tags) == {"a": "b"}
    assert client.resolve("latest", "eastus") == "1.0.0"


def test_the_regions_own_word_wins(client: CatalogueClient) -> None:
    counted = publishing_pb.TargetRegion(region="westus", exclude_from_latest=False)
    published(client, publishing_pb.TargetRegion(region="eastus"), counted, exclude_from_latest=True)
    assert client.resolve("latest", "westus") == "1.0.0"
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        client.resolve("latest", "eastus")


def test_more_regions_and_replicas_are_copied_while_the_rest_is_used(client: CatalogueClient) -> None:
    uid = published(client, target("eastus"))
    operation = change(client, target_regions=[target("eastus", 2), target("West US")])
    assert not operation.done
    made = client.version("1.0.0")
    assert made.provisioning_state == publishing_pb.PROVISIONING_STATE_UPDATING
    assert [(region.region, region.usable) for region in made.replication] == [("eastus", True), ("westus", False)]
    assert client.resolve("latest", "eastus") == "1.0.0"
    rows = client.running.read(copies.of_version, uid)
    assert len({(row.region, row.volume) for row in rows}) == 3
    client.replicate("1.0.0")
    ended = client.operation(operation.name)
    answer = version_pb.ImageVersion()
    assert ended.response.Unpack(answer)
    assert answer.provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED


def test_regions_are_left_out_only_when_that_is_allowed(client: CatalogueClient) -> None:
    uid = published(client, target("eastus"), target("westus"))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change(client, target_regions=[target("eastus")])
    assert refusal.fields == ["image_version.target_regions"]
    assert "allow_deletion_of_replicated_locations" in refusal.message
    assert regions_of(client) == {"eastus": 1, "westus": 1}
    change(client, "safety_profile", "target_regions", target_regions=[target("eastus")], safety_profile=ALLOWED)
    assert regions_of(client) == {"eastus": 1}
    states = {row.region: row.state for row in client.running.read(copies.of_version, uid)}
    assert states == {"eastus": CopyState.READY, "westus": CopyState.DELETING}
    assert [region.region for region in client.version("1.0.0").replication] == ["eastus"]
    client.running.write(drop_gone, uid)
    assert client.version("1.0.0").provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED
    assert len(client.running.read(copies.of_version, uid)) == 1


def test_the_home_region_stays(client: CatalogueClient) -> None:
    published(client, target("eastus"), target("westus"), safety_profile=ALLOWED)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change(client, target_regions=[target("westus")])
    assert refusal.fields == ["image_version.target_regions"]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        remove_regions(client, "eastus")


def test_no_regions_leave_those_that_there_are(client: CatalogueClient) -> None:
    published(client, target("eastus", 2), target("westus"))
    change(client, "target_regions", "tags", tags={"a": "b"})
    assert regions_of(client) == {"eastus": 2, "westus": 1}


def test_the_kind_of_replica_stays_what_it_was(client: CatalogueClient) -> None:
    published(client, target("eastus", 1, ZRS))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change(client, target_regions=[target("eastus", 1, publishing_pb.STORAGE_ACCOUNT_TYPE_STANDARD_LRS)])
    assert refusal.fields == ["image_version.target_regions[0].storage_account_type"]
    assert "Standard_ZRS" in refusal.message
    change(client, target_regions=[target("eastus")])
    assert client.version("1.0.0").target_regions[0].storage_account_type == ZRS


@pytest.mark.parametrize(
    "fields",
    [
        {"os_disk": "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-000000000002/resourceGroups/rg/disks/other"},
        {"storage_account_type": publishing_pb.STORAGE_ACCOUNT_TYPE_PREMIUM_LRS},
        {"storage_account_strategy": publishing_pb.STORAGE_ACCOUNT_STRATEGY_DEFAULT_STANDARD_LRS},
        {"replication_mode": publishing_pb.REPLICATION_MODE_SHALLOW},
        {"os_disk_caching": version_pb.HOST_CACHING_READ_ONLY},
        {"data_disks": [version_pb.DataDisk(lun=1, source="x")]},
        {
            "uefi_settings": version_pb.UefiSettings(
                signature_templates=[version_pb.UEFI_SIGNATURE_TEMPLATE_NO_SIGNATURE]
            )
        },
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_never_changes_is_refused(client: CatalogueClient, fields: dict[str, Any]) -> None:
    published(client)
    before = client.version("1.0.0")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change(client, **fields)
    assert refusal.fields == [f"image_version.{next(iter(fields))}"]
    assert client.version("1.0.0") == before


def test_a_location_or_another_uid_is_no_move(client: CatalogueClient) -> None:
    published(client)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        change(client, "tags", location="westus")
    assert refusal.fields == ["image_version.location"]
    with refused("FAILED_PRECONDITION", "MOVE_NOT_SUPPORTED"):
        change(client, "tags", uid=str(UUID(int=5)))


def test_an_etag_guards_a_change(client: CatalogueClient) -> None:
    published(client)
    etag = client.version("1.0.0").etag
    change(client, etag=etag, tags={"a": "1"})
    with refused("ABORTED", "ETAG_MISMATCH") as refusal:
        change(client, etag=etag, tags={"a": "2"})
    assert refusal.info.metadata["current"] == client.version("1.0.0").etag


def test_encryption_cannot_come_later_either(client: CatalogueClient) -> None:
    published(client)
    region = publishing_pb.TargetRegion(region="eastus", encryption=encryption(os_disk=DES))
    with refused("FAILED_PRECONDITION", "ENCRYPTION_UNAVAILABLE"):
        change(client, target_regions=[region])
    westward = publishing_pb.TargetRegion(region="westus", encryption=encryption(os_disk=DES))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as wrong:
        change(client, target_regions=[publishing_pb.TargetRegion(region="eastus"), westward])
    assert wrong.fields == ["image_version.target_regions[0].encryption"]


def test_a_failed_region_is_tried_again_by_a_change(client: CatalogueClient) -> None:
    uid = published(client)
    add_regions(client, target("westus"))
    client.running.write(fail_copies, uid, "westus", "no way")
    failed = client.version("1.0.0")
    assert failed.provisioning_state == publishing_pb.PROVISIONING_STATE_FAILED
    assert client.resolve("latest", "eastus") == "1.0.0"
    operation = change(client, "tags")
    assert not operation.done
    client.running.write(finish_copies, uid, "westus")
    assert client.version("1.0.0").provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED


def test_a_version_that_is_being_deleted_is_not_changed(client: CatalogueClient) -> None:
    published(client)
    client.delete_version("1.0.0")
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        change(client, tags={"a": "b"})
    with refused("FAILED_PRECONDITION", "WRONG_STATE"):
        add_regions(client, target("westus"))


def test_regions_are_added_and_removed_one_by_one(client: CatalogueClient) -> None:
    published(client, safety_profile=ALLOWED)
    add_regions(client, target("West US", 2))
    assert regions_of(client) == {"eastus": 1, "westus": 2}
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        add_regions(client, target("westus"))
    count(client, "West US", 3)
    assert regions_of(client) == {"eastus": 1, "westus": 3}
    remove_regions(client, "West US")
    assert regions_of(client) == {"eastus": 1}
    with refused("NOT_FOUND", "NOT_FOUND"):
        remove_regions(client, "westus")
    with refused("NOT_FOUND", "NOT_FOUND"):
        count(client, "westus", 2)


def test_removing_a_region_needs_leave(client: CatalogueClient) -> None:
    published(client, target("eastus"), target("westus"))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        remove_regions(client, "westus")
    assert "allow_deletion_of_replicated_locations" in refusal.message


@pytest.mark.parametrize("replicas", [0, 101])
def test_a_number_of_replicas_has_bounds(client: CatalogueClient, replicas: int) -> None:
    published(client)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
        count(client, "eastus", replicas)
    assert regions_of(client) == {"eastus": 1}


def test_calls_about_regions_need_some(client: CatalogueClient) -> None:
    published(client)
    for call in (add_regions, remove_regions):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
            call(client)


def test_fewer_replicas_keep_those_that_are_ready(client: CatalogueClient) -> None:
    uid = published(client, target("eastus", 2))
    count(client, "eastus", 3)
    client.running.write(fail_copies, uid, "eastus", "no room")
    count(client, "eastus", 2)
    kept = [row for row in client.running.read(copies.of_version, uid) if row.state is not CopyState.DELETING]
    assert [row.state for row in kept] == [CopyState.READY, CopyState.READY]


def test_whoever_changes_regions_at_once_loses_nothing(client: CatalogueClient) -> None:
    published(client, safety_profile=ALLOWED)
    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(add_regions, client, target("westus")),
            pool.submit(add_regions, client, target("westeurope")),
            pool.submit(count, client, "eastus", 2),
            pool.submit(change, client, tags={"a": "b"}),
        ]
        for call in calls:
            call.result()
    assert regions_of(client) == {"eastus": 2, "westus": 1, "westeurope": 1}
    assert dict(client.version("1.0.0").tags) == {"a": "b"}


def test_a_version_is_kept_until_its_end_of_life_when_it_says_so(client: CatalogueClient) -> None:
    guard = publishing_pb.SafetyProfile(block_deletion_before_end_of_life=True)
    published(client, safety_profile=guard, end_of_life_time=stamp(1))
    with refused("FAILED_PRECONDITION", "DELETION_BLOCKED") as refusal:
        client.delete_version("1.0.0")
    assert refusal.info.metadata["end_of_life"]
    change(client, "safety_profile")
    client.delete_version("1.0.0")


def test_validating_a_change_changes_nothing(client: CatalogueClient) -> None:
    published(client)
    before = client.version("1.0.0")
    asked = version_pb.ImageVersion(name=before.name, target_regions=[target("eastus", 3)])
    answer = client.galleries.UpdateImageVersion(
        version_pb.UpdateImageVersionRequest(image_version=asked, validate_only=True)
    )
    metadata = publishing_pb.VersionMetadata()
    assert answer.metadata.Unpack(metadata)
    assert [region.desired_replicas for region in metadata.replication] == [3]
    assert client.version("1.0.0") == before
