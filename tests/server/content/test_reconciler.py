"""Copies are made true, resumed, given up and removed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import grpc
from google.longrunning.operations_pb2 import CancelOperationRequest, Operation
from sqlalchemy import update

from galleria.v1 import image_versions_pb2 as version_pb
from galleria.v1 import publishing_pb2 as publishing_pb
from galleria.v1.installation_pb2 import GetVolumeRequest
from galleria_server.clock import utc_now
from galleria_server.content import make_content
from galleria_server.domain.models import Copy, CopyState
from galleria_server.metadata import copies
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import copies as copies_table
from galleria_server.reconciler.copying import LONGEST_PAUSE_SECONDS, MAX_ATTEMPTS, pause_after
from galleria_server.volumes.mount import Mount
from tests.server.refusals import refused
from tests.support.content import changed
from tests.support.rot import rot_packs
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, WireClient, cut_image, eventually


@contextmanager
def server_in(folder: Path) -> Iterator[tuple[WireClient, ContentServer]]:
    with server_thread(config_in(folder), make_content) as server, grpc.insecure_channel(server.target) as channel:
        yield WireClient(channel, "group"), server


def rows_of(server: ContentServer, version: version_pb.ImageVersion) -> list[Copy]:
    return server.read(copies.of_version, UUID(version.uid))


def roots_of(server: ContentServer, rows: Sequence[Copy]) -> list[UUID]:
    """Those of the copies' roots that are pinned."""
    return [row.root_id for row in rows if server.mount(row.region, row.volume).volume.root(row.root_id) is not None]


@contextmanager
def failing(tmp_path: Path, image: Image) -> Iterator[tuple[WireClient, ContentServer, Operation]]:
    """A version whose copy in westus fails again and again, as the packs of its source are rotten. `heal` ends it."""
    with server_in(tmp_path) as (wire, server):
        wire.prepare_gallery()
        wire.push("disk", image)
        assert damage(server) > 0
        operation = wire.create_version("1.0.0", "disk", eastus=1, westus=1)
        eventually(lambda: failed_once(server, wire))
        yield wire, server, operation


def damage(server: ContentServer) -> int:
    """Flip bits in all packs of eastus; how many there are."""
    return sum(rot_packs(mount.config.path) for mount in in_eastus(server))


def heal(server: ContentServer) -> None:
    """Flip the bits once more, so that all is as it was, and let the volumes take note of that."""
    damage(server)
    for mount in in_eastus(server):
        server.run(scrubbed(mount))


async def scrubbed(mount: Mount) -> None:
    await mount.scrub(lambda _: None)


def in_eastus(server: ContentServer) -> list[Mount]:
    return [mount for mount in server.content.volumes if mount.region == "eastus"]


def failed_once(server: ContentServer, wire: WireClient) -> Copy | None:
    rows = rows_of(server, wire.get_version("1.0.0"))
    waiting = [row for row in rows if row.region == "westus" and row.state is CopyState.PENDING and row.details]
    return waiting[0] if waiting else None


def states_of(server: ContentServer, wire: WireClient) -> set[CopyState]:
    return {row.state for row in rows_of(server, wire.get_version("1.0.0"))}


def last_attempt(transaction: Transaction, uid: UUID) -> None:
    transaction.execute(update(copies_table).where(copies_table.c.uid == uid).values(attempts=MAX_ATTEMPTS - 1))


def test_every_copy_is_ready_and_reads_back(
    wire: WireClient, content: ContentServer, image: Image, data: bytes
) -> None:
    wire.prepare_gallery()
    disk = wire.push("disk", image)
    version = wire.publish("1.0.0", "disk", eastus=2, westus=1, westeurope=3)
    assert version.provisioning_state == publishing_pb.PROVISIONING_STATE_SUCCEEDED
    rows = rows_of(content, version)
    assert len(rows) == len(roots_of(content, rows)) == len({(row.region, row.volume) for row in rows}) == 6
    assert {row.done_bytes for row in rows} == {disk.occupied_bytes}
    for region in ("eastus", "westus", "westeurope"):
        assert wire.fetch(wire.version_name("latest"), region) == data


def test_the_copy_beside_the_disk_stores_nothing_but_its_root(
    wire: WireClient, content: ContentServer, image: Image
) -> None:
    wire.prepare_gallery()
    wire.push("disk", image)
    before = {volume.name: volume for volume in wire.volumes("eastus")}
    (row,) = rows_of(content, wire.publish("1.0.0", "disk", eastus=1))
    after = wire.operators.GetVolume(GetVolumeRequest(name=f"regions/eastus/volumes/{row.volume}"))
    assert after.roots == before[after.name].roots + 1
    assert after.records == before[after.name].records
    assert 0 < after.stored_bytes - before[after.name].stored_bytes < 4096


def test_a_next_version_moves_only_what_changed(wire: WireClient, image: Image, data: bytes) -> None:
    wire.prepare_gallery()
    wire.push("one", image)
    wire.publish("1.0.0", "one", eastus=1, westus=1)
    before = {volume.name: volume.stored_bytes for volume in wire.volumes("westus")}
    wire.push("two", cut_image(changed(data)))
    wire.publish("1.0.1", "two", eastus=1, westus=1)
    after = {volume.name: volume.stored_bytes for volume in wire.volumes("westus")}
    assert 8192 <= sum(after.values()) - sum(before.values()) < 1 << 20
    assert wire.fetch(wire.version_name("latest"), "westus") == changed(data)


