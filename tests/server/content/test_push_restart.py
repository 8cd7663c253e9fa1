"""Pushes outlive the server, and what a crash cut off is completed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import grpc
import pytest

from galleria.v1 import disks_pb2 as pb
from galleria_server.catalogue import disks as catalogue
from galleria_server.content import make_content
from galleria_server.domain.models import Disk, DiskState
from galleria_server.metadata import disks
from galleria_storage.volume import Holder
from tests.server.refusals import refused
from tests.support.installation import check_installation
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, WireClient, eventually


@contextmanager
def server_in(folder: Path) -> Iterator[tuple[WireClient, ContentServer]]:
    """A server whose every row is true once it has stopped."""
    with server_thread(config_in(folder), make_content) as server, grpc.insecure_channel(server.target) as channel:
        yield WireClient(channel, "group"), server
    check_installation(folder)


def row_of(server: ContentServer, session: str) -> Disk:
    row = server.read(disks.find_by_session, UUID(session))
    assert row is not None
    return row


def pin(server: ContentServer, session: str, image: Image) -> None:
    """What a commit does up to the moment at which the content is pinned."""
    row = row_of(server, session)
    server.write(catalogue.begin_commit, row.uid, "ab" * 32, {"bytes_read": 7})
    volume = server.mount(row.location, row.volume).volume
    push = volume.resume_push(UUID(session))
    assert push is not None
    push.commit(image.layout, Holder(row.group_uid, row.uid, str(row.name)))


def test_a_push_goes_on_after_a_restart_with_what_was_durable(tmp_path: Path, image: Image, data: bytes) -> None:
    first, second = image.segments
    with server_in(tmp_path) as (wire, _):
        wire.create_disk("disk")
        session = wire.begin("disk").session
        stream = wire.open(session)
        stream.push([first])
        stream.offer_segment(second)
    with server_in(tmp_path) as (wire, _):
        again = wire.begin("disk")
        assert (again.session, again.durable_segments) == (session, b"\1")
        stream = wire.open(session)
        assert stream.push(image.segments) == len(dict(second.chunks))
        stream.close()
        wire.commit(session, image.layout)
        assert wire.fetch(wire.disk_name("disk")) == data


def test_content_that_was_pinned_before_a_crash_becomes_ready_at_start(
    tmp_path: Path, image: Image, data: bytes
) -> None:
    with server_in(tmp_path) as (wire, server):
        wire.create_disk("disk")
        session = wire.begin("disk").session
        stream = wire.open(session)
        stream.push(image.segments)
        stream.close()
        pin(server, session, image)
        assert wire.get_disk("disk").state == pb.Disk.STATE_PUSHING
    with server_in(tmp_path) as (wire, _):
        disk = wire.get_disk("disk")
        assert (disk.state, disk.digest, disk.sha256) == (pb.Disk.STATE_READY, image.layout.text, "ab" * 32)
        assert disk.push_statistics.bytes_read == 7
        assert disk.push_statistics.chunks == sum(len(segment.chunks) for segment in image.segments)
        assert wire.commit(session, image.layout) == disk
        assert wire.fetch(wire.disk_name("disk")) == data


def test_a_repeated_commit_completes_what_was_pinned(tmp_path: Path, image: Image) -> None:
    with server_in(tmp_path) as (wire, server):
        wire.create_disk("disk")
        session = wire.begin("disk").session
        stream = wire.open(session)
        stream.push(image.segments)
        stream.close()
        pin(server, session, image)
        assert wire.commit(session, image.layout).state == pb.Disk.STATE_READY


def test_a_commit_that_never_reached_the_volume_can_be_repeated(tmp_path: Path, image: Image) -> None:
    with server_in(tmp_path) as (wire, server):
        wire.create_disk("disk")
        session = wire.begin("disk").session
        stream = wire.open(session)
        stream.push(image.segments)
        stream.close()
        server.write(catalogue.begin_commit, row_of(server, session).uid, "", {})
    with server_in(tmp_path) as (wire, server):
        assert row_of(server, session).state is DiskState.COMMITTING
        assert wire.commit(session, image.layout).state == pb.Disk.STATE_READY


def test_a_session_without_a_lease_is_replaced(tmp_path: Path) -> None:
    with server_in(tmp_path) as (wire, server):
        wire.create_disk("disk")
        first = wire.begin("disk").session
        row = row_of(server, first)
        push = server.mount(row.location, row.volume).volume.resume_push(UUID(first))
        assert push is not None
        push.abort()
        for call in (wire.get_push, wire.open):
            with refused("FAILED_PRECONDITION", "LEASE_LAPSED"):
                call(first)
        second = wire.begin("disk").session
        assert second != first
        assert row_of(server, second).name == row.name


def test_a_push_that_lapsed_leaves_an_empty_disk_after_a_start(tmp_path: Path) -> None:
    with server_in(tmp_path) as (wire, server):
        wire.create_disk("disk")
        session = wire.begin("disk").session
        row = row_of(server, session)
        push = server.mount(row.location, row.volume).volume.resume_push(UUID(session))
        assert push is not None
        push.abort()
    with server_in(tmp_path) as (wire, _):
        assert wire.get_disk("disk").state == pb.Disk.STATE_EMPTY


def test_a_condemned_disk_is_removed_at_the_next_start(tmp_path: Path, image: Image) -> None:
    with server_in(tmp_path) as (wire, server):
        uid = UUID(wire.push("disk", image).uid)
        row = server.read(disks.find_by_uid, uid)
        assert row is not None
        server.write(disks.condemn, uid)
    with server_in(tmp_path) as (wire, server):
        eventually(lambda: server.read(disks.find_by_uid, uid) is None)
        assert server.mount(row.location, row.volume).volume.root(row.root_id) is None


@pytest.mark.parametrize("method", ["begin", "get_push"])
def test_the_lease_time_is_told_and_moves_on(tmp_path: Path, method: str) -> None:
    with server_in(tmp_path) as (wire, _):
        wire.create_disk("disk")
        first = wire.begin("disk")
        second = wire.begin("disk") if method == "begin" else wire.get_push(first.session)
        assert second.lease_expire_time.ToNanoseconds() > first.lease_expire_time.ToNanoseconds()
