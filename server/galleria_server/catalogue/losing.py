"""What follows for a disk or a copy when its content on a volume is given up for lost."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

from galleria_server.catalogue.writes import new_etag
from galleria_server.domain.models import DiskState
from galleria_server.metadata import copies, disks
from galleria_server.metadata.engine import Transaction

_HAVING = (DiskState.PUSHING, DiskState.COMMITTING, DiskState.READY)


def lose(transaction: Transaction, region: str, volume: str, root_id: UUID) -> None:
    """The root is given up: its copy is to be copied again under another root, its disk is LOST.

    What is being deleted stays so; a root that no row names changes nothing.
    """
    copies.begin_anew(transaction, region, volume, root_id, uuid4())
    disk = disks.find_by_root(transaction, region, volume, root_id)
    if disk is not None and disk.state in _HAVING:
        lost = replace(disk, state=DiskState.LOST, session=None, root_id=uuid4(), etag=new_etag())
        disks.save(transaction, lost, when=disk.state)