def test_a_version_outlives_its_disk(wire: WireClient, image: Image, data: bytes) -> None:
    wire.prepare_gallery()
    wire.push("disk", image)
    wire.publish("1.0.0", "disk", eastus=1, westus=1)
    wire.delete_disk("disk")
    assert wire.fetch(wire.version_name("1.0.0"), "eastus") == data


def test_a_deleted_version_gives_all_its_roots_back(wire: WireClient, content: ContentServer, image: Image) -> None:
    wire.prepare_gallery()
    wire.push("disk", image)
    rows = rows_of(content, wire.publish("1.0.0", "disk", eastus=2, westus=1))
    assert len(roots_of(content, rows)) == 3
    assert wire.delete_version("1.0.0").WhichOneof("result") == "response"
    assert roots_of(content, rows) == []
    with refused("NOT_FOUND", "NOT_FOUND"):
        wire.get_version("1.0.0")


def test_a_copy_that_fails_is_tried_again_until_it_succeeds(tmp_path: Path, image: Image, data: bytes) -> None:
    with failing(tmp_path, image) as (wire, server, operation):
        version = wire.get_version("1.0.0")
        assert version.provisioning_state == publishing_pb.PROVISIONING_STATE_CREATING
        with refused("FAILED_PRECONDITION", "NOT_IN_REGION"):
            wire.fetch(wire.version_name("1.0.0"), "westus")
        with refused("FAILED_PRECONDITION", "IN_USE"):
            wire.delete_disk("disk")
        heal(server)
        assert wire.wait(operation).WhichOneof("result") == "response"
        assert wire.fetch(wire.version_name("1.0.0"), "westus") == data


def test_a_copy_fails_for_good_after_its_last_try(tmp_path: Path, image: Image) -> None:
    with failing(tmp_path, image) as (wire, server, operation):
        # The copy in eastus fails too where the damage was found before it was made.
        for row in rows_of(server, wire.get_version("1.0.0")):
            server.write(last_attempt, row.uid)
        assert wire.wait(operation).WhichOneof("result") == "error"
        version = wire.get_version("1.0.0")
        assert version.provisioning_state == publishing_pb.PROVISIONING_STATE_FAILED
        (status,) = [found for found in version.replication if found.region == "westus"]
        assert (status.state, status.usable) == (publishing_pb.COPY_STATE_FAILED, False)
        assert "cannot be read" in status.replicas[0].copies[0].details


def test_a_cancelled_creation_leaves_nothing_behind(tmp_path: Path, image: Image) -> None:
    with failing(tmp_path, image) as (wire, server, operation):
        wire.operations.CancelOperation(CancelOperationRequest(name=operation.name))
        assert wire.wait(operation).error.code == grpc.StatusCode.CANCELLED.value[0]
        heal(server)
        # The one in eastus was made before the damage was found, or not; then it came to lack what its source lacks.
        eventually(lambda: states_of(server, wire) <= {CopyState.READY, CopyState.FAILED})
        rows = rows_of(server, wire.get_version("1.0.0"))
        assert {row.state for row in rows if row.region == "westus"} == {CopyState.FAILED}
        assert roots_of(server, rows) == [row.root_id for row in rows if row.state is CopyState.READY]


def test_deleting_a_version_that_is_being_made_ends_it(tmp_path: Path, image: Image) -> None:
    with failing(tmp_path, image) as (wire, server, operation):
        rows = rows_of(server, wire.get_version("1.0.0"))
        assert wire.delete_version("1.0.0").WhichOneof("result") == "response"
        assert wire.wait(operation).error.code == grpc.StatusCode.CANCELLED.value[0]
        assert roots_of(server, rows) == []
        wire.delete_disk("disk")


def test_claims_of_an_earlier_process_are_taken_over_at_once(tmp_path: Path, image: Image, data: bytes) -> None:
    with failing(tmp_path, image) as (wire, server, operation):
        row = eventually(lambda: failed_once(server, wire))
        assert row is not None
        eventually(lambda: server.write(copies.claim, row.uid, uuid4(), utc_now(), utc_now() + timedelta(days=1)))
        heal(server)
    with server_in(tmp_path) as (wire, _):
        assert wire.wait(operation).WhichOneof("result") == "response"
        assert wire.fetch(wire.version_name("1.0.0"), "westus") == data


def test_a_publish_that_a_stop_cut_off_goes_on_at_the_next_start(tmp_path: Path, image: Image, data: bytes) -> None:
    with server_in(tmp_path) as (wire, _):
        wire.prepare_gallery()
        wire.push("disk", image)
        operation = wire.create_version("1.0.0", "disk", eastus=2, westus=3, westeurope=3)
    with server_in(tmp_path) as (wire, server):
        assert wire.wait(operation).WhichOneof("result") == "response"
        rows = rows_of(server, wire.get_version("1.0.0"))
        assert len(roots_of(server, rows)) == 8
        assert wire.fetch(wire.version_name("1.0.0"), "westeurope") == data


def test_pauses_double_up_to_five_minutes() -> None:
    pauses = [pause_after(attempts).total_seconds() for attempts in range(1, 12)]
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
