"""The one row that says which installation a database belongs to."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from uuid import UUID, uuid4

from sqlalchemy import insert, select, update

from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import installation


@dataclass(frozen=True, slots=True)
class Installation:
    """`high_water` only ever grows: a volume that knows a higher one has seen a newer database than this."""

    id: UUID
    high_water: int
    page_token_key: bytes


def ensure(transaction: Transaction) -> Installation:
    """The installation, made when the database is new."""
    row = transaction.execute(select(installation)).one_or_none()
    if row is None:
        made = Installation(uuid4(), 0, secrets.token_bytes(32))
        transaction.execute(insert(installation).values(asdict(made)))
        return made
    return Installation(row.id, row.high_water, row.page_token_key)


def advance(transaction: Transaction, least: int) -> int:
    """Raise the high-water mark, at least to `least`, and return it."""
    current = transaction.execute(select(installation.c.high_water)).scalar_one()
    raised = max(int(current) + 1, least)
    transaction.execute(update(installation).values(high_water=raised))
    return raised
