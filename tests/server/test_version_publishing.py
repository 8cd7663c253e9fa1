"""What may be said of an image version when it is made: sources, disks, publishing, safety, firmware, encryption."""

from datetime import timedelta
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from galleria.v1 import image_definitions_pb2 as image_pb
from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria_server.clock import utc_now
from galleria_server.domain.image_version import MAX_DATA_DISKS
from galleria_server.domain.models import DiskState
from galleria_server.metadata import copies
from tests.server.catalogue_client import (
    CatalogueClient,
    add_disk,
    fail_copies,
    finish_copies,
    image_request,
    target,
)
from tests.server.refusals import refused

ZRS = publishing_pb.STORAGE_ACCOUNT_TYPE_STANDARD_ZRS
LRS = publishing_pb.STORAGE_ACCOUNT_TYPE_STANDARD_LRS
PREMIUM = publishing_pb.STORAGE_ACCOUNT_TYPE_PREMIUM_LRS
READ_ONLY = version_pb.HOST_CACHING_READ_ONLY


def stamp(days: float) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(utc_now() + timedelta(days=days))
    return time


def disks(client: CatalogueClient, *names: str) -> list[str]:
    for name in names:
        client.running.write(add_disk, client.group_name, name, DiskState.READY)
    return [f"{client.group}/disks/{name}" for name in names]


def create(client: CatalogueClient, number: str = "1.0.0", **fields: object) -> version_pb.ImageVersion:
    client.create_version(number, image_version=version_pb.ImageVersion(**fields))  # type: ignore[arg-type]
    return client.version(number)


def test_everything_that_may_be_said_of_a_version_is_kept(client: CatalogueClient) -> None:
    client.prepare()
    (data,) = disks(client, "data")
    key = version_pb.UefiKey(type=version_pb.UEFI_KEY_TYPE_SHA256, values=["aGFzaA=="])
    said = version_pb.ImageVersion(
        tags={"team": "a"},
        labels={"commit": "abc"},
        target_regions=[target("eastus", 2, LRS, exclude=True), publishing_pb.TargetRegion(region="westus")],
        exclude_from_latest=True,
        os_disk_caching=version_pb.HOST_CACHING_READ_WRITE,
        data_disks=[version_pb.DataDisk(lun=7, source=data, host_caching=READ_ONLY)],
        replica_count=3,
        storage_account_type=PREMIUM,
        end_of_life_time=stamp(1),
        replication_mode=publishing_pb.REPLICATION_MODE_FULL,
        safety_profile=publishing_pb.SafetyProfile(
            allow_deletion_of_replicated_locations=True, block_deletion_before_end_of_life=True
        ),
        uefi_settings=version_pb.UefiSettings(
            signature_templates=[version_pb.UEFI_SIGNATURE_TEMPLATE_MICROSOFT_WINDOWS],
            additional_signatures=version_pb.UefiSignatures(pk=key, kek=[key], db=[key], dbx=[key]),
        ),
    )
    client.create_version("1.0.0", image_version=said)
    made = client.version("1.0.0")
    assert {field.name for field, _ in said.ListFields()} < {field.name for field, _ in made.ListFields()}
    for field, value in said.ListFields():
        if field.name not in ("target_regions", "data_disks"):
            assert getattr(made, field.name) == value, field.name
    assert made.target_regions[0] == said.target_regions[0]
    assert made.target_regions[1] == publishing_pb.TargetRegion(
        region="westus", replica_count=3, storage_account_type=PREMIUM
    )
    (disk,) = made.data_disks
    assert (disk.lun, disk.source, disk.host_caching) == (7, data, READ_ONLY)
    assert (disk.size_bytes, disk.occupied_bytes, disk.sha256) == (4096, 1000, "ab" * 32)


def test_each_copy_of_a_version_has_all_of_its_disks_on_one_volume(client: CatalogueClient) -> None:
    client.prepare()
    first, second = disks(client, "a", "b")
    made = create(
        client,
        target_regions=[target("eastus", 2)],
        data_disks=[version_pb.DataDisk(lun=0, source=first), version_pb.DataDisk(lun=9, source=second)],
    )
    rows = client.running.read(copies.of_version, UUID(made.uid))
    assert len(rows) == 6
    assert len({(row.ordinal, row.volume) for row in rows}) == 2
    (region,) = made.replication
    assert [len(replica.copies) for replica in region.replicas] == [1, 1]
    assert region.replicas[0].occupied_bytes == 3000


