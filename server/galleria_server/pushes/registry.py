"""The pushes of this process, and each step in the life of one: row first, then the volume, then the row again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from galleria_server.catalogue import disks
from galleria_server.catalogue.disks import Pinned
from galleria_server.clock import Clock
from galleria_server.domain.disk_size import check_size
from galleria_server.domain.errors import WrongState
from galleria_server.domain.errors_content import SizeNotPromised
from galleria_server.domain.models import Disk, DiskState
from galleria_server.domain.names import DiskName
from galleria_server.metadata.engine import MetadataPool
from galleria_server.pushes.live import LivePush
from galleria_server.pushes.promise import Promise
from galleria_server.volumes.mount import AboutToChange, Mount
from galleria_server.volumes.registry import Volumes
from galleria_storage.errors import StorageError
from galleria_storage.layout import Layout
from galleria_storage.volume import Holder, LeaseLapsed, Push, Root


class Pushes:
    """Begins, finds, commits and aborts pushes. Steps on one disk take turns."""

    def __init__(
        self, metadata: MetadataPool, volumes: Volumes, clock: Clock, max_disk: int, about_to_change: AboutToChange
    ) -> None:
        self._metadata = metadata
        self._volumes = volumes
        self._clock = clock
        self._max_disk = max_disk
        self._about_to_change = about_to_change
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def begin(self, name: DiskName) -> LivePush:
        """The push of the disk, new unless one is open. Raises NotFound, WrongState, ScopeLocked, VolumeUnavailable."""
        known = await self._metadata.read(disks.get, name)
        async with self._turn(known.uid):
            before = await self._metadata.read(disks.get, name)
            if before.state in (DiskState.EMPTY, DiskState.LOST, DiskState.COMMITTING):
                await self._complete(before)
            disk = await self._metadata.write(disks.open_push, name)
            mount = self._mount(disk)
            if before.session == disk.session:
                push = await mount.run(_resume, mount, disk)
                if push is not None:
                    return _live(disk, mount, push)
                disk = await self._metadata.write(disks.begin_again, disk.uid)
            return _live(disk, mount, await mount.run(_begin, mount, disk))

    async def find(self, session: UUID) -> LivePush:
        """An open push. Raises PushMissing, LeaseLapsed, VolumeUnavailable."""
        disk = await self._metadata.read(disks.pushed_in, session)
        mount = self._mount(disk)
        return _live(disk, mount, await mount.run(_resume, mount, disk))

    async def attach(self, session: UUID) -> LivePush:
        """An open push, to send to. Raises ScopeLocked, and what `find` raises."""
        await self._metadata.read(disks.written_in, session)
        return await self.find(session)

    async def commit(self, session: UUID, promise: Promise) -> Disk:
        """End a push: its content becomes the disk's. Idempotent.

        Raises PushMissing, SizeNotAllowed, DiskTooLarge, SizeNotPromised, ScopeLocked, VolumeUnavailable, WrongState
        when another client of the push has ended it with other content, and the storage's LayoutInvalid,
        LayoutIncomplete, LeaseLapsed.
        """
        disk = await self._metadata.read(disks.pushed_in, session)
        async with self._turn(disk.uid):
            disk = await self._metadata.read(disks.pushed_in, session)
            if disk.state is DiskState.READY:
                return _kept(disk, promise)
            if disk.state is DiskState.COMMITTING and (settled := await self._complete(disk)):
                return _kept(settled, promise)
            return await self._commit(await self.find(session), disk, promise)

    async def abort(self, session: UUID) -> None:
        """Give a push up. Raises PushMissing, ScopeLocked, VolumeUnavailable."""
        disk = await self._metadata.read(disks.pushed_in, session)
        async with self._turn(disk.uid):
            if disk.state is DiskState.READY or await self._complete(disk):
                return
            await self._metadata.read(disks.written_in, session)
            mount = self._mount(disk)
            await mount.run(_abort, mount, disk)
            await self._metadata.write(disks.end_push, disk.uid)

    async def settle(self, disk: Disk) -> None:
        """Complete forward what a crash left, and empty a disk whose push has lapsed. Raises VolumeUnavailable.

        A database that was restored from before a push has the disk empty, or in another push, and its root is pinned.
        """
        async with self._turn(disk.uid):
            if await self._complete(disk) or disk.session is None:
                return
            mount = self._mount(disk)
            if await mount.run(_resume, mount, disk) is None:
                await self._metadata.write(disks.end_push, disk.uid)

    async def remove(self, disk: Disk) -> None:
        """Release what a condemned disk has on its volume. Raises VolumeUnavailable."""
        async with self._turn(disk.uid):
            mount = self._mount(disk)
            await mount.run(_abort, mount, disk)
            await self._about_to_change(mount)
            await mount.run(mount.volume.release, disk.root_id)

    async def _commit(self, live: LivePush, disk: Disk, promise: Promise) -> Disk:
        layout = await live.mount.run(promise.layout, live.push)
        check_size(layout.size, self._max_disk, disk.kind)
        if disk.size_bytes not in (0, layout.size):
            raise SizeNotPromised(layout.size, disk.size_bytes)
        statistics = promise.statistics(live.push.statistics())
        await self._metadata.write(disks.begin_commit, disk.uid, promise.sha256, statistics)
        try:
            await self._about_to_change(live.mount)
            root = await live.mount.run(_pin, live.push, layout, disk)
        except StorageError:
            await self._metadata.write(disks.take_back_commit, disk.uid)
            raise
        return await self._finish(disk, root)

    async def _complete(self, disk: Disk) -> Disk | None:
        """The READY disk when its content is pinned already."""
        mount = self._mount(disk)
        root = await mount.run(mount.volume.root, disk.root_id)
        return None if root is None else await self._finish(disk, root)

    async def _finish(self, disk: Disk, root: Root) -> Disk:
        mount = self._mount(disk)
        chunks = await mount.run(mount.volume.chunk_count, root)
        content = Pinned(root.layout.size, root.occupied, root.layout.text, chunks)
        return await self._metadata.write(disks.finish, disk.uid, self._clock(), content)

    def _mount(self, disk: Disk) -> Mount:
        return self._volumes.mount(disk.location, disk.volume)

    @asynccontextmanager
    async def _turn(self, disk: UUID) -> AsyncIterator[None]:
        lock = self._turns.setdefault(disk, asyncio.Lock())
        async with lock:
            yield


def _kept(disk: Disk, promise: Promise) -> Disk:
    """The READY disk, for the client that meant its content."""
    if not promise.is_kept_by(disk.digest, disk.size_bytes):
        raise WrongState(disks.KIND, str(disk.name), disk.state.value, DiskState.EMPTY.value)
    return disk


def _begin(mount: Mount, disk: Disk) -> Push | None:
    if disk.session is None:
        return None
    return mount.volume.begin_push(disk.group_uid, disk.root_id, lease_id=disk.session)


def _resume(mount: Mount, disk: Disk) -> Push | None:
    return None if disk.session is None else mount.volume.resume_push(disk.session)


def _live(disk: Disk, mount: Mount, push: Push | None) -> LivePush:
    if disk.session is None or push is None:
        raise LeaseLapsed(disk.session or disk.uid)
    return LivePush(disk.session, disk.uid, mount, push)


def _pin(push: Push, layout: Layout, disk: Disk) -> Root:
    return push.commit(layout, Holder(disk.group_uid, disk.uid, str(disk.name)))


def _abort(mount: Mount, disk: Disk) -> None:
    push = _resume(mount, disk)
    if push is not None:
        push.abort()
