"""The roots on volumes and what they belong to; what an operator does with those that belong to nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from galleria_server.catalogue import adoption, losing
from galleria_server.catalogue.adoption import FoundRoot
from galleria_server.domain.errors import NotFound
from galleria_server.domain.errors_content import RootNotUsable
from galleria_server.metadata import roots
from galleria_server.metadata.engine import MetadataPool
from galleria_server.metadata.roots import Named
from galleria_server.volumes.mount import Mount, State
from galleria_server.volumes.ownership import Ownership
from galleria_server.volumes.registry import Volumes
from galleria_storage.volume import RootFile, RootMissing

_AT_ONCE: Final = 64
_NOT_THERE: Final = "it is not on the volume, though what it belongs to is ready"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnedRoot:
    """A root's file, and the resource name of the disk or version that it belongs to, or empty."""

    file: RootFile
    owner: str


class Roots:
    """Looks at roots, and adopts, releases or abandons them; `wake` is called when that asks for work."""

    def __init__(
        self, metadata: MetadataPool, volumes: Volumes, ownership: Ownership, wake: Callable[[], None]
    ) -> None:
        self._metadata = metadata
        self._volumes = volumes
        self._ownership = ownership
        self._wake = wake

    async def tell(self) -> None:
        """Log which volumes have roots that belong to nothing, or lack some that rows name."""
        for mount in self._volumes:
            if mount.state is State.ONLINE:
                try:
                    await self._tell(mount)
                except Exception:  # noqa: BLE001  # one volume must not keep the others from work
                    _log.exception("the roots on volume %s in %s cannot be looked at", mount.name, mount.region)

    async def page(self, mount: Mount, after: UUID | None, limit: int, *, unowned_only: bool) -> list[OwnedRoot]:
        """Up to `limit` roots of a volume with an id above `after`, also those that rows call ready and are not there.

        With `unowned_only` only those that belong to nothing or have a problem.
        Raises VolumeUnavailable, StoreFailed.
        """
        missing = await self._missing(mount)
        found: list[OwnedRoot] = []
        while len(found) < limit:
            # Rows come before roots: read after them they have the owner of each.
            files = await mount.run(mount.volume.root_files, after, _AT_ONCE)
            named = await self._named(mount)
            last = files[-1].id if len(files) == _AT_ONCE else None
            files += [file for file in missing if _is_between(after, file.id, last)]
            if unowned_only:
                files = [file for file in files if file.id not in named or file.problem or file.lacks]
            found += await self._owned(sorted(files, key=lambda file: file.id), named)
            if last is None:
                break
            after = last
        return found[:limit]

    async def unowned(self, mount: Mount) -> set[UUID]:
        """The pinned roots on a volume that belong to nothing. Raises VolumeUnavailable."""
        pinned = {root.id for root in await mount.run(mount.volume.roots)}
        return pinned - (await self._named(mount)).keys()

    async def adopt_volume(self, mount: Mount) -> None:
        """Let the volume belong to this server's metadata database. Raises VolumeUnavailable."""
        await self._ownership.adopt(mount)

    async def adopt(self, mount: Mount, root_id: UUID, disk_id: str) -> OwnedRoot:
        """Make the disk or copy that a root was pinned for. Raises NotFound, RootNotUsable, AlreadyExists."""
        await mount.lacking()
        found = await self._find(mount, root_id)
        if found.owner:
            if disk_id and found.owner.rpartition("/")[2] != disk_id:
                raise RootNotUsable(str(root_id), f"it belongs to {found.owner}")
            return found
        if found.file.root is None:
            raise RootNotUsable(str(root_id), f"it cannot be read: {found.file.problem}")
        if found.file.lacks:
            lacks = f"it lacks {found.file.lacks} chunks; push the same content to the volume first, or abandon it"
            raise RootNotUsable(str(root_id), lacks)
        root = found.file.root
        holder = root.holder
        await self._ownership.about_to_change(mount)
        what = FoundRoot(
            id=root.id,
            region=mount.region,
            zone=mount.config.zone,
            volume=mount.name,
            tiers=frozenset(mount.config.tiers),
            scope=holder.scope,
            resource=holder.resource,
            name=holder.name,
            size=root.layout.size,
            occupied=root.occupied,
            digest=root.layout.text,
            pinned_ms=root.pinned_ms,
        )
        return OwnedRoot(found.file, await self._metadata.write(adoption.adopt, what, disk_id))

    async def release(self, mount: Mount, root_id: UUID, *, really: bool) -> OwnedRoot:
        """Give up a root that belongs to nothing. Raises NotFound, RootNotUsable."""
        found = await self._find(mount, root_id)
        if found.owner:
            raise RootNotUsable(str(root_id), f"it belongs to {found.owner}; delete that instead")
        if found.file.root is None:
            raise RootNotUsable(str(root_id), f"it cannot be read; abandon it instead: {found.file.problem}")
        if really:
            await self._ownership.about_to_change(mount)
            await mount.run(mount.volume.release, root_id)
        return found

    async def abandon(self, mount: Mount, root_id: UUID, *, really: bool) -> OwnedRoot:
        """Give up a root for lost that cannot be read whole, or is not there.

        Its copy is copied again, its disk is lost. Raises NotFound, RootNotUsable.
        """
        found = await self._find(mount, root_id)
        if not found.file.problem and not found.file.lacks:
            raise RootNotUsable(str(root_id), "nothing is known to be wrong with it; verify the volume first")
        if really:
            # The rows come first: what is copied again has a root of its own, and need not wait for this one to go.
            await self._metadata.write(losing.lose, mount.region, mount.name, root_id)
            await self._ownership.about_to_change(mount)
            try:
                await mount.run(mount.volume.abandon, root_id)
            except RootMissing:
                _log.info("root %s was not on volume %s in %s", root_id, mount.name, mount.region)
            owner = found.owner or "nothing"
            message = "root %s on volume %s in %s was abandoned; it belonged to %s"
            _log.warning(message, root_id, mount.name, mount.region, owner)
            self._wake()
        return found

    async def _tell(self, mount: Mount) -> None:
        if unowned := await self.unowned(mount):
            message = "roots that belong to nothing, and are kept, on volume %s in %s: %d"
            _log.warning(message, mount.name, mount.region, len(unowned))
        if missing := await self._missing(mount):
            message = "roots of disks and versions that are not on volume %s in %s: %d"
            _log.error(message, mount.name, mount.region, len(missing))

    async def _missing(self, mount: Mount) -> list[RootFile]:
        """Roots that rows call ready, and that are not on the volume. Raises VolumeUnavailable, StoreFailed."""
        before = _ready(await self._named(mount))
        gone = before - {root.id for root in await mount.run(mount.volume.roots)}
        if not gone:
            return []
        # What was given up meanwhile is not ready any more: its row is the first to say so.
        gone &= _ready(await self._named(mount))
        return [RootFile(root, None, _NOT_THERE, 0) for root in sorted(gone)]

    async def _find(self, mount: Mount, root_id: UUID) -> OwnedRoot:
        file = await mount.run(mount.volume.root_file, root_id)
        if file is None:
            file = next((file for file in await self._missing(mount) if file.id == root_id), None)
        if file is None:
            raise NotFound("root", f"regions/{mount.region}/volumes/{mount.name}/roots/{root_id}")
        (found,) = await self._owned([file], await self._named(mount))
        return found

    async def _named(self, mount: Mount) -> dict[UUID, Named]:
        return await self._metadata.read(roots.named_on, mount.region, mount.name)

    async def _owned(self, files: Iterable[RootFile], named: dict[UUID, Named]) -> list[OwnedRoot]:
        files = list(files)
        uids = [named[file.id].uid for file in files if file.id in named]
        names = dict(zip(uids, await self._metadata.read(roots.names_of, uids), strict=True))
        return [OwnedRoot(file, names[named[file.id].uid] if file.id in named else "") for file in files]


def _ready(named: dict[UUID, Named]) -> set[UUID]:
    return {root for root, owner in named.items() if owner.ready}


def _is_between(after: UUID | None, root: UUID, last: UUID | None) -> bool:
    return (after is None or root > after) and (last is None or root <= last)
