"""Which rows name a root."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from galleria_server.domain.models import CopyState, DiskState
from galleria_server.metadata import disks, versions
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import copies as copies_table
from galleria_server.metadata.tables import disks as disks_table


class Named(NamedTuple):
    """The uid of the disk or version that a root belongs to; `ready` when its content is told to be there."""

    uid: UUID
    ready: bool


def named_on(transaction: Transaction, region: str, volume: str) -> dict[UUID, Named]:
    """The roots on a volume that rows name, by id."""
    of_disks = select(disks_table.c.root_id, disks_table.c.uid, disks_table.c.state).where(
        disks_table.c.location == region, disks_table.c.volume == volume
    )
    of_copies = select(copies_table.c.root_id, copies_table.c.version_uid, copies_table.c.state).where(
        copies_table.c.region == region, copies_table.c.volume == volume
    )
    rows = [*transaction.execute(of_disks), *transaction.execute(of_copies)]
    return {row.root_id: Named(row[1], row.state in (DiskState.READY, CopyState.READY)) for row in rows}


def name_of(transaction: Transaction, uid: UUID) -> str:
    """Resource name of the disk or version with that uid; empty when there is none."""
    found = disks.find_by_uid(transaction, uid) or versions.find_by_uid(transaction, uid)
    return "" if found is None else str(found.name)


def names_of(transaction: Transaction, uids: list[UUID]) -> list[str]:
    """The same of many."""
    return [name_of(transaction, uid) for uid in uids]
