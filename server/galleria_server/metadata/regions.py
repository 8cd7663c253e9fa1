"""Regions as the catalogue knows them, and who has access to those that are restricted."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

from sqlalchemy import delete, insert, select, tuple_, update

from galleria_server.domain.region_access import RegionAccess, RegionStatus
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import region_access, regions


def configure(transaction: Transaction, restricted: Mapping[str, bool]) -> None:
    """Let these be the regions there are; what was said of one that stays is kept."""
    known = set(transaction.execute(select(regions.c.region)).scalars())
    for region, flag in restricted.items():
        if region in known:
            transaction.execute(update(regions).where(regions.c.region == region).values(restricted=flag))
        else:
            values = {"uid": uuid4(), "region": region, "restricted": flag, "down_reason": ""}
            transaction.execute(insert(regions).values(values))
    transaction.execute(delete(regions).where(regions.c.region.not_in(restricted)))


def find(transaction: Transaction, region: str) -> RegionStatus | None:
    """The region of that name, if it is configured."""
    row = transaction.execute(select(regions).where(regions.c.region == region)).mappings().one_or_none()
    return None if row is None else RegionStatus(**row)


def find_by_uid(transaction: Transaction, uid: UUID) -> RegionStatus | None:
    """The region with that uid."""
    row = transaction.execute(select(regions).where(regions.c.uid == uid)).mappings().one_or_none()
    return None if row is None else RegionStatus(**row)


def mark(transaction: Transaction, status: RegionStatus) -> None:
    """Write whether a region is down."""
    values = {"down_time": status.down_time, "down_reason": status.down_reason}
    transaction.execute(update(regions).where(regions.c.uid == status.uid).values(values))


def find_access(transaction: Transaction, subscription: UUID, region: str) -> RegionAccess | None:
    """What the subscription may do with the region, if it was ever asked."""
    statement = select(region_access).where(
        region_access.c.subscription == subscription, region_access.c.region == region
    )
    row = transaction.execute(statement).mappings().one_or_none()
    return None if row is None else RegionAccess(**row)


def find_access_by_uid(transaction: Transaction, uid: UUID) -> RegionAccess | None:
    """The access with that uid."""
    row = transaction.execute(select(region_access).where(region_access.c.uid == uid)).mappings().one_or_none()
    return None if row is None else RegionAccess(**row)


def page_access(
    transaction: Transaction, subscription: UUID | None, after: tuple[UUID, str] | None, limit: int
) -> list[RegionAccess]:
    """Up to `limit` accesses of a subscription, or of all, by subscription and region, those above `after`."""
    columns = (region_access.c.subscription, region_access.c.region)
    statement = select(region_access).order_by(*columns).limit(limit)
    if subscription is not None:
        statement = statement.where(region_access.c.subscription == subscription)
    if after is not None:
        statement = statement.where(tuple_(*columns) > after)
    return [RegionAccess(**row) for row in transaction.execute(statement).mappings()]


def drop_access(transaction: Transaction, subscription: UUID) -> None:
    """Forget what a subscription that goes may do."""
    transaction.execute(delete(region_access).where(region_access.c.subscription == subscription))


def put_access(transaction: Transaction, access: RegionAccess) -> None:
    """Write an access, in the place of that of the same subscription and region."""
    transaction.execute(delete(region_access).where(region_access.c.uid == access.uid))
    names = RegionAccess.__dataclass_fields__
    transaction.execute(insert(region_access).values({name: getattr(access, name) for name in names}))
