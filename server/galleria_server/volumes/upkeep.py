"""What is done on a volume from time to time, unasked."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from galleria_server.config import UpkeepPlan
from galleria_server.volumes.damage_log import DamageLog
from galleria_server.volumes.pace import Pace
from galleria_storage.volume import VolumeClosed

if TYPE_CHECKING:
    from galleria_server.volumes.mount import Mount

# Free space moves slowly, and asking for it reads every root of a volume.
USAGE_TICKS: Final = 30
_SCRUB_TICKS: Final = 60
_REPAIR_TICKS: Final = 60

_log = logging.getLogger(__name__)


class Upkeep:
    """Looks after one volume. Used from the event loop."""

    def __init__(self, mount: Mount, plan: UpkeepPlan) -> None:
        self._mount = mount
        self._plan = plan
        self._ticks = 0
        self._news = self._untold = False
        self._running: dict[str, asyncio.Task[None]] = {}

    def tick(self) -> None:
        """Begin what is due, unless it goes on still. Call about once a second."""
        self._ticks += 1
        self._begin("maintenance", 1, self._maintain)
        self._begin("collection", max(1, round(self._plan.collect_every)), self._collect)
        self._begin("repair", 1 if self._news else _REPAIR_TICKS, self._repair)
        self._begin("scrub", min(_SCRUB_TICKS, max(1, round(self._plan.scrub_every))), self._scrub)

    def has_news(self) -> None:
        """The volume lacks other than before: see to its repair at the next tick, or once that of before ends."""
        self._news = self._untold = True

    async def stop(self) -> None:
        """Begin nothing more, and wait for nothing."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def _begin(self, what: str, ticks: int, work: Callable[[], Awaitable[None]]) -> None:
        before = self._running.get(what)
        if self._ticks % ticks == 0 and (before is None or before.done()):
            self._running[what] = asyncio.create_task(self._guard(what, work))

    async def _guard(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except VolumeClosed:
            return
        except Exception:  # noqa: BLE001  # one volume must not keep the others from work
            _log.exception("%s of volume %s in %s failed", what, self._mount.name, self._mount.region)

    async def _maintain(self) -> None:
        volume = self._mount.volume
        await self._mount.run(volume.maintain)
        if self._ticks % USAGE_TICKS == 0:
            await self._mount.refresh_usage()
        if await self._mount.run(lambda: volume.doubtful):
            await self._mount.assess()
        if self._untold:
            self._untold = False
            await self._tell_damage()

    async def _collect(self) -> None:
        if self._mount.strange:
            return
        found = await self._mount.collect()
        if found.condemned or found.removed:
            figures = {name: getattr(found, name) for name in ("condemned", "removed", "garbage", "rewritten")}
            _log.info("collected garbage of volume %s in %s", self._mount.name, self._mount.region, extra=figures)

    async def _scrub(self) -> None:
        pace = Pace(self._plan.scrub_rate, self._mount.going_on)
        report = DamageLog(self._mount.region, self._mount.name, pace)
        await self._mount.scrub(report, before=time.time() - self._plan.scrub_every)

    async def _repair(self) -> None:
        self._news = False
        await self._mount.mend(self._mount)

    async def _tell_damage(self) -> None:
        names = {root.id: root.name for root in await self._mount.run(self._mount.volume.roots)}
        for root, lost in (await self._mount.run(self._mount.volume.lacking)).items():
            message = "%s on volume %s in %s lacks %d chunks"
            _log.error(message, names.get(root, root), self._mount.name, self._mount.region, lost)
