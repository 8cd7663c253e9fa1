"""Resource groups."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Row, delete, exists, insert, select, true, update

from galleria_server.domain.models import DiskState
from galleria_server.domain.names import GroupName, fold
from galleria_server.domain.tenancy import ResourceGroup
from galleria_server.metadata.engine import Transaction
from galleria_server.metadata.keysets import stretch
from galleria_server.metadata.named import OF_GROUP, values_of
from galleria_server.metadata.tables import deployments, disks, galleries, resource_groups

# One whose key begins so is condemned: deleted, and there for disks that still have roots to release.
_CONDEMNED = "/"
_GROUPS = select(resource_groups).where(~resource_groups.c.key.startswith(_CONDEMNED))
_BY_NAME = _GROUPS.where(*OF_GROUP)


def find(transaction: Transaction, name: GroupName) -> ResourceGroup | None:
    """The resource group of that name."""
    row = transaction.execute(_BY_NAME, values_of(name)).one_or_none()
    return None if row is None else _group(row)


def find_by_uid(transaction: Transaction, uid: UUID) -> ResourceGroup | None:
    """The resource group with that uid."""
    row = transaction.execute(_GROUPS.where(resource_groups.c.uid == uid)).one_or_none()
    return None if row is None else _group(row)


def is_taken(transaction: Transaction, uid: UUID) -> bool:
    """Whether a group has that uid, condemned or not."""
    return transaction.execute(select(resource_groups.c.uid).where(resource_groups.c.uid == uid)).first() is not None


def page(
    transaction: Transaction, subscription: UUID, after: str, limit: int, *, descending: bool = False
) -> list[ResourceGroup]:
    """Up to `limit` groups of the subscription in order of key, those beyond `after`; "" stands before all."""
    statement = _GROUPS.where(resource_groups.c.subscription == subscription)
    found = transaction.execute(stretch(statement, resource_groups.c.key, after, limit, descending=descending))
    return [_group(row) for row in found]


def child(transaction: Transaction, uid: UUID) -> str | None:
    """What is in the group, one name out of all; None when it is empty or has condemned disks only."""
    living = (
        ("galleries", galleries, true()),
        ("disks", disks, disks.c.state != DiskState.DELETING),
        ("deployments", deployments, true()),
    )
    for words, table, there in living:
        name = transaction.execute(select(table.c.name).where(table.c.group_uid == uid, there).limit(1)).scalar()
        if name is not None:
            return f"{words}/{name}"
    return None


def add(transaction: Transaction, group: ResourceGroup) -> None:
    """Add a group whose name is free."""
    named = {"subscription": group.name.subscription, "name": group.name.group, "key": fold(group.name.group)}
    values = {"uid": group.uid, "create_time": group.create_time, **named, **_changing(group)}
    transaction.execute(insert(resource_groups).values(values))


def change(transaction: Transaction, group: ResourceGroup) -> None:
    """Write what may change of a group."""
    transaction.execute(update(resource_groups).where(resource_groups.c.uid == group.uid).values(_changing(group)))


def drop(transaction: Transaction, uid: UUID) -> None:
    """Remove an empty group; its name is free. The row stays, condemned, while the group has condemned disks."""
    own = resource_groups.c.uid == uid
    transaction.execute(update(resource_groups).where(own).values(key=f"{_CONDEMNED}{uid}"))
    drop_condemned(transaction, uid)


def drop_condemned(transaction: Transaction, uid: UUID) -> None:
    """Remove the row of a condemned group that has no disks any more; another stays."""
    condemned = (resource_groups.c.uid == uid, resource_groups.c.key.startswith(_CONDEMNED))
    used = exists().where(disks.c.group_uid == uid)
    transaction.execute(delete(resource_groups).where(*condemned, ~used))


def _changing(group: ResourceGroup) -> dict[str, object]:
    return {"spec": group.spec, "update_time": group.update_time, "etag": group.etag}


def _group(row: Row[tuple[object, ...]]) -> ResourceGroup:
    return ResourceGroup(
        row.uid, GroupName(row.subscription, row.name), row.spec, row.create_time, row.update_time, row.etag
    )
