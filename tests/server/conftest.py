import re
from collections.abc import Iterator

import grpc
import pytest

from tests.server.catalogue_client import CatalogueClient
from tests.server.running import ServerThread, config_in, server_thread


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    with server_thread(config_in(tmp_path_factory.mktemp("server"))) as server:
        yield server


@pytest.fixture(scope="module")
def channel(running: ServerThread) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(running.target) as channel:
        yield channel


@pytest.fixture
def client(channel: grpc.Channel, running: ServerThread, request: pytest.FixtureRequest) -> CatalogueClient:
    return CatalogueClient(channel, running, re.sub("[^a-z0-9]", "_", request.node.name)[-90:])
