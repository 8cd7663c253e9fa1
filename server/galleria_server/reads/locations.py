"""Where the contents of versions lie, as the metadata knows."""

from __future__ import annotations

from collections.abc import Iterator

from galleria_server.domain.models import Disk, DiskState
from galleria_server.domain.version import AnyVersion, Content
from galleria_server.metadata import copies, disks
from galleria_server.metadata.engine import Transaction
from galleria_server.reads.content import Location


def own_locations(transaction: Transaction, version: AnyVersion, content: Content) -> list[Location]:
    """The copies of a content of a version that can be read."""
    served = copies.served(transaction, version.uid, content.position)
    return [Location(copy.region, copy.volume, copy.root_id) for copy in served]


def source_locations(transaction: Transaction, content: Content) -> Iterator[Location]:
    """Where else a content lies: the disk that it comes from, while that is there, and the version it comes from."""
    if content.source_disk_uid is not None:
        disk = disks.find_by_uid(transaction, content.source_disk_uid)
        if disk is not None and disk.state is DiskState.READY and disk.digest == content.digest:
            yield disk_location(disk)
    if content.source_version_uid is not None:
        for copy in copies.served(transaction, content.source_version_uid, content.position):
            yield Location(copy.region, copy.volume, copy.root_id)


def disk_location(disk: Disk) -> Location:
    """Where a disk lies."""
    return Location(disk.location, disk.volume, disk.root_id)
