"""Resource groups."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import Row, insert, select

from galleria_server.domain.models import ResourceGroup
from galleria_server.domain.names import GroupName, fold
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.tables import resource_groups


def find(transaction: Transaction, name: GroupName) -> ResourceGroup | None:
    """The resource group of that name."""
    statement = select(resource_groups).where(
        resource_groups.c.subscription == name.subscription, resource_groups.c.key == fold(name.group)
    )
    row = transaction.execute(statement).one_or_none()
    return None if row is None else _group(row)


def ensure(transaction: Transaction, name: GroupName, uid: UUID | None = None) -> ResourceGroup:
    """The resource group of that name, made when there is none, with `uid` if that is given and free."""
    found = find(transaction, name)
    if found is not None:
        return found
    taken = uid is None or transaction.execute(select(resource_groups).where(resource_groups.c.uid == uid)).first()
    group = ResourceGroup(uuid4() if uid is None or taken else uid, name)
    values = {"uid": group.uid, "subscription": name.subscription, "name": name.group, "key": fold(name.group)}
    transaction.execute(insert(resource_groups).values(values))
    return group


def find_by_uid(transaction: Transaction, uid: UUID) -> ResourceGroup | None:
    """The resource group with that uid."""
    row = transaction.execute(select(resource_groups).where(resource_groups.c.uid == uid)).one_or_none()
    return None if row is None else _group(row)


def _group(row: Row[tuple[object, ...]]) -> ResourceGroup:
    return ResourceGroup(row.uid, GroupName(row.subscription, row.name))
