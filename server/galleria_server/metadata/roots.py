"""Which rows name a root."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from galleria_server.metadata import disks, versions
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import copies as copies_table
from galleria_server.metadata.tables import disks as disks_table


def named_on(transaction: Transaction, region: str, volume: str) -> dict[UUID, UUID]:
    """The roots on a volume that rows name, and the uid of the disk or version of each."""
    of_disks = select(disks_table.c.root_id, disks_table.c.uid).where(
        disks_table.c.location == region, disks_table.c.volume == volume
    )
    of_copies = select(copies_table.c.root_id, copies_table.c.version_uid).where(
        copies_table.c.region == region, copies_table.c.volume == volume
    )
    rows = [*transaction.execute(of_disks), *transaction.execute(of_copies)]
    return {row.root_id: row[1] for row in rows}


def name_of(transaction: Transaction, uid: UUID) -> str:
    """Resource name of the disk or version with that uid; empty when there is none."""
    found = disks.find_by_uid(transaction, uid) or versions.find_by_uid(transaction, uid)
    return "" if found is None else str(found.name)


def names_of(transaction: Transaction, uids: list[UUID]) -> list[str]:
    """The same of many."""
    return [name_of(transaction, uid) for uid in uids]
