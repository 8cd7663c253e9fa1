"""Disks as resources: created, listed, deleted, with what every write has."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from galleria.v1 import disks_pb2 as pb
from galleria.v1 import image_definitions_pb2 as image_pb
from galleria_server.metadata import disks
from tests.server.refusals import refused
from tests.support.server_thread import ContentServer
from tests.support.wire_client import Image, WireClient


def create_request(wire: WireClient, disk_id: str, location: str = "eastus") -> pb.CreateDiskRequest:
    return pb.CreateDiskRequest(parent=wire.group, disk_id=disk_id, disk=pb.Disk(location=location))


def test_a_new_disk_is_empty_and_lies_where_it_was_asked_for(wire: WireClient) -> None:
    disk = wire.create_disk("Disk.1", "West Europe", 1024)
    assert disk.name == wire.disk_name("Disk.1")
    assert (disk.location, disk.state, disk.size_bytes) == ("westeurope", pb.Disk.STATE_EMPTY, 1024)
    assert not disk.HasField("ready_time")
    assert not disk.HasField("push_statistics")
    assert wire.get_disk("dISK.1") == disk


@pytest.mark.parametrize("disk_id", ["a", "a" * 80, "9_", "a-b.c"])
def test_a_disk_id_at_its_limits_is_taken(wire: WireClient, disk_id: str) -> None:
    assert wire.create_disk(disk_id).name.endswith(f"/{disk_id}")


@pytest.mark.parametrize("disk_id", ["", "a" * 81, "-a", "a.", "a-", "a/b", "ä"])
def test_a_wrong_disk_id_is_refused(wire: WireClient, disk_id: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.create_disk(disk_id)
    assert refusal.fields == ["disk_id"]


def test_a_disk_needs_a_region_that_exists(wire: WireClient) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.create_disk("disk", "")
    assert refusal.fields == ["disk.location"]
    with refused("NOT_FOUND", "REGION_UNKNOWN") as refusal:
        wire.create_disk("disk", "atlantis")
    assert refusal.info.metadata["region"] == "atlantis"


def test_one_of_those_who_create_the_same_disk_at_once_gets_it(wire: WireClient) -> None:
    def create(disk_id: str) -> str:
        try:
            return wire.create_disk(disk_id).uid
        except grpc.RpcError as error:
            return error.code().name

    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(create, ["disk", "DISK", "Disk", "disk"]))
    assert answers.count("ALREADY_EXISTS") == 3
    assert wire.get_disk("disk").uid in answers


def test_those_who_push_the_same_content_at_once_all_succeed(wire: WireClient, image: Image, data: bytes) -> None:
    names = ["one", "two", "three"]
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda name: wire.push(name, image), names))
    assert {disk.digest for disk in made} == {image.layout.text}
    for name in names:
        assert wire.fetch(wire.disk_name(name)) == data


def test_a_repeat_by_request_id_returns_the_same_disk(wire: WireClient) -> None:
    request = create_request(wire, "disk")
    request.request_id = str(uuid4())
    first, second = wire.disks.CreateDisk(request), wire.disks.CreateDisk(request)
    assert first == second
    request.disk_id = "other"
    with refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED"):
        wire.disks.CreateDisk(request)


def test_a_repeated_delete_by_request_id_succeeds_and_leaves_a_new_disk_of_the_name_alone(wire: WireClient) -> None:
    wire.create_disk("disk")
    request = pb.DeleteDiskRequest(name=wire.disk_name("disk"), request_id=str(uuid4()))
    wire.disks.DeleteDisk(request)
    kept = wire.create_disk("disk")
    wire.disks.DeleteDisk(request)
    assert wire.get_disk("disk") == kept
    request.etag = kept.etag
    with refused("INVALID_ARGUMENT", "REQUEST_ID_REUSED"):
        wire.disks.DeleteDisk(request)


def test_a_write_that_only_validates_changes_nothing(wire: WireClient) -> None:
    request = create_request(wire, "disk")
    request.validate_only = True
    assert wire.disks.CreateDisk(request).name == wire.disk_name("disk")
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.get_disk("disk")
    wire.create_disk("disk")
    with refused("ALREADY_EXISTS", "ALREADY_EXISTS"):
        wire.disks.CreateDisk(request)
    wire.disks.DeleteDisk(pb.DeleteDiskRequest(name=wire.disk_name("disk"), validate_only=True))
    assert wire.get_disk("disk").state == pb.Disk.STATE_EMPTY


def test_an_old_etag_keeps_a_disk_from_being_deleted(wire: WireClient) -> None:
    old = wire.create_disk("disk")
    wire.begin("disk")
    with refused("ABORTED", "ETAG_MISMATCH"):
        wire.delete_disk("disk", old.etag)
    wire.delete_disk("disk", wire.get_disk("disk").etag)


def test_disks_are_listed_by_name_page_by_page(wire: WireClient) -> None:
    names = ["b", "A", "c.1", "D", "e"]
    for name in names:
        wire.create_disk(name)
    found, token = [], ""
    while True:
        request = pb.ListDisksRequest(parent=wire.group.upper(), page_size=2, page_token=token)
        answer = wire.disks.ListDisks(request)
        assert len(answer.disks) <= 2
        found += [disk.name.rpartition("/")[2] for disk in answer.disks]
        token = answer.next_page_token
        if not token:
            break
    assert found == sorted(names, key=str.casefold)
    made_up = pb.ListDisksRequest(parent=wire.group, page_token=wire.group)
    with refused("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"):
        wire.disks.ListDisks(made_up)


def test_a_group_without_disks_has_an_empty_list(wire: WireClient) -> None:
    assert not wire.disks.ListDisks(pb.ListDisksRequest(parent=wire.group)).disks


def test_disks_of_a_group_lie_together(wire: WireClient, content: ContentServer) -> None:
    rows = [content.read(disks.find_by_uid, UUID(wire.create_disk(f"disk-{i}").uid)) for i in range(5)]
    assert len({row.volume for row in rows if row is not None}) == 1


def test_another_subscription_is_not_found(wire: WireClient) -> None:
    parent = f"subscriptions/{uuid4()}/resourceGroups/group"
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.disks.CreateDisk(pb.CreateDiskRequest(parent=parent, disk_id="disk", disk=pb.Disk(location="eastus")))


def test_disks_are_filtered_ordered_and_shown_in_part(wire: WireClient) -> None:
    for disk_id in ("a", "b", "c"):
        wire.create_disk(disk_id)

    def listed(**asked: Any) -> tuple[list[str], str]:  # noqa: ANN401
        answer = wire.disks.ListDisks(pb.ListDisksRequest(parent=wire.group, **asked))
        return [disk.name.rpartition("/")[2] for disk in answer.disks], answer.next_page_token

    assert listed(order_by="name desc")[0] == ["c", "b", "a"]
    both = {"filter": f'state = EMPTY AND name != "{wire.disk_name("b")}"', "order_by": "name desc", "page_size": 1}
    first, token = listed(**both)
    assert (first, listed(page_token=token, **both)) == (["c"], (["a"], ""))
    with refused("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"):
        listed(page_token=token, **{**both, "order_by": ""})
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        listed(filter="state = FULL", order_by="size_bytes", read_mask=FieldMask(paths=["nome"]))
    assert refusal.fields == ["filter", "order_by", "read_mask"]
    shown = wire.disks.GetDisk(pb.GetDiskRequest(name=wire.disk_name("a"), read_mask=FieldMask(paths=["state"])))
    assert shown == pb.Disk(name=wire.disk_name("a"), state=pb.Disk.STATE_EMPTY)


def test_what_is_said_of_the_system_is_kept(wire: WireClient) -> None:
    said = pb.Disk(
        os_type=image_pb.OS_TYPE_WINDOWS,
        os_state=image_pb.OS_STATE_SPECIALIZED,
        hyper_v_generation=image_pb.HYPER_V_GENERATION_V1,
        architecture=image_pb.ARCHITECTURE_ARM64,
    )
    request = create_request(wire, "disk")
    request.disk.MergeFrom(said)
    made = wire.disks.CreateDisk(request)
    assert all(getattr(made, field.name) == value for field, value in said.ListFields())
    assert wire.get_disk("disk") == made
    request.disk_id, request.disk.os_type = "other", 9  # type: ignore[assignment]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.disks.CreateDisk(request)
    assert refusal.fields == ["disk.os_type"]


def test_a_file_has_no_system(wire: WireClient) -> None:
    request = create_request(wire, "file")
    request.disk.MergeFrom(
        pb.Disk(kind=pb.DISK_KIND_FILE, os_type=image_pb.OS_TYPE_LINUX, architecture=image_pb.ARCHITECTURE_X64)
    )
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        wire.disks.CreateDisk(request)
    assert refusal.fields == ["disk.os_type", "disk.architecture"]
