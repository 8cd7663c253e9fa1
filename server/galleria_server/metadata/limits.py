"""Numbers that operators set for a subscription, and how much there is of what is limited."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, func, insert, select

from galleria_server.domain.limits import APPLICATION_VERSIONS, GALLERIES, IMAGE_DEFINITIONS, IMAGE_VERSIONS, Limit
from galleria_server.domain.names import Artifact
from galleria_server.domain.usages import LimitOverride
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import definitions, galleries, limits, versions

_COUNTED = {
    GALLERIES.key: (galleries, None),
    IMAGE_DEFINITIONS.key: (definitions, Artifact.IMAGE),
    IMAGE_VERSIONS.key: (versions, Artifact.IMAGE),
    APPLICATION_VERSIONS.key: (versions, Artifact.APPLICATION),
}


def count(transaction: Transaction, limit: Limit, subscription: UUID, region: str) -> int:
    """How many resources of the subscription have that region as their location; those being deleted, too.

    An index alone answers it, in less than a millisecond for 10,000, so that no counter has to be kept in step.
    """
    table, artifact = _COUNTED[limit.key]
    statement = select(func.count()).where(table.c.subscription == subscription, table.c.location == region)
    if artifact is not None:
        statement = statement.where(table.c.artifact == artifact)
    return transaction.execute(statement).scalar_one()


def find(transaction: Transaction, subscription: UUID, key: str) -> LimitOverride | None:
    """What was set for the subscription, if anything."""
    statement = select(limits).where(limits.c.subscription == subscription, limits.c.key == key)
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else LimitOverride(**row)


def find_by_uid(transaction: Transaction, uid: UUID) -> LimitOverride | None:
    """What was set, by its uid."""
    row = transaction.execute(select(limits).where(limits.c.uid == uid)).mappings().one_or_none()
    return None if row is None else LimitOverride(**row)


def numbers(transaction: Transaction, subscription: UUID) -> dict[str, int]:
    """All that was set for the subscription, by key."""
    rows = transaction.execute(select(limits.c.key, limits.c.number).where(limits.c.subscription == subscription))
    return {row.key: row.number for row in rows}


def put(transaction: Transaction, override: LimitOverride) -> None:
    """Set a number, in the place of that of the same subscription and key."""
    drop(transaction, override.subscription, override.key)
    names = LimitOverride.__dataclass_fields__
    transaction.execute(insert(limits).values({name: getattr(override, name) for name in names}))


def drop(transaction: Transaction, subscription: UUID, key: str) -> None:
    """Set nothing any more."""
    transaction.execute(delete(limits).where(limits.c.subscription == subscription, limits.c.key == key))


def drop_all(transaction: Transaction, subscription: UUID) -> None:
    """Forget all that was set for a subscription that goes."""
    transaction.execute(delete(limits).where(limits.c.subscription == subscription))
