"""Clients that leave while the server sends to them or waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from galleria.v1 import contents_pb2, disks_pb2
from galleria.v1.contents_pb2_grpc import ContentsStub
from galleria.v1.disks_pb2_grpc import DisksStub
from galleria_client import Client
from tests.support.images import MIB, noise_file
from tests.support.processes import Server

pytestmark = pytest.mark.xdist_group("leaving")

TIMES = 10


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.endpoint) as channel:
        yield channel


def test_a_server_outlives_clients_that_leave(server: Server, channel: grpc.Channel, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", 32 * MIB)
    with Client(server.endpoint) as client:
        group = f"subscriptions/{client.server_info().default_subscription}/resourceGroups/images"
        pushed = client.disks.push(image, f"{group}/disks/read", location="eastus").disk
        client.disks.create(group, "pushed", disks_pb2.Disk(location="eastus"))
        session = client.disks.begin_push(f"{group}/disks/pushed").session
        served_by = server.pid
        for _ in range(TIMES):
            leave_reading(channel, pushed.name)
            leave_pushing(channel, session)
        wait_for_lines(server, r"Contents/ReadRange code=CANCELLED", TIMES)
        # The server may see that the client has nothing more to send before it sees that it has gone.
        wait_for_lines(server, r"Disks/Push code=(CANCELLED|OK)", 1 + TIMES)
        assert server.pid == served_by
        assert client.disks.get(pushed.name) == pushed
    assert not [line for line in server.lines if "Traceback" in line or "internal error" in line]


def leave_reading(channel: grpc.Channel, disk: str) -> None:
    """Take the first of many megabytes, no more, and go."""
    source = contents_pb2.ContentSource(name=disk)
    call = ContentsStub(channel).ReadRange(contents_pb2.ReadRangeRequest(source=source))
    assert next(call).data
    call.cancel()


def leave_pushing(channel: grpc.Channel, session: str) -> None:
    """Attach to a push, and go."""
    attach = disks_pb2.PushRequest(attach=disks_pb2.Attach(session=session))
    call = DisksStub(channel).Push(iter([attach]))
    assert next(call).attached.max_segments_in_flight
    call.cancel()


def wait_for_lines(server: Server, pattern: str, count: int) -> None:
    after = 0
    for _ in range(count):
        line = server.wait_for_line(pattern, after).string
        after = server.lines.index(line, after) + 1
