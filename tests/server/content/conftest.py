"""One server with both halves for the tests of a module; each test works in a resource group of its own."""

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from galleria_server.content import make_content
from tests.support.content import image_bytes
from tests.support.server_thread import ContentServer, config_in, server_thread
from tests.support.wire_client import Image, WireClient, cut_image


@pytest.fixture(scope="module")
def content(module_folder: Path) -> Iterator[ContentServer]:
    with server_thread(config_in(module_folder), make_content) as server:
        yield server


@pytest.fixture
def wire(content: ContentServer, request: pytest.FixtureRequest) -> Iterator[WireClient]:
    group = re.sub(r"[^A-Za-z0-9_]+", "-", request.node.name)[:80]
    with grpc.insecure_channel(content.target) as channel:
        yield WireClient(channel, group)


@pytest.fixture(scope="session")
def data() -> bytes:
    return image_bytes()


@pytest.fixture(scope="session")
def image(data: bytes) -> Image:
    return cut_image(data)
