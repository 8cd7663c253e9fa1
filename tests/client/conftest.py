from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from galleria_client import Client
from tests.client.images import write_image
from tests.support.processes import Server


@pytest.fixture(scope="session")
def target(session_folder: Path) -> Iterator[str]:
    """Address of a real server that all tests share."""
    with Server(session_folder) as server:
        yield server.endpoint


@pytest.fixture
def client(target: str) -> Iterator[Client]:
    with Client(target) as made:
        yield made


@pytest.fixture
def group(client: Client) -> str:
    """Name of a resource group that nobody else uses: what others pushed is unknown in it."""
    return f"subscriptions/{client.server_info().default_subscription}/resourceGroups/g{uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def image(session_folder: Path) -> Path:
    return write_image(session_folder / "image.raw")
