"""The roots on volumes and what they belong to; what an operator does with those that belong to nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from galleria_server.catalogue import adoption
from galleria_server.catalogue.adoption import FoundRoot
from galleria_server.domain.errors import NotFound
from galleria_server.domain.errors_content import RootNotUsable
from galleria_server.metadata import roots
from galleria_server.metadata.engine import MetadataPool
from galleria_server.volumes.mount import Mount, State
from galleria_server.volumes.ownership import Ownership
from galleria_server.volumes.registry import Volumes
from galleria_storage.volume import RootFile

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OwnedRoot:
    """A root's file, and the resource name of the disk or version that it belongs to, or empty."""

    file: RootFile
    owner: str


class Roots:
    """Looks at roots, and adopts, releases or abandons them."""

    def __init__(self, metadata: MetadataPool, volumes: Volumes, ownership: Ownership) -> None:
        self._metadata = metadata
        self._volumes = volumes
        self._ownership = ownership

    async def tell(self) -> None:
        """Log which volumes have roots that belong to nothing."""
        for mount in self._volumes:
            if mount.state is State.ONLINE and (unowned := await self.unowned(mount)):
                message = "roots that belong to nothing, and are kept, on volume %s in %s: %d"
                _log.warning(message, mount.name, mount.region, len(unowned))

    async def all(self, mount: Mount, *, unowned_only: bool) -> list[OwnedRoot]:
        """The roots on a volume by id; or only those that belong to nothing or have a problem.

        Raises VolumeUnavailable, StoreFailed.
        """
        # Rows come before roots: read after them they have the owner of each.
        files = await mount.run(mount.volume.root_files)
        named = await self._metadata.read(roots.named_on, mount.region, mount.name)
        if unowned_only:
            files = [file for file in files if file.id not in named or file.problem or file.lacks]
        owners = [named[file.id] for file in files if file.id in named]
        names = dict(zip(owners, await self._metadata.read(roots.names_of, owners), strict=True))
        return [OwnedRoot(file, names[named[file.id]] if file.id in named else "") for file in files]

    async def unowned(self, mount: Mount) -> set[UUID]:
        """The pinned roots on a volume that belong to nothing. Raises VolumeUnavailable."""
        pinned = {root.id for root in await mount.run(mount.volume.roots)}
        return pinned - (await self._metadata.read(roots.named_on, mount.region, mount.name)).keys()

    async def adopt_volume(self, mount: Mount) -> None:
        """Let the volume belong to this server's metadata database. Raises VolumeUnavailable."""
        await self._ownership.adopt(mount)

    async def adopt(self, mount: Mount, root_id: UUID, disk_id: str) -> OwnedRoot:
        """Make the disk or copy that a root was pinned for. Raises NotFound, RootNotUsable, AlreadyExists."""
        found = await self._find(mount, root_id)
        if found.owner:
            if disk_id and found.owner.rpartition("/")[2] != disk_id:
                raise RootNotUsable(str(root_id), f"it belongs to {found.owner}")
            return found
        if found.file.root is None:
            raise RootNotUsable(str(root_id), f"it cannot be read: {found.file.problem}")
        root = found.file.root
        holder = root.holder
        await self._ownership.about_to_change(mount)
        what = FoundRoot(
            id=root.id,
            region=mount.region,
            zone=mount.config.zone,
            volume=mount.name,
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
            await mount.run(mount.volume.release, root_id)
        return found

    async def abandon(self, mount: Mount, root_id: UUID, *, really: bool) -> OwnedRoot:
        """Give up a root for lost that cannot be read whole. Raises NotFound, RootNotUsable."""
        found = await self._find(mount, root_id)
        if not found.file.problem and not found.file.lacks:
            raise RootNotUsable(str(root_id), "nothing is known to be wrong with it; verify the volume first")
        if really:
            await mount.run(mount.volume.abandon, root_id)
            _log.warning("root %s on volume %s in %s was abandoned", root_id, mount.name, mount.region)
        return found

    async def _find(self, mount: Mount, root_id: UUID) -> OwnedRoot:
        file = await mount.run(mount.volume.root_file, root_id)
        if file is None:
            raise NotFound("root", f"regions/{mount.region}/volumes/{mount.name}/roots/{root_id}")
        named = await self._metadata.read(roots.named_on, mount.region, mount.name)
        owner = await self._metadata.read(roots.name_of, named[root_id]) if root_id in named else ""
        return OwnedRoot(file, owner)
