"""Brings what volumes lack from wherever else it lies, and takes copies out of service that stay incomplete."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

from prometheus_client import CollectorRegistry, Counter

from galleria_server.clock import Clock
from galleria_server.domain.errors import DomainError
from galleria_server.domain.errors_content import VolumeUnavailable
from galleria_server.metadata.engine import MetadataPool
from galleria_server.operations.bell import Bell
from galleria_server.reads.content import Location
from galleria_server.reads.copies import Copies, open_copies
from galleria_server.reconciler import repair_steps
from galleria_server.volumes.mount import Mount
from galleria_server.volumes.registry import Volumes
from galleria_storage.errors import StorageError
from galleria_storage.volume import LeaseLapsed, Root, RootMissing

AGAIN = timedelta(seconds=60)
"""How long a copy that is out of service waits between two tries."""

_log = logging.getLogger(__name__)


class Lacking(Exception):
    """A root lacks chunks or pages that no other copy could give: how many."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count

    def __str__(self) -> str:
        return f"chunks or pages lost in every copy that can be read: {self.count}; a push of the same bytes heals it"


class Unreadable(Exception):
    """The file of a root cannot be read: what is wrong with it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.problem}; abandon the root to have the copy made anew"


class Repairs:
    """Repairs roots. `wake` tells the reconciler that copies are due; `registry` gets the metric."""

    def __init__(
        self,
        metadata: MetadataPool,
        volumes: Volumes,
        bell: Bell,
        clock: Clock,
        registry: CollectorRegistry,
        wake: Callable[[], None],
    ) -> None:
        self._metadata = metadata
        self._volumes = volumes
        self._bell = bell
        self._clock = clock
        self._wake = wake
        self._records = Counter(
            "galleria_repaired_records",
            "Chunks and pages that a volume lacked and got from another copy",
            ("region", "volume"),
            registry=registry,
        )

    async def mend(self, mount: Mount) -> None:
        """Repair every root of a volume that lacks something; READY copies that still do then go out of service.

        Those that are whole again are made READY by the reconciler. Raises VolumeUnavailable, StoreFailed.
        """
        left: dict[UUID, str] = {}
        for root_id in await mount.lacking():
            try:
                if count := await self._heal(mount, root_id):
                    left[root_id] = str(Lacking(count))
            except (StorageError, DomainError) as error:
                _log.warning("root %s on volume %s in %s is not repaired: %s", root_id, mount.name, mount.region, error)
                left[root_id] = f"chunks or pages are lost, and could not be brought again: {error}"
        lacking = await mount.lacking()
        # Of a repair that failed all may have come before that.
        left = {root: details for root, details in left.items() if root in lacking}
        await self._set_back(mount, left | await self._unreadable(mount))
        if await self._metadata.write(repair_steps.hurry_whole, mount.region, mount.name, lacking, self._clock()):
            self._wake()

    async def complete(self, mount: Mount, root_id: UUID) -> Root | None:
        """The root, if it is pinned on the volume, once it lacks nothing.

        Raises Lacking, Unreadable, VolumeUnavailable, StoreFailed.
        """
        pinned = {root.id for root in await mount.run(mount.volume.roots)}
        # Not one that is in memory still: whoever opens the volume next has the file.
        file = await mount.run(mount.volume.root_file, root_id)
        if file is None or root_id not in pinned:
            return None
        root = file.root
        if root is None:
            raise Unreadable(file.problem)
        if left := await self._heal(mount, root_id):
            raise Lacking(left)
        await self._metadata.write(repair_steps.hurry_same, root.layout.text, self._clock())
        return root

    async def _unreadable(self, mount: Mount) -> dict[UUID, str]:
        """The roots that could not be read when somebody looked, and still cannot; what is wrong with each."""
        found: dict[UUID, str] = {}
        for root_id in mount.doubted:
            file = await mount.run(mount.volume.root_file, root_id)
            if file is not None and file.problem:
                found[root_id] = str(Unreadable(file.problem))
        mount.doubted = mount.doubted & found.keys()
        return found

    async def _heal(self, mount: Mount, root_id: UUID) -> int:
        """Repair one root from one source after the other; how much it lacks then."""
        lacks = (await mount.lacking()).get(root_id, 0)
        root = await mount.run(mount.volume.root, root_id)
        if root is None or not lacks:
            return 0
        at = Location(mount.region, mount.name, root_id)
        content = await self._metadata.read(repair_steps.sources, root, at)
        async with open_copies(self._volumes, content) as copies:
            return await self._heal_from(copies, mount, root, lacks)

    async def _heal_from(self, copies: Copies, mount: Mount, root: Root, lacks: int) -> int:
        async for source in copies:
            if not _may_give(source.reader.root, root):
                continue
            try:
                count = await source.feed(mount, partial(mount.volume.repair, root.id, going=mount.going_on))
            except RootMissing:
                return 0
            except (LeaseLapsed, VolumeUnavailable) as error:
                # What came before stays; the rest is asked of the next.
                copies.failed(source, error)
                count = 0
            lacks = (await mount.lacking()).get(root.id, 0)
            if count:
                self._records.labels(mount.region, mount.name).inc(count)
                message = "%d records of %s on volume %s in %s were repaired from volume %s in %s; %d are missing still"
                where = mount.name, mount.region, source.mount.name, source.mount.region
                _log.warning(message, count, root.holder.name, *where, lacks)
            if not lacks:
                break
        return lacks

    async def _set_back(self, mount: Mount, left: dict[UUID, str]) -> None:
        for root_id, details in left.items():
            where, due = (mount.region, mount.name), self._clock() + AGAIN
            for version in await self._metadata.write(repair_steps.set_back, *where, [root_id], due, details):
                message = "copy of version %s on volume %s in %s is out of service: %s"
                _log.error(message, version, mount.name, mount.region, details)
                self._bell.ring()


def _may_give(source: Root, root: Root) -> bool:
    """Whether records of a source may come to lie in another root's domain.

    Where scopes share nothing on the source's volume, they are for its own scope only.
    """
    return source.domain == 0 or source.holder.scope == root.holder.scope
