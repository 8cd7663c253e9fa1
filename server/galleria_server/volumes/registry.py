"""The set of volumes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from galleria_server.config import DEFAULT_UPKEEP, RegionConfig, UpkeepPlan
from galleria_server.domain.errors_content import VolumeMissing
from galleria_server.domain.placement import Candidate, RegionVolumes
from galleria_server.volumes.mount import PATIENCE, Judge, Mount, Opener


class Volumes:
    """Every configured volume, open or not.

    `opener` opens one; it blocks and runs in the volume's pool. Each is looked after as the plan says, and
    `judge` tells whether it belongs to this server.
    """

    def __init__(
        self,
        regions: Sequence[RegionConfig],
        opener: Opener,
        plan: UpkeepPlan = DEFAULT_UPKEEP,
        judge: Judge = lambda *_: "",
    ) -> None:
        self._opener = opener
        self._zones = {region.name: tuple(region.zones) for region in regions}
        self._mounts = {
            (region.name, config.name.casefold()): Mount(region.name, config, plan=plan, judge=judge)
            for region in regions
            for config in region.volumes
        }
        self._opening: list[asyncio.Task[None]] = []

    def __iter__(self) -> Iterator[Mount]:
        return iter(self._mounts.values())

    async def open(self) -> None:
        """Open all volumes at once; those that cannot be opened stay offline.

        One that takes long, or hangs, is left to come online later.
        """
        self._opening = [asyncio.create_task(mount.open(self._opener)) for mount in self]
        await asyncio.wait(self._opening, timeout=PATIENCE)

    def mount(self, region: str, name: str) -> Mount:
        """The volume of that name, compared without case. Raises VolumeMissing."""
        try:
            return self._mounts[region, name.casefold()]
        except KeyError:
            raise VolumeMissing(f"regions/{region}/volumes/{name}") from None

    def candidate(self, region: str, name: str) -> Candidate | None:
        """What placement knows of a volume; None when it is not configured or gets no new work."""
        mount = self._mounts.get((region, name.casefold()))
        return None if mount is None else mount.candidate

    def region_volumes(self, region: str) -> RegionVolumes:
        """What placement chooses from: the volumes of the region that take new work."""
        candidates = (mount.candidate for mount in self if mount.region == region)
        taking = tuple(candidate for candidate in candidates if candidate is not None)
        return RegionVolumes(region, self._zones[region], taking)

    def maintain(self) -> None:
        """Begin what is due on every volume, waiting for none. Call about once a second."""
        for mount in self:
            mount.maintain()

    async def close(self) -> None:
        """Close all volumes."""
        for opening in self._opening:
            opening.cancel()
        await asyncio.gather(*(mount.close() for mount in self))
