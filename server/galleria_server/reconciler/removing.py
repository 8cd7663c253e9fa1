"""Removes what rows say is being deleted: roots first, rows then."""

from __future__ import annotations

import logging
from datetime import timedelta

from galleria_server.catalogue import disks
from galleria_server.clock import Clock
from galleria_server.domain.models import Disk
from galleria_server.metadata.engine import MetadataPool
from galleria_server.operations.bell import Bell
from galleria_server.pushes.registry import Pushes
from galleria_server.reconciler import steps
from galleria_server.reconciler.copying import pause_after, release
from galleria_server.reconciler.steps import Task
from galleria_server.volumes.mount import AboutToChange
from galleria_server.volumes.registry import Volumes

_log = logging.getLogger(__name__)


class Removing:
    """Releases roots and drops their rows. A volume that is away is tried again for as long as it takes."""

    def __init__(
        self,
        metadata: MetadataPool,
        volumes: Volumes,
        pushes: Pushes,
        bell: Bell,
        clock: Clock,
        about_to_change: AboutToChange,
    ) -> None:
        self._metadata = metadata
        self._volumes = volumes
        self._pushes = pushes
        self._bell = bell
        self._clock = clock
        self._about_to_change = about_to_change

    async def remove_copy(self, task: Task) -> timedelta | None:
        """Remove a claimed copy; returns after how long to try again."""
        try:
            mount = self._volumes.mount(task.copy.region, task.copy.volume)
            await self._about_to_change(mount)
            await mount.run(release, mount, task)
            await self._metadata.write(steps.drop, task.copy, self._clock())
        except Exception:  # noqa: BLE001  # whatever it is, it is tried again
            _log.exception("copy %s on %s cannot be removed", task.copy.uid, task.copy.volume)
            pause = pause_after(task.copy.attempts)
            await self._metadata.write(steps.put_off, task.copy, self._clock() + pause, "")
            return pause
        finally:
            self._bell.ring()
        return None

    async def remove_disk(self, disk: Disk) -> None:
        """Remove a condemned disk; one that cannot be removed now is met again."""
        try:
            await self._pushes.remove(disk)
            await self._metadata.write(disks.forget, disk)
        except Exception:  # noqa: BLE001  # whatever it is, it is tried again
            _log.exception("disk %s on %s cannot be removed", disk.uid, disk.volume)
