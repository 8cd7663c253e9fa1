"""The loop that makes rows true."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from galleria_server.clock import Clock
from galleria_server.config import COPIES_PER_REGION
from galleria_server.domain.models import BEFORE_READY, Copy, CopyState, DiskState
from galleria_server.metadata import copies, disks
from galleria_server.metadata.engine import MetadataPool
from galleria_server.pushes.registry import Pushes
from galleria_server.reconciler import steps
from galleria_server.reconciler.copying import CLAIM, Copying
from galleria_server.reconciler.removing import Removing

# More at once only fight for this process's processors and memory.
COPIES_AT_ONCE = 2
# A round comes after every copy: it must not go through all that wait.
DUE_AT_ONCE = 32
# Only for what nothing wakes us for: claims of servers that died, volumes that came back.
ROUND_SECONDS = 30.0
SWEEP_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Reconciler:
    """Claims what is due and works on it beside everything else; woken when rows ask for work."""

    def __init__(
        self,
        metadata: MetadataPool,
        pushes: Pushes,
        copying: Copying,
        removing: Removing,
        clock: Clock,
        regions: Sequence[str],
    ) -> None:
        self._metadata = metadata
        self._pushes = pushes
        self._copying = copying
        self._removing = removing
        self._clock = clock
        self._known = regions
        self._owner = uuid4()
        self._running: dict[UUID, asyncio.Task[None]] = {}
        self._regions: Counter[str] = Counter()
        self._news = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._swept = 0.0

    async def start(self) -> None:
        """Take over what an earlier process of this installation left, complete its pushes, and begin."""
        await self._metadata.write(copies.release_claims, self._clock())
        await self._sweep()
        self._loop = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Rows were written that ask for work."""
        self._news.set()

    async def drain(self) -> None:
        """Begin nothing new. What runs goes on after a restart where it was."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def stop(self) -> None:
        """End everything; claims are taken over at the next start."""
        await self.drain()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._round()
            except Exception:  # noqa: BLE001  # the loop goes on
                _log.exception("a round of the reconciler failed")
            try:
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _round(self) -> None:
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            await self._sweep()
        full = [region for region in self._known if not self._room_in(region)]
        for copy in await self._metadata.read(steps.due, self._clock(), DUE_AT_ONCE, set(self._running), full):
            await self._take(copy)
        for disk in await self._metadata.read(disks.in_states, [DiskState.DELETING]):
            if disk.uid not in self._running:
                self._start(disk.uid, self._removing.remove_disk(disk))

    async def _take(self, copy: Copy) -> None:
        if copy.state is not CopyState.DELETING and not self._room_in(copy.region):
            return
        task = await self._metadata.write(steps.claim, copy.uid, self._owner, self._clock(), CLAIM)
        if task is None:
            return
        if task.copy.state is CopyState.DELETING:
            self._start(copy.uid, self._again(self._removing.remove_copy(task)))
        else:
            self._regions[copy.region] += 1
            self._start(copy.uid, self._again(self._counted(copy.region, self._copying.run(task))))

    def _room_in(self, region: str) -> bool:
        if self._regions[region] >= COPIES_PER_REGION:
            return False
        # Copies that wait for their region's bandwidth must not hold up those of other regions.
        at_speed = sum(count for name, count in self._regions.items() if not self._copying.is_paced(name))
        return self._copying.is_paced(region) or at_speed < COPIES_AT_ONCE

    async def _counted(self, region: str, work: Coroutine[Any, Any, timedelta | None]) -> timedelta | None:
        try:
            return await work
        finally:
            self._regions[region] -= 1

    async def _again(self, work: Coroutine[Any, Any, timedelta | None]) -> None:
        pause = await work
        if pause is not None:
            asyncio.get_running_loop().call_later(pause.total_seconds(), self.wake)

    def _start(self, uid: UUID, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running[uid] = task
        task.add_done_callback(lambda ended: self._ended(uid, ended))

    def _ended(self, uid: UUID, task: asyncio.Task[None]) -> None:
        del self._running[uid]
        if not task.cancelled() and (error := task.exception()):
            _log.error("work on %s failed", uid, exc_info=error)
        self.wake()

    async def _sweep(self) -> None:
        """Complete pushes that a crash or a restored database cut off, and end those that have lapsed."""
        self._swept = time.monotonic()
        for disk in await self._metadata.read(disks.in_states, BEFORE_READY):
            try:
                await self._pushes.settle(disk)
            except Exception:  # noqa: BLE001  # the loop goes on
                _log.exception("push of disk %s cannot be looked at", disk.uid)
