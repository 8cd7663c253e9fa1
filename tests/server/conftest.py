import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.server.catalogue_client import CatalogueClient
from tests.server.empty_volumes import CatalogueServer, EmptyVolumes
from tests.support.server_thread import config_in, server_thread


@pytest.fixture(scope="module")
def running(module_folder: Path) -> Iterator[CatalogueServer]:
    with server_thread(config_in(module_folder), EmptyVolumes) as server:
        yield server


@pytest.fixture(scope="module")
def channel(running: CatalogueServer) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(running.target) as channel:
        yield channel


@pytest.fixture
def client(channel: grpc.Channel, running: CatalogueServer, request: pytest.FixtureRequest) -> CatalogueClient:
    return CatalogueClient(channel, running, re.sub("[^a-z0-9]", "_", request.node.name)[-90:])