def test_a_region_is_usable_when_every_disk_can_be_read_there(client: CatalogueClient) -> None:
    client.prepare()
    (data,) = disks(client, "data")
    made = create(client, data_disks=[version_pb.DataDisk(lun=0, source=data)])
    rows = client.running.read(copies.of_version, UUID(made.uid))

    def finish(transaction: object, position: int) -> None:
        for row in rows:
            if row.position == position:
                now = utc_now()
                claim = copies.claim(transaction, row.uid, UUID(int=1), now, now)  # type: ignore[arg-type]
                assert claim is not None
                copies.finish(transaction, row.uid, claim.epoch, 1000)  # type: ignore[arg-type]

    client.running.write(finish, 0)
    (half,) = client.version("1.0.0").replication
    assert (half.usable, half.progress_percent) == (False, 50)
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        client.resolve("latest", "eastus")
    with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
        client.resolve("1.0.0", "eastus")
    client.running.write(finish, 1)
    (whole,) = client.version("1.0.0").replication
    assert (whole.usable, whole.progress_percent) == (True, 100)
    assert client.resolve("latest", "eastus") == "1.0.0"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"os_disk": ""}, "os_disk"),
        ({"source_version": "x"}, "os_disk"),
        ({"data_disks": [version_pb.DataDisk(lun=MAX_DATA_DISKS, source="d")]}, "data_disks[0].lun"),
        ({"data_disks": [version_pb.DataDisk(lun=0)]}, "data_disks[0].source"),
        ({"data_disks": [version_pb.DataDisk(lun=1, source=name) for name in "ab"]}, "data_disks.lun"),
        ({"data_disks": [version_pb.DataDisk(lun=lun, source="d") for lun in (0, 1)]}, "data_disks.source"),
        ({"replica_count": 101}, "replica_count"),
        ({"storage_account_type": LRS, "storage_account_strategy": 1}, "storage_account_strategy"),
        ({"storage_account_type": 99}, "storage_account_type"),
        ({"target_regions": [target("eastus", 60), target("westus", 41)]}, "target_regions"),
        ({"labels": {"": "x"}}, "labels"),
        (
            {
                "uefi_settings": version_pb.UefiSettings(
                    additional_signatures=version_pb.UefiSignatures(
                        db=[version_pb.UefiKey(type=version_pb.UEFI_KEY_TYPE_X509, values=["?"])]
                    )
                )
            },
            "uefi_settings.additional_signatures.db[0].values[0]",
        ),
        (
            {
                "uefi_settings": version_pb.UefiSettings(
                    additional_signatures=version_pb.UefiSignatures(
                        pk=version_pb.UefiKey(type=version_pb.UEFI_KEY_TYPE_X509)
                    )
                )
            },
            "uefi_settings.additional_signatures.pk.values",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_cannot_be_is_refused_by_its_field(client: CatalogueClient, fields: dict[str, object], wrong: str) -> None:
    client.prepare()
    version = version_pb.ImageVersion(**{"os_disk": f"{client.group}/disks/disk-1", **fields})  # type: ignore[arg-type]
    request = version_pb.CreateImageVersionRequest(
        parent=client.image_name, image_version_id="1.0.0", image_version=version
    )
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.galleries.CreateImageVersion(request)
    assert refusal.fields == [f"image_version.{wrong}"]


def test_many_violations_come_together(client: CatalogueClient) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.create_version(
            "1.0", [target("eastus", 101)], image_version=version_pb.ImageVersion(tags={"": ""}, replica_count=200)
        )
    assert set(refusal.fields) == {
        "image_version_id",
        "image_version.tags",
        "image_version.replica_count",
        "image_version.target_regions[0].replica_count",
    }


def test_an_end_of_life_must_be_to_come(client: CatalogueClient) -> None:
    client.prepare()
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        create(client, end_of_life_time=stamp(-1))
    assert refusal.fields == ["image_version.end_of_life_time"]


def test_firmware_settings_are_for_uefi_images(client: CatalogueClient) -> None:
    client.prepare()
    request = image_request(client.gallery_name, "bios")
    request.image_definition.hyper_v_generation = image_pb.HYPER_V_GENERATION_V1
    client.galleries.CreateImageDefinition(request)
    version = version_pb.ImageVersion(
        os_disk=f"{client.group}/disks/disk-1",
        uefi_settings=version_pb.UefiSettings(signature_templates=[version_pb.UEFI_SIGNATURE_TEMPLATE_NO_SIGNATURE]),
    )
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.galleries.CreateImageVersion(
            version_pb.CreateImageVersionRequest(
                parent=f"{client.gallery_name}/images/bios", image_version_id="1.0.0", image_version=version
            )
        )
    assert refusal.fields == ["image_version.uefi_settings"]


def test_the_strategy_takes_zones_where_there_are_some(client: CatalogueClient) -> None:
    client.prepare()
    strategy = publishing_pb.STORAGE_ACCOUNT_STRATEGY_PREFER_STANDARD_ZRS
    made = create(client, storage_account_strategy=strategy)
    assert [region.storage_account_type for region in made.target_regions] == [ZRS]
    default = publishing_pb.STORAGE_ACCOUNT_STRATEGY_DEFAULT_STANDARD_LRS
    other = create(client, "1.0.1", storage_account_strategy=default)
    assert [region.storage_account_type for region in other.target_regions] == [LRS]


def test_a_shallow_version_is_one_copy_where_its_source_lies(client: CatalogueClient) -> None:
    client.prepare()
    made = create(client, replication_mode=publishing_pb.REPLICATION_MODE_SHALLOW)
    (row,) = client.running.read(copies.of_version, UUID(made.uid))
    assert (row.region, row.volume) == ("eastus", "eastus-1")
    for regions in ([target("eastus", 2)], [target("eastus"), target("westus")]):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            create(client, "1.0.1", replication_mode=publishing_pb.REPLICATION_MODE_SHALLOW, target_regions=regions)
        assert refusal.fields == ["image_version.target_regions"]
    with refused("FAILED_PRECONDITION", "NOT_ENOUGH_VOLUMES"):
        create(client, "1.0.1", replication_mode=publishing_pb.REPLICATION_MODE_SHALLOW, location="westus")


def copied(client: CatalogueClient, source: str, **fields: object) -> version_pb.ImageVersion:
    version = version_pb.ImageVersion(source_version=source, **fields)  # type: ignore[arg-type]
    client.galleries.CreateImageVersion(
        version_pb.CreateImageVersionRequest(parent=client.image_name, image_version_id="2.0.0", image_version=version)
    )
    return client.version("2.0.0")


def test_a_version_is_made_from_another_with_all_of_its_disks(client: CatalogueClient) -> None:
    client.prepare()
    (data,) = disks(client, "data")
    create(client, data_disks=[version_pb.DataDisk(lun=3, source=data, host_caching=READ_ONLY)])
    client.replicate("1.0.0")
    source = client.version("1.0.0")
    made = copied(client, source.name.upper().replace("/IMAGES/", "/images/"))
    assert (made.source_version, made.os_disk) == (source.name, "")
    assert (made.digest, made.size_bytes) == (source.digest, source.size_bytes)
    (disk,) = made.data_disks
    assert (disk.lun, disk.source, disk.host_caching) == (3, "", READ_ONLY)
    assert disk.digest == source.data_disks[0].digest


def test_a_source_version_must_be_there_and_readable(client: CatalogueClient) -> None:
    client.prepare()
    with refused("NOT_FOUND", "NOT_FOUND"):
        copied(client, f"{client.image_name}/versions/9.9.9")
    create(client)
    with refused("FAILED_PRECONDITION", "WRONG_STATE") as refusal:
        copied(client, client.version("1.0.0").name)
    assert refusal.info.metadata["state"] == "creating"
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as wrong:
        copied(client, client.image_name)
    assert wrong.fields == ["image_version.source_version"]


def test_a_source_version_must_be_of_the_same_kind_of_image(client: CatalogueClient) -> None:
    client.prepare()
    request = image_request(client.gallery_name, "other")
    request.image_definition.os_type = image_pb.OS_TYPE_WINDOWS
    request.image_definition.os_state = image_pb.OS_STATE_SPECIALIZED
    request.image_definition.architecture = image_pb.ARCHITECTURE_ARM64
    request.image_definition.hyper_v_generation = image_pb.HYPER_V_GENERATION_V1
    client.galleries.CreateImageDefinition(request)
    client.publish("1.0.0")
    version = version_pb.ImageVersion(source_version=client.version("1.0.0").name)
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        client.galleries.CreateImageVersion(
            version_pb.CreateImageVersionRequest(
                parent=f"{client.gallery_name}/images/other", image_version_id="1.0.0", image_version=version
            )
        )
    assert refusal.fields == ["image_version.source_version"] * 4
    for name in ("os_type", "os_state", "hyper_v_generation", "architecture"):
        assert name in refusal.message


def test_a_version_is_not_deleted_while_another_is_copied_from_it(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.0.0")
    made = copied(client, client.version("1.0.0").name)
    with refused("FAILED_PRECONDITION", "IN_USE"):
        client.delete_version("1.0.0")
    client.running.write(finish_copies, UUID(made.uid), None)
    client.delete_version("1.0.0")


def encryption(*luns: int, os_disk: str = "", sets: str = "") -> publishing_pb.RegionEncryption:
    name = sets or "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-000000000002/resourceGroups/rg/diskEncryptionSets/des"
    data = [publishing_pb.DiskEncryption(lun=lun, disk_encryption_set=name) for lun in luns]
    if os_disk:
        return publishing_pb.RegionEncryption(
            data_disks=data, os_disk=publishing_pb.DiskEncryption(disk_encryption_set=os_disk)
        )
    return publishing_pb.RegionEncryption(data_disks=data)


DES = "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-000000000002/resourceGroups/rg/diskEncryptionSets/des"
OTHERS = "subscriptions/c5d3a1e0-6b1f-4f0a-9a57-00000000000f/resourceGroups/rg/diskEncryptionSets/des"


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        ({"eastus": encryption(os_disk="nonsense")}, "target_regions[0].encryption.os_disk.disk_encryption_set"),
        ({"eastus": encryption(os_disk=OTHERS)}, "target_regions[0].encryption.os_disk.disk_encryption_set"),
        ({"eastus": encryption(4)}, "target_regions[0].encryption.data_disks[0].lun"),
        ({"eastus": encryption(3, 3)}, "target_regions[0].encryption.data_disks"),
        ({"eastus": encryption(os_disk=DES), "westus": None}, "target_regions[1].encryption"),
        ({"eastus": encryption(3, os_disk=DES), "westus": encryption(os_disk=DES)}, "target_regions[1].encryption"),
    ],
    ids=["malformed", "other subscription", "no such disk", "twice", "not in all regions", "not all disks in all"],
)
def test_what_is_wrong_with_encryption_is_told(
    client: CatalogueClient, wanted: dict[str, publishing_pb.RegionEncryption | None], wrong: str
) -> None:
    client.prepare()
    (data,) = disks(client, "data")
    regions = [publishing_pb.TargetRegion(region=region, encryption=asked) for region, asked in wanted.items()]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        create(client, target_regions=regions, data_disks=[version_pb.DataDisk(lun=3, source=data)])
    assert refusal.fields == [f"image_version.{wrong}"]


