"""Pushes that this process has open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from galleria_server.volumes.mount import Mount
from galleria_storage.errors import StorageError
from galleria_storage.volume import Push, PushStream


@dataclass(frozen=True, slots=True)
class LivePush:
    """An open push: its session, the disk it fills, the volume that takes it."""

    session: UUID
    disk: UUID
    mount: Mount
    push: Push

    async def attach(
        self, durable: Callable[[list[int], int], None], failed: Callable[[BaseException], None]
    ) -> PushStream:
        """A storage stream whose callbacks come to the event loop. Raises VolumeUnavailable, LeaseLapsed."""
        loop = asyncio.get_running_loop()

        def pass_durable(segments: list[int], received: int) -> None:
            loop.call_soon_threadsafe(durable, segments, received)

        def pass_failed(error: StorageError) -> None:
            loop.call_soon_threadsafe(failed, error)

        return await self.mount.run(self.push.attach, pass_durable, pass_failed)

    def renewed_segments(self) -> set[int]:
        """The durable segments; the push lapses a whole lease from now. Blocks. Raises LeaseLapsed."""
        self.push.known_pages([])
        return self.push.durable_segments()
