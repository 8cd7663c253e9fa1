from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installation import check_installation
from tests.support.processes import Galleria, Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, without configuration; at the end all that it has said is true."""
    with Server(tmp_path) as server:
        yield server
        if server.running:
            server.kill()
        check_installation(server.data)


@pytest.fixture(scope="module")
def shared_server(module_folder: Path) -> Iterator[Server]:
    """A server for all tests of a module."""
    with Server(module_folder) as server:
        yield server


@pytest.fixture
def galleria(shared_server: Server) -> Galleria:
    return shared_server.galleria
