"""A server that goes away between two calls of one client: known ones are waited for, unknown addresses are not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from galleria.v1.disks_pb2 import Disk, GetDiskRequest
from galleria.v1.disks_pb2_grpc import DisksStub
from galleria_client import Client, PushOptions, RetryPolicy, aio
from galleria_client._sync.operation import Operation
from galleria_client._sync.transport import Transport
from galleria_client.errors import CallFailed, GaveUp, NotFound, Unavailable, WaitTimedOut
from galleria_client.retry import patience
from tests.support.e2e import GENERALIZED, KIND
from tests.support.images import MIB, noise_file
from tests.support.processes import Command, Server

UNKNOWN = GetDiskRequest(name=f"subscriptions/{UUID(int=1)}/resourceGroups/images/disks/unknown")

pytestmark = pytest.mark.xdist_group("away")


class Return:
    """Starts the server again when a client says that it waits for it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.told: list[float] = []

    @property
    def policy(self) -> RetryPolicy:
        return RetryPolicy(attempts=2, on_away=self)

    def __call__(self, failure: CallFailed, seconds: float) -> None:
        assert isinstance(failure, Unavailable)
        self.told.append(seconds)
        self._server.start()


@pytest.fixture
def coming_back(server: Server) -> Return:
    return Return(server)


@pytest.fixture
def transport(server: Server) -> Iterator[Transport]:
    """Has had an answer of a server that is gone."""
    transport = Transport(server.endpoint, retry=RetryPolicy(attempts=2, first_seconds=0.0))
    with pytest.raises(NotFound):
        transport.unary(DisksStub(transport.channel).GetDisk, UNKNOWN, repeat=False)
    server.kill()
    yield transport
    transport.close()


def group_of(client: Client) -> str:
    return f"subscriptions/{client.server_info().default_subscription}/resourceGroups/images"


def test_a_call_waits_for_a_server_that_was_there(server: Server, coming_back: Return) -> None:
    with Client(server.endpoint, retry=coming_back.policy) as client:
        group = group_of(client)
        server.kill()
        made = client.disks.create(group, "disk", Disk(location="eastus"))
        server.kill()
        assert [disk.name for disk in client.disks.list(group)] == [made.name]
    assert len(coming_back.told) == 2
    assert all(299 < seconds <= 300 for seconds in coming_back.told)


def test_a_call_of_the_asyncio_client_too(server: Server, coming_back: Return) -> None:
    async def ask_twice() -> list[str]:
        async with aio.Client(server.endpoint, retry=coming_back.policy) as client:
            versions = [(await client.server_info()).version]
            server.kill()
            versions.append((await client.server_info()).version)
            return versions

    first, second = asyncio.run(ask_twice())
    assert first == second
    assert len(coming_back.told) == 1


def test_how_long_a_push_waits_for_a_server_that_was_there_is_its_option(server: Server, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", MIB)
    with Client(server.endpoint) as client:
        name = f"{group_of(client)}/disks/disk"
        server.kill()
        with pytest.raises(GaveUp):
            client.disks.push(image, name, location="eastus", options=PushOptions(give_up_seconds=0.0))
        server.start()
        assert client.disks.push(image, name, location="eastus").disk.state == Disk.STATE_READY


def test_an_address_where_nobody_ever_answered_is_given_up_soon(server: Server, coming_back: Return) -> None:
    server.kill()
    with Client(server.endpoint, retry=coming_back.policy) as client, pytest.raises(Unavailable):
        client.server_info()
    assert coming_back.told == []


def test_a_server_that_stays_away_is_given_up_in_the_end(server: Server) -> None:
    told: list[float] = []
    policy = RetryPolicy(attempts=2, away_seconds=0.5, on_away=lambda _, seconds: told.append(seconds))
    with Client(server.endpoint, retry=policy) as client:
        client.server_info()
        server.kill()
        with pytest.raises(Unavailable):
            client.server_info()
    assert len(told) == 1
    assert 0 < told[0] <= 0.5


def test_what_may_not_be_repeated_is_not(transport: Transport) -> None:
    stub = DisksStub(transport.channel)
    with pytest.raises(Unavailable):
        transport.unary(stub.GetDisk, UNKNOWN, repeat=False)


def test_who_waits_himself_is_told_soon(transport: Transport) -> None:
    stub = DisksStub(transport.channel)
    with patience(0.0), pytest.raises(Unavailable):
        transport.unary(stub.GetDisk, UNKNOWN, repeat=True)


def test_waiting_for_an_operation_ends_in_time_though_the_server_is_away(transport: Transport) -> None:
    operation: Operation[Empty] = Operation(transport, operations_pb2.Operation(name="operations/1"))
    with pytest.raises(WaitTimedOut):
        operation.wait(0.1)


def test_publish_goes_on_when_the_server_was_away_after_its_push(server: Server, tmp_path: Path) -> None:
    image = noise_file(tmp_path / "image.raw", MIB)
    publish = ("publish", str(image), "images/prod/debian/1.0.0", "-l", "eastus", *KIND, *GENERALIZED)
    with server.galleria.begin(*publish) as command:
        wait_for_sentence(command, "pushed ")
        command.send(signal.SIGSTOP)
        server.kill()
        command.send(signal.SIGCONT)
        wait_for_sentence(command, "; trying again for up to ")
        server.start()
        version = command.json()["version"]
    assert version["provisioningState"] == "PROVISIONING_STATE_SUCCEEDED"
    assert server.galleria.json("disk", "list", "-g", "images") == []


def wait_for_sentence(command: Command, words: str) -> None:
    """Read what the command says until the words come; its end counts as well, as it may have been fast."""
    assert command.process.stderr is not None
    for line in command.process.stderr:
        if words in line:
            return
