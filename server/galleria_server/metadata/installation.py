"""The one row that says which installation a database belongs to, and what volumes may know of it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update

from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import installation, noted_volumes


@dataclass(frozen=True, slots=True)
class Installation:
    """`high_water` numbers what changes on volumes, and only ever grows."""

    id: UUID
    high_water: int
    page_token_key: bytes


def ensure(transaction: Transaction) -> Installation:
    """The installation, made when the database is new."""
    row = transaction.execute(select(installation)).one_or_none()
    if row is None:
        made = Installation(uuid4(), 0, secrets.token_bytes(32))
        values = {"id": made.id, "high_water": 0, "page_token_key": made.page_token_key}
        transaction.execute(insert(installation).values(values))
        return made
    return Installation(row.id, row.high_water, row.page_token_key)


def noted(transaction: Transaction) -> dict[UUID, int]:
    """The newest number that each volume may have noted, by the volume's id."""
    return {row.volume: row.number for row in transaction.execute(select(noted_volumes))}


def advance(transaction: Transaction, volume: UUID, least: int) -> int:
    """Raise the high-water mark, at least to `least`, for a volume that is about to note it; returns it."""
    current = transaction.execute(select(installation.c.high_water)).scalar_one()
    number = max(int(current) + 1, least)
    transaction.execute(update(installation).values(high_water=number))
    known = update(noted_volumes).where(noted_volumes.c.volume == volume).values(number=number)
    if not transaction.execute(known).rowcount:
        transaction.execute(insert(noted_volumes).values(volume=volume, number=number))
    return number