def test_encryption_is_refused_and_nothing_is_stored(client: CatalogueClient) -> None:
    client.prepare()
    region = publishing_pb.TargetRegion(region="eastus", encryption=encryption(os_disk=DES))
    with refused("FAILED_PRECONDITION", "ENCRYPTION_UNAVAILABLE") as refusal:
        create(client, target_regions=[region])
    assert refusal.info.metadata["region"] == "eastus"
    with refused("NOT_FOUND", "NOT_FOUND"):
        client.version("1.0.0")


def test_a_failed_publish_is_tried_again_under_its_name(client: CatalogueClient) -> None:
    client.prepare()
    client.create_version("1.0.0", [target("eastus"), target("westus")])
    uid = UUID(client.version("1.0.0").uid)
    client.running.write(finish_copies, uid, "eastus")
    client.running.write(fail_copies, uid, "westus", "the volume is gone")
    assert client.version("1.0.0").provisioning_state == publishing_pb.PROVISIONING_STATE_FAILED
    (ready,) = client.running.read(copies.ready, uid, 0, "eastus")
    operation = client.create_version("1.0.0", [target("eastus"), target("westus")])
    assert not operation.done
    again = client.version("1.0.0")
    assert (UUID(again.uid), again.provisioning_state) == (uid, publishing_pb.PROVISIONING_STATE_CREATING)
    assert client.running.read(copies.ready, uid, 0, "eastus") == [ready]
    client.running.write(finish_copies, uid, "westus")
    assert client.operation(operation.name).done
    assert client.version("1.0.0").provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED


