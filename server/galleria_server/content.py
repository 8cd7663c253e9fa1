"""The content plane put together: volumes, pushes, reads, reconciler and their services."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import grpc.aio

from galleria.v1 import contents_pb2_grpc, disks_pb2_grpc, installation_pb2_grpc
from galleria_server.config import VolumeConfig
from galleria_server.config_dedup import check_dedup
from galleria_server.domain.placement import RegionVolumes
from galleria_server.foundation import Foundation
from galleria_server.pushes.limits import StreamLimits
from galleria_server.pushes.registry import Pushes
from galleria_server.reads.sources import Sources
from galleria_server.reconciler.copying import Copying
from galleria_server.reconciler.reconciler import Reconciler
from galleria_server.reconciler.removing import Removing
from galleria_server.reconciler.repairing import Repairs
from galleria_server.reconciler.token_bucket import TokenBucket
from galleria_server.services.contents import ContentsService
from galleria_server.services.disks import DisksService
from galleria_server.services.operators import OperatorsService
from galleria_server.services.record_streams import add_record_streams
from galleria_server.services.shared import Catalogue
from galleria_server.volumes.ownership import Ownership
from galleria_server.volumes.registry import Volumes
from galleria_server.volumes.roots import Roots
from galleria_storage.index import RocksShared
from galleria_storage.volume import Policy, Volume, open_local_volume

MAINTENANCE_SECONDS = 1.0
_SERVICES = ("galleria.v1.Disks", "galleria.v1.Contents", "galleria.v1.Operators")


def make_content(foundation: Foundation, make_bucket: Callable[[int], TokenBucket] = TokenBucket) -> LocalContent:
    """The content plane over the volumes of this machine, not started; `make_bucket` takes bytes a second."""
    shared, config = RocksShared(), foundation.config

    def open_volume(volume: VolumeConfig, *, rebuild: bool) -> Volume:
        check_dedup(volume)
        limits = config.limits
        policy = Policy(volume.dedup, condemned_seconds=limits.condemned_for, lease_seconds=limits.lease)
        return open_local_volume(volume.path, shared, policy=policy, rebuild=rebuild)

    ownership = Ownership(foundation.metadata, foundation.installation.id, foundation.noted, foundation.clock)
    volumes = Volumes(config.regions, open_volume, config.limits.upkeep, ownership.judge)
    return LocalContent(foundation, volumes, make_bucket, ownership)


class LocalContent:
    """A ContentPlane in this process."""

    def __init__(
        self,
        foundation: Foundation,
        volumes: Volumes,
        make_bucket: Callable[[int], TokenBucket] = TokenBucket,
        ownership: Ownership | None = None,
    ) -> None:
        self._foundation = foundation
        self.volumes = volumes
        metadata, bell, clock = foundation.metadata, foundation.bell, foundation.clock
        self._ownership = ownership or Ownership(metadata, foundation.installation.id, foundation.noted, clock)
        changing = self._ownership.about_to_change
        self._pushes = Pushes(metadata, volumes, clock, foundation.config.limits.max_disk, changing)
        names = tuple(region.name for region in foundation.config.regions)
        buckets = {
            region.name: make_bucket(region.copy_bandwidth)
            for region in foundation.config.regions
            if region.copy_bandwidth is not None
        }
        repairs = Repairs(metadata, volumes, bell, clock, foundation.metrics, self.wake)
        for mount in volumes:
            mount.mend = repairs.mend
        copying = Copying(metadata, volumes, bell, clock, buckets, changing, repairs)
        removing = Removing(metadata, volumes, self._pushes, bell, clock, changing)
        self._reconciler = Reconciler(metadata, self._pushes, copying, removing, clock, names)
        self._roots = Roots(metadata, volumes, self._ownership, self.wake)
        self._maintenance: asyncio.Task[None] | None = None

    def register(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add Disks, Contents and Operators."""
        at, limits = self._foundation, self._foundation.config.limits
        names = tuple(region.name for region in at.config.regions)
        shared = Catalogue(at.metadata, self, names, at.tokens, at.bell, at.clock)
        stream_limits = StreamLimits(max_records_bytes=limits.max_records, idle_timeout_seconds=limits.idle_timeout)
        sources = Sources(at.metadata, names, self.volumes, at.clock)
        disks = DisksService(shared, self.volumes, self._pushes, stream_limits, limits)
        contents = ContentsService(sources, self.volumes, limits.idle_timeout)
        disks_pb2_grpc.add_DisksServicer_to_server(disks, server)
        contents_pb2_grpc.add_ContentsServicer_to_server(contents, server)
        add_record_streams(disks, contents, server)
        installation_pb2_grpc.add_OperatorsServicer_to_server(
            OperatorsService(shared, self.volumes, self._roots), server
        )
        return _SERVICES

    async def start(self) -> None:
        """Open the volumes, take up what an earlier process left, begin to work."""
        await self.volumes.open()
        self._maintenance = asyncio.create_task(self._maintain())
        await self._reconciler.start()
        await self._roots.tell()

    def volumes_of(self, region: str) -> RegionVolumes:
        """The volumes of a region that take new work; from any thread."""
        return self.volumes.region_volumes(region)

    def wake(self) -> None:
        """Rows were written that ask for work."""
        self._reconciler.wake()

    async def drain(self) -> None:
        """Claim nothing new; running copies can go on after a restart."""
        await self._reconciler.drain()

    async def stop(self) -> None:
        """End everything and close the volumes."""
        await self._reconciler.stop()
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.gather(self._maintenance, return_exceptions=True)
        await self.volumes.close()

    async def _maintain(self) -> None:
        while True:
            self.volumes.maintain()
            await asyncio.sleep(MAINTENANCE_SECONDS)
