"""What the catalogue needs of those who keep the bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import grpc.aio

from galleria_server.domain.placement import RegionVolumes


class ContentPlane(Protocol):
    """Volumes, pushes, reads and the reconciler.

    The order of calls: `register`, `start`, then anything, `drain`, `stop`. All but `volumes_of` are called from the
    event loop.
    """

    def register(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add its services to a server that has not started; returns their full names."""

    async def start(self) -> None:
        """Open the volumes, take up what an earlier process left, and begin to work. Volumes may stay offline."""

    def volumes_of(self, region: str) -> RegionVolumes:
        """The volumes of a configured region that take new work. Blocks on nothing, from any thread."""

    def wake(self) -> None:
        """Rows were written that ask for work."""

    async def drain(self) -> None:
        """Begin nothing new; return when what runs has ended or can go on after a restart."""

    async def stop(self) -> None:
        """End everything and close the volumes."""
