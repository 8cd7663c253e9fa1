"""A call has an end, whatever the server does."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from galleria.v1.installation_pb2 import GetServerInfoRequest, ServerInfo
from galleria.v1.installation_pb2_grpc import ServersServicer, add_ServersServicer_to_server
from galleria_client import Client, aio
from galleria_client.errors import DeadlineExceeded


class SilentServers(ServersServicer):
    """Answers nobody before it is released."""

    def __init__(self) -> None:
        self.calls = 0
        self.released = threading.Event()

    def GetServerInfo(self, request: GetServerInfoRequest, context: grpc.ServicerContext) -> ServerInfo:  # noqa: N802
        self.calls += 1
        self.released.wait(60)
        return ServerInfo()


@pytest.fixture
def silent() -> Iterator[tuple[SilentServers, str]]:
    servicer = SilentServers()
    server = grpc.server(ThreadPoolExecutor(2))
    add_ServersServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    servicer.released.set()
    server.stop(None).wait()


def test_a_call_without_an_answer_ends_at_its_deadline(silent: tuple[SilentServers, str]) -> None:
    servicer, target = silent
    with Client(target, timeout=0.3) as client, pytest.raises(DeadlineExceeded):
        client.server_info()
    assert servicer.calls == 1


def test_a_call_of_the_asyncio_client_too(silent: tuple[SilentServers, str]) -> None:
    servicer, target = silent

    async def call() -> None:
        async with aio.Client(target, timeout=0.3) as client:
            await client.server_info()

    with pytest.raises(DeadlineExceeded):
        asyncio.run(call())
    assert servicer.calls == 1
