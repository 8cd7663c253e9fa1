from uuid import UUID, uuid4

import pytest
from google.rpc import error_details_pb2 as rpc

from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.clock import utc_now
from galleria_server.domain.models import DiskState
from galleria_server.metadata import copies
from tests.server.catalogue_client import (
    DIGEST,
    OCCUPIED,
    CatalogueClient,
    add_disk,
    claim_all,
    drop_copies,
    fail_copies,
    finish_copies,
    target,
)
from tests.server.empty_volumes import CatalogueServer
from tests.server.refusals import refused

ZRS = publishing_pb.STORAGE_ACCOUNT_TYPE_STANDARD_ZRS
PREMIUM = publishing_pb.STORAGE_ACCOUNT_TYPE_PREMIUM_LRS
ORDER = (target("eastus", 2), target("West US", 1, PREMIUM), target("westeurope", 1, ZRS))


def test_a_new_version_is_the_disks_content_wanted_in_its_regions(client: CatalogueClient) -> None:
    client.prepare()
    wakes = client.running.content.wakes
    operation = client.create_version("1.0.0", ORDER)
    assert client.running.content.wakes > wakes
    assert not operation.done
    made = client.version("1.0.0")
    assert made.name == f"{client.image_name}/versions/1.0.0"
    assert (made.size_bytes, made.occupied_bytes, made.digest, made.sha256) == (4096, OCCUPIED, DIGEST, "ab" * 32)
    assert (made.location, made.os_disk) == ("eastus", f"{client.group}/disks/disk-1")
    assert made.provisioning_state == publishing_pb.PROVISIONING_STATE_CREATING
    shown = [(region.region, region.replica_count, region.storage_account_type) for region in made.target_regions]
    assert shown == [("eastus", 2, 1), ("westus", 1, PREMIUM), ("westeurope", 1, ZRS)]


