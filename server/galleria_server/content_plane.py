"""What the catalogue needs of those who keep the bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import grpc.aio

from galleria_server.domain.models import TargetRegion
from galleria_server.domain.placement import Place


class ContentPlane(Protocol):
    """Volumes, pushes, reads and the reconciler.

    The order of calls: `register`, `start`, then anything, `drain`, `stop`. All but `place` are called from the event
    loop.
    """

    def register(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add its services to a server that has not started; returns their full names."""

    async def start(self) -> None:
        """Open the volumes, take up what an earlier process left, and begin to work. Volumes may stay offline."""

    def place(self, group_uid: UUID, targets: Sequence[TargetRegion], home: tuple[str, str] | None) -> Sequence[Place]:
        """A place for each copy that `targets` order; `home` is the region and volume of the source.

        Blocks on nothing, from any thread. Raises NotEnoughVolumes.
        """

    def wake(self) -> None:
        """Rows were written that ask for work."""

    async def drain(self) -> None:
        """Begin nothing new; return when what runs has ended or can go on after a restart."""

    async def stop(self) -> None:
        """End everything and close the volumes."""
