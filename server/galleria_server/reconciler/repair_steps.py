"""Steps of repair on rows, each one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from uuid import UUID

from galleria_server.domain.models import DiskState
from galleria_server.metadata import copies, disks, versions
from galleria_server.metadata.engine import Transaction
from galleria_server.reads.content import Content, Location
from galleria_storage.volume import Root


def sources(transaction: Transaction, root: Root, at: Location) -> Content:
    """The content of a root and where else it lies: copies of the same version first, and those of the same region.

    Where scopes share nothing on the root's volume, only its own scope and version are sources: how a chunk was
    compressed says something of who brought it.
    """
    layout, own = root.layout, root.holder.resource
    found = _holders(transaction, layout.text, None if root.domain == 0 else root.holder.scope, own)
    near = sorted(found, key=lambda held: (held[0] != own, held[1].region != at.region))
    locations = tuple(location for _, location in near if location != at)
    return Content(root.holder.name, at.region, layout.text, layout.size, root.occupied, locations)


def set_back(
    transaction: Transaction, region: str, volume: str, lacking: Collection[UUID], due: datetime, details: str
) -> list[UUID]:
    """Take READY copies on a volume out of service whose roots lack something; the uids of their versions."""
    here = [copy for copy in copies.on_volume(transaction, region, volume) if copy.root_id in lacking]
    return [copy.version_uid for copy in here if copies.set_back(transaction, copy.uid, due, details)]


def hurry_whole(transaction: Transaction, region: str, volume: str, lacking: Collection[UUID], now: datetime) -> bool:
    """Let copies on a volume that are out of service and lack nothing be seen to now; whether there are any."""
    waiting = [copy for copy in copies.out_of_service(transaction, region, volume) if copy.root_id not in lacking]
    for copy in waiting:
        copies.hurry(transaction, copy.version_uid, now)
    return bool(waiting)


def hurry_same(transaction: Transaction, digest: str, now: datetime) -> None:
    """A copy of that digest is whole again: let others that are out of service be seen to now."""
    for version, _ in versions.with_digest(transaction, digest):
        copies.hurry(transaction, version.uid, now)


def _holders(transaction: Transaction, digest: str, scope: UUID | None, own: UUID) -> Iterator[tuple[UUID, Location]]:
    """Uid of the version or disk, and place, of all that is pinned with that digest; of one scope or of all."""
    for version, position in versions.with_digest(transaction, digest):
        if scope in (None, version.group_uid) or version.uid == own:
            for copy in copies.served(transaction, version.uid, position):
                yield version.uid, Location(copy.region, copy.volume, copy.root_id)
    for disk in disks.with_digest(transaction, digest):
        if scope in (None, disk.group_uid) and disk.state is DiskState.READY:
            yield disk.uid, Location(disk.location, disk.volume, disk.root_id)