def test_replication_is_shown_per_region_replica_and_copy(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0", ORDER)
    east, west, europe = client.version("1.0.0").replication
    assert [replica.ordinal for replica in east.replicas] == [0, 1]
    assert [len(replica.copies) for replica in east.replicas] == [1, 1]
    assert len({replica.copies[0].volume for replica in east.replicas}) == 2
    assert [len(replica.copies) for replica in west.replicas] == [1]
    assert [copy.zone for copy in europe.replicas[0].copies] == ["1", "2", "3"]
    for region in (east, west, europe):
        assert region.state == publishing_pb.COPY_STATE_PENDING
        assert (region.usable, region.progress_percent, region.ready_replicas) == (False, 0, 0)
    assert [region.desired_replicas for region in (east, west, europe)] == [2, 1, 1]
    assert east.replicas[0].occupied_bytes == OCCUPIED


def test_the_first_copy_in_the_disks_region_lies_beside_the_disk(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0")
    (region,) = client.version("1.0.0").replication
    assert region.replicas[0].copies[0].volume == "eastus-1"


def test_a_region_is_usable_before_all_is_ready(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0", ORDER)
    client.replicate("1.0.0", "westeurope")
    made = client.version("1.0.0")
    assert made.provisioning_state == publishing_pb.PROVISIONING_STATE_CREATING
    assert [region.usable for region in made.replication] == [False, False, True]
    assert [region.progress_percent for region in made.replication] == [0, 0, 100]
    client.replicate("1.0.0", "eastus")
    client.replicate("1.0.0", "westus")
    done = client.version("1.0.0")
    assert done.provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED
    assert done.HasField("published_time")
    assert done.etag != made.etag
    assert [region.ready_replicas for region in done.replication] == [2, 1, 1]
    assert {region.state for region in done.replication} == {publishing_pb.COPY_STATE_READY}


def test_progress_is_computed_from_the_copies_and_is_no_change_of_the_version(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0", [target("eastus", 2)])
    before = client.version("1.0.0")
    (first, _) = client.running.write(claim_all, UUID(before.uid), "eastus")
    assert client.running.write(copies.checkpoint, first.uid, first.epoch, 990, utc_now())
    after = client.version("1.0.0")
    (region,) = after.replication
    assert (region.state, region.progress_percent) == (publishing_pb.COPY_STATE_COPYING, 49)
    assert sorted(replica.copies[0].done_bytes for replica in region.replicas) == [0, 990]
    assert after.etag == before.etag


def test_a_failed_copy_fails_the_version_once_nothing_is_under_way(client: CatalogueClient) -> None:
    client.prepare()
    operation = client.create_version("1.0.0", [target("eastus"), target("westus")])
    uid = UUID(client.version("1.0.0").uid)
    client.running.write(fail_copies, uid, "westus", "the volume is gone")
    assert client.version("1.0.0").provisioning_state == publishing_pb.PROVISIONING_STATE_CREATING
    client.running.write(finish_copies, uid, "eastus")
    made = client.version("1.0.0")
    assert made.provisioning_state == publishing_pb.PROVISIONING_STATE_FAILED
    assert [region.state for region in made.replication] == [
        publishing_pb.COPY_STATE_READY,
        publishing_pb.COPY_STATE_FAILED,
    ]
    assert made.replication[1].replicas[0].copies[0].details == "the volume is gone"
    ended = client.operation(operation.name)
    assert ended.done
    assert "the volume is gone" in ended.error.message
    assert "westus" in ended.error.message


def test_a_version_without_target_regions_goes_to_its_gallerys_region(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0")
    (wanted,) = client.version("1.0.0").target_regions
    assert wanted == target("eastus", 1, publishing_pb.STORAGE_ACCOUNT_TYPE_STANDARD_LRS)


def test_the_home_region_must_be_among_the_targets(client: CatalogueClient) -> None:
    client.prepare()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_version("1.0.0", [target("westus")])
    assert refusal.fields == ["image_version.target_regions"]
    assert "eastus" in refusal.message


def test_a_region_named_twice_is_refused(client: CatalogueClient) -> None:
    client.prepare()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_version("1.0.0", [target("eastus"), target("East US")])
    assert refusal.fields == ["image_version.target_regions"]


def test_an_unknown_target_region_is_told(client: CatalogueClient) -> None:
    client.prepare()
    with refused("NOT_FOUND", "REGION_UNKNOWN") as refusal:
        client.create_version("1.0.0", [target("eastus"), target("mars")])
    assert refusal.info.metadata["region"] == "mars"


@pytest.mark.parametrize("replicas", [101, 2**32 - 1])
def test_more_than_100_replicas_are_refused_with_the_limit(client: CatalogueClient, replicas: int) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_version("1.0.0", [target("eastus", replicas)])
    assert refusal.fields == ["image_version.target_regions[0].replica_count"]
    assert "100" in refusal.message


def test_an_unknown_account_type_and_an_empty_region_are_refused(client: CatalogueClient) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_version("1.0.0", [target("eastus"), target("", 1, 9)])
    expected = ["image_version.target_regions[1].region", "image_version.target_regions[1].storage_account_type"]
    assert sorted(refusal.fields) == expected


@pytest.mark.parametrize(
    ("wanted", "numbers"), [(target("eastus", 4), ("4", "3")), (target("eastus", 2, ZRS), ("6", "3"))]
)
def test_more_copies_than_volumes_are_refused_with_both_numbers(
    client: CatalogueClient, wanted: publishing_pb.TargetRegion, numbers: tuple[str, str]
) -> None:
    client.prepare()
    with refused("FAILED_PRECONDITION", "NOT_ENOUGH_VOLUMES") as refusal:
        client.create_version("1.0.0", [wanted])
    assert (refusal.info.metadata["wanted"], refusal.info.metadata["available"]) == numbers
    assert refusal.detail(rpc.PreconditionFailure).violations[0].type == "NOT_ENOUGH_VOLUMES"
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.version("1.0.0")


def test_three_replicas_fit_three_volumes(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0", [target("eastus", 3)])
    (region,) = client.version("1.0.0").replication
    assert {replica.copies[0].volume for replica in region.replicas} == {"eastus-1", "eastus-2", "eastus-3"}


def test_the_disk_must_exist_and_have_its_content(client: CatalogueClient) -> None:
    client.prepare()
    with refused("NOT_FOUND", "NOT_FOUND") as missing:
        client.create_version("1.0.0", disk="other")
    assert missing.info.metadata["kind"] == "disk"
    client.running.write(add_disk, client.group_name, "empty", DiskState.EMPTY)
    with refused("FAILED_PRECONDITION", "WRONG_STATE") as refusal:
        client.create_version("1.0.0", disk="empty")
    assert refusal.info.metadata["state"] == "empty"


def test_a_version_needs_its_definition_and_a_free_number(client: CatalogueClient) -> None:
    with refused("NOT_FOUND", "NOT_FOUND") as refusal:
        client.create_version("1.0.0")
    assert refusal.info.metadata["name"] == client.image_name
    client.prepare()
    client.create_version("1.0.0")
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        client.create_version("1.0.0")


@pytest.mark.parametrize("number", ["", "1", "1.0", "1.0.0.0", "latest", "1.0.a", "01.0.0", "1.0.2147483648", "-1.0.0"])
def test_a_wrong_number_is_refused(client: CatalogueClient, number: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_version(number)
    assert refusal.fields == ["image_version_id"]


def test_the_largest_number_is_taken(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("2147483647.2147483647.2147483647")
    assert client.version("2147483647.2147483647.2147483647").etag


def test_versions_are_listed_highest_number_first_page_by_page(client: CatalogueClient) -> None:
    client.prepare()
    for number in ("1.2.0", "1.10.0", "0.9.9", "1.2.10", "10.0.0"):
        client.create_version(number)
    request = version_pb.ListImageVersionsRequest(parent=client.image_name, page_size=2)
    found = []
    while True:
        answer = client.galleries.ListImageVersions(request)
        found.append([version.name.rpartition("/")[2] for version in answer.image_versions])
        assert all(version.replication for version in answer.image_versions)
        if not answer.next_page_token:
            break
        request.page_token = answer.next_page_token
    assert found == [["10.0.0", "1.10.0"], ["1.2.10", "1.2.0"], ["0.9.9"]]


def test_latest_is_the_highest_number_that_is_usable_in_the_region(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.9.0", [target("eastus"), target("westus")])
    client.publish("1.10.0", [target("eastus")])
    client.create_version("2.0.0", [target("eastus")])
    assert client.resolve("latest", "eastus") == "1.10.0"
    assert client.resolve("LATEST", "West US") == "1.9.0"
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION") as refusal:
        client.resolve("latest", "westeurope")
    assert refusal.info.metadata["region"] == "westeurope"


def test_latest_passes_over_what_is_excluded_everywhere_or_in_the_region(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.0.0", [target("eastus"), target("westus")])
    client.publish("2.0.0", [target("eastus"), target("westus", exclude=True)])
    client.create_version("3.0.0", image_version=version_pb.ImageVersion(exclude_from_latest=True))
    client.replicate("3.0.0")
    assert client.resolve("latest", "eastus") == "2.0.0"
    assert client.resolve("latest", "westus") == "1.0.0"
    assert client.resolve("3.0.0", "eastus") == "3.0.0"


def test_latest_of_nothing_is_not_found(client: CatalogueClient) -> None:
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.resolve("latest", "eastus")
    client.prepare()
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.resolve("latest", "eastus")
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.resolve("1.0.0", "eastus")


def test_resolving_needs_a_known_region(client: CatalogueClient) -> None:
    with refused("NOT_FOUND", "REGION_UNKNOWN"):
        client.resolve("latest", "mars")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.resolve("latest", "")
    assert refusal.fields == ["region"]


def test_an_exact_number_resolves_only_where_it_can_be_read(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0", [target("eastus"), target("westus")])
    client.replicate("1.0.0", "westus")
    assert client.resolve("1.0.0", "westus") == "1.0.0"
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        client.resolve("1.0.0", "eastus")


def test_get_takes_latest_with_a_region(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.0.0")
    name = f"{client.image_name}/versions/latest"
    get = client.galleries.GetImageVersion
    assert get(version_pb.GetImageVersionRequest(name=name, region="eastus")).name.endswith("/1.0.0")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        get(version_pb.GetImageVersionRequest(name=name))
    assert refusal.fields == ["region"]


def test_a_version_is_deleted_when_its_last_copy_is(client: CatalogueClient, running: CatalogueServer) -> None:
    client.prepare()
    client.publish("1.0.0", [target("eastus", 2)])
    uid = UUID(client.version("1.0.0").uid)
    operation = client.delete_version("1.0.0")
    assert not operation.done
    deleting = client.version("1.0.0")
    assert deleting.provisioning_state == publishing_pb.PROVISIONING_STATE_DELETING
    assert [region.usable for region in deleting.replication] == [False]
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.resolve("1.0.0", "eastus")
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        client.resolve("latest", "eastus")
    assert client.delete_version("1.0.0").name == operation.name
    running.write(drop_copies, uid)
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.version("1.0.0")
    assert client.operation(operation.name).done
    client.galleries.DeleteImageDefinition(image_pb.DeleteImageDefinitionRequest(name=client.image_name))


def test_deleting_a_version_cancels_its_creation(client: CatalogueClient) -> None:
    client.prepare()
    creation = client.create_version("1.0.0")
    (copy,) = client.running.write(claim_all, UUID(client.version("1.0.0").uid), None)
    client.delete_version("1.0.0")
    assert client.operation(creation.name).error.code == 1
    assert not client.running.write(copies.checkpoint, copy.uid, copy.epoch, 1, utc_now())
    assert not client.running.write(copies.finish, copy.uid, copy.epoch, OCCUPIED)


def test_a_version_is_deleted_only_under_its_etag(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0")
    with refused("ABORTED", "ETAG_MISMATCH"):
        client.delete_version("1.0.0", etag="old")
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.delete_version("2.0.0")
    assert not client.delete_version("1.0.0", etag=client.version("1.0.0").etag).done


def test_repeated_requests_return_the_same_operations(client: CatalogueClient) -> None:
    client.prepare()
    create_id, delete_id = str(uuid4()), str(uuid4())
    operation = client.create_version("1.0.0", request_id=create_id)
    assert client.create_version("1.0.0", request_id=create_id) == operation
    deletion = client.delete_version("1.0.0", request_id=delete_id)
    assert client.delete_version("1.0.0", request_id=delete_id).name == deletion.name


def test_validate_only_makes_no_version_and_wakes_nobody(client: CatalogueClient) -> None:
    client.prepare()
    wakes = client.running.content.wakes
    operation = client.create_version("1.0.0", ORDER, validate_only=True)
    assert client.running.content.wakes == wakes
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.version("1.0.0")
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.operation(operation.name)
