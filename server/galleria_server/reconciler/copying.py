"""Makes one claimed copy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from galleria_server.clock import Clock
from galleria_server.domain.errors import DomainError
from galleria_server.domain.replication import was_ready
from galleria_server.metadata import copies
from galleria_server.metadata.engine import MetadataPool
from galleria_server.operations.bell import Bell
from galleria_server.reads.copies import open_copies
from galleria_server.reconciler import steps
from galleria_server.reconciler.progress import Progress
from galleria_server.reconciler.repairing import AGAIN, Lacking, Repairs, Unreadable
from galleria_server.reconciler.steps import Task
from galleria_server.reconciler.token_bucket import TokenBucket
from galleria_server.volumes.mount import AboutToChange, Mount
from galleria_server.volumes.registry import Volumes
from galleria_storage.errors import StorageError
from galleria_storage.volume import Copy as StorageCopy
from galleria_storage.volume import CopyCancelled, Holder, LeaseLapsed, RecordsUnreadable, Root

CLAIM = timedelta(seconds=60)
RENEWAL_SECONDS = 15
REPORT_SECONDS = 1.0
MAX_ATTEMPTS = 12
LONGEST_PAUSE_SECONDS = 300

_log = logging.getLogger(__name__)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after the given number of failed tries: 1, 2, 4 … 300 seconds."""
    return timedelta(seconds=min(2 ** (attempts - 1), LONGEST_PAUSE_SECONDS))


class Copying:
    """Brings content to where rows want it. `buckets` bound the copies into a region together; the others are free."""

    def __init__(
        self,
        metadata: MetadataPool,
        volumes: Volumes,
        bell: Bell,
        clock: Clock,
        buckets: Mapping[str, TokenBucket],
        about_to_change: AboutToChange,
        repairs: Repairs,
    ) -> None:
        self._metadata = metadata
        self._volumes = volumes
        self._bell = bell
        self._clock = clock
        self._buckets = buckets
        self._about_to_change = about_to_change
        self._repairs = repairs

    def is_paced(self, region: str) -> bool:
        """Whether copies into a region wait for its bandwidth."""
        return region in self._buckets

    async def run(self, task: Task) -> timedelta | None:
        """Make the copy, and tell its row how it ended; returns after how long to try again.

        Cancelled, it leaves the claim for whoever comes next.
        """
        try:
            await self._make(task)
        except CopyCancelled:
            _log.info("copy %s was cancelled", task.copy.uid)
        except Exception as error:  # noqa: BLE001  # whatever it is, the row has to say so
            return await self._failed(task, error)
        finally:
            self._bell.ring()
        return None

    async def _make(self, task: Task) -> None:
        mount = self._volumes.mount(task.copy.region, task.copy.volume)
        async with self._progress(task, mount) as progress:
            # Of a copy that was READY before only what its root lacks is brought.
            progress.done_bytes = task.copy.done_bytes
            root = await self._repairs.complete(mount, task.copy.root_id) or await self._bring(task, mount, progress)
        if not await self._metadata.write(steps.finish, task.copy, root.occupied, self._clock()):
            await self._forget(task, mount)

    async def _bring(self, task: Task, mount: Mount, progress: Progress) -> Root:
        holder = Holder(task.version.group_uid, task.version.uid, task.content.name)
        async with open_copies(self._volumes, task.content) as sources:
            async for source in sources:
                target = await mount.run_copy(_begin, mount, task)
                progress.begin()
                try:
                    await source.feed(mount, partial(target.run, progress=progress))
                    await self._about_to_change(mount)
                    return await mount.run_copy(target.commit, holder)
                except RecordsUnreadable as error:
                    sources.failed(source, error)
                except CopyCancelled:
                    await self._forget(task, mount)
                    raise
        raise sources.lost(0, 1)

    @asynccontextmanager
    async def _progress(self, task: Task, mount: Mount) -> AsyncIterator[Progress]:
        """A progress that is told to the row about once a second, and that stops when the claim is lost."""
        progress = Progress(mount.going_on, self._buckets.get(mount.region))
        telling = asyncio.create_task(self._tell(task, progress))
        try:
            yield progress
        finally:
            telling.cancel()
            # The thread outlives a cancelled task, until its next step.
            progress.cancel()

    async def _tell(self, task: Task, progress: Progress) -> None:
        told, silent = 0, 0.0
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            silent += REPORT_SECONDS
            try:
                if progress.done_bytes == told and silent < RENEWAL_SECONDS:
                    # One that waits for its region's bandwidth has nothing to tell for minutes.
                    wanted = not await self._metadata.read(steps.unwanted, task.copy.uid)
                else:
                    wanted = await self._checkpoint(task, progress.done_bytes)
                    told, silent = progress.done_bytes, 0.0
            except Exception as error:  # noqa: BLE001  # whatever it is, the next second tries again
                _log.warning("copy %s could not tell how far it is", task.copy.uid, exc_info=error)
                continue
            if not wanted:
                progress.cancel()

    async def _checkpoint(self, task: Task, done_bytes: int) -> bool:
        copy, until = task.copy, self._clock() + CLAIM
        # All bytes are counted only of what is READY, or was.
        most = task.content.occupied - (not was_ready(task.version, copy))
        done = max(0, min(done_bytes, most))
        return await self._metadata.write(copies.checkpoint, copy.uid, copy.epoch, done, until)

    async def _forget(self, task: Task, mount: Mount) -> None:
        """Leave nothing of a copy that nobody wants any more; a claim that only moved on is left alone."""
        if await self._metadata.read(steps.unwanted, task.copy.uid):
            await self._about_to_change(mount)
            await mount.run(release, mount, task)

    async def _failed(self, task: Task, error: Exception) -> timedelta | None:
        _log.warning("copy %s to %s failed", task.copy.uid, task.copy.volume, exc_info=error)
        if isinstance(error, Lacking | Unreadable) and task.to_be_kept:
            await self._metadata.write(steps.put_off, task.copy, self._clock() + AGAIN, str(error))
            return AGAIN
        details = (
            str(error) if isinstance(error, DomainError | StorageError | Lacking | Unreadable) else "internal error"
        )
        if task.copy.attempts >= MAX_ATTEMPTS and not task.to_be_kept:
            await self._metadata.write(steps.give_up, task.copy, self._clock(), details)
            return None
        pause = pause_after(task.copy.attempts)
        step = steps.begin_again if isinstance(error, LeaseLapsed) else steps.put_off
        await self._metadata.write(step, task.copy, self._clock() + pause, details)
        return pause


def release(mount: Mount, task: Task) -> None:
    """End the copy's lease and give its root up. Blocks; idempotent."""
    _begin(mount, task).abort()
    mount.volume.release(task.copy.root_id)


def _begin(mount: Mount, task: Task) -> StorageCopy:
    copy = task.copy
    return mount.volume.begin_copy(task.version.group_uid, copy.root_id, lease_id=copy.lease_id)