def test_a_failed_publish_may_be_tried_again_with_other_content(client: CatalogueClient) -> None:
    client.prepare()
    create(client, target_regions=[target("eastus"), target("westus")])
    uid = UUID(client.version("1.0.0").uid)
    client.running.write(finish_copies, uid, "eastus")
    client.running.write(fail_copies, uid, "westus", "the volume is gone")
    before = {row.uid for row in client.running.read(copies.of_version, uid)}
    client.running.write(add_disk, client.group_name, "better", DiskState.READY, "block-cdc-1:" + "6b" * 32)
    client.create_version("1.0.0", disk="better")
    after = client.version("1.0.0")
    assert after.digest.endswith("6b" * 32)
    (region,) = after.replication
    assert (region.region, region.usable) == ("eastus", False)
    rows = client.running.read(copies.of_version, uid)
    assert {row.state.value for row in rows if row.uid in before} == {"deleting"}
    assert [row.state.value for row in rows if row.uid not in before] == ["pending"]
    client.running.write(finish_copies, uid, None)
    assert client.version("1.0.0").provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED


def test_a_version_that_did_not_fail_is_not_published_again(client: CatalogueClient) -> None:
    client.prepare()
    client.publish("1.0.0")
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        client.create_version("1.0.0")


def test_encryption_that_names_no_disk_is_refused_as_any(client: CatalogueClient) -> None:
    client.prepare()
    empty = publishing_pb.TargetRegion(region="eastus", encryption=publishing_pb.RegionEncryption())
    with refused("FAILED_PRECONDITION", "ENCRYPTION_UNAVAILABLE") as refusal:
        create(client, target_regions=[empty])
    assert refusal.info.metadata["field"] == "image_version.target_regions[0].encryption"
