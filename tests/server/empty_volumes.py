"""A content plane that keeps no bytes, for tests of the catalogue alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import grpc.aio

from galleria_server.domain.placement import Candidate, RegionVolumes
from galleria_server.foundation import Foundation
from tests.support.server_thread import ServerThread

GIB = 1 << 30
Register = Callable[[grpc.aio.Server], Sequence[str]]


def nothing(_server: grpc.aio.Server) -> Sequence[str]:
    return ()


class EmptyVolumes:
    """A content plane whose configured volumes are all empty and do no work. `register` adds services to its server."""

    def __init__(self, foundation: Foundation, register: Register = nothing) -> None:
        self._config = foundation.config
        self._register = register
        self.wakes = 0

    def register(self, server: grpc.aio.Server) -> Sequence[str]:
        return self._register(server)

    async def start(self) -> None:
        return None

    def wake(self) -> None:
        self.wakes += 1

    async def drain(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    def volumes_of(self, name: str) -> RegionVolumes:
        region = self._config.region(name)
        assert region is not None
        candidates = (Candidate(v.name, v.zone, frozenset(v.tiers), free=GIB, total=GIB) for v in region.volumes)
        return RegionVolumes(name, region.zones, tuple(candidates))


CatalogueServer = ServerThread[EmptyVolumes]
"""A server without the half that keeps bytes."""
